// Package process keeps the processes that run on the machine: what each one is, since when, and who started it.
//
// A process is named by its pid and start time, and what it was at a moment by its exec id too: pids are reused, and a
// record may be read after a later exec, or before an earlier one. The table is bounded by entries and bytes.
package process

import (
	"strings"

	"github.com/saker-sensor/saker/internal/event"
)

// Settings of a [Table]; zero values take the defaults.
type Settings struct {
	// MaxProcesses bounds the entries, MaxBytes the texts that they hold (arguments, environment, paths).
	MaxProcesses int
	MaxBytes     int
	// Grace is how long, in ns, an ended process stays for records that are read late.
	Grace uint64
	// Proc is where procfs is mounted.
	Proc string
}

const (
	defaultMaxProcesses = 32768
	defaultMaxBytes     = 24 << 20
	defaultGrace        = 2_000_000_000
)

// maxLineage bounds how many ancestors an image keeps alive.
const maxLineage = 64

// Counters of a table; they only grow, but for Processes and Bytes.
type Counters struct {
	Processes, Bytes int
	// Evicted: live processes that had to go because the table was full.
	Evicted uint64
	// Repaired: processes read back from /proc, because the record that would have told of them was lost.
	Repaired uint64
	// Unknown: events whose process could not be found out any more.
	Unknown uint64
}

// Verdict of [Table.Apply].
type Verdict uint8

const (
	// Done: the record's process is known, Record.Event.Process is set.
	Done Verdict = iota
	// Ahead: the record is of a process, or an image of one, that the table has not heard of yet. The reader drains
	// the critical ring and applies it again; if that does not help, [Table.Repair] does.
	Ahead
)

// Table of processes. Not safe for several goroutines at once: each reader has its own.
type Table struct {
	settings Settings
	byKey    map[event.Key]*entry
	byTgid   map[int32]*entry
	// live lists entries from the most to the least recently seen.
	live  list
	dead  list
	bytes int

	evicted, repaired, unknown uint64
}

// entry is a process; its images come and go.
type entry struct {
	key event.Key
	now *event.Process
	// before is the image before the last exec, for records that are read late.
	before *event.Process
	bytes  int
	// endedAt is the time of its end in ns since boot, 0 while it lives.
	endedAt    uint64
	next, prev *entry
}

// NewTable makes an empty table.
func NewTable(s Settings) *Table {
	if s.MaxProcesses == 0 {
		s.MaxProcesses = defaultMaxProcesses
	}
	if s.MaxBytes == 0 {
		s.MaxBytes = defaultMaxBytes
	}
	if s.Grace == 0 {
		s.Grace = defaultGrace
	}
	if s.Proc == "" {
		s.Proc = "/proc"
	}
	t := &Table{settings: s, byKey: map[event.Key]*entry{}, byTgid: map[int32]*entry{}}
	t.live.init()
	t.dead.init()
	return t
}

// Counters returns the table's counters.
func (t *Table) Counters() Counters {
	return Counters{Processes: len(t.byKey), Bytes: t.bytes, Evicted: t.evicted, Repaired: t.repaired, Unknown: t.unknown}
}

// Apply brings the table up to date with a record and sets Record.Event.Process. On Ahead nothing was changed.
func (t *Table) Apply(rec *event.Record) Verdict {
	switch rec.Kind {
	case event.KindTask:
		t.task(rec)
		return Done
	case event.KindFork:
		return t.fork(rec)
	case event.KindExec:
		t.exec(rec)
		return Done
	case event.KindExit:
		return t.exit(rec)
	default:
		return t.attach(rec)
	}
}

// Get returns the current image of a process; nil if it is unknown.
func (t *Table) Get(key event.Key) *event.Process {
	if e := t.byKey[key]; e != nil {
		return e.now
	}
	return nil
}

// attach finds the image that a record's task ran when it made the record.
func (t *Table) attach(rec *event.Record) Verdict {
	ev := &rec.Event
	e := t.byKey[ev.Key]
	if e == nil || e.now.ExecID < ev.ExecID {
		return Ahead
	}
	if e.endedAt == 0 {
		t.live.front(e)
	}
	switch {
	case e.now.ExecID == ev.ExecID:
		t.refresh(e, rec)
		ev.Process = e.now
	case e.before != nil && e.before.ExecID == ev.ExecID:
		ev.Process = e.before
	default:
		// Two execs ago: the image is gone, and a later one would be the wrong one.
		t.unknown++
		ev.Process = stub(rec)
	}
	return Done
}

// refresh follows what a process changes without an exec: its user, and its parent when that ends.
func (t *Table) refresh(e *entry, rec *event.Record) {
	p := e.now
	if p.Ppid == rec.Ppid && p.EUID == rec.EUID && p.EGID == rec.EGID {
		return
	}
	c := *p
	c.EUID, c.EGID = rec.EUID, rec.EGID
	if c.Ppid != rec.Ppid {
		c.Ppid = rec.Ppid
		c.Parent = t.adopter(rec.Ppid, c.Key)
	}
	bound(&c)
	e.now = &c
}

// current is the image that a process's parent runs. A parent is never younger than its child, whoever became it; the
// times are compared in ticks, because those that were read from /proc are no finer.
func (t *Table) current(tgid int32, child event.Key) *event.Process {
	if e := t.byTgid[tgid]; e != nil && e.key != child && e.key.Start/clockTick <= child.Start/clockTick {
		return e.now
	}
	return nil
}

// adopter is current for the process that a child was re-parented to. One that the table does not know is looked up in /proc.
func (t *Table) adopter(tgid int32, child event.Key) *event.Process {
	if t.byTgid[tgid] == nil && tgid != 0 {
		if p, err := readProc(t.settings.Proc, event.Key{Tgid: tgid}); err == nil {
			p.Flags |= event.FlagRepaired
			p.Parent = t.current(p.Ppid, p.Key)
			t.put(p)
		}
	}
	return t.current(tgid, child)
}

// task enters a process that was there before the sensor. What the rings told in the meantime is newer.
func (t *Table) task(rec *event.Record) {
	if e := t.byKey[rec.Image.Key]; e != nil {
		whole := e.now.ExePath != "" && !e.now.KernelThread // else it was forked off one that was not known yet
		if e.now.ExecID > rec.Image.ExecID || e.now.ExecID == rec.Image.ExecID && whole {
			return
		}
	}
	img := t.image(rec)
	t.readUserMemory(img)
	t.put(img)
}

func (t *Table) exec(rec *event.Record) {
	img := t.image(rec)
	t.put(img)
	rec.Event.Process = img
}

// fork enters the child: an image of its parent's, under its own name.
func (t *Table) fork(rec *event.Record) Verdict {
	if t.byKey[rec.Event.Key] == nil || t.byKey[rec.Event.Key].now.ExecID < rec.Event.ExecID {
		return Ahead
	}
	t.attach(rec)
	from, k := rec.Event.Process, &rec.Image
	c := *from
	c.Key, c.ExecID, c.Vpid = k.Key, k.ExecID, k.Vpid
	c.Pgid, c.Vpgid, c.Sid = k.Pgid, k.Vpgid, k.Sid
	c.Ppid, c.EUID, c.EGID = k.Ppid, k.EUID, k.EGID
	c.PidnsStart, c.ExecTime = k.PidnsStart, 0
	if c.Comm != k.Comm {
		rename(&c, k.Comm)
	}
	c.Parent = t.parent(event.Key{Tgid: k.Ppid, Start: rec.ParentStart}, "")
	if e := t.byKey[c.Key]; e != nil && e.now.ExecID >= c.ExecID && e.now.ExecTime != 0 {
		return Done // its exec was read first
	}
	t.put(&c)
	return Done
}

func (t *Table) exit(rec *event.Record) Verdict {
	if v := t.attach(rec); v != Done {
		return v
	}
	e := t.byKey[rec.Event.Key]
	if e.endedAt == 0 {
		t.markEnded(e, rec.Event.Boot)
	}
	t.dropEnded(rec.Event.Boot)
	return Done
}

// parent finds the image of a process's parent. One that the table does not know (the task iterator of some kernels leaves out
// process 1) is entered: from /proc, or, where that can't be read, by its name in the kernel's record. So /proc is asked once.
func (t *Table) parent(key event.Key, comm string) *event.Process {
	if e := t.byKey[key]; e != nil {
		return e.now
	}
	if key.Tgid == 0 || comm == "" {
		return nil
	}
	p, err := readProc(t.settings.Proc, key)
	if err != nil {
		p = &event.Process{Key: key, Comm: strings.Clone(comm), LoginUID: unsetUID, Partial: true}
	}
	p.Flags |= event.FlagRepaired
	p.Parent = t.current(p.Ppid, p.Key)
	t.put(p)
	return p
}

// Link connects the processes that were entered at start, parents after children, with their parents.
func (t *Table) Link() {
	for _, e := range t.byKey {
		p := e.now
		if p.Parent == nil || p.Parent.Flags&event.FlagRepaired != 0 {
			if parent := t.current(p.Ppid, p.Key); parent != nil {
				p.Parent = parent
			}
		}
	}
	for _, e := range t.byKey {
		bound(e.now)
	}
}

// Repair enters the process of a record whose exec or fork was lost, from /proc if it still runs, and sets
// Record.Event.Process. What can't be known stays empty.
func (t *Table) Repair(rec *event.Record) {
	ev := &rec.Event
	img, err := readProc(t.settings.Proc, ev.Key)
	if err != nil {
		t.unknown++
		img = stub(rec)
	} else {
		t.repaired++
	}
	img.Key, img.ExecID = ev.Key, ev.ExecID
	img.Flags |= event.FlagRepaired
	img.Parent = t.current(img.Ppid, img.Key)
	if e := t.byKey[img.Key]; e != nil && img.Partial && e.now.Partial {
		img.Comm = e.now.Comm // which the record of a child told
	}
	t.put(img)
	if e := t.byKey[img.Key]; err != nil && e.endedAt == 0 {
		// It has ended, as far as can be seen. That it stays among the living would wait for a record that may have been.
		t.markEnded(e, ev.Boot)
	}
	ev.Flags |= event.FlagRepaired
	t.Apply(rec)
}

// stub is what a record's header alone says of a process.
func stub(rec *event.Record) *event.Process {
	ev := &rec.Event
	return &event.Process{
		Key: ev.Key, ExecID: ev.ExecID, Vpid: ev.Vpid, Ppid: rec.Ppid, EUID: rec.EUID, UID: rec.EUID, EGID: rec.EGID, GID: rec.EGID,
		LoginUID: unsetUID, Flags: event.FlagRepaired, Partial: true,
	}
}

const unsetUID = 4294967295
