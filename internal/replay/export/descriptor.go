package export

import (
	"strings"

	"golang.org/x/sys/unix"

	"github.com/saker-sensor/saker/internal/call"
	"github.com/saker-sensor/saker/internal/event"
	"github.com/saker-sensor/saker/internal/replay/scap"
	"github.com/saker-sensor/saker/internal/replay/scap/schema"
)

// opened is what readers take a descriptor for.
type opened struct {
	kind scap.DescriptorKind
	name string
	id   event.FileID
	// closed: they know that there is none.
	closed       bool
	closesOnExec bool
}

// use is a descriptor that an event uses, and that was open before it.
type use struct {
	fd int64
	of *event.Descriptor
}

// usesOf are the descriptors that an event uses.
func usesOf(dst []use, ev *event.Event, f *form) []use {
	add := func(fd int64, d *event.Descriptor) {
		if fd >= 0 && d.Kind != event.KindUnknown {
			dst = append(dst, use{fd, d})
		}
	}
	switch f.code {
	case schema.PipeX, schema.Pipe2X, schema.SocketpairX:
		return dst // they make them
	}
	for i, p := range f.schema.Params {
		newNumber := i == 2 && (f.code == schema.Dup2X || f.code == schema.Dup3X)
		if i > 0 && i < len(ev.Params) && p.Type == schema.TypeFD && !newNumber {
			add(ev.Params[i].Num, &ev.Params[i].Descriptor)
		}
	}
	if ev.Captured != nil && ev.FD >= 0 && ev.FD < len(ev.Params) && f.schema.Flags&(schema.UsesFD|schema.CreatesFD) == schema.UsesFD {
		add(ev.Params[ev.FD].Num, &ev.Params[ev.FD].Descriptor)
	}
	if ev.Captured == nil && event.IsOpen(ev.Type) && ev.Dir != "" && ev.DirFD >= 0 {
		add(int64(ev.DirFD), &event.Descriptor{Kind: event.KindDirectory, Path: ev.Dir, InodeMode: ev.DirMode})
	}
	return dst
}

// ensureDescriptors sees to it that readers know what the event's descriptors lead to.
func (e *Exporter) ensureDescriptors(ev *event.Event, f *form) {
	q := e.processes[ev.Tgid]
	if q == nil {
		return
	}
	e.uses = usesOf(e.uses[:0], ev, f)
	for _, u := range e.uses {
		e.ensureDescriptor(ev, q, u.fd, u.of)
	}
}

func (e *Exporter) ensureDescriptor(ev *event.Event, q *process, fd int64, d *event.Descriptor) {
	known := q.fds[fd]
	if known == nil && e.addDescriptor(q, fd, d) {
		return
	}
	if known.leadsTo(d) || ev.Captured != nil {
		return
	}
	if d.Kind != event.KindFile && d.Kind != event.KindDirectory {
		e.counters.Stale++
		return
	}
	open := e.of(ev, ev.Tgid, ev.Process)
	open.Tid, open.Vtid, open.Type, open.Ret, open.DirFD = ev.Tid, ev.Vtid, event.TypeOpenat, fd, event.AtFDCWD
	open.File = event.File{
		Present: true, FD: fd, Raw: d.Path, Given: d.Path, OpenFlags: d.OpenFlags, ID: d.ID, InodeMode: d.InodeMode, Layer: d.Layer,
	}
	if d.Kind == event.KindDirectory {
		open.File.OpenFlags |= unix.O_DIRECTORY
	}
	e.put(&open)
	e.keep(q, fd, openedOf(d))
}

// leadsTo tells whether a reader takes the descriptor for this one.
func (o *opened) leadsTo(d *event.Descriptor) bool {
	switch {
	case o == nil || o.closed:
		return false
	case d.Kind == event.KindFile || d.Kind == event.KindDirectory:
		return o.name == d.Path || d.ID.Ino != 0 && o.id.Ino == d.ID.Ino && o.id.Dev == d.ID.Dev
	case d.Kind == event.KindSocket && (d.Socket.Family == unix.AF_INET || d.Socket.Family == unix.AF_INET6):
		return o.kind >= scap.DescriptorIPv4 && o.kind <= scap.DescriptorIPv6Server
	}
	return o.kind == kindOf(d)
}

// addDescriptor puts a descriptor into the list of its process, or of the one that the process has it from. It returns false if it can't
// have been open from the begin of the capture on.
func (e *Exporter) addDescriptor(q *process, fd int64, d *event.Descriptor) bool {
	from := q
	for from.entry < 0 {
		if from = from.parent; from == nil || from.fds[fd] != nil {
			return false
		}
	}
	entry, o := e.entryOf(fd, d), openedOf(d)
	if !e.keep(q, fd, o) {
		return true
	}
	e.keep(from, fd, o)
	tid := e.list[from.entry].Tid
	if e.lists[tid] == nil {
		e.order = append(e.order, tid)
	}
	e.lists[tid] = append(e.lists[tid], entry)
	e.counters.Descriptors++
	return true
}

// keep remembers a descriptor, if there is room.
func (e *Exporter) keep(q *process, fd int64, o *opened) bool {
	if q.fds[fd] == nil && e.known >= e.settings.MaxDescriptors {
		e.counters.Full++
		return false
	}
	if q.fds == nil {
		q.fds = map[int64]*opened{}
	}
	if q.fds[fd] == nil {
		e.known++
	}
	q.fds[fd] = o
	return true
}

// followDescriptors keeps what an event did to descriptors.
func (e *Exporter) followDescriptors(ev *event.Event, f *form, q *process) {
	if ev.Ret < 0 {
		return
	}
	switch {
	case event.IsOpen(ev.Type):
		name := ev.File.Given
		if name == "" {
			name = ev.File.Resolved
		}
		e.keep(q, ev.Ret, &opened{
			kind: scap.DescriptorFileV2, name: strings.Clone(name), id: ev.File.ID, closesOnExec: ev.File.OpenFlags&unix.O_CLOEXEC != 0,
		})
	case f.code == schema.CloseX && len(ev.Params) > 1:
		e.keep(q, ev.Params[1].Num, &opened{closed: true})
	case f.row != nil:
		for i := range min(len(f.row.Params), len(ev.Params)) {
			if creates(&f.row.Params[i]) && ev.Params[i].Descriptor.Kind != event.KindUnknown {
				e.keep(q, ev.Params[i].Num, openedOf(&ev.Params[i].Descriptor))
			}
		}
	case ev.Captured != nil && f.schema.Flags&schema.CreatesFD != 0 && ev.FD >= 0 && ev.FD < len(ev.Params):
		e.keep(q, ev.Params[ev.FD].Num, openedOf(&ev.Params[ev.FD].Descriptor))
	}
}

// creates tells whether a parameter is a descriptor that the call made.
func creates(p *call.Param) bool { return p.IsDescriptor() && (p.IsResult() || p.Size != 0) }

func openedOf(d *event.Descriptor) *opened {
	return &opened{kind: kindOf(d), name: strings.Clone(nameOf(d)), id: d.ID, closesOnExec: d.OpenFlags&unix.O_CLOEXEC != 0}
}

// nameOf is the name that a list has of a descriptor.
func nameOf(d *event.Descriptor) string {
	if d.Captured != nil {
		return d.Captured.Name
	}
	if d.Kind == event.KindSocket {
		return strings.TrimRight(d.Socket.Name, "\x00")
	}
	return strings.TrimPrefix(d.Path, "memfd:")
}

// anonymous are the kinds of kernel objects by the beginning of the name that the kernel has for them, and by Falco's word.
func anonymous() []struct {
	prefix, word string
	kind         scap.DescriptorKind
} {
	return []struct {
		prefix, word string
		kind         scap.DescriptorKind
	}{
		{"[eventfd]", "event", scap.DescriptorEvent}, {"[eventpoll]", "eventpoll", scap.DescriptorEventpoll},
		{"inotify", "inotify", scap.DescriptorInotify}, {"[signalfd]", "signalfd", scap.DescriptorSignalfd},
		{"[timerfd]", "timerfd", scap.DescriptorTimerfd}, {"[io_uring]", "io_uring", scap.DescriptorIoUring},
		{"[userfaultfd]", "userfaultfd", scap.DescriptorUserfaultfd}, {"[pidfd]", "pidfd", scap.DescriptorPidfd},
		{"bpf", "bpf", scap.DescriptorBPF}, {"memfd:", "memfd", scap.DescriptorMemfd},
	}
}

// kindOf is the kind of a descriptor in a list.
func kindOf(d *event.Descriptor) scap.DescriptorKind {
	switch d.Kind {
	case event.KindFile, event.KindNamespace:
		return scap.DescriptorFileV2
	case event.KindDirectory:
		return scap.DescriptorDirectory
	case event.KindPipe:
		return scap.DescriptorFifo
	case event.KindSocket:
		switch d.Socket.Family {
		case unix.AF_INET, unix.AF_INET6:
			var out scap.Descriptor
			inetDescriptor(&d.Socket, &out)
			return out.Kind
		case unix.AF_UNIX:
			return scap.DescriptorUnix
		case unix.AF_NETLINK:
			return scap.DescriptorNetlink
		}
	case event.KindAnonymous:
		for _, a := range anonymous() {
			if d.Captured != nil && d.Captured.Type == a.word || d.Captured == nil && strings.HasPrefix(d.Path, a.prefix) {
				return a.kind
			}
		}
	}
	return scap.DescriptorUnsupported
}

// entryOf is a descriptor as a list has it.
func (e *Exporter) entryOf(fd int64, d *event.Descriptor) scap.Descriptor {
	out := scap.Descriptor{FD: fd, Ino: d.ID.Ino, Kind: kindOf(d), Path: strings.Clone(nameOf(d)), Dev: userDev(d.ID.Dev)}
	switch out.Kind {
	case scap.DescriptorIPv4, scap.DescriptorIPv6, scap.DescriptorIPv4Server, scap.DescriptorIPv6Server:
		inetDescriptor(&d.Socket, &out)
	case scap.DescriptorUnix:
		out.Source, out.Destination = unixEnds(&d.Socket)
	case scap.DescriptorFileV2:
		v := &e.encoder.value
		e.forms.flags.Get(&event.Event{Type: event.TypeOpenat, File: event.File{OpenFlags: d.OpenFlags, Layer: d.Layer}}, v)
		out.OpenFlags = uint32(v.Num)
	}
	return out
}

// userDev is a device number in the form of stat(2).
func userDev(dev uint32) uint32 {
	major, minor := dev>>20, dev&(1<<20-1)
	return minor&0xff | major<<8 | (minor&^0xff)<<12
}
