package call

import "github.com/saker-sensor/saker/internal/value"

// memoryRows are the calls about the caller's memory.
func memoryRows() []Row {
	prot := protNames()
	sizes := func() []Param { return []Param{memory("vm_size", 0), memory("vm_rss", 1), memory("vm_swap", 2)} }
	mmap := func(offset string) []Param {
		return append(append([]Param{num("res", value.Errno, value.Dec, result)}, sizes()...), hex("addr", 0), u64("length", 1),
			flags32("prot", 2, prot),
			flags32("flags", 3, mmapNames()), fd("fd", 4), u64(offset, 5))
	}
	return []Row{
		row("brk", 159, Memory, append(append([]Param{num("res", value.Uint64, value.Hex, result)}, sizes()...), hex("addr", 0))...),
		row("mmap", 161, Memory, mmap("offset")...).about("fd"),
		row("mmap2", 163, Memory, mmap("pgoffset")...).about("fd"),
		row("munmap", 165, Memory, append(append([]Param{res()}, sizes()...), hex("addr", 0), u64("length", 1))...),
		row("mprotect", 329, Memory, res(), hex("addr", 0), u64("length", 1), flags32("prot", 2, prot)),
		row("mlock", 345, Memory, res(), hex("addr", 0), u64("len", 1)),
		row("munlock", 347, Memory, res(), hex("addr", 0), u64("len", 1)),
		row("mlock2", 371, Memory, res(), hex("addr", 0), u64("len", 1), flags32("flags", 2, mlock2Names())),
		row("mlockall", 349, Memory, res(), flags32("flags", 0, mlockallNames())),
		row("munlockall", 351, Memory, res()),
	}
}
