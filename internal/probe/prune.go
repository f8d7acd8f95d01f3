package probe

import (
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"
)

// without takes a function of one argument out of a program, as if it returned its argument, and with it the functions that nobody else
// calls. Before Linux 6.8 the verifier walks all functions of a program, also those that are never called.
func without(insns asm.Instructions, function string) asm.Instructions {
	for i := range insns {
		if in := &insns[i]; in.IsFunctionCall() && in.Reference() == function {
			*in = asm.Mov.Reg(asm.R0, asm.R1).WithMetadata(in.Metadata).WithReference("")
		}
	}
	names, bodies := functions(insns)
	reached := map[string]bool{}
	var reach func(name string)
	reach = func(name string) {
		if reached[name] {
			return
		}
		reached[name] = true
		for i := range bodies[name] {
			if in := &bodies[name][i]; in.IsFunctionReference() {
				reach(in.Reference())
			}
		}
	}
	reach(names[0])
	var kept asm.Instructions
	for _, name := range names {
		if reached[name] {
			kept = append(kept, bodies[name]...)
		}
	}
	return kept
}

// functions are those of a program, the program's own first, and their instructions.
func functions(insns asm.Instructions) (names []string, bodies map[string]asm.Instructions) {
	bodies = map[string]asm.Instructions{}
	for i := range insns {
		if btf.FuncMetadata(&insns[i]) != nil {
			names = append(names, insns[i].Symbol())
		}
		name := names[len(names)-1]
		bodies[name] = append(bodies[name], insns[i])
	}
	return names, bodies
}
