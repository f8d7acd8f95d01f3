package export

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/saker-sensor/saker/internal/call"
	"github.com/saker-sensor/saker/internal/event"
	"github.com/saker-sensor/saker/internal/replay/scap"
)

// The families' numbers in Falco's tuples and addresses are Linux's.

// appendTuple appends both ends of the call's socket: from whom the data or the connection comes, and to whom it goes. It appends nothing
// for a socket without another end.
func appendTuple(dst []byte, ev *event.Event, row *call.Row) []byte {
	if row == nil || ev.FD < 0 || ev.FD >= len(ev.Params) || ev.Failed() && ev.Ret != -int64(unix.EINPROGRESS) {
		return dst
	}
	d := &ev.Params[ev.FD].Descriptor
	if d.Kind != event.KindSocket {
		return dst
	}
	s := &d.Socket
	switch s.Family {
	case unix.AF_INET, unix.AF_INET6:
		from, to := s.Local, s.Remote
		if to.Port() == 0 {
			return dst
		}
		if row.IO&call.Reads != 0 || strings.HasPrefix(row.Name, "accept") {
			from, to = to, from
		}
		return appendEnds(dst, s.Family, from, to)
	case unix.AF_UNIX:
		from, to := unixEnds(s)
		dst = binary.LittleEndian.AppendUint64(append(dst, unix.AF_UNIX), from)
		dst = binary.LittleEndian.AppendUint64(dst, to)
		return append(append(dst, strings.TrimRight(s.Name, "\x00")...), 0)
	}
	return dst
}

// unixEnds are the kernel's addresses of the two ends of a unix socket, that of the client first: the other end has the name.
func unixEnds(s *event.Socket) (from, to uint64) {
	if !s.PeerName && s.Name != "" {
		return s.Peer, s.Sock
	}
	return s.Sock, s.Peer
}

func appendEnds(dst []byte, family uint16, from, to netip.AddrPort) []byte {
	dst = append(dst, byte(family))
	for _, end := range []netip.AddrPort{from, to} {
		dst = append(dst, addressBytes(end.Addr(), family)...)
		dst = binary.LittleEndian.AppendUint16(dst, end.Port())
	}
	return dst
}

// addressBytes is an address in the form of its socket's family; zero if there is none.
func addressBytes(a netip.Addr, family uint16) []byte {
	if family == unix.AF_INET {
		four := [4]byte{}
		if a = a.Unmap(); a.Is4() {
			four = a.As4()
		}
		return four[:]
	}
	sixteen := [16]byte{}
	if a.IsValid() {
		sixteen = a.As16()
	}
	return sixteen[:]
}

// appendAddress appends a socket address; nothing for one that is not known.
func appendAddress(dst []byte, p *event.Param) []byte {
	switch {
	case p.Missing:
		return dst
	case p.Addr.IsValid() && p.Addr.Addr().Is4():
		dst = append(append(dst, unix.AF_INET), p.Addr.Addr().AsSlice()...)
	case p.Addr.IsValid():
		dst = append(append(dst, unix.AF_INET6), p.Addr.Addr().AsSlice()...)
	default:
		if name := strings.TrimRight(p.Text, "\x00"); name != "" {
			return append(append(append(dst, unix.AF_UNIX), name...), 0)
		}
		return dst
	}
	return binary.LittleEndian.AppendUint16(dst, p.Addr.Port())
}

// Falco's numbers of protocols in lists of descriptors.
const (
	l4TCP  = 2
	l4UDP  = 3
	l4ICMP = 4
	l4Raw  = 5
)

// protocolOf is the protocol of a socket in Falco's numbers, 0 if it is not known.
func protocolOf(s *event.Socket) uint8 {
	if s.Ends != nil {
		return map[string]uint8{"tcp": l4TCP, "udp": l4UDP, "icmp": l4ICMP, "raw": l4Raw}[s.Ends.L4]
	}
	switch {
	case s.Protocol == unix.IPPROTO_ICMP || s.Protocol == unix.IPPROTO_ICMPV6:
		return l4ICMP
	case s.Type == unix.SOCK_STREAM:
		return l4TCP
	case s.Type == unix.SOCK_DGRAM:
		return l4UDP
	case s.Type == unix.SOCK_RAW:
		return l4Raw
	}
	return 0
}

// inetDescriptor is a socket of IPv4 or IPv6 as a list has it: of a connected one the client's end first.
func inetDescriptor(s *event.Socket, out *scap.Descriptor) {
	local, remote := s.Local, s.Remote
	if s.Ends != nil {
		local, remote = s.Ends.Source, s.Ends.Destination
	} else if s.Server {
		local, remote = remote, local
	}
	family, connected, server := s.Family, scap.DescriptorIPv4, scap.DescriptorIPv4Server
	if family == unix.AF_INET6 {
		if local.Addr().Is4In6() || remote.Addr().Is4In6() {
			family = unix.AF_INET
		} else {
			connected, server = scap.DescriptorIPv6, scap.DescriptorIPv6Server
		}
	}
	end := func(a netip.AddrPort) netip.AddrPort {
		addr, _ := netip.AddrFromSlice(addressBytes(a.Addr(), family))
		return netip.AddrPortFrom(addr, a.Port())
	}
	out.L4 = protocolOf(s)
	if s.Server && s.Remote.Port() == 0 && s.Ends == nil || s.Ends != nil && !s.Ends.Source.IsValid() {
		out.Kind, out.Local = server, end(remote)
		return
	}
	out.Kind, out.Local, out.Remote = connected, end(local), end(remote)
}

func sortedAddresses(set map[netip.Addr]struct{}) []netip.Addr {
	list := make([]netip.Addr, 0, len(set))
	for a := range set {
		list = append(list, a)
	}
	slices.SortFunc(list, netip.Addr.Compare)
	return list
}
