package state

import (
	"slices"
	"strings"

	"github.com/saker-sensor/saker/internal/event"
	"github.com/saker-sensor/saker/internal/replay/scap/schema"
)

// The parameters of the end of a fork, of any kind, and up to the 16th of an exec.
const (
	paramExe         = 1
	paramArgs        = 2
	paramPid         = 4
	paramPtid        = 5
	paramFDLimit     = 7
	paramMajorFaults = 8
	paramComm        = 13
	paramCgroups     = 14
	paramFlags       = 15
	paramUID         = 16
	paramGID         = 17
	paramVtid        = 18
	paramVpid        = 19
	paramPidnsStart  = 20
)

// entered keeps the begin of a call for its end.
func (s *State) entered(n *now) {
	t := n.thread
	if t == nil || n.ev.Code != schema.ExecveatE && n.ev.Code != schema.ConnectE && !n.has(0) {
		return
	}
	const most = 1 << 16
	total := 0
	for _, p := range n.ev.Params {
		total += len(p)
	}
	if total > most {
		return
	}
	t.entered = entered{code: n.ev.Code}
	for _, p := range n.ev.Params {
		t.entered.params = append(t.entered.params, slices.Clone(p))
	}
}

// enter is the begin of the call that ends now; nil if it is not known.
func (n *now) enter() *now {
	e := &n.thread.entered
	if !n.entered || e.code == 0 || e.code != n.ev.Code-1 && !(n.ev.Code == schema.ExecveV19X && e.code == schema.ExecveatE) {
		return nil
	}
	ev := *n.ev
	ev.Code, ev.Params = e.code, e.params
	return &now{ev: &ev, thread: n.thread}
}

// forked is the end of a fork or clone, in the parent or in the child: whichever comes first makes the child known.
func (s *State) forked(n *now) {
	switch child := n.result(); {
	case !n.has(0) || child < 0:
	case child == 0:
		s.forkedChild(n)
	default:
		s.forkedParent(n, child)
	}
}

func (s *State) forkedParent(n *now, tid int64) {
	caller := s.get(n.ev.Tid)
	n.thread = caller
	if caller == nil {
		return
	}
	known := !caller.invalid()
	if !known {
		caller.pid, caller.ptid = n.int(paramPid), n.int(paramPtid)
		caller.vtid, caller.vpid = n.ev.Tid, -1
		if n.has(paramVpid) {
			caller.vtid, caller.vpid = n.int(paramVtid), n.int(paramVpid)
		}
		s.relate(caller)
	}
	// In another pid namespace the number is not the child's own; the child of vfork tells itself.
	flags := n.u32(paramFlags)
	if flags&(childInPidns|cloneNewPID|cloneParent|cloneVfork) != 0 || n.ev.Tid != caller.vtid || n.ev.Code == schema.VforkV20X ||
		s.exited.has(tid, n.ev.Tid, n.ev.Time) {
		return
	}
	if old := s.threads[tid]; old != nil {
		if old.flags&cloneInverted != 0 {
			return
		}
		s.remove(tid)
		if old := s.threads[tid]; old != nil {
			s.drop(old)
		}
	}
	child := s.newThread(tid)
	child.flags = flags
	if flags&cloneThread == 0 {
		if known {
			s.inherit(&child.own, caller.table())
			child.image.Cwd, child.image.Env = caller.cwd(), caller.image.Env
		}
		child.pid, child.ptid = tid, caller.tid
	} else {
		child.pid, child.ptid = caller.pid, caller.ptid
		child.flags |= cloneFiles
	}
	child.vtid, child.vpid = child.tid, child.pid
	s.imageOfFork(n, child)
	child.image.PidnsStart = s.machine.BootTime
	if known {
		child.inherit(caller)
	} else {
		caller.image.Exe = child.image.Exe
		caller.setComm(child.image.Comm)
		caller.setArgs(child.image.ArgList)
	}
	s.add(child, true)
}

func (s *State) forkedChild(n *now) {
	if t := n.thread; t != nil && t.cloned != 0 {
		const stale = 2e9
		if n.ev.Time-t.cloned < stale {
			return
		}
		s.remove(n.ev.Tid)
		n.thread = nil
	}
	child := s.newThread(n.ev.Tid)
	child.pid, child.ptid = n.int(paramPid), n.int(paramPtid)
	child.vtid, child.vpid = child.tid, -1
	if n.has(paramVpid) {
		child.vtid, child.vpid = n.int(paramVtid), n.int(paramVpid)
	}
	child.flags = n.u32(paramFlags) | cloneInverted
	leader := child.flags&cloneThread == 0
	of := child.pid
	if leader {
		of = child.ptid
	} else {
		child.flags |= cloneFiles
	}
	parent := s.get(of)
	if parent == nil {
		n.thread = nil
		return
	}
	known := !parent.invalid()
	if !known && !leader {
		parent.pid, parent.ptid, parent.vpid, parent.vtid = child.pid, child.ptid, child.vpid, child.vpid
		s.relate(parent)
	}
	s.imageOfFork(n, child)
	switch {
	case known:
		child.inherit(parent)
		if leader {
			s.inherit(&child.own, parent.table())
			child.image.Cwd, child.image.Env = parent.cwd(), parent.image.Env
		}
	case !leader:
		parent.image.Exe = child.image.Exe
		parent.setComm(child.image.Comm)
		parent.setArgs(child.image.ArgList)
	}
	child.image.PidnsStart = s.machine.BootTime
	if child.flags&(childInPidns|cloneNewPID) != 0 || child.tid != child.vtid {
		child.image.PidnsStart = 0
		if n.has(paramPidnsStart) {
			child.image.PidnsStart = n.uint(paramPidnsStart) + s.machine.BootTime
		}
	}
	n.thread = s.add(child, true)
}

// imageOfFork sets what the end of a fork says of the child.
func (s *State) imageOfFork(n *now, child *thread) {
	child.image.Exe = n.str(paramExe)
	comm := child.image.Exe
	if n.has(paramComm) {
		comm = n.str(paramComm)
	}
	child.image.Comm = comm
	child.setArgs(n.list(paramArgs))
	child.fdLimit = n.int(paramFDLimit)
	child.usage(n)
	child.setUser(n.u32(paramUID))
	child.setGroup(n.u32(paramGID))
	if n.has(paramCgroups) {
		child.setCgroups(n.list(paramCgroups))
	}
	child.cloned = n.ev.Time
}

// usage sets the memory and the faults, which stand behind each other in the ends of forks and execs.
func (t *thread) usage(n *now) {
	if !n.has(paramMajorFaults + 4) {
		return
	}
	t.majorFaults, t.minorFaults = n.uint(paramMajorFaults), n.uint(paramMajorFaults+1)
	t.vmSize, t.vmRSS, t.vmSwap = n.uint(paramMajorFaults+2), n.uint(paramMajorFaults+3), n.uint(paramMajorFaults+4)
}

// inherit sets what a child has from its parent, or a thread from its process.
func (t *thread) inherit(from *thread) {
	m, p := &t.image, &from.image
	m.ExePath, m.ExeWritable, m.ExeLayer, m.ExeMemfd, m.ExeID = p.ExePath, p.ExeWritable, p.ExeLayer, p.ExeMemfd, p.ExeID
	m.Sid, m.Vpgid, m.Pgid, m.TTY, m.LoginUID = p.Sid, p.Vpgid, p.Pgid, p.TTY, p.LoginUID
	m.CapInheritable, m.CapPermitted, m.CapEffective = p.CapInheritable, p.CapPermitted, p.CapEffective
	t.root = from.root
}

// The parameters of an exec behind those that a fork has too.
const (
	execEnv        = 15
	execTTY        = 16
	execVpgid      = 17
	execLoginUID   = 18
	execFlags      = 19
	execCaps       = 20
	execIno        = 23
	execUID        = 26
	execExePath    = 27
	execPgid       = 28
	execGID        = 29
	execFilename   = 30
	execWritable   = 1
	execUpper      = 2
	execMemfd      = 4
	execLower      = 8
	execEmptyPath  = 1
	maxCapability  = 41
	allCapabilites = 1<<maxCapability - 1
)

// executed is an exec that succeeded: the thread has another image.
func (s *State) executed(n *now) {
	t := n.thread
	if !n.has(0) || n.result() < 0 || t == nil {
		return
	}
	if t.dead() {
		t.flags &^= threadClosed
		if t.group != nil {
			t.group.alive++
		}
	}
	m := &t.image
	m.Exe = n.str(paramExe)
	m.Comm = m.Exe
	if n.has(paramComm) {
		m.Comm = n.str(paramComm)
	}
	t.setArgs(n.list(paramArgs))
	t.pid = n.int(paramPid)
	if t.invalid() {
		t.ptid = n.int(paramPtid)
		if t.flags&childInPidns == 0 {
			t.vtid, t.vpid = t.tid, t.pid
		}
		s.relate(t)
	}
	t.fdLimit = n.int(paramFDLimit)
	t.usage(n)
	if n.has(execEnv) {
		m.Env = n.list(execEnv)
	}
	if n.has(paramCgroups) {
		t.setCgroups(n.list(paramCgroups))
	}
	if n.has(execTTY) {
		m.TTY = n.u32(execTTY)
	}
	s.executedFile(n, t)
	if n.has(execVpgid) {
		m.Vpgid = int32(n.int(execVpgid))
	}
	if n.has(execLoginUID) {
		m.LoginUID = n.u32(execLoginUID)
	}
	if n.has(execCaps + 2) {
		m.CapInheritable, m.CapPermitted, m.CapEffective = n.uint(execCaps), n.uint(execCaps+1), n.uint(execCaps+2)
	}
	if n.has(execUID) {
		t.setUser(n.u32(execUID))
	}
	m.Pgid = -1
	if n.has(execPgid) {
		m.Pgid = int32(n.int(execPgid))
	}
	if n.has(execGID) {
		t.setGroup(n.u32(execGID))
	}
	if table := t.table(); table != nil {
		for fd, d := range table.fds {
			if d.closesOnExec() {
				s.close(table, fd)
			}
		}
	}
	t.flags &= pipeSource | pipeDestination | mainThread | cloneInverted
	s.endThreads(t)
	s.measure(t)
}

// executedFile sets what is known of the file.
func (s *State) executedFile(n *now, t *thread) {
	m := &t.image
	if n.has(execExePath) {
		m.ExePath = exePath(n.view(execExePath))
	} else if enter := n.enter(); enter != nil {
		m.ExePath = exePath(s.enteredPath(n, enter))
	}
	if n.has(execFlags) {
		f := n.u32(execFlags)
		m.ExeWritable, m.ExeMemfd, m.ExeLayer = f&execWritable != 0, f&execMemfd != 0, layer(f&execUpper != 0, f&execLower != 0)
	}
	if n.has(execIno + 2) {
		m.ExeID = event.FileID{Ino: n.uint(execIno), Ctime: n.int(execIno + 1), Mtime: n.int(execIno + 2)}
	}
}

// enteredPath is the path of the executed file by the begin of the call.
func (s *State) enteredPath(n, enter *now) string {
	if enter.ev.Code == schema.ExecveV19E {
		if name := enter.view(0); name != none {
			return join(n.thread.cwd(), name)
		}
		return none
	}
	name, empty := enter.view(1), enter.u32(2)&execEmptyPath != 0
	dir := n.dir(name, enter.int(0))
	if dir != "." && dir != unknownDir {
		n.setFD(n.thread.find(enter.int(0)))
	}
	switch {
	case !empty && name == none, dir == unknownDir:
		return none
	case empty:
		return join("", dir)
	}
	return join(dir, name)
}

// endThreads ends the other threads of a process: its exec ended them.
func (s *State) endThreads(t *thread) {
	if t.group == nil || t.group.alive <= 1 {
		return
	}
	for _, o := range slices.Clone(t.group.threads) {
		if !o.removed && !o.isMain() && o != t {
			s.remove(o.tid)
		}
	}
}

// ended is the end of a thread. Rules still see it.
func (s *State) ended(n *now) {
	t := n.thread
	if t == nil {
		return
	}
	if t.group != nil && !t.dead() {
		t.group.alive--
	}
	t.flags |= threadClosed
	s.leaving = n.ev.Tid
	t.reaper = -1
	if n.has(4) {
		t.reaper = n.int(4)
	}
}

// unshared: in a new user namespace a thread has all capabilities.
func (s *State) unshared(n *now) {
	if n.result() < 0 || n.thread == nil {
		return
	}
	flags := n.u32(1)
	if n.ev.Code == schema.SetnsX {
		flags = n.u32(2)
	}
	if flags&cloneNewUser != 0 {
		m := &n.thread.image
		m.CapInheritable, m.CapPermitted, m.CapEffective = allCapabilites, allCapabilites, allCapabilites
	}
}

func (s *State) capabilities(n *now) {
	if n.result() < 0 || n.thread == nil {
		return
	}
	m := &n.thread.image
	m.CapInheritable, m.CapPermitted, m.CapEffective = n.uint(1), n.uint(2), n.uint(3)
}

// user and group are calls that set the effective one, which stands in parameter i.
func (n *now) user(i int) {
	if n.result() == 0 && n.thread != nil && n.has(i) {
		n.thread.setUser(n.u32(i))
	}
}

func (n *now) group(i int) {
	if n.result() == 0 && n.thread != nil && n.has(i) {
		n.thread.setGroup(n.u32(i))
	}
}

func (s *State) newSession(n *now) {
	if sid := n.result(); sid >= 0 && n.thread != nil {
		n.thread.image.Sid = int32(sid)
	}
}

// subreaper: a process adopts the orphans below it, or not any more.
func (s *State) subreaper(n *now) {
	const setSubreaper, getSubreaper = 36, 37
	option := n.u32(1)
	if n.result() < 0 || n.thread == nil || n.thread.group == nil || option != setSubreaper && option != getSubreaper {
		return
	}
	n.thread.group.reaper = n.int(3) != 0
}

// limited and limitedOther keep the limit of descriptors.
func (s *State) limited(n *now) {
	if n.result() >= 0 && n.thread != nil && n.uint(3) == limitDescriptors {
		n.thread.limit(n.int(1))
	}
}

const limitDescriptors = 7

func (t *thread) limit(most int64) {
	if m := t.main(); m != nil && most != -1 {
		m.fdLimit = most
	}
}

func (s *State) limitedOther(n *now) {
	if n.result() != 0 || !n.has(6) || n.uint(6) != limitDescriptors || !n.has(5) {
		return
	}
	tid := n.int(5)
	if tid == 0 {
		tid = n.ev.Tid
	}
	if t := s.threads[tid]; t != nil && !t.invalid() {
		t.limit(n.int(1))
	}
}

func (s *State) changedRoot(n *now) {
	t := n.thread
	if t == nil || n.result() != 0 {
		return
	}
	t.root = n.str(1)
	if !strings.HasPrefix(t.root, "/") && t.root != none {
		t.root = join(t.cwd(), t.root)
	}
}

// switched and mapped keep the memory that a thread uses.
func (s *State) switched(n *now) {
	t := n.thread
	if t == nil || !n.has(5) {
		return
	}
	t.majorFaults, t.minorFaults = n.uint(1), n.uint(2)
	if m := t.main(); m != nil {
		m.vmSize, m.vmRSS, m.vmSwap = n.uint(3), n.uint(4), n.uint(5)
	}
}

func (s *State) mapped(n *now) {
	t := n.thread
	if t == nil {
		return
	}
	if n.has(1) {
		t.vmSize = n.uint(1)
	}
	if n.has(3) {
		t.vmRSS, t.vmSwap = n.uint(2), n.uint(3)
	}
}
