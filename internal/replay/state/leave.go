package state

import "slices"

// remove takes a thread that ended out of the table. Its children get another parent. The first thread of a process stays for as long as
// another one runs.
func (s *State) remove(tid int64) {
	t := s.threads[tid]
	if t == nil {
		return
	}
	g := t.group
	if t.invalid() || g == nil {
		s.drop(t)
		return
	}
	if !t.dead() {
		g.alive--
		t.flags |= threadClosed
	}
	s.reparent(t)
	if g.alive <= 0 {
		if s.groups[t.pid] == g {
			delete(s.groups, t.pid)
		}
		if m := s.threads[t.pid]; m != nil {
			s.drop(m)
		}
	}
	if !t.isMain() {
		s.drop(t)
	}
	if len(g.threads) > 2*g.alive+8 {
		g.threads = slices.DeleteFunc(g.threads, func(o *thread) bool { return o.removed })
	}
}

// reparent gives the children of a thread that ended to the thread that the kernel named, or else to the one that it would.
func (s *State) reparent(t *thread) {
	if len(t.children) == 0 {
		return
	}
	var reaper *thread
	if t.reaper > 0 {
		reaper = s.get(t.reaper)
	}
	if reaper == nil || reaper.invalid() || reaper == t {
		reaper = s.findReaper(t)
	}
	if reaper != nil {
		t.reaper = reaper.tid
		if reaper.pid != t.pid && reaper.group != nil {
			reaper.group.reaper = true
		}
	}
	for _, c := range t.children {
		switch {
		case c.removed:
		case reaper == nil:
			c.ptid = 0
		default:
			reaper.adopt(c)
		}
	}
	t.children = nil
}

// findReaper finds who gets the children of a thread: another thread of its process, or an ancestor that is a reaper; nil if there is
// none.
func (s *State) findReaper(t *thread) *thread {
	if o := t.group.other(t); o != nil {
		return o
	}
	p := s.threads[t.ptid]
	for n := 0; p != nil && n <= maxAncestors && p.inPidns() == t.inPidns(); n++ {
		if p.group != nil && p.group.reaper {
			if o := p.group.other(t); o != nil {
				return o
			}
		}
		p = s.threads[p.ptid]
	}
	return nil
}

// maxAncestors bounds the walk through the ancestors of a thread.
const maxAncestors = 128

// other is a thread that runs, other than t; nil if there is none.
func (g *group) other(t *thread) *thread {
	if g.alive <= 0 {
		return nil
	}
	for _, o := range g.threads {
		if !o.removed && !o.dead() && o != t {
			return o
		}
	}
	return nil
}

// exitedRing are the threads that ended last.
type exitedRing struct {
	list [32]struct {
		tid, ptid int64
		time      uint64
	}
	next int
}

// note remembers a thread that ended.
func (r *exitedRing) note(tid, ptid int64, time uint64) {
	r.list[r.next].tid, r.list[r.next].ptid, r.list[r.next].time = tid, ptid, time
	r.next = (r.next + 1) % len(r.list)
}

// has tells whether a child of a thread ended less than 2 s before.
func (r *exitedRing) has(tid, ptid int64, time uint64) bool {
	const recently = 2e9
	for i := range r.list {
		e := &r.list[i]
		if e.time != 0 && e.tid == tid && e.ptid == ptid && time >= e.time && time-e.time < recently {
			return true
		}
	}
	return false
}
