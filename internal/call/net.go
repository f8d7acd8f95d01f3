package call

import (
	"github.com/saker-sensor/saker/internal/bpfgen"
	"github.com/saker-sensor/saker/internal/value"
)

// listener is the socket that accept takes a connection from. It is no parameter of Falco's: it has no name.
func listener() Param { return fd("", 0) }

// netRows are the calls on sockets.
func netRows() []Row {
	open, family, level, option := openNames(), familyNames(), levelNames(), optionNames()
	domain := func(arg uint8) Param { return num("domain", value.EnumFlags32, value.Dec, arg).named(family) }
	queue := func(params ...Param) []Param {
		return append(params,
			made("queuepct", value.Uint8, value.Dec, QueuePercent), made("queuelen", value.Uint32, value.Dec, QueueLen),
			made("queuemax", value.Uint32, value.Dec, QueueMax))
	}
	byRef := func(p Param) Param {
		p.Offset = 1
		return p
	}
	opt := func() []Param {
		return []Param{
			res(), fd("fd", 0), num("level", value.EnumFlags8, value.Dec, 1).named(level),
			num("optname", value.EnumFlags8, value.Dec, 2).named(option),
		}
	}
	control := made("msgcontrol", value.ByteBuf, value.Plain, AsSent)
	return []Row{
		row("socket", 19, Net, fd("fd", result), domain(0), u32("type", 1), u32("proto", 2), flags32("flags", 1, open)).about("fd"),
		row("socketpair", 43, IPC, res(), fdAt("fd1", 3, 0), fdAt("fd2", 3, 4), made("source", value.Uint64, value.Hex, SocketSource),
			made("peer", value.Uint64, value.Hex, SocketPeer), domain(0), u32("type", 1), u32("proto", 2)).about("fd2"),
		row("bind", 21, Net, res(), addr(1, 2), fd("fd", 0)).about("fd").naming(),
		row("connect", 23, Net, res(), tuple(), fd("fd", 0), addr(1, 2)).about("fd").naming(),
		row("listen", 25, Net, res(), fd("fd", 0), num("backlog", value.Int32, value.Dec, 1)).about("fd"),
		row("accept", 247, Net, append(queue(fd("fd", result), tuple()), listener())...).about("fd").naming(),
		row("accept4", 389, Net, append(queue(fd("fd", result), tuple()), num("flags", value.Int32, value.Hex, 3).named(open),
			listener())...).about("fd").naming(),
		row("shutdown", 37, Net, res(), fd("fd", 0), num("how", value.EnumFlags8, value.Hex, 1).named(shutdownNames().orElse(0xff))).about("fd"),
		row("getsockname", 39, Net),
		row("getpeername", 41, Net),
		row("setsockopt", 45, Net, append(opt(), data("val", 3, 4).as(Option), u32("optlen", 4))...).about("fd"),
		row("getsockopt", 47, Net, append(opt(), byRef(data("val", 3, 4)).as(Option),
			at("optlen", value.Uint32, value.Dec, 4, 0, 4))...).about("fd"),
		row("send", 29, OfDescriptor, res(), data("data", 1, 2), fd("fd", 0), size(2), tuple()).about("fd").io(Writes).bulk(),
		row("sendto", 31, OfDescriptor, res(), data("data", 1, 2), fd("fd", 0), size(2), tupleTo(4, 5, false)).about("fd").io(Writes),
		row("recv", 33, OfDescriptor, res(), data("data", 1, 2).received(), fd("fd", 0), size(2), tuple()).about("fd").io(Reads).bulk(),
		row("recvfrom", 35, OfDescriptor, res(), data("data", 1, 2).received(), tupleTo(4, 5, true), fd("fd", 0), size(2)).about("fd").io(Reads),
		row("sendmsg", 49, OfDescriptor, res(), message(1), fd("fd", 0), messageSize(1), tupleOf(1)).about("fd").io(Writes),
		row("sendmmsg", 51, OfDescriptor, res(), fd("fd", 0), messageSize(1), message(1), tupleOf(1)).about("fd").io(Writes),
		row("recvmsg", 53, OfDescriptor, res(), u32("size", result), message(1).received(), tupleOf(1), control,
			fd("fd", 0)).about("fd").io(Reads),
		row("recvmmsg", 55, OfDescriptor, res(), fd("fd", 0), firstLength(), message(1), tupleOf(1), control).about("fd").io(Reads),
	}
}

// firstLength is how many bytes came with the first message of recvmmsg: msg_len stands behind the msghdr.
func firstLength() Param {
	p := at("size", value.Uint32, value.Dec, 1, 56, 4).ifOK()
	p.Rules |= bpfgen.SensorParamRulesPARAM_LONGS
	return p
}
