package state

import "github.com/saker-sensor/saker/internal/replay/scap/schema"

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
