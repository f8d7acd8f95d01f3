package process

import "github.com/saker-sensor/saker/internal/event"

// put makes an image the current one of its process.
func (t *Table) put(img *event.Process) {
	e := t.byKey[img.Key]
	if e == nil {
		e = &entry{key: img.Key}
		t.byKey[img.Key] = e
		t.live.front(e)
	} else if e.endedAt == 0 {
		t.live.front(e)
	}
	if e.now != nil && e.now.ExecID != img.ExecID && !e.now.Partial {
		e.before = e.now
	}
	e.now = img
	bound(img)
	t.own(e)
	t.bytes -= e.bytes
	e.bytes = size(e.now)
	if e.before != nil {
		e.bytes += size(e.before)
	}
	t.bytes += e.bytes
	t.trim(e)
}

// own gives an entry its pid. Another that lives under it shows that a record of an end was lost, the elder's; or that
// this one's end has been, and its record comes late.
func (t *Table) own(e *entry) {
	old := t.byTgid[e.key.Tgid]
	switch {
	case e.endedAt != 0 || old == e:
		return
	case old != nil && old.key.Start > e.key.Start:
		t.markEnded(e, old.key.Start)
		return
	case old != nil && old.endedAt == 0:
		t.markEnded(old, e.key.Start)
	}
	t.byTgid[e.key.Tgid] = e
}

// bound cuts what stands above the last ancestor that an image may keep alive.
func bound(p *event.Process) {
	if far := p.Ancestor(maxLineage); far != nil {
		far.Parent = nil
	}
}

// trim drops processes until the table is within its bounds, but never keep.
func (t *Table) trim(keep *entry) {
	for len(t.byKey) > t.settings.MaxProcesses || t.bytes > t.settings.MaxBytes {
		if !t.evict(keep) {
			break
		}
	}
}

// evict drops one process: the one that ended first, else the one that was not seen for the longest time. Never keep.
func (t *Table) evict(keep *entry) bool {
	e := t.dead.lastBut(keep)
	if e == nil {
		if e = t.live.lastBut(keep); e == nil {
			return false
		}
		t.evicted++
	}
	t.drop(e)
	return true
}

func (t *Table) markEnded(e *entry, at uint64) {
	e.endedAt = max(at, 1)
	e.unlink()
	t.dead.front(e)
}

// dropEnded drops the processes that ended before the grace time; now is in ns since boot.
func (t *Table) dropEnded(now uint64) {
	for e := t.dead.lastBut(nil); e != nil && now > e.endedAt+t.settings.Grace; e = t.dead.lastBut(nil) {
		t.drop(e)
	}
}

func (t *Table) drop(e *entry) {
	delete(t.byKey, e.key)
	if t.byTgid[e.key.Tgid] == e {
		delete(t.byTgid, e.key.Tgid)
	}
	e.unlink()
	t.bytes -= e.bytes
	// A child that outlives its dead parent keeps its image, but not the whole line above it: otherwise a process that
	// forks and ends in turns would grow a chain without end.
	e.now.Parent = nil
	if e.before != nil {
		e.before.Parent = nil
	}
}

// overhead is what an entry costs beside its texts, in bytes: the structs and two map slots.
const overhead = 900

// size estimates an image's memory. A fork shares its parent's texts; they are counted for both.
func size(p *event.Process) int {
	n := overhead + len(p.Comm) + len(p.Exe) + len(p.ExePath) + len(p.Filename) + len(p.Interp) + len(p.Cwd) +
		len(p.Cmdline) + 16*len(p.ArgList) + 16*len(p.Env)
	for _, e := range p.Env {
		n += len(e)
	}
	return n
}

// list is a ring of entries around a sentinel.
type list struct{ root entry }

func (l *list) init() { l.root.next, l.root.prev = &l.root, &l.root }

// front moves an entry to the front, from whichever list it is in.
func (l *list) front(e *entry) {
	if l.root.next == e {
		return
	}
	e.unlink()
	e.prev, e.next = &l.root, l.root.next
	e.next.prev, l.root.next = e, e
}

// lastBut is the last entry that is not keep; nil if there is none.
func (l *list) lastBut(keep *entry) *entry {
	for e := l.root.prev; e != &l.root; e = e.prev {
		if e != keep {
			return e
		}
	}
	return nil
}

func (e *entry) unlink() {
	if e.next == nil {
		return
	}
	e.prev.next, e.next.prev = e.next, e.prev
	e.next, e.prev = nil, nil
}
