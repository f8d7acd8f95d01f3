package state

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"strconv"

	"github.com/saker-sensor/saker/internal/replay/scap"
)

// Protocols of sockets, in Falco's numbers.
const (
	l4Unknown = iota
	l4None
	l4TCP
	l4UDP
	l4ICMP
	l4Raw
)

var l4Words = [...]string{l4TCP: "tcp", l4UDP: "udp", l4ICMP: "icmp", l4Raw: "raw"}

// socketInfo are the ends of a socket. It is laid out as Falco has it, one memory for all kinds: a socket that is bound and then
// connected shows there what Falco shows of it.
type socketInfo [40]byte

// layout says where what stands in a socketInfo. A listening socket has its address as the source, and a port behind it.
type layout struct {
	source, destination, sourcePort, destinationPort, l4 int
	// address is the length of an address.
	address int
}

var (
	layoutIPv4       = layout{source: 0, destination: 4, sourcePort: 8, destinationPort: 10, l4: 12, address: 4}
	layoutIPv6       = layout{source: 0, destination: 16, sourcePort: 32, destinationPort: 34, l4: 36, address: 16}
	layoutIPv4Server = layout{source: 0, sourcePort: 4, l4: 6, address: 4}
	layoutIPv6Server = layout{source: 0, sourcePort: 16, l4: 18, address: 16}
)

func layoutOf(k scap.DescriptorKind) *layout {
	switch k {
	case kindIPv4:
		return &layoutIPv4
	case kindIPv4Server:
		return &layoutIPv4Server
	case kindIPv6Server:
		return &layoutIPv6Server
	}
	return &layoutIPv6
}

func (i *socketInfo) port(at int) uint16       { return binary.LittleEndian.Uint16(i[at:]) }
func (i *socketInfo) setPort(at int, n uint16) { binary.LittleEndian.PutUint16(i[at:], n) }

func (i *socketInfo) end(l *layout, address, port int) netip.AddrPort {
	a, _ := netip.AddrFromSlice(i[address : address+l.address])
	return netip.AddrPortFrom(a, i.port(port))
}

func (i *socketInfo) sourceEnd(l *layout) netip.AddrPort { return i.end(l, l.source, l.sourcePort) }

func (i *socketInfo) destinationEnd(l *layout) netip.AddrPort {
	return i.end(l, l.destination, l.destinationPort)
}

// listen has the one end of a socket that listens.
func (i *socketInfo) listen(l *layout, address []byte, port uint16, l4 uint8) {
	copy(i[l.source:l.source+l.address], address)
	i.setPort(l.sourcePort, port)
	i[l.l4] = l4
}

// setNodes has the kernel's addresses of the ends of a unix socket.
func (i *socketInfo) setNodes(source, destination uint64) {
	binary.LittleEndian.PutUint64(i[0:], source)
	binary.LittleEndian.PutUint64(i[8:], destination)
}

func (i *socketInfo) nodes() (source, destination uint64) {
	return binary.LittleEndian.Uint64(i[0:]), binary.LittleEndian.Uint64(i[8:])
}

// swap turns the ends around.
func (i *socketInfo) swap(l *layout) {
	old := *i
	copy(i[l.source:l.source+l.address], old[l.destination:l.destination+l.address])
	copy(i[l.destination:l.destination+l.address], old[l.source:l.source+l.address])
	i.setPort(l.sourcePort, old.port(l.destinationPort))
	i.setPort(l.destinationPort, old.port(l.sourcePort))
}

// text is the name of a socket from its ends.
func (i *socketInfo) text(k scap.DescriptorKind) string {
	l := layoutOf(k)
	if k == kindIPv4Server || k == kindIPv6Server {
		return string(appendEnd(nil, i.sourceEnd(l)))
	}
	return string(appendEnds(nil, i.sourceEnd(l), i.destinationEnd(l)))
}

// named is text by the protocol: one without ports shows none.
func (i *socketInfo) named(k scap.DescriptorKind) string {
	l := layoutOf(k)
	source, destination := i.sourceEnd(l), i.destinationEnd(l)
	switch l4 := i[l.l4]; {
	case l4 == l4TCP || l4 == l4UDP:
		return i.text(k)
	case l4 == l4ICMP, l4 == l4Raw && k == kindIPv4:
		return source.Addr().String() + "->" + destination.Addr().String()
	}
	return "<unknown>"
}

func appendEnd(dst []byte, a netip.AddrPort) []byte {
	dst = a.Addr().AppendTo(dst)
	return strconv.AppendUint(append(dst, ':'), uint64(a.Port()), 10)
}

func appendEnds(dst []byte, source, destination netip.AddrPort) []byte {
	return appendEnd(append(appendEnd(dst, source), "->"...), destination)
}

// Families as events have them.
const (
	familyUnix    = 1
	familyIPv4    = 2
	familyIPv6    = 10
	familyNetlink = 16
)

// tuple are the ends of a socket as an event has them.
type tuple struct {
	family                      byte
	source, destination         []byte
	sourcePort, destinationPort uint16
	sourceNode, destinationNode uint64
	path                        string
}

// tupleOf reads a tuple; false if it is too short.
func tupleOf(b []byte) (t tuple, ok bool) {
	if len(b) == 0 {
		return t, false
	}
	t.family = b[0]
	port := binary.LittleEndian.Uint16
	switch {
	case t.family == familyIPv4 && len(b) >= 13:
		t.source, t.sourcePort, t.destination, t.destinationPort = b[1:5], port(b[5:]), b[7:11], port(b[11:])
	case t.family == familyIPv6 && len(b) >= 37:
		t.source, t.sourcePort, t.destination, t.destinationPort = b[1:17], port(b[17:]), b[19:35], port(b[35:])
	case t.family == familyUnix && len(b) >= 18 && b[len(b)-1] == 0:
		t.sourceNode, t.destinationNode = binary.LittleEndian.Uint64(b[1:]), binary.LittleEndian.Uint64(b[9:])
		t.path = text(b[17:])
	default:
		return t, t.family != familyIPv4 && t.family != familyIPv6 && t.family != familyUnix
	}
	return t, true
}

// unmapped has IPv4 ends that are written as IPv6 ones as what they are.
func (t *tuple) unmapped() {
	if t.family == familyIPv6 && mapped(t.source) && mapped(t.destination) {
		t.family, t.source, t.destination = familyIPv4, t.source[12:], t.destination[12:]
	}
}

func mapped(address []byte) bool {
	return bytes.Equal(address[:12], []byte{10: 0xff, 11: 0xff})
}

// append appends a tuple as Falco shows it.
func (t *tuple) append(dst []byte) []byte {
	switch t.family {
	case familyUnix:
		return append(append(appendNodes(dst, t.sourceNode, t.destinationNode), ' '), t.path...)
	case familyIPv4, familyIPv6:
		u := *t
		u.unmapped()
		source, _ := netip.AddrFromSlice(u.source)
		destination, _ := netip.AddrFromSlice(u.destination)
		return appendEnds(dst, netip.AddrPortFrom(source, u.sourcePort), netip.AddrPortFrom(destination, u.destinationPort))
	}
	return strconv.AppendUint(append(dst, "family "...), uint64(t.family), 10)
}

func appendNodes(dst []byte, source, destination uint64) []byte {
	dst = strconv.AppendUint(dst, source, 16)
	return strconv.AppendUint(append(dst, "->"...), destination, 16)
}

// address is one end as an event has it.
type address struct {
	family byte
	ip     []byte
	port   uint16
	path   string
}

// addressOf reads an address; false if it is too short.
func addressOf(b []byte) (a address, ok bool) {
	if len(b) == 0 {
		return a, false
	}
	a.family = b[0]
	switch {
	case a.family == familyIPv4 && len(b) >= 7:
		a.ip, a.port = b[1:5], binary.LittleEndian.Uint16(b[5:])
	case a.family == familyIPv6 && len(b) >= 19:
		a.ip, a.port = b[1:17], binary.LittleEndian.Uint16(b[17:])
	case a.family == familyUnix && len(b) >= 2 && b[len(b)-1] == 0:
		a.path = text(b[1:])
	default:
		return a, a.family != familyIPv4 && a.family != familyIPv6 && a.family != familyUnix
	}
	return a, true
}

// append appends an address as Falco shows it.
func (a *address) append(dst []byte) []byte {
	switch a.family {
	case familyUnix:
		return append(dst, a.path...)
	case familyIPv4, familyIPv6:
		ip, _ := netip.AddrFromSlice(a.ip)
		return appendEnd(dst, netip.AddrPortFrom(ip, a.port))
	}
	return strconv.AppendUint(append(dst, "family "...), uint64(a.family), 10)
}
