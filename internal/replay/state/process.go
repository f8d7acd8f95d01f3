package state

import (
	"slices"
	"strings"

	"github.com/saker-sensor/saker/internal/event"
	"github.com/saker-sensor/saker/internal/replay/scap/schema"
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
