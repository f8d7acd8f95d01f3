package state

import "fmt"

// CheckBounds compares what the state counts with what it holds, and both with its bounds.
func (s *State) CheckBounds() error {
	descriptors, bytes := 0, 0
	for tid, t := range s.threads {
		if t.tid != tid || t.removed {
			return fmt.Errorf("thread %d stands under %d, removed: %v", t.tid, tid, t.removed)
		}
		bytes += t.bytes
		descriptors += len(t.own.fds)
		for _, d := range t.own.fds {
			bytes += d.counted
		}
	}
	switch {
	case descriptors != s.descriptors || bytes != s.bytes:
		return fmt.Errorf("%d descriptors and %d bytes are counted, there are %d and %d", s.descriptors, s.bytes, descriptors, bytes)
	case len(s.threads) > s.settings.MaxThreads || descriptors > s.settings.MaxDescriptors:
		return fmt.Errorf("there are %d threads and %d descriptors", len(s.threads), descriptors)
	}
	for pid, g := range s.groups {
		alive := 0
		for _, t := range g.threads {
			if !t.removed && !t.dead() {
				alive++
			}
		}
		if len(g.threads) > 3*len(s.threads)+16 {
			return fmt.Errorf("process %d has %d threads of %d alive", pid, len(g.threads), alive)
		}
	}
	return nil
}
