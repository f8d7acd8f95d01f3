package probe

import (
	"fmt"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"

	"github.com/saker-sensor/saker/internal/bpfgen"
	"github.com/saker-sensor/saker/internal/call"
	"github.com/saker-sensor/saker/internal/event"
)

// rings is what the wanted events need of io_uring on this kernel.
type rings struct {
	operations [bpfgen.SensorSizesURING_OPERATIONS]bpfgen.SensorUringOperation
	// setup: new rings are wanted, requests: something that a ring can be asked for.
	setup, requests bool
	// renamed: the tracepoint of a submission has its newer name (since 6.4). overflow: an answer without room has one of its own.
	renamed, overflow bool
	// answerIsCQE: an answer is told as a struct io_uring_cqe (since 6.13).
	answerIsCQE bool
}

func newRings(wanted *event.TypeSet) (*rings, error) {
	kernel, err := btf.LoadKernelSpec()
	if err != nil {
		return nil, fmt.Errorf("read the kernel's BTF: %w", err)
	}
	r := &rings{}
	var request *btf.Struct
	if kernel.TypeByName("io_kiocb", &request) != nil {
		return r, nil
	}
	r.setup = wanted.Has(event.TypeIoUringSetup)
	r.renamed = tracepoint(kernel, bpfgen.SensorProgIoUringSubmitSqe) == nil
	r.overflow = tracepoint(kernel, bpfgen.SensorProgIoUringCqeOverflow) != nil
	if complete := tracepoint(kernel, bpfgen.SensorProgIoUringComplete); complete != nil {
		r.answerIsCQE = len(complete.Params) == 4 // the first one is the tracepoint's own
	}
	t := call.New()
	native := map[event.Type]int{}
	for nr, typ := range t.Native() {
		native[typ] = nr
	}
	for _, o := range call.Operations() {
		typ, ok := event.TypeByName(o.Call)
		if !ok || !wanted.Has(typ) {
			continue
		}
		r.requests = true
		out := &r.operations[o.Number]
		out.Call, out.Nr, out.Fd, out.Rules = callID(t, typ), uint16(native[typ]), uint8(o.FD), uint8(o.Rules)
		for i, m := range o.Args {
			out.Arg[i] = place(kernel, m)
		}
		out.Arg[len(out.Arg)-1] = place(kernel, o.Slot)
	}
	return r, nil
}

// keep leaves those programs about io_uring in the object that are needed. A tracepoint that another one stands for is not missing,
// nor is any on a kernel without io_uring.
func (r *rings) keep(spec *ebpf.CollectionSpec) {
	for name, keep := range map[string]bool{
		bpfgen.SensorProgIoUringCreate:      r.setup,
		bpfgen.SensorProgIoUringComplete:    r.requests,
		bpfgen.SensorProgIoUringSubmitReq:   r.requests && r.renamed,
		bpfgen.SensorProgIoUringSubmitSqe:   r.requests && !r.renamed,
		bpfgen.SensorProgIoUringCqeOverflow: r.requests && r.overflow, // before, each answer is a completion
	} {
		if !keep {
			delete(spec.Programs, name)
		}
	}
	if !r.requests {
		spec.Maps[bpfgen.SensorMapUringRequests].MaxEntries = 1
	}
}

// place finds a member in the kernel's structures. Where there is none the zero value says that there is no such argument.
func place(kernel *btf.Spec, m call.Member) (out bpfgen.SensorUringArg) {
	structure, members, _ := strings.Cut(m.Name, ".")
	var s *btf.Struct
	if m.Name == "" {
		return out
	}
	if kernel.TypeByName(structure, &s) == nil {
		if offset, size, ok := member(s, strings.Split(members, ".")); ok {
			out.Offset, out.Size, out.Source = uint16(offset), uint8(size), uint8(m.Source)
			return out
		}
	}
	if m.Else != nil {
		return place(kernel, *m.Else)
	}
	return out
}

// member finds a member of a structure, also in its unnamed ones; the further names are of members of the member.
func member(t btf.Type, names []string) (offset, size uint32, ok bool) {
	var members []btf.Member
	switch t := btf.UnderlyingType(t).(type) {
	case *btf.Struct:
		members = t.Members
	case *btf.Union:
		members = t.Members
	}
	for _, m := range members {
		rest := names
		if m.Name != "" {
			if m.Name != names[0] {
				continue
			}
			rest = names[1:]
		}
		if len(rest) == 0 {
			n, err := btf.Sizeof(m.Type)
			return m.Offset.Bytes(), uint32(n), err == nil
		}
		if inner, size, found := member(m.Type, rest); found {
			return m.Offset.Bytes() + inner, size, true
		}
	}
	return 0, 0, false
}

// tracepoint finds a tracepoint's arguments, by a type of its name, before which one of the tracepoint's own stands; nil if the kernel
// has no such tracepoint.
func tracepoint(kernel *btf.Spec, name string) *btf.FuncProto {
	var t *btf.Typedef
	if kernel.TypeByName("btf_trace_"+name, &t) != nil {
		return nil
	}
	if p, ok := t.Type.(*btf.Pointer); ok {
		if f, ok := p.Target.(*btf.FuncProto); ok {
			return f
		}
	}
	return nil
}
