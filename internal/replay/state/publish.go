package state

import (
	"slices"
	"strings"

	"github.com/saker-sensor/saker/internal/event"
	"github.com/saker-sensor/saker/internal/replay/scap/schema"
)

// output is memory for what rules see of an event; it is used again for the next one.
type output struct {
	captured event.Captured
	params   []event.Param
	polled   []event.Descriptor
	text     []byte
	caller   event.Caller
	unknown  event.CapturedDescriptor
}

// publish fills out with what rules see of the event.
func (s *State) publish(n *now, out *event.Event) {
	o := &s.out
	o.text, o.polled = o.text[:0], o.polled[:0]
	*out = event.Event{
		Num: s.events, Time: int64(n.ev.Time), Boot: n.ev.Time, First: s.first, Previous: s.previous, CPU: n.ev.CPU, Type: s.typeOf(n),
		Tid: int32(n.ev.Tid), FD: -1, ContainerID: event.HostID, Captured: &o.captured,
	}
	returned := n.info.syscall && n.ev.Code != schema.GenericX && len(n.ev.Params) > 0 && len(n.info.schema.Params) > 0
	o.captured = event.Captured{
		Code: int(n.ev.Code), Category: n.info.category, Params: len(n.ev.Params), Raw: n.ev.Params,
		Syscall: n.info.syscall, Returned: returned,
		Notice: n.info.schema.Category&schema.CategoryMetaevent != 0, Hostname: s.machine.Hostname,
	}
	if returned {
		out.Ret = n.result()
		typ := n.info.schema.Params[0].Type
		o.captured.Errno = typ == schema.TypeErrno || typ == schema.TypeFD
	}
	s.params(n, out)
	if n.thread != nil {
		s.publishThread(n.thread, out)
	}
	s.publishDescriptor(n, out)
	s.publishPaths(n, out)
	s.publishKind(n, out)
}

// typeOf is the event's type: of a call without an event of its own, and of a notice, a parameter says which.
func (s *State) typeOf(n *now) event.Type {
	switch n.ev.Code {
	case schema.GenericX, schema.GenericE:
		id := int(n.uint(0))
		if id == 0 && n.has(1) {
			return s.calls[int(n.uint(1))] // a capture does not say of which architecture it is
		}
		if id < len(syscallNames) {
			t, _ := event.TypeByName(syscallNames[id])
			return t
		}
	case schema.AsynceventE:
		if t, ok := event.TypeByName(n.view(1)); ok {
			return t
		}
	}
	return n.info.typ
}

// publishThread sets who made the event.
func (s *State) publishThread(t *thread, out *event.Event) {
	out.Tgid, out.Vpid, out.Vtid = int32(t.pid), int32(t.vpid), int32(t.vtid)
	out.Process = s.image(t)
	for n, p := 0, t; p != nil && n <= maxAncestors; n++ {
		parent := s.parent(p)
		if p.image.Parent = nil; parent == nil {
			break
		}
		p.image.Parent = s.image(parent)
		if p == t {
			t.image.Ppid = int32(parent.pid)
		}
		if parent == t {
			p.image.Parent = nil
			break
		}
		p = parent
	}
	s.out.captured.Cgroups = t.cgroups
	if t.containerID != "" {
		out.ContainerID = event.ShortID(t.containerID)
		out.Container = s.containers[out.ContainerID]
		if out.Container == nil {
			out.ContainerMissing = "not in the capture"
		}
	}
	out.Accounts = s.accounts[event.ShortID(t.containerID)]
	out.Key, out.ExecID = t.image.Key, 0
	s.publishCaller(t, out)
}

// parent is the first thread of the process above that of a thread; nil if it is not known.
func (s *State) parent(t *thread) *thread {
	m := t.main()
	if m == nil {
		return nil
	}
	p := s.threads[m.ptid]
	if p == nil {
		return nil
	}
	return p.main()
}

// image is a thread's image with what it has from its process.
func (s *State) image(t *thread) *event.Process {
	m := &t.image
	m.Key = event.Key{Tgid: int32(t.pid), Start: t.cloned}
	m.Vpid, m.Ppid = int32(t.vpid), -1
	m.FDLimit = uint64(max(t.fdLimit, 0))
	if first := t.main(); first != t {
		m.Cwd = t.cwd()
		if first != nil {
			m.Env, m.FDLimit = first.image.Env, uint64(max(first.fdLimit, 0))
		}
	}
	return m
}

// publishCaller sets what rules ask of the thread and its process.
func (s *State) publishCaller(t *thread, out *event.Event) {
	c := &s.out.caller
	*c = event.Caller{
		Parts:  event.CallerMemory | event.CallerThread,
		VMSize: t.vmSize, VMRSS: t.vmRSS, VMSwap: t.vmSwap, MajorFaults: t.majorFaults, MinorFaults: t.minorFaults,
	}
	if t.group != nil {
		c.Threads = uint32(max(t.group.alive, 0))
	}
	m := t.main()
	c.Leaderless = m == nil || m.dead()
	if m != nil {
		c.Parts |= event.CallerFDs
		c.FDs = uint32(len(m.own.fds))
	}
	if table := t.table(); table != nil {
		c.Parts |= event.CallerStdio | event.CallerKinds
		for fd := range c.Std {
			if d := table.fds[int64(fd)]; d != nil {
				s.show(d, t, &c.Std[fd])
			}
		}
		c.Kinds = table.allKinds()
	}
	out.Caller = c
}

// publishDescriptor sets what the event is about.
func (s *State) publishDescriptor(n *now, out *event.Event) {
	const about = schema.CreatesFD | schema.UsesFD | schema.DestroysFD
	t := n.thread
	if n.info.schema.Flags&about == 0 || t == nil {
		return
	}
	d := n.fd
	if d == nil && t.lastFD != -1 {
		d = t.find(t.lastFD)
	}
	if opens(n.ev.Code) {
		s.publishOpen(n, d, out)
		return
	}
	out.FD = len(out.Params)
	out.Params = append(out.Params, event.Param{Num: t.lastFD})
	s.out.params = out.Params
	p := &out.Params[out.FD]
	if d == nil {
		s.showUnknown(n, &p.Descriptor)
		return
	}
	s.show(d, t, &p.Descriptor)
	d.shown.NameChanged = n.fd == d && d.name != n.name
	switch p.Descriptor.Kind {
	case event.KindFile, event.KindDirectory:
		out.File = event.File{
			Present: true, FD: t.lastFD, Raw: d.raw, Given: d.name, ID: p.Descriptor.ID, InodeMode: p.Descriptor.InodeMode,
			OpenFlags: p.Descriptor.OpenFlags, Layer: d.layer,
		}
	}
}

// publishOpen sets the file of an open, as live events have it.
func (s *State) publishOpen(n *now, d *descriptor, out *event.Event) {
	f := &out.File
	f.Present, f.FD = true, out.Ret
	s.publishOpenPath(n, out)
	flags, mode := openParams(n.ev.Code)
	if flags >= 0 {
		s.out.captured.OpenFlags = n.u32(flags)
	}
	if mode >= 0 {
		f.Mode = n.u32(mode)
	}
	f.OpenFlags = kernelOpenFlags(s.out.captured.OpenFlags)
	if d != nil && out.Ret >= 0 {
		f.Raw, f.Given, f.Layer = d.raw, d.name, d.layer
		f.ID = event.FileID{Dev: kernelDev(d.dev), Ino: d.ino}
		f.InodeMode = kinds[d.kind].mode
		f.Created = s.out.captured.OpenFlags&openCreated != 0
		return
	}
	f.Raw, f.Given = s.failedName(n)
}

// failedName is the path of an open that failed, as it was given and absolute: of open and creat an absolute one is as it was given.
func (s *State) failedName(n *now) (raw, name string) {
	switch n.ev.Code {
	case schema.OpenX, schema.CreatX:
		if raw = n.view(1); strings.HasPrefix(raw, "/") || raw == none {
			return raw, raw
		}
		return raw, join(n.thread.cwd(), raw)
	case schema.OpenByHandleAtX:
		raw = n.view(3)
		return raw, raw
	}
	if raw = n.view(2); !n.has(1) || !n.has(2) {
		return raw, ""
	}
	return raw, join(n.dir(raw, n.int(1)), raw)
}

// opens tells whether an event is the end of an open.
func opens(code uint16) bool {
	return slices.Contains([]uint16{schema.OpenX, schema.CreatX, schema.OpenatV2X, schema.Openat2X, schema.OpenByHandleAtX}, code)
}

// openParams are the places of the flags and the mode of an open; -1: it has none.
func openParams(code uint16) (flags, mode int) {
	switch code {
	case schema.OpenX:
		return 2, 3
	case schema.CreatX:
		return -1, 2
	case schema.OpenatV2X, schema.Openat2X:
		return 3, 4
	}
	return 2, -1
}

// kernelDev turns a device number from the form of stat(2) into the kernel's.
func kernelDev(dev uint32) uint32 {
	major, minor := dev>>8&0xfff, dev&0xff|dev>>12&0xfff00
	return major<<20 | minor
}

// show fills in what fields show of a descriptor.
func (s *State) show(d *descriptor, t *thread, out *event.Descriptor) {
	k := &kinds[d.kind]
	d.shown = event.CapturedDescriptor{Type: k.word, Char: k.char, Name: d.name, Connected: d.connected}
	*out = event.Descriptor{
		Kind: k.kind, Path: d.name, ID: event.FileID{Dev: kernelDev(d.dev), Ino: d.ino}, InodeMode: k.mode,
		OpenFlags: kernelOpenFlags(d.flags), Layer: d.layer, Captured: &d.shown,
	}
	if k.kind != event.KindSocket {
		return
	}
	out.Socket.Family = k.family
	switch d.kind {
	case kindIPv4, kindIPv6:
		l := layoutOf(d.kind)
		d.ends = event.Ends{
			Source: d.info.sourceEnd(l), Destination: d.info.destinationEnd(l), Roles: d.role != noRole, L4: none,
		}
		d.ends.DestinationLocal = !s.local(t, d.ends.Source.Addr())
		d.ends.Server = s.local(t, d.ends.Destination.Addr())
		if l4 := d.info[l.l4]; int(l4) < len(l4Words) && l4Words[l4] != "" && (d.role != noRole || l4 == l4Raw) {
			d.ends.L4 = l4Words[l4]
		}
		out.Socket.Ends = &d.ends
	case kindIPv4Server, kindIPv6Server:
		l := layoutOf(d.kind)
		d.ends = event.Ends{Destination: d.info.sourceEnd(l), Roles: d.role != noRole, Server: true, L4: none}
		if l4 := d.info[l.l4]; int(l4) < len(l4Words) && l4Words[l4] != "" {
			d.ends.L4 = l4Words[l4]
		}
		out.Socket.Ends = &d.ends
	default:
		out.Socket.Sock, out.Socket.Peer = d.info.nodes()
		out.Socket.Name = d.name
	}
}

// showUnknown fills in what fields show of a descriptor that is not known: the event's own parameters.
func (s *State) showUnknown(n *now, out *event.Descriptor) {
	u := &s.out.unknown
	*u = event.CapturedDescriptor{Char: 'o'}
	switch n.ev.Code {
	case schema.SocketX, schema.AcceptV5X, schema.Accept4V6X:
		u.Char = '4'
	case schema.PipeX, schema.Pipe2X:
		u.Char = 'p'
	case schema.EventfdX, schema.Eventfd2X:
		u.Char = 'e'
	case schema.SignalfdX, schema.Signalfd4X:
		u.Char = 's'
	case schema.TimerfdCreateX:
		u.Char = 't'
	case schema.InotifyInitX, schema.InotifyInit1X:
		u.Char = 'i'
	}
	switch n.ev.Code {
	case schema.AcceptV5X, schema.Accept4V6X, schema.ConnectX:
		at := len(s.out.text)
		s.out.text = appendParamTuple(s.out.text, n.raw(1))
		u.Name = view(s.out.text[at:])
	}
	out.Captured = u
}

// local tells whether an address is the machine's, as a thread of it sees it.
func (s *State) local(t *thread, a addr) bool {
	if t.containerID != "" {
		if known, found := s.localToContainer(event.ShortID(t.containerID), a); known {
			return found
		}
	}
	return s.interfaces.has(a)
}

// publishKind sets what events of one kind have.
func (s *State) publishKind(n *now, out *event.Event) {
	switch n.ev.Code {
	case schema.ExecveV19X:
		if n.has(execFilename) {
			out.Filename = n.view(execFilename)
		}
	case schema.ProcexitV1E:
		out.Exit = event.Exit{Code: int32(n.int(0)), Ret: int32(n.int(1)), Sig: int32(n.uint(2)), Core: n.uint(3) != 0, Reaper: int32(n.int(4))}
	case schema.IOUringSetupX:
		out.Uring = event.Uring{
			Entries: n.u32(1), SQEntries: n.u32(2), CQEntries: n.u32(3), Known: true, ThreadCPU: n.u32(5), ThreadIdle: n.u32(6),
		}
	}
}
