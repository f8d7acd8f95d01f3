package state

import (
	"bytes"

	"golang.org/x/sys/unix"

	"github.com/saker-sensor/saker/internal/replay/scap"
	"github.com/saker-sensor/saker/internal/replay/scap/schema"
)

// connectedOf has the ends of a socket that was connected when the capture began.
func (s *State) connectedOf(d *descriptor, in *scap.Descriptor) {
	source, destination := in.Local.Addr(), in.Remote.Addr()
	if d.kind == kindIPv6 && source.Is4In6() && destination.Is4In6() {
		d.kind, source, destination = kindIPv4, source.Unmap(), destination.Unmap()
	}
	l := layoutOf(d.kind)
	copy(d.info[l.source:l.source+l.address], source.AsSlice())
	copy(d.info[l.destination:l.destination+l.address], destination.AsSlice())
	d.info.setPort(l.sourcePort, in.Local.Port())
	d.info.setPort(l.destinationPort, in.Remote.Port())
	d.info[l.l4] = in.L4
	d.connected = in.L4 == l4TCP
	if d.kind == kindIPv4 {
		s.interfaces.complete(d)
	}
	d.name = d.info.text(d.kind)
}

// findRole says of a socket from the lists at the capture's start which end is the client's: not that with a port where one listens.
func (s *State) findRole(d *descriptor) {
	if d.kind != kindIPv4 {
		return
	}
	d.role = client
	if s.serverPorts[d.info.port(layoutIPv4.sourcePort)] {
		d.info.swap(&layoutIPv4)
		s.rename(d, d.info.text(d.kind))
		d.role = server
	}
}

// socket is the end of a call that makes one.
func (s *State) socket(n *now) {
	if n.thread == nil || !n.has(0) || n.result() < 0 {
		return
	}
	s.openSocket(n, n.result(), n.u32(1), n.u32(2), n.u32(3), n.u32(4))
}

func (s *State) openSocket(n *now, fd int64, domain, typ, protocol, flags uint32) {
	d := &descriptor{flags: flags}
	switch domain {
	case familyUnix:
		d.kind = kindUnix
	case familyNetlink:
		d.kind = kindNetlink
	case familyIPv4:
		d.kind = kindIPv4
		d.info[layoutIPv4.l4] = protocolOf(typ, protocol)
	case familyIPv6:
		d.kind = kindIPv6
		d.info[layoutIPv6.l4] = protocolOf(typ, protocol)
	}
	s.openNow(n, fd, d)
}

func protocolOf(typ, protocol uint32) uint8 {
	raw := func(l4 uint8) uint8 {
		if typ == unix.SOCK_RAW {
			return l4Raw
		}
		return l4
	}
	switch protocol {
	case unix.IPPROTO_TCP:
		return raw(l4TCP)
	case unix.IPPROTO_UDP:
		return raw(l4UDP)
	case unix.IPPROTO_ICMP:
		return raw(l4ICMP)
	case unix.IPPROTO_RAW:
		return l4Raw
	case unix.IPPROTO_IP:
		switch typ & 0xff {
		case unix.SOCK_STREAM:
			return l4TCP
		case unix.SOCK_DGRAM:
			return l4UDP
		}
	}
	return l4Unknown
}

// bound is the end of a bind.
func (s *State) bound(n *now) {
	if n.fd == nil || n.result() < 0 {
		return
	}
	a, ok := addressOf(n.raw(1))
	if !ok {
		return
	}
	d := n.fd
	if a.port > 0 && (a.family == familyIPv4 || a.family == familyIPv6) {
		from, ip := &layoutIPv6, a.ip
		to, kind := &layoutIPv6Server, kindIPv6Server
		if a.family == familyIPv4 {
			from = &layoutIPv4
		}
		if a.family == familyIPv4 || mapped(ip) {
			to, kind, ip = &layoutIPv4Server, kindIPv4Server, ip[len(ip)-4:]
		}
		n.setKind(kind)
		d.info.listen(to, ip, a.port, d.info[from.l4])
		d.role = server
	}
	s.rename(d, string(a.append(nil)))
}

// paired is the end of a socketpair.
func (s *State) paired(n *now) {
	if n.thread == nil || !n.has(0) || n.result() < 0 {
		return
	}
	first, second := n.int(1), n.int(2)
	if first == second {
		n.setFD(nil)
		return
	}
	d := &descriptor{kind: kindUnix}
	d.info.setNodes(n.uint(3), n.uint(4))
	other := d.copy()
	s.openNow(n, first, d)
	if s.open(n.thread.table(), second, other) != nil {
		n.thread.lastFD = second
	}
}

// connect is the end of a connect, also of one that goes on in the background.
func (s *State) connect(n *now) {
	if n.thread == nil || n.fd == nil || n.result() < 0 && n.result() != -int64(unix.EINPROGRESS) {
		return
	}
	d := n.fd
	d.connected = true
	var entered address
	known := false
	if e := n.enter(); e != nil {
		entered, known = addressOf(e.raw(1))
	}
	if !n.has(1) {
		if known {
			s.connectTo(n, d, &entered)
		}
		return
	}
	t, ok := tupleOf(n.raw(1))
	if !ok {
		return
	}
	if asked, ok := addressOf(n.raw(3)); ok && known {
		t.resolve(&asked, &entered)
	}
	switch t.family {
	case familyIPv4, familyIPv6:
		t.unmapped()
		if t.family == familyIPv4 {
			n.setKind(kindIPv4)
		} else {
			n.setKind(kindIPv6)
		}
		changed := d.setEnds(layoutOf(d.kind), &t)
		if changed && d.role == server && d.kind == kindIPv4 && d.info[layoutIPv4.l4] == l4UDP {
			d.info.swap(&layoutIPv4)
		}
		s.rename(d, d.info.named(d.kind))
	default:
		if d.kind != kindUnix {
			return
		}
		d.info.setNodes(t.sourceNode, t.destinationNode)
		s.rename(d, string(append(append(appendNodes(nil, t.sourceNode, t.destinationNode), ' '), t.path...)))
	}
	if d.role == noRole {
		d.role = client
	}
}

// resolve takes the address that the call had at its begin, if that at its end is the tuple's.
func (t *tuple) resolve(asked, entered *address) {
	if asked.family != t.family || entered.family != t.family {
		return
	}
	switch t.family {
	case familyUnix:
		if t.path == asked.path {
			t.path = entered.path
		}
	case familyIPv4, familyIPv6:
		if t.destinationPort == asked.port && bytes.Equal(t.destination, asked.ip) {
			t.destination, t.destinationPort = entered.ip, entered.port
		}
	}
}

// connectTo has the other end of a socket whose tuple is not known.
func (s *State) connectTo(n *now, d *descriptor, a *address) {
	ip := a.ip
	switch {
	case a.family == familyIPv4 || a.family == familyIPv6 && mapped(ip):
		n.setKind(kindIPv4)
		ip = ip[len(ip)-4:]
	case a.family == familyIPv6:
		n.setKind(kindIPv6)
	default:
		s.rename(d, string(appendParamTuple(nil, n.raw(1))))
		return
	}
	l := layoutOf(d.kind)
	copy(d.info[l.destination:l.destination+l.address], ip)
	d.info.setPort(l.destinationPort, a.port)
}

// appendParamTuple appends the text of a parameter with a tuple.
func appendParamTuple(dst, raw []byte) []byte {
	t, ok := tupleOf(raw)
	switch {
	case len(raw) == 0:
		return append(dst, "NULL"...)
	case !ok:
		return append(dst, invalid(t.family, "SOCKTUPLE")...)
	}
	return t.append(dst)
}

// appendParamAddress appends the text of a parameter with an address.
func appendParamAddress(dst, raw []byte) []byte {
	a, ok := addressOf(raw)
	switch {
	case len(raw) == 0:
		return append(dst, none...)
	case !ok:
		return append(dst, invalid(a.family, "SOCKADDR")...)
	}
	return a.append(dst)
}

func invalid(family byte, other string) string {
	switch family {
	case familyUnix:
		return "INVALID PATH"
	case familyIPv4:
		return "INVALID IPv4"
	case familyIPv6:
		return "INVALID IPv6"
	}
	return "INVALID " + other
}

// accepted is the end of an accept.
func (s *State) accepted(n *now) {
	fd := n.result()
	if n.thread == nil || !n.has(0) || fd < 0 {
		return
	}
	n.thread.lastFD = fd
	t, ok := tupleOf(n.raw(1))
	if !ok {
		return
	}
	d := &descriptor{role: server, connected: true, name: string(t.append(nil))}
	t.unmapped()
	switch t.family {
	case familyIPv4, familyIPv6:
		kind := kindIPv6
		if t.family == familyIPv4 {
			kind = kindIPv4
		}
		d.setEnds(layoutOf(kind), &t)
		d.kind = kind
		d.info[layoutOf(kind).l4] = l4TCP
	case familyUnix:
		d.kind = kindUnix
		d.info.setNodes(t.sourceNode, t.destinationNode)
	default:
		return
	}
	if n.ev.Code == schema.Accept4V6X {
		d.flags = n.u32(5) & openCloexec
	}
	s.openNow(n, fd, d)
}
