package alias

import "sync/atomic"

// Counters count what the finder could not keep.
type Counters struct {
	// MountsCut is the number of mounts, WatchCut that of watched names, beyond the bound in the present table.
	MountsCut, WatchCut uint64
	// MountErrors counts failed reads of the mount table; the table from before is used on.
	MountErrors uint64
	// ScansDropped counts requests to scan a container that found the queue full; ContainersDropped counts containers whose
	// watched files were forgotten because there are too many.
	ScansDropped, ContainersDropped uint64
}

// counters are read by any goroutine.
type counters struct {
	mountsCut, watchCut, mountErrors, scansDropped, containersDropped atomic.Uint64
}

// Counters are the counts up to now.
func (f *Finder) Counters() Counters {
	c := &f.counters
	return Counters{
		MountsCut: c.mountsCut.Load(), WatchCut: c.watchCut.Load(), MountErrors: c.mountErrors.Load(),
		ScansDropped: c.scansDropped.Load(), ContainersDropped: c.containersDropped.Load(),
	}
}
