package event

import "strings"

// CallerParts are what rules may ask of who causes an event, a bit each (bpf/event.h, enum caller_part).
type CallerParts uint8

// Parts of [Caller].
const (
	// CallerStdio: Std.
	CallerStdio CallerParts = 1 << iota
	// CallerFDs: FDs.
	CallerFDs
	// CallerKinds: Kinds.
	CallerKinds
	// CallerMemory: VMSize, VMRSS, VMSwap. A process that ends may have no memory any more.
	CallerMemory
	// CallerThread: Threads, the faults and CPUTime.
	CallerThread
	// CallerCgroups: Cgroups.
	CallerCgroups
	// CallerCwd: Cwd.
	CallerCwd
	// CallerAll is all of it.
	CallerAll = CallerParts(1<<iota - 1)
)

// Caller is what the kernel knew of the thread and its process when it caused the event, as far as rules ask for it.
type Caller struct {
	// Parts are those that are known.
	Parts CallerParts
	// Std is what the descriptors 0 to 2 lead to.
	Std [3]Descriptor
	// FDs is the number of open descriptors, as far as they are below 131,072. Kinds are those of the first 128, a bit each.
	FDs   uint32
	Kinds DescriptorKinds
	// VMSize, VMRSS and VMSwap are in KiB.
	VMSize, VMRSS, VMSwap uint64
	// Threads is the number of the process's; what follows is of the thread: page faults, and the time that it ran, in ns.
	Threads uint32
	// Leaderless: the first thread ended before the others; of events of a capture.
	Leaderless                        bool
	MajorFaults, MinorFaults, CPUTime uint64
	// Cgroups are the paths in the hierarchies of [CgroupControllers], from the hierarchy's root; empty if there is none.
	Cgroups [5]string
	// Cwd is the working directory.
	Cwd string
}

// CgroupControllers are those whose cgroups are told.
var CgroupControllers = [...]string{"cpuset", "cpu", "cpuacct", "io", "memory"}

// DescriptorKinds is a set of kinds, a bit each (bpf/event.h, enum descriptor_kind).
type DescriptorKinds uint32

// Has tells whether the set holds a kind.
func (k DescriptorKinds) Has(kind int) bool { return k>>kind&1 != 0 }

func (c *Caller) clone() *Caller {
	if c == nil {
		return nil
	}
	own := *c
	for i := range own.Std {
		own.Std[i].cloneStrings()
	}
	for i := range own.Cgroups {
		own.Cgroups[i] = strings.Clone(own.Cgroups[i])
	}
	own.Cwd = strings.Clone(own.Cwd)
	return &own
}
