package field

import (
	"net/netip"
	"strconv"

	"github.com/saker-sensor/saker/internal/call"
	"github.com/saker-sensor/saker/internal/event"
)

// endOf is one end of a connection; the zero value if there is none.
type endOf func(*endpoints) netip.AddrPort

func clientEnd(e *endpoints) netip.AddrPort { return e.client() }
func serverEnd(e *endpoints) netip.AddrPort { return e.serverEnd() }
func localEnd(e *endpoints) netip.AddrPort  { return e.local }
func remoteEnd(e *endpoints) netip.AddrPort { return e.remote }

// firstEnd and secondEnd are both ends, also where a capture does not know which is the client's.
func firstEnd(e *endpoints) netip.AddrPort {
	if e.captured != nil {
		return e.captured.Source
	}
	return e.client()
}

func secondEnd(e *endpoints) netip.AddrPort {
	if e.captured != nil {
		return e.captured.Destination
	}
	return e.serverEnd()
}

// serverAddress is the server's end, whose address a capture does not tell of a socket that listened already.
func serverAddress(e *endpoints) netip.AddrPort {
	if e.captured != nil && !e.captured.Roles {
		return netip.AddrPort{}
	}
	return e.serverEnd()
}

// socketEnd finds an end of the socket that the event is about. It has no port yet, or the socket has no such end: false.
func socketEnd(ev *event.Event, of endOf) (netip.AddrPort, bool) {
	s := socketOf(ev)
	if s == nil {
		return netip.AddrPort{}, false
	}
	e := endpointsOf(s)
	end := of(&e)
	return end, end.IsValid() && (end.Port() != 0 || e.captured != nil)
}

// fdSocket are the fields of connections; a few have a value for files too, as in Falco.
func fdSocket(rows []call.Row) []Info {
	const both = FilterOnly | NoRHS | NoTransformer
	addr := func(name, doc string, of endOf) Info {
		return Info{Name: name, Type: IPAddr, Doc: doc, Extract: func(ev *event.Event, _ Arg, v *Value) bool {
			end, ok := socketEnd(ev, of)
			v.Addr = end.Addr()
			return ok
		}}
	}
	port := func(name string, f Format, doc string, of endOf) Info {
		return Info{Name: name, Type: Port, Format: f, Doc: doc, Extract: func(ev *event.Event, _ Arg, v *Value) bool {
			end, ok := socketEnd(ev, of)
			v.Num = int64(end.Port())
			return ok
		}}
	}
	network := func(name, doc string, of endOf) Info {
		return Info{Name: name, Type: IPNet, Doc: doc, Flags: both, Extract: func(ev *event.Event, _ Arg, v *Value) bool {
			end, ok := socketEnd(ev, of)
			v.Addr = end.Addr()
			if ok {
				v.Net = netip.PrefixFrom(end.Addr(), end.Addr().BitLen())
			}
			return ok
		}}
	}
	// either has the values of both ends.
	either := func(name string, t Type, f Format, doc string, one func(end netip.AddrPort, v *Value)) Info {
		in := Info{Name: name, Type: t, Format: f, Doc: doc, Flags: both, Quantifier: Either}
		in.Extract = func(ev *event.Event, _ Arg, v *Value) bool {
			v.List = v.List[:0]
			for _, of := range []endOf{firstEnd, secondEnd} {
				if end, ok := socketEnd(ev, of); ok {
					v.List = append(v.List, Value{})
					one(end, &v.List[len(v.List)-1])
				}
			}
			return len(v.List) > 0
		}
		return in
	}
	ip := func(end netip.AddrPort, v *Value) {
		v.Addr = end.Addr()
		v.Net = netip.PrefixFrom(end.Addr(), end.Addr().BitLen())
	}
	number := func(end netip.AddrPort, v *Value) { v.Num = int64(end.Port()) }
	service := func(name, doc string, of endOf) Info {
		return text(name, doc, func(ev *event.Event) (string, bool) {
			end, ok := socketEnd(ev, of)
			return strconv.Itoa(int(end.Port())), ok // as Falco prints a service, unless it resolves names
		})
	}
	naming := typesOf(rows, func(r *call.Row) bool { return r.Names })
	known := func(name, doc string, get func(ev *event.Event, p *event.Param) bool) Info {
		return boolean(name, doc, func(ev *event.Event) (bool, bool) {
			p := descriptorOf(ev)
			if p == nil {
				return false, isOpened(ev) || isRing(ev)
			}
			return get(ev, p), p.Descriptor.Kind != event.KindUnknown
		})
	}
	return []Info{
		either("fd.ip", IPAddr, Plain, "Address of either end.", ip),
		addr("fd.cip", "Address of the client.", clientEnd),
		addr("fd.sip", "Address of the server.", serverAddress),
		addr("fd.lip", "Address of this machine's end.", localEnd),
		addr("fd.rip", "Address of the other end.", remoteEnd),
		either("fd.port", Port, Dec, "Port of either end.", number),
		port("fd.cport", Dec, "Port of the client.", clientEnd),
		port("fd.sport", Dec, "Port of the server.", serverEnd),
		port("fd.lport", Dec, "Port of this machine's end.", localEnd),
		port("fd.rport", Dec, "Port of the other end.", remoteEnd),
		text("fd.l4proto", "Protocol of a socket: tcp, udp, icmp, raw; \"<NA>\" for what is no socket.", func(ev *event.Event) (string, bool) {
			if s := socketOf(ev); s != nil {
				return l4proto(s), true
			}
			if p := otherDescriptor(ev); p != nil {
				return na, p.Descriptor.Kind != event.KindUnknown
			}
			return na, isOpened(ev) || isRing(ev)
		}),
		text("fd.sockfamily", "Family of a socket: ip or unix.", func(ev *event.Event) (string, bool) {
			p := otherDescriptor(ev)
			switch {
			case p == nil || p.Descriptor.Kind != event.KindSocket:
				return "", false
			case isInet(&p.Descriptor):
				return "ip", true
			}
			typ, _ := kindOf(&p.Descriptor)
			return "unix", typ == "unix"
		}),
		known("fd.is_server", "Whether the process is the server of the connection.", func(_ *event.Event, p *event.Param) bool {
			s := &p.Descriptor.Socket
			if s.Ends != nil {
				return s.Ends.Server
			}
			return isInet(&p.Descriptor) && (s.Server || s.Remote.Port() == 0 && s.Local.Port() != 0)
		}),
		either("fd.proto", Port, Plain, "Service of either end.", number),
		service("fd.cproto", "Service of the client's port.", clientEnd),
		service("fd.sproto", "Service of the server's port.", serverEnd),
		service("fd.lproto", "Service of the port of this machine's end.", localEnd),
		service("fd.rproto", "Service of the port of the other end.", remoteEnd),
		either("fd.net", IPNet, Plain, "Network of either end.", ip),
		network("fd.cnet", "Network of the client.", clientEnd),
		network("fd.snet", "Network of the server.", serverAddress),
		network("fd.lnet", "Network of this machine's end.", localEnd),
		network("fd.rnet", "Network of the other end.", remoteEnd),
		known("fd.connected", "Whether the socket is connected.", func(_ *event.Event, p *event.Param) bool {
			if p.Descriptor.Captured != nil {
				return p.Descriptor.Captured.Connected
			}
			if isInet(&p.Descriptor) {
				return p.Descriptor.Socket.Remote.Port() != 0
			}
			return p.Descriptor.Kind == event.KindSocket && p.Descriptor.Socket.Peer != 0
		}),
		boolean("fd.name_changed", "Whether this call gave the descriptor another name; an open does.", func(ev *event.Event) (bool, bool) {
			p := descriptorOf(ev)
			if p == nil {
				return isOpened(ev), isOpened(ev) || isRing(ev)
			}
			if p.Descriptor.Captured != nil {
				return p.Descriptor.Captured.NameChanged, p.Descriptor.Kind != event.KindUnknown
			}
			named := naming.Has(ev.Type) || p.Descriptor.Socket.Addressed
			return named && (!ev.Failed() || inProgress(ev.Ret)), p.Descriptor.Kind != event.KindUnknown
		}),
		hostName("fd.cip.name", "Host names of the client, of those that rules name.", clientEnd),
		hostName("fd.sip.name", "Host names of the server, of those that rules name.", serverEnd),
		hostName("fd.lip.name", "Host names of this machine's end, of those that rules name.", localEnd),
		hostName("fd.rip.name", "Host names of the other end, of those that rules name.", remoteEnd),
	}
}

// hostName is an entry for the names that an end's address has, of those that rules name; an empty one if it has none, so that it differs
// from every name. Templates show the first.
func hostName(name, doc string, of endOf) Info {
	names := func(ev *event.Event) ([]string, bool) {
		end, ok := socketEnd(ev, of)
		return ev.Hosts[end.Addr().WithZone("")], ok
	}
	return Info{
		Name: name, Doc: doc, Cost: 1, Flags: NoRHS | NoTransformer, Quantifier: Either,
		Extract: func(ev *event.Event, _ Arg, v *Value) bool {
			known, ok := names(ev)
			v.List = v.List[:0]
			for _, n := range known {
				v.List = append(v.List, Value{Str: n})
			}
			if ok && len(known) == 0 {
				v.List = append(v.List, Value{})
			}
			return ok
		},
		Print: func(ev *event.Event, _ Arg, v *Value) bool {
			known, ok := names(ev)
			if !ok || len(known) == 0 {
				return false
			}
			v.Str = known[0]
			return true
		},
	}
}
