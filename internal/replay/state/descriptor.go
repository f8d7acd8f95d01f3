package state

import (
	"strings"

	"golang.org/x/sys/unix"

	"github.com/saker-sensor/saker/internal/event"
	"github.com/saker-sensor/saker/internal/replay/scap"
)

// Kinds of descriptors, in Falco's numbers.
const (
	kindUnknown     scap.DescriptorKind = 0
	kindFile        scap.DescriptorKind = 1
	kindDirectory   scap.DescriptorKind = 2
	kindIPv4        scap.DescriptorKind = 3
	kindIPv6        scap.DescriptorKind = 4
	kindIPv4Server  scap.DescriptorKind = 5
	kindIPv6Server  scap.DescriptorKind = 6
	kindPipe        scap.DescriptorKind = 7
	kindUnix        scap.DescriptorKind = 8
	kindEvent       scap.DescriptorKind = 9
	kindSignal      scap.DescriptorKind = 11
	kindEpoll       scap.DescriptorKind = 12
	kindInotify     scap.DescriptorKind = 13
	kindTimer       scap.DescriptorKind = 14
	kindNetlink     scap.DescriptorKind = 15
	kindFileV2      scap.DescriptorKind = 16
	kindBPF         scap.DescriptorKind = 17
	kindUserfault   scap.DescriptorKind = 18
	kindURing       scap.DescriptorKind = 19
	kindMemfd       scap.DescriptorKind = 20
	kindPidfd       scap.DescriptorKind = 21
	kindUnsupported scap.DescriptorKind = 10
)

// kinds say by kind what fields show.
var kinds = [...]struct {
	word   string
	char   byte
	kind   event.DescriptorKind
	family uint16
	mode   uint32
	// number is that of fd.types (bpf/event.h, enum descriptor_kind).
	number uint8
}{
	kindUnknown:     {"", 'o', event.KindAnonymous, 0, 0, 0},
	kindFile:        {"file", 'f', event.KindFile, 0, unix.S_IFREG, 1},
	kindDirectory:   {"directory", 'd', event.KindDirectory, 0, unix.S_IFDIR, 2},
	kindIPv4:        {"ipv4", '4', event.KindSocket, unix.AF_INET, unix.S_IFSOCK, 4},
	kindIPv6:        {"ipv6", '6', event.KindSocket, unix.AF_INET6, unix.S_IFSOCK, 5},
	kindIPv4Server:  {"ipv4", '4', event.KindSocket, unix.AF_INET, unix.S_IFSOCK, 4},
	kindIPv6Server:  {"ipv6", '6', event.KindSocket, unix.AF_INET6, unix.S_IFSOCK, 5},
	kindPipe:        {"pipe", 'p', event.KindPipe, 0, unix.S_IFIFO, 3},
	kindUnix:        {"unix", 'u', event.KindSocket, unix.AF_UNIX, unix.S_IFSOCK, 6},
	kindEvent:       {"event", 'e', event.KindAnonymous, 0, 0, 8},
	kindUnsupported: {"", 'X', event.KindAnonymous, 0, 0, 0},
	kindSignal:      {"signalfd", 's', event.KindAnonymous, 0, 0, 11},
	kindEpoll:       {"eventpoll", 'l', event.KindAnonymous, 0, 0, 9},
	kindInotify:     {"inotify", 'i', event.KindAnonymous, 0, 0, 10},
	kindTimer:       {"timerfd", 't', event.KindAnonymous, 0, 0, 12},
	kindNetlink:     {"netlink", 'n', event.KindSocket, unix.AF_NETLINK, unix.S_IFSOCK, 7},
	kindFileV2:      {"file", 'f', event.KindFile, 0, unix.S_IFREG, 1},
	kindBPF:         {"bpf", 'b', event.KindAnonymous, 0, 0, 16},
	kindUserfault:   {"userfaultfd", 'u', event.KindAnonymous, 0, 0, 14},
	kindURing:       {"io_uring", 'r', event.KindAnonymous, 0, 0, 13},
	kindMemfd:       {"memfd", 'm', event.KindAnonymous, 0, 0, 18},
	kindPidfd:       {"pidfd", 'P', event.KindAnonymous, 0, 0, 15},
}

// Flags of an open, in Falco's numbers.
const (
	openDirectory = 1 << 10
	openCloexec   = 1 << 12
	openCreated   = 1 << 14
	openUpper     = 1 << 15
	openLower     = 1 << 16
)

// descriptor is what an open descriptor leads to.
type descriptor struct {
	kind  scap.DescriptorKind
	flags uint32
	// name is fd.name; raw is as the caller gave it, of a file that was opened during the capture.
	name, raw string
	dev       uint32
	ino       uint64
	layer     event.Layer
	// pid is the process that a pidfd is of.
	pid       int64
	role      role
	connected bool
	info      socketInfo

	// counted is how many bytes the state counts for it.
	counted int
	shown   event.CapturedDescriptor
	ends    event.Ends
}

// role of a socket's end that a process has.
type role uint8

const (
	noRole role = iota
	client
	server
)

// closesOnExec tells whether an exec closes it.
func (d *descriptor) closesOnExec() bool {
	const epollCloexec = 1 << 0
	return d.flags&openCloexec != 0 || d.kind == kindEpoll && d.flags&epollCloexec != 0
}

// keepsOnExec has an exec leave it open.
func (d *descriptor) keepsOnExec() {
	const epollCloexec = 1 << 0
	d.flags &^= openCloexec
	if d.kind == kindEpoll {
		d.flags &^= epollCloexec
	}
}

// copy is a descriptor of its own that leads to the same.
func (d *descriptor) copy() *descriptor {
	c := *d
	c.counted = 0
	return &c
}

// table are the descriptors of a process, by number.
type table struct {
	fds map[int64]*descriptor
	// kinds are those of the descriptors, unless changed: then they have to be found anew.
	kinds   event.DescriptorKinds
	changed bool
}

// allKinds are the kinds of the descriptors, a bit each.
func (t *table) allKinds() event.DescriptorKinds {
	if t.changed {
		t.kinds, t.changed = 0, false
		for _, d := range t.fds {
			t.kinds |= 1 << kinds[d.kind].number
		}
	}
	return t.kinds
}

// maxTable is how many descriptors one process may have.
const maxTable = 1 << 17

// open puts a descriptor into a table and returns it; nil if there is no room.
func (s *State) open(t *table, fd int64, d *descriptor) *descriptor {
	if t == nil {
		return nil
	}
	old := t.fds[fd]
	if old == nil && (s.descriptors >= s.settings.MaxDescriptors || len(t.fds) >= maxTable) ||
		s.bytes+len(d.name) > s.settings.MaxBytes {
		s.lost.Descriptors++
		return nil
	}
	if old != nil {
		s.free(old)
	}
	if t.fds == nil {
		t.fds = map[int64]*descriptor{}
	}
	t.fds[fd], t.changed = d, true
	d.counted = len(d.name) + len(d.raw)
	s.bytes += d.counted
	s.descriptors++
	return d
}

// rename gives a descriptor another name.
func (s *State) rename(d *descriptor, name string) {
	d.name = name
	s.bytes += len(d.name) + len(d.raw) - d.counted
	d.counted = len(d.name) + len(d.raw)
}

// close takes a descriptor out of a table.
func (s *State) close(t *table, fd int64) {
	if t == nil {
		return
	}
	if d := t.fds[fd]; d != nil {
		s.free(d)
		delete(t.fds, fd)
		t.changed = true
	}
}

func (s *State) free(d *descriptor) {
	s.bytes -= d.counted
	s.descriptors--
}

// inherit gives a table copies of the descriptors of another.
func (s *State) inherit(t, from *table) {
	if from == nil {
		return
	}
	for fd, d := range from.fds {
		s.open(t, fd, d.copy())
	}
}

// openNow is open for the thread of an event, which is about the descriptor from then on.
func (s *State) openNow(n *now, fd int64, d *descriptor) {
	if d = s.open(n.thread.table(), fd, d); d != nil || n.thread.table() != nil {
		n.thread.lastFD = fd
	}
	n.fd, n.name = d, ""
}

// descriptorOf makes a descriptor of what a capture's list says of it; nil if its kind is not known.
func (s *State) descriptorOf(in *scap.Descriptor) *descriptor {
	if int(in.Kind) >= len(kinds) || in.Kind == kindUnknown {
		return nil
	}
	d := &descriptor{kind: in.Kind, ino: in.Ino}
	switch in.Kind {
	case kindIPv4, kindIPv6:
		s.connectedOf(d, in)
	case kindIPv4Server, kindIPv6Server:
		d.info.listen(layoutOf(in.Kind), in.Local.Addr().AsSlice(), in.Local.Port(), in.L4)
		d.name = d.info.text(d.kind)
		s.serverPorts[in.Local.Port()] = true
	case kindUnix:
		d.info.setNodes(in.Source, in.Destination)
		d.name = strings.Clone(in.Path)
		d.role = server
		if d.name == "" {
			d.role = client
		}
	case kindFileV2:
		d.flags, d.dev, d.name = in.OpenFlags, in.Dev, strings.Clone(in.Path)
	default:
		d.name = strings.Clone(in.Path)
	}
	return d
}
