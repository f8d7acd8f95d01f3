package state

import (
	"strconv"
	"strings"

	"github.com/saker-sensor/saker/internal/replay/scap"
	"github.com/saker-sensor/saker/internal/replay/scap/schema"
)

// opening is what an open says of its file.
type opening struct {
	name  string
	flags uint32
	dir   string
	dev   uint32
	ino   uint64
}

// opened is the end of an open of any kind.
func (s *State) opened(n *now) {
	t := n.thread
	if t == nil || !n.has(0) {
		return
	}
	o := s.opening(n)
	fd := n.result()
	if fd < 0 {
		return
	}
	d := &descriptor{
		kind: kindFileV2, flags: o.flags, name: join(o.dir, o.name), raw: strings.Clone(o.name), dev: o.dev, ino: o.ino,
		layer: layer(o.flags&openUpper != 0, o.flags&openLower != 0),
	}
	if o.flags&openDirectory != 0 {
		d.kind = kindDirectory
	}
	s.openNow(n, fd, d)
}

// opening reads the parameters of an open. The name that the begin of the call had counts more than the one at its end.
func (s *State) opening(n *now) (o opening) {
	const devAndIno = 2
	first := func(dev int) {
		if n.has(dev) {
			o.dev, o.ino = n.u32(dev), n.uint(dev+1)
		}
	}
	switch n.ev.Code {
	case schema.OpenX:
		o.name, o.flags, o.dir = n.view(1), n.u32(2), n.thread.cwd()
		first(4)
		if e := n.enter(); e != nil && e.view(0) != none {
			o.name, o.flags = e.view(0), e.u32(1)|o.flags&^(openCreated-1)
		}
	case schema.CreatX:
		o.name, o.dir = n.view(1), n.thread.cwd()
		first(3)
		switch flags := n.uint(3 + devAndIno); {
		case flags&1 != 0:
			o.flags = openUpper
		case flags&2 != 0:
			o.flags = openLower
		}
		if e := n.enter(); e != nil && e.view(0) != none {
			o.name = e.view(0)
		}
	case schema.OpenatV2X, schema.Openat2X:
		o.name, o.flags = n.view(2), n.u32(3)
		dev := 5
		if n.ev.Code == schema.Openat2X {
			dev = 6
		}
		if n.has(dev + 1) {
			first(dev)
		}
		from, fd := n.has(1), n.int(1)
		if e := n.enter(); e != nil && e.view(1) != none {
			o.name, o.flags = e.view(1), e.u32(2)|o.flags&^(openCreated-1)
			from, fd = e.has(0), e.int(0)
		}
		if from {
			o.dir = n.dir(o.name, fd)
		}
	case schema.OpenByHandleAtX:
		o.flags, o.name = n.u32(2), n.view(3)
		first(4)
	}
	return o
}

// createdKind is a kind of descriptor that a call creates which returns its number; flags is the parameter with those of an open, 0 if
// there is none, epoll: they are epoll_create1's.
type createdKind struct {
	kind  scap.DescriptorKind
	flags int
	epoll bool
}

// created is the end of a call that makes a descriptor of a kernel object.
func (s *State) created(n *now, k createdKind) {
	if n.thread == nil || !n.has(0) || n.result() < 0 {
		return
	}
	d := &descriptor{kind: k.kind}
	if k.flags > 0 {
		d.flags = n.u32(k.flags)
	}
	if k.epoll {
		d.flags = d.flags & 1 * openCloexec
	}
	s.openNow(n, n.result(), d)
}

func (s *State) memfd(n *now) {
	if n.thread == nil || n.result() < 0 {
		return
	}
	s.openNow(n, n.result(), &descriptor{kind: kindMemfd, name: n.str(1), flags: n.u32(2)})
}

func (s *State) pidfd(n *now) {
	if n.thread == nil || n.result() < 0 {
		return
	}
	pid := n.int(1)
	s.openNow(n, n.result(), &descriptor{kind: kindPidfd, name: "/proc/" + strconv.FormatInt(pid, 10), flags: n.u32(2), pid: pid})
}

// pidfdGet takes a descriptor of another process over.
func (s *State) pidfdGet(n *now) {
	if n.thread == nil {
		return
	}
	of := n.thread.find(n.int(1))
	if of == nil || of.kind != kindPidfd {
		return
	}
	other := s.threads[of.pid]
	if other == nil {
		return
	}
	if d := other.find(n.int(2)); d != nil {
		c := d.copy()
		c.keepsOnExec()
		c.flags |= openCloexec
		s.openNow(n, n.result(), c)
	}
}

// closed is the end of a close. Rules still see the descriptor.
func (s *State) closed(n *now) {
	if n.has(0) && n.result() >= 0 && n.fd != nil && n.thread != nil {
		s.closing.tid, s.closing.fd = n.thread.tid, n.thread.lastFD
	}
}

func (s *State) closedRange(n *now) {
	const cloexec = 1 << 2
	if n.thread == nil || n.result() < 0 {
		return
	}
	t := n.thread.table()
	if t == nil {
		return
	}
	first, last := int64(n.u32(1)), int64(n.u32(2))
	for fd, d := range t.fds {
		switch {
		case fd < first || fd > last:
		case n.u32(3)&cloexec != 0:
			d.flags |= openCloexec
		default:
			s.close(t, fd)
		}
	}
}

func (s *State) piped(n *now) {
	if n.thread == nil || !n.has(0) || n.result() < 0 {
		return
	}
	var flags uint32
	if n.ev.Code == schema.Pipe2X {
		flags = n.u32(4)
	}
	for _, p := range []int{1, 2} {
		s.openNow(n, n.int(p), &descriptor{kind: kindPipe, ino: n.uint(3), flags: flags})
	}
}

// duplicated is the end of a dup of any kind.
func (s *State) duplicated(n *now) {
	fd := n.result()
	if n.thread == nil || !n.has(0) || fd < 0 || n.fd == nil {
		return
	}
	switch fd {
	case 0:
		n.thread.flags |= pipeDestination
	case 1:
		n.thread.flags |= pipeSource
	}
	d := n.fd.copy()
	d.keepsOnExec()
	if n.ev.Code == schema.Dup3X && n.u32(3)&openCloexec != 0 {
		d.flags |= openCloexec
	}
	s.openAgain(n, fd, d)
}

// openAgain is openNow for a descriptor with the name that another one has.
func (s *State) openAgain(n *now, fd int64, d *descriptor) {
	old := n.name
	s.openNow(n, fd, d)
	n.name = old
}

// controlled is the end of an fcntl that copies a descriptor, or says whether an exec closes it.
func (s *State) controlled(n *now) {
	const dupFD, setFD, dupCloexec, closeOnExec = 1, 3, 26, 1
	cmd := n.uint(2)
	if n.thread == nil || cmd != dupFD && cmd != setFD && cmd != dupCloexec || n.result() < 0 || n.fd == nil {
		return
	}
	if cmd == setFD {
		n.fd.keepsOnExec()
		if n.uint(3)&closeOnExec != 0 {
			n.fd.flags |= openCloexec
		}
		return
	}
	d := n.fd.copy()
	d.keepsOnExec()
	if cmd == dupCloexec {
		d.flags |= openCloexec
	}
	s.openAgain(n, n.result(), d)
}

func (s *State) changedDir(n *now) {
	if n.thread != nil && n.has(0) && n.result() >= 0 {
		n.thread.setCwd(n.view(1))
	}
}

func (s *State) changedDirFD(n *now) {
	if n.thread != nil && n.has(0) && n.result() >= 0 && n.fd != nil {
		n.thread.setCwd(n.fd.name)
	}
}
