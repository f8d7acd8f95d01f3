package state

import "github.com/saker-sensor/saker/internal/replay/scap/schema"

// received is the end of a call that reads: from a socket that is not connected it tells the other end.
func (s *State) received(n *now) {
	at := -1
	switch n.ev.Code {
	case schema.RecvfromX:
		at = 2
	case schema.RecvmsgX:
		at = 3
	case schema.RecvmmsgX, schema.RecvX:
		at = 4
	}
	if n.ev.Code == schema.RecvmmsgX && !n.has(0) {
		return
	}
	s.transferred(n, at, true)
}

// sent is the end of a call that writes.
func (s *State) sent(n *now) {
	at := -1
	switch n.ev.Code {
	case schema.SendmmsgX:
		if !n.has(0) {
			return
		}
		at = 4
	case schema.SendX, schema.SendtoX, schema.SendmsgX:
		at = 4
		if n.fd == nil && n.thread != nil {
			s.inferSocket(n)
		}
	}
	s.transferred(n, at, false)
}

// inferSocket makes a socket known to which is sent: it was made before the capture.
func (s *State) inferSocket(n *now) {
	if !n.has(0) || n.result() < 0 || !n.has(4) {
		return
	}
	const datagram, udp = 2, 17
	if family := n.raw(4)[0]; family == familyIPv4 || family == familyIPv6 {
		s.openSocket(n, n.int(2), uint32(family), datagram, udp, 0)
	}
}

// transferred updates the ends of a socket by the tuple in a parameter, -1 if there is none.
func (s *State) transferred(n *now, at int, incoming bool) {
	d := n.fd
	if d == nil || !n.has(0) || n.result() < 0 {
		return
	}
	if d.kind == kindIPv4 || d.kind == kindIPv6 {
		d.connected = true
	}
	tcp := d.kind == kindIPv4 && d.info[layoutIPv4.l4] == l4TCP
	if at < 0 || d.name != "" && tcp || !s.update(n, n.raw(at)) {
		return
	}
	if d.kind != kindIPv4 && d.kind != kindIPv6 {
		s.rename(d, string(appendParamTuple(nil, n.raw(at))))
		return
	}
	if d.role == noRole {
		d.role = n.thread.guessRole(d, incoming)
	}
	if d.role == client && incoming || d.role == server && !incoming {
		d.info.swap(layoutOf(d.kind))
	}
	s.rename(d, d.info.named(d.kind))
}

// guessRole says which role a thread has: it is a server if it listens on the port of the other end's other end.
func (t *thread) guessRole(d *descriptor, incoming bool) role {
	destination, source := d.info.port(layoutIPv4.destinationPort), d.info.port(layoutIPv4.sourcePort)
	bound, uses := false, false
	if table := t.table(); table != nil {
		for _, o := range table.fds {
			switch o.kind {
			case kindIPv4:
				bound = bound || o.info.port(layoutIPv4.destinationPort) == destination
				uses = uses || o.info.port(layoutIPv4.sourcePort) == source
			case kindIPv4Server:
				bound = bound || o.info.port(layoutIPv4Server.sourcePort) == destination
			}
		}
	}
	switch {
	case !bound:
		return client
	case !uses, incoming:
		return server
	}
	return client
}

// update takes over the ends of a tuple; false if they are known.
func (s *State) update(n *now, raw []byte) bool {
	d := n.fd
	t, ok := tupleOf(raw)
	if !ok {
		return false
	}
	switch t.family {
	case familyIPv4:
		if d.kind == kindIPv4Server {
			d.info[layoutIPv4.l4] = d.info[layoutIPv4Server.l4]
		}
		n.setKind(kindIPv4)
		if !d.setEnds(&layoutIPv4, &t) {
			return false
		}
	case familyIPv6:
		l := &layoutIPv6
		if t.unmapped(); t.family == familyIPv4 {
			n.setKind(kindIPv4)
			l = &layoutIPv4
		}
		if !d.setEnds(l, &t) {
			return false
		}
	case familyUnix:
		n.setKind(kindUnix)
		d.info.setNodes(t.sourceNode, t.destinationNode)
		return true
	}
	if d.kind == kindIPv4 || d.kind == kindIPv6 {
		if l4 := &d.info[layoutOf(d.kind).l4]; *l4 == l4Unknown {
			*l4 = l4UDP
		}
	}
	s.interfaces.complete(d)
	return true
}

// setEnds sets the ends of a socket to those of a tuple and tells whether they differed. The same ends the other way around stay.
func (d *descriptor) setEnds(l *layout, t *tuple) (changed bool) {
	i := &d.info
	source, destination := string(i[l.source:l.source+l.address]), string(i[l.destination:l.destination+l.address])
	sourcePort, destinationPort := i.port(l.sourcePort), i.port(l.destinationPort)
	newSource, newDestination := string(t.source), string(t.destination)
	if d.kind == kindIPv4 && l == &layoutIPv4 || d.kind == kindIPv6 && l == &layoutIPv6 {
		same := newSource == source && t.sourcePort == sourcePort && newDestination == destination && t.destinationPort == destinationPort
		turned := newDestination == source && t.destinationPort == sourcePort && newSource == destination && t.sourcePort == destinationPort
		if same || turned {
			return false
		}
	}
	if source != newSource {
		copy(i[l.source:], t.source)
		changed = true
	}
	if sourcePort != t.sourcePort {
		i.setPort(l.sourcePort, t.sourcePort)
		changed = true
	}
	if destination != newDestination {
		copy(i[l.destination:], t.destination)
		changed = true
	}
	if destinationPort != t.destinationPort {
		i.setPort(l.destinationPort, t.destinationPort)
		changed = true
	}
	return changed
}
