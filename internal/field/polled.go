package field

import (
	"encoding/binary"
	"net/netip"
	"strconv"

	"github.com/saker-sensor/saker/internal/call"
	"github.com/saker-sensor/saker/internal/event"
)

// pollfd is one of the descriptors of a poll, what was asked of it, or what came of it if something did, and what it leads to.
type pollfd struct {
	fd     int32
	events uint16
	of     *event.Descriptor
}

// pollfds calls each with the descriptors of a poll: the struct pollfd in parameter i (linux/poll.h: fd, events, revents).
func pollfds(ev *event.Event, i int, each func(p *pollfd)) {
	if i >= len(ev.Params) {
		return
	}
	var none event.Descriptor
	var p pollfd
	param := &ev.Params[i]
	for n, b := 0, param.Text; len(b) >= call.PollFDSize; n, b = n+1, b[call.PollFDSize:] {
		entry := []byte(b[:call.PollFDSize])
		p = pollfd{int32(binary.NativeEndian.Uint32(entry)), binary.NativeEndian.Uint16(entry[4:]), &none}
		if ev.Ret > 0 {
			p.events = binary.NativeEndian.Uint16(entry[6:])
		}
		if n < len(param.Polled) {
			p.of = &param.Polled[n]
		}
		each(&p)
	}
}

// polled is the list of descriptors, their kinds and events of a poll: "3:f1 4:45".
func polled(i int) func(*event.Event, *Value) bool {
	names := call.PollNames()
	return func(ev *event.Event, v *Value) bool {
		v.built = v.built[:0]
		pollfds(ev, i, func(p *pollfd) {
			if len(v.built) > 0 {
				v.built = append(v.built, ' ')
			}
			char := byte('?')
			if p.of.Kind != event.KindUnknown {
				_, char = kindOf(p.of)
			}
			v.built = append(strconv.AppendInt(v.built, int64(p.fd), 10), ':', char)
			v.built = strconv.AppendUint(v.built, names.Number(uint64(p.events)), 16)
		})
		v.setBuilt()
		return true
	}
}

// fdList are the fields of calls on many descriptors: poll and its like.
func fdList(rows []call.Row) []Info {
	lists := map[event.Type]int{}
	for i := range rows {
		for j := range rows[i].Params {
			if rows[i].Params[j].Made == call.Descriptors {
				lists[rows[i].Type] = j
			}
		}
	}
	list := func(name string, f Format, doc string, one func([]byte, *pollfd) []byte) Info {
		return Info{Name: name, Format: f, Cost: 2, Doc: doc, Extract: func(ev *event.Event, _ Arg, v *Value) bool {
			i, ok := lists[ev.Type]
			if !ok {
				return false
			}
			v.built = v.built[:0]
			pollfds(ev, i, func(p *pollfd) {
				if before := len(v.built); before > 0 {
					v.built = one(append(v.built, ','), p)
					if len(v.built) == before+1 {
						v.built = v.built[:before] // it has none
					}
					return
				}
				v.built = one(v.built, p)
			})
			v.setBuilt()
			return v.Str != ""
		}}
	}
	end := func(of endOf, show func([]byte, netip.AddrPort) []byte) func([]byte, *pollfd) []byte {
		return func(dst []byte, p *pollfd) []byte {
			if !isInet(p.of) {
				return dst
			}
			e := endpointsOf(&p.of.Socket)
			if end := of(&e); end.IsValid() && end.Port() != 0 {
				return show(dst, end)
			}
			return dst
		}
	}
	address := func(dst []byte, a netip.AddrPort) []byte { return a.Addr().WithZone("").AppendTo(dst) }
	port := func(dst []byte, a netip.AddrPort) []byte { return strconv.AppendUint(dst, uint64(a.Port()), 10) }
	return []Info{
		list("fdlist.nums", ID, "Numbers of the descriptors, joined by commas.",
			func(dst []byte, p *pollfd) []byte { return strconv.AppendInt(dst, int64(p.fd), 10) }),
		list("fdlist.names", Plain, "Names of the descriptors, joined by commas; <NA> for one without a name.",
			func(dst []byte, p *pollfd) []byte {
				before := len(dst)
				if dst = appendDescriptorName(dst, p.of); len(dst) == before {
					dst = append(dst, na...)
				}
				return dst
			}),
		list("fdlist.cips", Plain, "Addresses of the clients, joined by commas.", end(clientEnd, address)),
		list("fdlist.sips", Plain, "Addresses of the servers, joined by commas.", end(serverEnd, address)),
		list("fdlist.cports", Dec, "Ports of the clients, joined by commas.", end(clientEnd, port)),
		list("fdlist.sports", Dec, "Ports of the servers, joined by commas.", end(serverEnd, port)),
	}
}
