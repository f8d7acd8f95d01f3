package state

import (
	"slices"
	"strings"

	"github.com/saker-sensor/saker/internal/event"
	"github.com/saker-sensor/saker/internal/replay/scap"
)

// Flags of a thread, in Falco's numbers.
const (
	cloneFiles      = 1 << 0
	cloneNewPID     = 1 << 6
	cloneParent     = 1 << 8
	cloneThread     = 1 << 13
	cloneInverted   = 1 << 16
	threadClosed    = 1 << 18
	cloneNewUser    = 1 << 20
	pipeSource      = 1 << 21
	pipeDestination = 1 << 22
	cloneVfork      = 1 << 27
	childInPidns    = 1 << 29
	mainThread      = 1 << 30
)

// unset is a user's or a group's number that is not known.
const unset = ^uint32(0)

// thread is one thread of the machine of the capture.
type thread struct {
	tid, pid, ptid int64
	vtid, vpid     int64
	reaper         int64
	flags          uint32
	fdLimit        int64
	// cloned is when it began, 0 if that was before the capture.
	cloned uint64
	root   string

	vmSize, vmRSS, vmSwap    uint64
	majorFaults, minorFaults uint64
	cgroups                  []string
	containerID              string

	// image has all else that rules read; what a process has once is that of its first thread. It changes in place.
	image event.Process
	// own are its descriptors, if it does not share those of the first thread.
	own table

	// removed: it is not in the table any more.
	removed  bool
	group    *group
	children []*thread
	bytes    int

	// lastFD and lastType are of its last event; entered is a copy of the begin of a call.
	lastFD   int64
	lastType uint16
	entered  entered
}

// entered is the begin of a call, which the end needs; code is 0 if there is none.
type entered struct {
	code   uint16
	params [][]byte
}

// group are the threads of a process, the first thread in front. A thread that is removed may be among them.
type group struct {
	alive   int
	reaper  bool
	threads []*thread
}

func (s *State) newThread(tid int64) *thread {
	t := &thread{tid: tid, pid: -1, ptid: -1, vtid: -1, vpid: -1, reaper: -1, fdLimit: -1}
	t.image = event.Process{
		Sid: -1, Vpgid: -1, Pgid: -1, UID: unset, EUID: unset, GID: unset, EGID: unset, LoginUID: unset,
	}
	return t
}

// threadOf makes a thread of what a capture's list says of it.
func (s *State) threadOf(p *scap.Process) *thread {
	t := s.newThread(p.Tid)
	t.pid, t.ptid, t.vtid, t.vpid = p.Pid, p.Ptid, p.Vtid, p.Vpid
	t.flags, t.fdLimit, t.root = p.Flags, p.FDLimit, strings.Clone(p.Root)
	t.vmSize, t.vmRSS, t.vmSwap, t.majorFaults, t.minorFaults = p.VMSize, p.VMRSS, p.VMSwap, p.MajorFaults, p.MinorFaults
	m := &t.image
	m.Sid, m.Vpgid, m.Pgid = int32(p.Sid), int32(p.Vpgid), int32(p.Pgid)
	m.Comm, m.Exe, m.ExePath = strings.Clone(p.Comm), strings.Clone(p.Exe), exePath(p.ExePath)
	t.setArgs(split([]byte(p.Args)))
	if t.isMain() {
		m.Env = split([]byte(p.Env))
		m.Cwd = withSlash(join("", p.Cwd))
	}
	t.setUser(p.UID)
	t.setGroup(p.GID)
	m.LoginUID, m.TTY, m.PidnsStart = p.LoginUID, p.TTY, p.PidnsStart
	m.CapInheritable, m.CapPermitted, m.CapEffective = p.CapInheritable, p.CapPermitted, p.CapEffective
	m.ExeWritable, m.ExeMemfd, m.ExeLayer = p.ExeWritable, p.ExeFromMemfd, layer(p.ExeUpper, p.ExeLower)
	m.ExeID = event.FileID{Ino: p.ExeIno, Ctime: int64(p.ExeCtime), Mtime: int64(p.ExeMtime)}
	t.setCgroups(split([]byte(p.Cgroups)))
	return t
}

func layer(upper, lower bool) event.Layer {
	switch {
	case upper:
		return event.LayerUpper
	case lower:
		return event.LayerLower
	}
	return event.LayerNone
}

// exePath leaves out what the kernel says of a file that is gone.
func exePath(path string) string { return strings.Clone(strings.TrimSuffix(path, " (deleted)")) }

// isMain tells whether it is the first thread of its process.
func (t *thread) isMain() bool { return t.tid == t.pid || t.flags&mainThread != 0 }

func (t *thread) inPidns() bool {
	return t.flags&childInPidns != 0 || t.tid != t.vtid && t.vtid >= 0
}

// invalid: it is known by its number alone.
func (t *thread) invalid() bool { return t.tid < 0 || t.pid < 0 || t.ptid < 0 }

func (t *thread) dead() bool { return t.flags&threadClosed != 0 }

// main is the first thread of the process, nil if it is not known.
func (t *thread) main() *thread {
	if t.isMain() {
		return t
	}
	if t.group == nil || len(t.group.threads) == 0 {
		return nil
	}
	if first := t.group.threads[0]; !first.removed && first.isMain() {
		return first
	}
	return nil
}

// table are the thread's descriptors, nil if they are those of a thread that is not known.
func (t *thread) table() *table {
	if t.flags&cloneFiles == 0 {
		return &t.own
	}
	if m := t.main(); m != nil {
		return &m.own
	}
	return nil
}

// find finds a descriptor; nil if none is known.
func (t *thread) find(fd int64) *descriptor {
	table := t.table()
	if fd < 0 || table == nil {
		return nil
	}
	return table.fds[fd]
}

// cwd is the working directory of the process, with a slash at its end.
func (t *thread) cwd() string {
	if m := t.main(); m != nil {
		return m.image.Cwd
	}
	return "./"
}

// setCwd changes it, from the old one for a relative path.
func (t *thread) setCwd(path string) {
	if m := t.main(); m != nil {
		m.image.Cwd = withSlash(join(t.image.Cwd, path))
	}
}

// setComm and setArgs keep what is made of both.
func (t *thread) setComm(comm string) {
	t.image.Comm = comm
	t.setArgs(t.image.ArgList)
}

func (t *thread) setArgs(args []string) {
	m := &t.image
	m.ArgList, m.Args = args, strings.Join(args, " ")
	m.Cmdline = m.Comm
	if len(args) > 0 {
		m.Cmdline += " " + m.Args
	}
}

func (t *thread) setUser(uid uint32)  { t.image.UID, t.image.EUID = uid, uid }
func (t *thread) setGroup(gid uint32) { t.image.GID, t.image.EGID = gid, gid }

// setCgroups keeps the cgroups under the names of today's controllers.
func (t *thread) setCgroups(list []string) {
	cgroups := make([]string, 0, len(list))
	for _, c := range list {
		controller, path, ok := strings.Cut(c, "=")
		if !ok {
			return
		}
		controller = strings.Replace(controller, "_cgroup", "", 1)
		switch controller {
		case "perf":
			controller = "perf_event"
		case "mem":
			controller = "memory"
		case "io":
			controller = "blkio"
		}
		cgroups = append(cgroups, controller+"="+path)
	}
	t.cgroups = cgroups
	t.containerID = containerOf(cgroups)
}

// size is about the memory of its texts.
func (t *thread) size() int {
	m := &t.image
	n := len(m.Comm) + len(m.Exe) + len(m.ExePath) + 2*len(m.Args) + len(m.Cmdline) + len(m.Cwd) + len(t.root)
	for _, list := range [][]string{m.Env, t.cgroups} {
		for _, e := range list {
			n += len(e)
		}
	}
	return n
}

// add puts a thread into the table, in place of one with the same number; nil if there is no room. Before the capture's lists are
// complete, what it is to others is not known yet.
func (s *State) add(t *thread, related bool) *thread {
	old := s.threads[t.tid]
	if old == nil && len(s.threads) >= s.settings.MaxThreads || s.bytes+t.size() > s.settings.MaxBytes {
		s.lost.Threads++
		s.closeAll(t)
		return nil
	}
	if related {
		s.relate(t)
	}
	if old != nil {
		s.drop(old)
	}
	s.threads[t.tid] = t
	s.measure(t)
	return t
}

// measure counts the memory of a thread's texts anew.
func (s *State) measure(t *thread) {
	if t.removed || s.threads[t.tid] != t {
		return
	}
	n := t.size()
	s.bytes += n - t.bytes
	t.bytes = n
}

// drop takes a thread out of the table.
func (s *State) drop(t *thread) {
	if s.threads[t.tid] == t {
		delete(s.threads, t.tid)
	}
	if !t.removed {
		s.bytes -= t.bytes
	}
	t.removed = true
	s.closeAll(t)
}

// closeAll closes a thread's own descriptors.
func (s *State) closeAll(t *thread) {
	for _, d := range t.own.fds {
		s.free(d)
	}
	t.own = table{}
}

// get finds the thread of an event, or makes one of which nothing but the number is known.
func (s *State) get(tid int64) *thread {
	if t := s.threads[tid]; t != nil {
		return t
	}
	t := s.newThread(tid)
	t.image.Exe = none
	t.setComm(none)
	return s.add(t, true)
}

// relate makes a thread known to its process and to its parent.
func (s *State) relate(t *thread) {
	if t.invalid() || t.group != nil {
		return
	}
	g := s.groups[t.pid]
	if g == nil {
		g = &group{reaper: t.pid == 1 || t.vpid == 1}
		s.groups[t.pid] = g
	}
	if t.isMain() {
		g.threads = slices.Insert(g.threads, 0, t)
	} else {
		g.threads = append(g.threads, t)
	}
	g.alive++
	t.group = g
	if t.pid == 1 {
		return
	}
	parent := s.threads[t.ptid]
	if parent == nil || parent.invalid() {
		t.ptid = 0
		return
	}
	parent.adopt(t)
}

// adopt makes a thread the parent of another.
func (t *thread) adopt(child *thread) {
	if len(t.children) == cap(t.children) {
		t.children = slices.DeleteFunc(t.children, func(c *thread) bool { return c.removed })
	}
	t.children = append(t.children, child)
	child.ptid = t.tid
}
