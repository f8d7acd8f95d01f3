package alias

import "sync/atomic"

// Counters tell what the finder could not keep.
type Counters struct {
	// MountsCut are mounts, WatchCut watched names, that were too many.
	MountsCut, WatchCut uint64
	// MountErrors counts mount tables that could not be read; the one before is kept.
	MountErrors uint64
	// VisitsDropped counts looks into a container that found the queue full; ScopesDropped containers whose watched files
	// were forgotten because there are too many.
	VisitsDropped, ScopesDropped uint64
}

// counters are read by any goroutine.
type counters struct {
	mountsCut, watchCut, mountErrors, visitsDropped, scopesDropped atomic.Uint64
}

// Counters are the counts up to now.
func (f *Finder) Counters() Counters {
	c := &f.counters
	return Counters{
		MountsCut: c.mountsCut.Load(), WatchCut: c.watchCut.Load(), MountErrors: c.mountErrors.Load(),
		VisitsDropped: c.visitsDropped.Load(), ScopesDropped: c.scopesDropped.Load(),
	}
}
