package enrich

import (
	"sync/atomic"
	"time"
)

// Counters tell what the room did and lost since it was made. All but the sizes only grow.
type Counters struct {
	// Held events went into the waiting room; Answered left it with their container; Overflow found it full.
	Held, Answered, Overflow uint64
	// Events in a container that went on without its metadata, by reason: no runtime is there to ask; the runtime
	// does not know it; the answer did not come within the wait; the cgroup had gone before its path was known.
	RuntimeAbsent, NotFound, TooSlow, CgroupGone uint64
	// Waiting is the number of events in the waiting room now.
	Waiting int

	// Cgroups and CgroupBytes are the table's size now; evicted ones have to be found again when they are met.
	Cgroups, CgroupBytes int
	CgroupsEvicted       uint64

	// Containers is the number known now. Evicted ones were removed but still kept for late events; refused ones
	// found the cache full.
	Containers                           int
	ContainersEvicted, ContainersRefused uint64
	// LabelsCut counts labels and mounts left out because they were too large or too many.
	LabelsCut uint64

	// KnownBefore and KnownAfter count containers by whether their record came before or after their first event; the times are by
	// how much, summed. Containers that ran before the sensor do not count.
	KnownBefore, KnownAfter uint64
	BeforeTime, AfterTime   time.Duration

	// RuntimesRefused counts the looks at a user's runtime that found too many watched already.
	RuntimesRefused uint64
	// RequestsDropped counts questions to a worker that found its queue full.
	RequestsDropped uint64
	// RuntimeErrors counts answers of a runtime that were errors; AccountsFailed account files that could not be
	// read; Panics the faults that a worker survived.
	RuntimeErrors, AccountsFailed, Panics uint64
}

// counters are read by any goroutine.
type counters struct {
	held, answered, overflow                     atomic.Uint64
	runtimeAbsent, notFound, tooSlow, cgroupGone atomic.Uint64
	waiting, cgroups, cgroupBytes, containers    atomic.Int64
	cgroupsEvicted                               atomic.Uint64
	containersEvicted, containersRefused         atomic.Uint64
	labelsCut, requestsDropped, runtimesRefused  atomic.Uint64
	runtimeErrors, accountsFailed, panics        atomic.Uint64
	knownBefore, knownAfter                      atomic.Uint64
	beforeTime, afterTime                        atomic.Int64 // in ns
}

func (c *counters) snapshot() Counters {
	return Counters{
		Held: c.held.Load(), Answered: c.answered.Load(), Overflow: c.overflow.Load(),
		RuntimeAbsent: c.runtimeAbsent.Load(), NotFound: c.notFound.Load(), TooSlow: c.tooSlow.Load(),
		CgroupGone: c.cgroupGone.Load(), Waiting: int(c.waiting.Load()),
		Cgroups: int(c.cgroups.Load()), CgroupBytes: int(c.cgroupBytes.Load()), CgroupsEvicted: c.cgroupsEvicted.Load(),
		Containers: int(c.containers.Load()), ContainersEvicted: c.containersEvicted.Load(),
		ContainersRefused: c.containersRefused.Load(), LabelsCut: c.labelsCut.Load(),
		RuntimesRefused: c.runtimesRefused.Load(), RequestsDropped: c.requestsDropped.Load(), RuntimeErrors: c.runtimeErrors.Load(),
		AccountsFailed: c.accountsFailed.Load(), Panics: c.panics.Load(),
		KnownBefore: c.knownBefore.Load(), KnownAfter: c.knownAfter.Load(),
		BeforeTime: time.Duration(c.beforeTime.Load()), AfterTime: time.Duration(c.afterTime.Load()),
	}
}
