package field

import (
	"cmp"
	"net/netip"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/saker-sensor/saker/internal/event"
)

// descriptorOf is the parameter with the descriptor that a call of the table is about; nil for other events.
func descriptorOf(ev *event.Event) *event.Param {
	if ev.FD < 0 || ev.FD >= len(ev.Params) {
		return nil
	}
	return &ev.Params[ev.FD]
}

// otherDescriptor is descriptorOf, unless that is a file's, of which Event.File tells.
func otherDescriptor(ev *event.Event) *event.Param {
	if ev.File.Present {
		return nil
	}
	return descriptorOf(ev)
}

// socketOf is the socket of IPv4 or IPv6 that a call is about; nil if it is about none.
func socketOf(ev *event.Event) *event.Socket {
	p := otherDescriptor(ev)
	if p == nil || !isInet(&p.Descriptor) {
		return nil
	}
	return &p.Descriptor.Socket
}

// charText is a text of one character, without an allocation.
func charText(char byte) string {
	const ascii = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	i := strings.IndexByte(ascii, char)
	return ascii[i : i+1]
}

// endpoints are both ends of a socket, as the kernel has them.
type endpoints struct {
	local, remote netip.AddrPort
	server        bool
	// captured are those of a capture, instead of the others.
	captured *event.Ends
}

func endpointsOf(s *event.Socket) endpoints {
	if s.Ends != nil {
		return capturedEnds(s.Ends)
	}
	e := endpoints{local: unmapped(s.Local), remote: unmapped(s.Remote), server: s.Server}
	if e.remote.Port() == 0 {
		e.remote = netip.AddrPort{}
	}
	return e
}

// unmapped is an address as the network has it: an IPv4 address in an IPv6 socket is one of IPv4.
func unmapped(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}

// capturedEnds has the ends whose roles are known.
func capturedEnds(c *event.Ends) endpoints {
	e := endpoints{captured: c}
	if !c.Roles || !c.Source.IsValid() {
		return e
	}
	e.local, e.remote = c.Source, c.Destination
	if c.DestinationLocal {
		e.local, e.remote = e.remote, e.local
	}
	return e
}

func (e *endpoints) connected() bool { return e.remote.IsValid() }

// client and serverEnd are the two roles. A socket without another end is a server's.
func (e *endpoints) client() netip.AddrPort {
	if c := e.captured; c != nil {
		if !c.Roles {
			return netip.AddrPort{}
		}
		return c.Source
	}
	if !e.connected() {
		return netip.AddrPort{}
	}
	if e.server {
		return e.remote
	}
	return e.local
}

func (e *endpoints) serverEnd() netip.AddrPort {
	if c := e.captured; c != nil {
		if !c.Roles && c.Source.IsValid() {
			return netip.AddrPort{}
		}
		return c.Destination
	}
	if e.connected() && !e.server {
		return e.remote
	}
	return e.local
}

// appendTo appends the ends as Falco shows them: client->server, or the one end that there is.
func (e *endpoints) appendTo(dst []byte) []byte {
	if e.connected() {
		dst = appendEnd(dst, e.client())
		dst = append(dst, "->"...)
		return appendEnd(dst, e.serverEnd())
	}
	if e.local.Port() == 0 {
		return dst
	}
	return appendEnd(dst, e.local)
}

// appendEnd has no brackets around an IPv6 address.
func appendEnd(dst []byte, a netip.AddrPort) []byte {
	if !a.IsValid() {
		return dst
	}
	dst = a.Addr().WithZone("").AppendTo(dst)
	return strconv.AppendUint(append(dst, ':'), uint64(a.Port()), 10)
}

// isInet tells whether a descriptor is a socket of IPv4 or IPv6.
func isInet(d *event.Descriptor) bool {
	return d.Kind == event.KindSocket && (d.Socket.Family == unix.AF_INET || d.Socket.Family == unix.AF_INET6)
}

// inetType is '4' or '6'.
func inetType(s *event.Socket) byte {
	if s.Family == unix.AF_INET || s.Local.Addr().Is4In6() || s.Remote.Addr().Is4In6() {
		return '4'
	}
	return '6'
}

// appendUnix appends the name of a unix socket, and of a connected one both ends first.
func appendUnix(dst []byte, s *event.Socket) []byte {
	name := strings.TrimRight(s.Name, "\x00")
	if s.Peer == 0 {
		return append(dst, name...)
	}
	from, to := s.Sock, s.Peer
	if !s.PeerName && s.Name != "" {
		from, to = to, from // the end that has the name took the connection
	}
	dst = strconv.AppendUint(dst, from, 16)
	dst = strconv.AppendUint(append(dst, "->"...), to, 16)
	if name != "" {
		dst = append(append(dst, ' '), name...)
	}
	return dst
}

// anonymous are the kernel objects by the name that the kernel has for them: Falco's type and its character.
var anonymous = []struct {
	prefix, typ string
	char        byte
}{
	{"[eventfd]", "event", 'e'},
	{"[eventpoll]", "eventpoll", 'l'},
	{"inotify", "inotify", 'i'},
	{"[signalfd]", "signalfd", 's'},
	{"[timerfd]", "timerfd", 't'},
	{"[io_uring]", "io_uring", 'r'},
	{"[userfaultfd]", "userfaultfd", 'u'},
	{"[pidfd]", "pidfd", 'P'},
	{"bpf", "bpf", 'b'},
	{"[perf_event]", "perf_event", 'P'},
	{"memfd:", "memfd", 'm'},
}

// kindOf is a descriptor's type and its character. What there is no word for is an unknown one, as in Falco.
func kindOf(d *event.Descriptor) (typ string, char byte) {
	if d.Captured != nil {
		return d.Captured.Type, d.Captured.Char
	}
	switch d.Kind {
	case event.KindFile:
		return "file", 'f'
	case event.KindDirectory:
		return "directory", 'd'
	case event.KindPipe:
		return "pipe", 'p'
	case event.KindNamespace:
		return "file", 'f'
	case event.KindSocket:
		switch d.Socket.Family {
		case unix.AF_INET, unix.AF_INET6:
			if inetType(&d.Socket) == '4' {
				return "ipv4", '4'
			}
			return "ipv6", '6'
		case unix.AF_UNIX:
			return "unix", 'u'
		case unix.AF_NETLINK:
			return "netlink", 'n'
		}
	case event.KindAnonymous:
		for i := range anonymous {
			if strings.HasPrefix(d.Path, anonymous[i].prefix) {
				return anonymous[i].typ, anonymous[i].char
			}
		}
		if d.InodeMode&unix.S_IFMT == unix.S_IFREG && d.Path == "" {
			return "pidfd", 'P' // a file of the kernel's file system of pids has no name
		}
	}
	return "", 'o'
}

// kindWord is a descriptor's type, "<NA>" where there is no word for it.
func kindWord(d *event.Descriptor) string {
	typ, _ := kindOf(d)
	return cmp.Or(typ, na)
}

// l4proto is the protocol of a socket of IPv4 or IPv6.
func l4proto(s *event.Socket) string {
	switch {
	case s.Ends != nil:
		return s.Ends.L4
	case s.Protocol == unix.IPPROTO_ICMP || s.Protocol == unix.IPPROTO_ICMPV6:
		return "icmp"
	case s.Type == unix.SOCK_STREAM:
		return "tcp"
	case s.Type == unix.SOCK_DGRAM:
		return "udp"
	case s.Type == unix.SOCK_RAW:
		return "raw"
	}
	return na
}

// setDescriptorName sets v to the name of what a descriptor leads to; it may be empty.
func setDescriptorName(d *event.Descriptor, v *Value) {
	v.built = appendDescriptorName(v.built[:0], d)
	v.setBuilt()
}

func appendDescriptorName(dst []byte, d *event.Descriptor) []byte {
	switch {
	case d.Captured != nil:
		return append(dst, d.Captured.Name...)
	case d.Kind == event.KindFile || d.Kind == event.KindDirectory:
		return append(dst, d.Path...)
	case d.Kind == event.KindNamespace:
		dst = strconv.AppendUint(append(append(dst, d.Path...), ":["...), d.ID.Ino, 10)
		return append(dst, ']')
	case d.Kind == event.KindAnonymous:
		if name, ok := strings.CutPrefix(d.Path, "memfd:"); ok {
			return append(dst, name...)
		}
		if typ, _ := kindOf(d); typ == "pidfd" {
			return append(dst, "anon_inode:[pidfd]"...)
		}
		return dst
	case isInet(d):
		e := endpointsOf(&d.Socket)
		return e.appendTo(dst)
	case d.Kind == event.KindSocket && d.Socket.Family == unix.AF_UNIX:
		return appendUnix(dst, &d.Socket)
	}
	return dst
}

// appendDescriptor appends what stands in the brackets behind a descriptor's number.
func appendDescriptor(dst []byte, d *event.Descriptor) []byte {
	_, char := kindOf(d)
	dst = append(dst, '<', char)
	if isInet(d) && l4proto(&d.Socket) != na {
		dst = append(dst, l4proto(&d.Socket)[0])
	}
	return appendDescriptorName(append(dst, '>'), d)
}
