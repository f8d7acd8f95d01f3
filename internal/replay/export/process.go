package export

import (
	"path"
	"slices"
	"strings"

	"github.com/saker-sensor/saker/internal/event"
	"github.com/saker-sensor/saker/internal/replay/scap"
)

// Flags of a clone, in Falco's numbers.
const (
	cloneFiles   = 1 << 0
	cloneNewPID  = 1 << 6
	cloneParent  = 1 << 8
	cloneThread  = 1 << 13
	cloneVfork   = 1 << 27
	inChildPidns = 1 << 29
)

// process is what a reader of the capture knows of a process.
type process struct {
	key    event.Key
	execID uint64
	// entry is its place in the process list, -1 if it is not in it: an event made it known. own: the entry is of an event of the process
	// itself, and not of a child's.
	entry int
	own   bool
	// changed: an event gave it another image, or ended it. Threads that are met from then on are no part of the lists.
	changed, gone bool
	cwd           string
	// parent is where its descriptors are from, if an event made it.
	parent *process
	fds    map[int64]*opened
}

// maxAncestors bounds how many processes above an event's are told.
const maxAncestors = 64

// ensureProcesses sees to it that readers know the event's thread, its process, and those above it as they are.
func (e *Exporter) ensureProcesses(ev *event.Event) {
	if ev.Process == nil || ev.Tgid <= 0 {
		return
	}
	var above []*event.Process
	for p := ev.Process.Parent; p != nil && len(above) < maxAncestors; p = p.Parent {
		above = append(above, p)
	}
	for _, p := range slices.Backward(above) {
		e.ensureAncestor(ev, p)
	}
	flags, forks := e.forkFlags(ev)
	child := forks && ev.Ret == 0
	switch {
	case child && flags&cloneThread == 0:
	case e.processes[ev.Tgid] == nil && tellsAll(ev):
		e.processes[ev.Tgid] = &process{key: ev.Process.Key, entry: -1, own: true}
	default:
		e.ensure(ev, ev.Tgid, ev.Process, ev.Captured == nil || ev.Tid == ev.Tgid)
	}
	if ev.Tid == ev.Tgid || child {
		return
	}
	q := e.processes[ev.Tgid]
	if q == nil || e.threads[ev.Tid] == q {
		return
	}
	if q.changed && ev.Captured == nil {
		e.putFork(ev, ev.Tid, ev.Process, cloneThread|cloneFiles)
	} else {
		entry := listed(ev, ev.Tgid, ev.Process)
		entry.Tid, entry.Vtid, entry.Flags = int64(ev.Tid), int64(ev.Vtid), cloneThread|cloneFiles
		e.addEntry(entry)
	}
	e.know(ev.Tid, q)
}

func (e *Exporter) ensureAncestor(ev *event.Event, p *event.Process) {
	if p.Key.Tgid > 0 && p.Key.Tgid != ev.Tgid {
		e.ensure(ev, p.Key.Tgid, p, false)
	}
}

// tellsAll: the event itself is the first that a capture knows of a process, and of its working directory nothing is known.
func tellsAll(ev *event.Event) bool {
	return ev.Captured != nil && executed(ev) && ev.Process.Cwd == ""
}

// ensure sees to it that readers know a process with this image. own: it is that of the event.
func (e *Exporter) ensure(ev *event.Event, tgid int32, p *event.Process, own bool) {
	live, q := ev.Captured == nil, e.processes[tgid]
	executes := own && executed(ev)
	switch {
	case q == nil:
		if len(e.processes) >= e.settings.MaxProcesses {
			e.counters.Full++
			return
		}
		q = &process{key: p.Key, execID: p.ExecID, entry: -1, own: own, cwd: p.Cwd}
		e.processes[tgid] = q
		if !e.addEntry(listed(ev, tgid, p)) {
			return
		}
		q.entry = len(e.list) - 1
	case !live:
		e.upgrade(ev, q, tgid, p, own)
	case q.gone || q.key != p.Key && q.key.Start != 0:
		e.putFork(ev, tgid, p, 0)
		*q = process{key: p.Key, execID: p.ExecID, entry: -1, own: own, changed: true, cwd: p.Cwd, parent: e.processes[p.Ppid]}
		if !executes && differs(p, p.Parent) {
			e.putExec(ev, tgid, p)
		}
	case q.execID != p.ExecID:
		if !executes {
			e.putExec(ev, tgid, p)
			e.reset(q, p)
		}
	default:
		q.key = p.Key
		e.upgrade(ev, q, tgid, p, own)
	}
}

// upgrade makes the entry of a process that was met as another one's ancestor that of the process itself.
func (e *Exporter) upgrade(ev *event.Event, q *process, tgid int32, p *event.Process, own bool) {
	if own && !q.own && q.entry >= 0 && !q.changed {
		e.list[q.entry] = listed(ev, tgid, p)
		q.own, q.cwd = true, p.Cwd
	}
}

// reset keeps what a process is after an exec.
func (e *Exporter) reset(q *process, p *event.Process) {
	q.key, q.execID, q.changed = p.Key, p.ExecID, true
	for fd, o := range q.fds {
		if o.closesOnExec {
			q.fds[fd] = &opened{closed: true}
		}
	}
}

func (e *Exporter) addEntry(entry scap.Process) bool {
	if len(e.list) >= e.settings.MaxProcesses {
		e.counters.Full++
		return false
	}
	e.list = append(e.list, entry)
	return true
}

func (e *Exporter) know(tid int32, q *process) {
	if len(e.threads) < e.settings.MaxProcesses {
		e.threads[tid] = q
	}
}

// differs tells whether a process runs another program than the one above it.
func differs(p, parent *event.Process) bool {
	return parent == nil || p.Comm != parent.Comm || p.ExePath != parent.ExePath || p.Args != parent.Args
}

func executed(ev *event.Event) bool {
	return (ev.Type == event.TypeExecve || ev.Type == event.TypeExecveat) && ev.Ret == 0
}

// putExec puts in the exec that gave a process its image: the source does not have it.
func (e *Exporter) putExec(ev *event.Event, tgid int32, p *event.Process) {
	exec := e.of(ev, tgid, p)
	exec.Type, exec.Filename = event.TypeExecve, p.Filename
	e.put(&exec)
}

// putFork puts in the begin of a process or thread, as the new one tells of it.
func (e *Exporter) putFork(ev *event.Event, tid int32, p *event.Process, flags int64) {
	fork := e.of(ev, p.Key.Tgid, p)
	fork.Tid, fork.Type = tid, e.forms.clone
	if tid != p.Key.Tgid {
		fork.Vtid = ev.Vtid
	}
	fork.Params = make([]event.Param, len(e.forms.byType[fork.Type].row.Params))
	for i := range fork.Params {
		if e.forms.byType[fork.Type].row.Params[i].Name == "flags" {
			fork.Params[i].Num = flags
		}
	}
	e.put(&fork)
}

// of is an event of a process at the time of another one, of no type yet.
func (e *Exporter) of(ev *event.Event, tgid int32, p *event.Process) event.Event {
	out := event.Event{
		Time: ev.Time, Boot: ev.Boot, CPU: ev.CPU, Clock: ev.Clock, Tgid: tgid, Tid: tgid, Vpid: p.Vpid, Vtid: p.Vpid, FD: -1,
		Process: p, ContainerID: event.HostID,
	}
	if tgid == ev.Tgid {
		out.Caller, out.ContainerID, out.Container, out.Accounts = ev.Caller, ev.ContainerID, ev.Container, ev.Accounts
	}
	return out
}

// forkFlags are those of an event that makes a process or thread.
func (e *Exporter) forkFlags(ev *event.Event) (flags int64, forks bool) {
	switch ev.Type.String() {
	case "clone", "clone3", "fork", "vfork":
		v := &e.encoder.value
		v.Num = 0
		e.forms.flags.Get(ev, v)
		return v.Num, true
	}
	return 0, false
}

// follow keeps what readers know after the event.
func (e *Exporter) follow(ev *event.Event, f *form) {
	flags, forks := e.forkFlags(ev)
	switch {
	case ev.Process == nil || ev.Tgid <= 0:
		return
	case forks && ev.Ret == 0:
		e.forked(ev, ev.Tid, flags, ev.Process.Key)
		return
	case forks && ev.Ret > 0:
		const hidden = inChildPidns | cloneNewPID | cloneParent | cloneVfork
		if flags&hidden == 0 && ev.Tid == ev.Vtid && ev.Type.String() != "vfork" {
			e.forked(ev, int32(ev.Ret), flags, event.Key{})
		}
		return
	}
	q := e.processes[ev.Tgid]
	if q == nil {
		return
	}
	switch {
	case executed(ev):
		e.reset(q, ev.Process)
	case ev.Type == event.TypeProcexit && ev.Tid == ev.Tgid:
		*q = process{key: q.key, entry: -1, changed: true, gone: true}
	case ev.Type == event.TypeProcexit:
		delete(e.threads, ev.Tid)
	case ev.Ret >= 0 && ev.Type.String() == "chdir" && len(ev.Params) > 1:
		q.cwd = absolute(q.cwd, ev.Params[1].Text)
	case ev.Ret >= 0 && ev.Type.String() == "fchdir" && len(ev.Params) > 1:
		q.cwd = ev.Params[1].Descriptor.Path
	}
	e.followDescriptors(ev, f, q)
}

// forked keeps what a fork made known.
func (e *Exporter) forked(ev *event.Event, tid int32, flags int64, key event.Key) {
	if flags&cloneThread != 0 {
		if q := e.processes[ev.Tgid]; q != nil {
			e.know(tid, q)
		}
		return
	}
	old := e.processes[tid]
	if old != nil && !old.gone && old.entry < 0 && (key == event.Key{} || old.key == key || old.key.Start == 0) {
		if (key != event.Key{}) {
			old.key = key
		}
		return // the other side of the same fork told of it
	}
	if old == nil && len(e.processes) >= e.settings.MaxProcesses {
		e.counters.Full++
		return
	}
	from := ev.Process.Ppid
	if key == (event.Key{}) {
		from = ev.Tgid
		if old != nil && !old.gone {
			key = old.key
		}
	}
	q := &process{key: key, execID: ev.Process.ExecID, entry: -1, own: true, cwd: ev.Process.Cwd, parent: e.processes[from]}
	if q.parent != nil {
		q.cwd = q.parent.cwd
		q.fds = make(map[int64]*opened, len(q.parent.fds))
		for fd, o := range q.parent.fds {
			q.fds[fd] = o
		}
	}
	e.processes[tid] = q
}

// workingDir is what readers take for the working directory of a process.
func (e *Exporter) workingDir(tgid int32) string {
	if q := e.processes[tgid]; q != nil {
		return q.cwd
	}
	return ""
}

func absolute(dir, name string) string {
	if strings.HasPrefix(name, "/") {
		return path.Clean(name)
	}
	return path.Join(dir, name)
}

// listed is the entry of a process in the process list.
func listed(ev *event.Event, tgid int32, p *event.Process) scap.Process {
	own := tgid == ev.Tgid
	out := scap.Process{
		Tid: int64(tgid), Pid: int64(tgid), Ptid: parentOf(p), Sid: int64(p.Sid), Vpgid: int64(p.Vpgid), Pgid: int64(p.Pgid),
		Vtid: int64(p.Vpid), Vpid: int64(p.Vpid), Comm: strings.Clone(p.Comm), Exe: strings.Clone(p.Exe), ExePath: strings.Clone(p.ExePath),
		Args: ended(p.ArgList), Env: ended(p.Env), Cwd: workingDirBefore(ev, p, own), FDLimit: int64(p.FDLimit), UID: p.EUID, GID: p.EGID,
		TTY: p.TTY, LoginUID: p.LoginUID, ExeWritable: p.ExeWritable, ExeFromMemfd: p.ExeMemfd,
		ExeUpper: p.ExeLayer == event.LayerUpper, ExeLower: p.ExeLayer == event.LayerLower,
		CapInheritable: p.CapInheritable, CapPermitted: p.CapPermitted, CapEffective: p.CapEffective,
		ExeIno: p.ExeID.Ino, ExeCtime: uint64(p.ExeID.Ctime), ExeMtime: uint64(p.ExeID.Mtime), PidnsStart: p.PidnsStart,
	}
	if ev.Captured == nil {
		out.PidnsStart = uint64(ev.Clock.Wall(p.PidnsStart))
	}
	if !own {
		return out
	}
	out.Vpid = int64(ev.Vpid)
	if tgid == ev.Tid {
		out.Vtid = int64(ev.Vtid)
	}
	out.Cgroups = cgroupsOf(ev)
	if c := ev.Caller; c != nil {
		out.VMSize, out.VMRSS, out.VMSwap, out.MajorFaults, out.MinorFaults = c.VMSize, c.VMRSS, c.VMSwap, c.MajorFaults, c.MinorFaults
	}
	return out
}

// parentOf is the parent's number, 0 if there is none; an ancestor in a capture has it of its own parent alone.
func parentOf(p *event.Process) int64 {
	if p.Ppid <= 0 && p.Parent != nil {
		return int64(p.Parent.Key.Tgid)
	}
	return int64(max(p.Ppid, 0))
}

// workingDirBefore is the working directory before an event: that of a chdir in a capture is already known after it.
func workingDirBefore(ev *event.Event, p *event.Process, own bool) string {
	if own && ev.Captured != nil && ev.Ret == 0 && ev.Type.String() == "chdir" && len(ev.Params) > 1 {
		if name := ev.Params[1].Text; name != "" && name[0] != '/' {
			if before, ok := strings.CutSuffix(p.Cwd, strings.TrimSuffix(name, "/")+"/"); ok {
				return strings.Clone(before)
			}
		}
	}
	return strings.Clone(p.Cwd)
}
