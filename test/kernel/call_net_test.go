package kernel

import (
	"encoding/binary"
	"net/netip"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/saker-sensor/saker/internal/event"
)

// netCalls are the calls on sockets.
var netCalls = []callRow{
	{name: "socket", make: func(m *maker) {
		m.call(0, num("domain", unix.AF_INET6), num("type", unix.SOCK_DGRAM), num("proto", unix.IPPROTO_UDP), num("flags", 0), m.result("fd"))
		m.call(0, num("domain", unix.AF_UNIX), num("type", unix.SOCK_STREAM|unix.SOCK_CLOEXEC), num("proto", 0),
			and("flags", 0x1000), m.result("fd"))
		m.call(unix.EAFNOSUPPORT, numAs("domain", 99, 0), num("type", unix.SOCK_STREAM), num("proto", 3), and("flags", 0), m.result("fd"))
	}},
	{name: "socketpair", make: func(m *maker) {
		fds := m.room(8)
		m.call(0, num("domain", unix.AF_UNIX), num("type", unix.SOCK_STREAM), num("proto", 0), word(at(fds)),
			m.stored("fd1", fds), m.stored("fd2", fds[4:]))
		m.call(unix.EOPNOTSUPP, num("domain", unix.AF_INET), num("type", unix.SOCK_STREAM), num("proto", 0), word(at(fds)),
			m.stored("fd1", fds), m.stored("fd2", fds[4:]))
	}},
	{name: "bind", make: func(m *maker) {
		for _, e := range m.ends() {
			fd := m.newSocket(e, unix.SOCK_STREAM)
			m.call(0, append([]arg{m.fd("fd", fd)}, m.address("addr", e)...)...)
			m.call(anyErrno, append([]arg{m.fd("fd", fd)}, m.address("addr", e)...)...)
		}
		// A datagram socket with a port of its own serves.
		udp := m.free(m.ends()[0])
		fd := m.newSocket(udp, unix.SOCK_DGRAM)
		m.servers[fd] = true
		m.call(0, append([]arg{m.fd("fd", fd)}, m.address("addr", udp)...)...)
	}},
	{name: "connect", make: func(m *maker) {
		for _, e := range m.ends() {
			to := m.local(m.listener(e))
			m.call(0, append([]arg{m.fd("fd", m.newSocket(e, unix.SOCK_STREAM))}, m.address("addr", to)...)...)
		}
		udp := m.ends()[0]
		to := m.local(m.bound(udp, unix.SOCK_DGRAM))
		m.call(0, append([]arg{m.fd("fd", m.newSocket(udp, unix.SOCK_DGRAM))}, m.address("addr", to)...)...)
		nobody := m.local(m.bound(udp, unix.SOCK_STREAM)) // does not listen
		m.call(unix.ECONNREFUSED, append([]arg{m.refused(m.newSocket(udp, unix.SOCK_STREAM), nobody)}, m.address("addr", nobody)...)...)
		absent := m.ends()[2]
		m.call(unix.ENOENT, append([]arg{m.fd("fd", m.newSocket(absent, unix.SOCK_STREAM))}, m.address("addr", absent)...)...)
	}},
	{name: "listen", make: func(m *maker) {
		for _, e := range m.ends() {
			fd := m.bound(e, unix.SOCK_STREAM)
			m.queues[fd], m.servers[fd] = 7, true
			m.call(0, m.fd("fd", fd), num("backlog", 7))
		}
		m.call(unix.EOPNOTSUPP, m.fd("fd", m.newSocket(m.ends()[0], unix.SOCK_DGRAM)), num("backlog", -1))
	}},
	{name: "accept", make: func(m *maker) { acceptCall(m) }},
	{name: "accept4", make: func(m *maker) { acceptCall(m, numAs("flags", unix.SOCK_CLOEXEC, 0x1000)) }},
	{name: "shutdown", make: func(m *maker) {
		a, _ := m.pair()
		m.call(0, m.fd("fd", a), num("how", unix.SHUT_WR))
		m.call(unix.ENOTSOCK, m.fd("fd", m.open("a", unix.O_RDWR)), num("how", unix.SHUT_RDWR))
	}},
	{name: "getsockname", make: nameCall},
	{name: "getpeername", make: nameCall},
	{name: "setsockopt", make: func(m *maker) {
		fd, one := m.newSocket(m.ends()[0], unix.SOCK_STREAM), m.bytes("\x01\x00\x00\x00")
		m.call(0, m.fd("fd", fd), num("level", unix.SOL_SOCKET), num("optname", unix.SO_REUSEADDR), m.data("val", one), num("optlen", 4))
		m.call(unix.EINVAL, m.fd("fd", fd), num("level", unix.SOL_SOCKET), num("optname", unix.SO_KEEPALIVE),
			m.data("val", one[:1]), num("optlen", 1))
	}},
	{name: "getsockopt", make: func(m *maker) {
		fd, value := m.newSocket(m.ends()[0], unix.SOCK_DGRAM), m.room(4)
		length := m.bytes("\x04\x00\x00\x00")
		m.call(0, m.fd("fd", fd), num("level", unix.SOL_SOCKET), num("optname", unix.SO_TYPE), m.data("val", value), later("optlen", length))
		m.call(unix.EBADF, m.fd("fd", noFD), num("level", unix.SOL_SOCKET), num("optname", unix.SO_ERROR),
			m.data("val", value), later("optlen", length))
	}},
	{name: "sendto", make: func(m *maker) {
		data := m.bytes("payload")
		for _, e := range m.ends()[:2] {
			server := m.bound(e, unix.SOCK_DGRAM)
			fd := m.newSocket(m.local(server), unix.SOCK_DGRAM)
			m.call(0, append([]arg{m.fdTo("fd", fd, m.local(server)), m.data("data", data), num("size", 7), word(0)},
				m.address("tuple", m.local(server))...)...)
		}
		a, _ := m.pair()
		many := m.bytes(long)
		m.call(0, m.fd("fd", a), m.data("data", many), num("size", int64(len(many))), word(0), missing("tuple", 0), word(0))
		m.call(unix.EBADF, m.fd("fd", noFD), m.data("data", data), num("size", 7), word(0), missing("tuple", 0), word(0))
	}},
	{name: "recvfrom", make: func(m *maker) {
		e := m.ends()[0]
		server, client := m.bound(e, unix.SOCK_DGRAM), m.bound(e, unix.SOCK_DGRAM)
		m.note(unix.Sendto(client, []byte("payload"), 0, m.local(server).sockaddr()))
		from, length, data := m.room(16), m.bytes("\x10\x00\x00\x00"), m.room(64)
		sender := m.local(client)
		m.call(0, m.fdTo("fd", server, sender), received("data", data), num("size", 64), word(0),
			arg{name: "tuple", word: at(from), want: shown(event.Param{Addr: sender.addr})}, word(at(length)))
		m.call(unix.EBADF, m.fd("fd", noFD), received("data", data), num("size", 4), word(0), missing("tuple", 0), word(0))
	}},
	{name: "sendmsg", make: func(m *maker) {
		e := m.ends()[0]
		server := m.bound(e, unix.SOCK_DGRAM)
		to := m.local(server)
		msg := m.message(to, m.bytes("pay"), m.bytes(long))
		m.call(0, m.fdTo("fd", m.newSocket(e, unix.SOCK_DGRAM), to), msg.data(false), word(0), and("size", 3+int64(len(long))), msg.tuple())
		m.call(unix.EBADF, m.fd("fd", noFD), msg.data(false), word(0), and("size", 3+int64(len(long))), msg.tuple())
	}},
	{name: "sendmmsg", make: func(m *maker) {
		e := m.ends()[1]
		server := m.bound(e, unix.SOCK_DGRAM)
		to := m.local(server)
		msg := m.message(to, m.bytes("pay"), m.bytes("load"))
		m.call(0, m.fdTo("fd", m.newSocket(e, unix.SOCK_DGRAM), to), msg.data(false), word(1), word(0), and("size", 7), msg.tuple())
		m.call(unix.EBADF, m.fd("fd", noFD), msg.data(false), word(1), word(0), and("size", 7), msg.tuple())
	}},
	{name: "recvmsg", make: func(m *maker) {
		e := m.ends()[0]
		server, client := m.bound(e, unix.SOCK_DGRAM), m.bound(e, unix.SOCK_DGRAM)
		m.note(unix.Sendto(client, []byte("payload"), 0, m.local(server).sockaddr()))
		sender := m.local(client)
		msg := m.message(sender, m.room(3), m.room(60)) // the address is overwritten by the same
		m.call(0, m.fdTo("fd", server, sender), msg.data(true), word(0), and("size", 7), msg.tuple())
		m.call(unix.EBADF, m.fd("fd", noFD), msg.data(true), word(0), and("size", int64(uint32(0xfffffff7))), msg.tuple())
	}},
	{name: "recvmmsg", make: func(m *maker) {
		e := m.ends()[0]
		server, client := m.bound(e, unix.SOCK_DGRAM), m.bound(e, unix.SOCK_DGRAM)
		m.note(unix.Sendto(client, []byte("payload"), 0, m.local(server).sockaddr()))
		sender := m.local(client)
		msg := m.message(sender, m.room(3), m.room(60))
		whole := joined(false, [][]byte{msg.buffers[0], msg.buffers[1]})
		m.call(0, m.fdTo("fd", server, sender), arg{name: "data", word: at(msg.header), want: whole}, word(1),
			word(unix.MSG_DONTWAIT), word(0), and("size", 7), msg.tuple())
		m.call(unix.EBADF, m.fd("fd", noFD), arg{name: "data", word: at(msg.header), want: whole}, word(1), word(0), word(0),
			seen(missing("size", 0)), msg.tuple())
	}},
}

func acceptCall(m *maker, more ...arg) {
	args := func(listener int, fd arg) []arg {
		return append([]arg{m.fd("", listener), word(0), word(0)}, append(more, fd)...)
	}
	for _, e := range m.ends() {
		l := m.listener(e)
		m.note(unix.Connect(m.newSocket(e, unix.SOCK_STREAM), m.local(l).sockaddr()))
		m.call(0, args(l, arg{name: "fd", none: true, want: func(fd int64) paramFacts {
			m.servers[int(fd)] = true
			return m.descriptor(int(fd))
		}})...)
	}
	m.call(unix.EINVAL, args(m.bound(m.ends()[0], unix.SOCK_STREAM), m.result("fd"))...)
}

func nameCall(m *maker) {
	a, _ := m.pair()
	room, length := m.room(128), m.bytes("\x80\x00\x00\x00")
	m.call(0, word(uintptr(a)), word(at(room)), word(at(length)))
	m.call(unix.EBADF, word(noFD), word(at(room)), word(at(length)))
}

// pair are two sockets that are connected.
func (m *maker) pair() (a, b int) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	m.note(err)
	return fds[0], fds[1]
}

// listener is a new socket that listens.
func (m *maker) listener(e end) int {
	const backlog = 3
	fd := m.bound(e, unix.SOCK_STREAM)
	m.note(unix.Listen(fd, backlog))
	m.queues[fd], m.servers[fd] = backlog, true
	return fd
}

// message is a struct mmsghdr, whose begin is a struct msghdr.
type message struct {
	header  []byte
	to      end
	buffers [][]byte
}

func (m *maker) message(to end, buffers ...[]byte) message {
	name := m.bytes(string(to.raw()))
	vector := m.vector("", false, buffers...)
	return message{m.words(uint64(at(name)), uint64(len(name)), uint64(vector[0].word), uint64(len(buffers)), 0, 0, 0, 0), to, buffers}
}

func (msg message) data(filled bool) arg {
	return arg{name: "data", word: at(msg.header), want: joined(filled, msg.buffers)}
}

func (msg message) tuple() arg { return arg{name: "tuple", none: true, want: shown(msg.to.shown())} }

// end is one of a socket: an address and port, or the path of a unix socket.
type end struct {
	addr netip.AddrPort
	path string
}

// ends are free ones of each family.
func (m *maker) ends() []end {
	m.sockets++
	return []end{
		{addr: netip.MustParseAddrPort("127.0.0.1:0")}, {addr: netip.MustParseAddrPort("[::1]:0")},
		{path: filepath.Join(m.base, "socket"+string(rune('a'+m.sockets)))},
	}
}

func (e end) family() int {
	switch {
	case !e.addr.IsValid():
		return unix.AF_UNIX
	case e.addr.Addr().Is4():
		return unix.AF_INET
	}
	return unix.AF_INET6
}

func (e end) sockaddr() unix.Sockaddr {
	switch e.family() {
	case unix.AF_UNIX:
		return &unix.SockaddrUnix{Name: e.path}
	case unix.AF_INET:
		return &unix.SockaddrInet4{Addr: e.addr.Addr().As4(), Port: int(e.addr.Port())}
	}
	return &unix.SockaddrInet6{Addr: e.addr.Addr().As16(), Port: int(e.addr.Port())}
}

// raw is the struct sockaddr.
func (e end) raw() []byte {
	b := binary.NativeEndian.AppendUint16(nil, uint16(e.family()))
	if e.family() == unix.AF_UNIX {
		return append(append(b, e.path...), 0)
	}
	b = binary.BigEndian.AppendUint16(b, e.addr.Port())
	if e.family() == unix.AF_INET {
		return append(append(b, e.addr.Addr().AsSlice()...), make([]byte, 8)...)
	}
	b = append(b, 0, 0, 0, 0)
	return append(append(b, e.addr.Addr().AsSlice()...), 0, 0, 0, 0)
}

// shown is the end as a parameter.
func (e end) shown() event.Param {
	if e.family() == unix.AF_UNIX {
		return event.Param{Text: e.path}
	}
	return event.Param{Addr: e.addr}
}

// address is an end as two arguments: where it stands, and how long it is.
func (m *maker) address(name string, e end) []arg {
	b := m.bytes(string(e.raw()))
	return []arg{{name: name, word: at(b), want: shown(e.shown())}, word(uintptr(len(b)))}
}

func (m *maker) newSocket(e end, typ int) int {
	return m.must(unix.Socket(e.family(), typ|unix.SOCK_CLOEXEC, 0))
}

// free has a port of an end that nobody uses.
func (m *maker) free(e end) end {
	fd := m.newSocket(e, unix.SOCK_DGRAM)
	m.note(unix.Bind(fd, e.sockaddr()))
	e = m.local(fd)
	m.note(unix.Close(fd))
	return e
}

// bound is a new socket with a port of its own, or the end's path.
func (m *maker) bound(e end, typ int) int {
	if typ == unix.SOCK_DGRAM && e.family() != unix.AF_UNIX {
		e = m.free(e)
	}
	fd := m.newSocket(e, typ)
	m.servers[fd] = typ == unix.SOCK_DGRAM
	m.note(unix.Bind(fd, e.sockaddr()))
	return fd
}

// local is the end that a socket is bound to.
func (m *maker) local(fd int) end {
	sa, err := unix.Getsockname(fd)
	m.note(err)
	return end{addr: endOf(sa), path: unixName(sa)}
}

// fdTo is a socket that is not connected, and gets the other end from the call.
func (m *maker) fdTo(name string, fd int, to end) arg {
	a := m.fd(name, fd)
	of := a.want
	a.want = func(n int64) paramFacts {
		p := of(n)
		if s := &p.Descriptor.Socket; s.Remote.Port() == 0 && to.addr.IsValid() {
			s.Remote, s.Addressed = to.addr, true
		}
		return p
	}
	return a
}

// refused is a socket whose connection was refused: the kernel has forgotten the ports, and getsockname has not.
func (m *maker) refused(fd int, to end) arg {
	a := m.fd("fd", fd)
	of := a.want
	a.want = func(n int64) paramFacts {
		p := of(n)
		s := &p.Descriptor.Socket
		s.Local, s.Remote = netip.AddrPortFrom(s.Local.Addr(), 0), netip.AddrPortFrom(to.addr.Addr(), 0)
		return p
	}
	return a
}
