package call

import (
	"github.com/saker-sensor/saker/internal/bpfgen"
	"github.com/saker-sensor/saker/internal/value"
)

// The words of what a call reads or writes.
func size(arg uint8) Param { return u32("size", arg) }
func pos(arg uint8) Param  { return u64("pos", arg) }

// descriptorRows are the calls on descriptors of any kind.
func descriptorRows() []Row {
	open := openNames()
	short := func(arg uint8) Param { return num("flags", value.Flags16, value.Hex, arg).named(open) }
	return []Row{
		row("close", 5, OfDescriptor, res(), fd("fd", 0).atEntry()).about("fd"),
		row("read", 7, OfDescriptor, res(), data("data", 1, 2).received(), fd("fd", 0), size(2)).about("fd").io(Reads).bulk(),
		row("write", 9, OfDescriptor, res(), data("data", 1, 2), fd("fd", 0), size(2)).about("fd").io(Writes).bulk(),
		row("pread", 113, OfDescriptor, res(), data("data", 1, 2).received(), fd("fd", 0), size(2), pos(3)).about("fd").io(Reads).bulk(),
		row("pwrite", 115, OfDescriptor, res(), data("data", 1, 2), fd("fd", 0), size(2), pos(3)).about("fd").io(Writes).bulk(),
		row("readv", 117, OfDescriptor, res(), u32("size", result), vector(1, 2).received(), fd("fd", 0)).about("fd").io(Reads).bulk(),
		row("writev", 119, OfDescriptor, res(), vector(1, 2), fd("fd", 0), vectorSize(1, 2)).about("fd").io(Writes).bulk(),
		row("preadv", 121, OfDescriptor, res(), u32("size", result), vector(1, 2).received(), fd("fd", 0), pos(3)).about("fd").io(Reads).bulk(),
		row("pwritev", 123, OfDescriptor, res(), vector(1, 2), fd("fd", 0), vectorSize(1, 2), pos(3)).about("fd").io(Writes).bulk(),
		row("sendfile", 189, OfDescriptor, res(), at("offset", value.Uint64, value.Dec, 2, 0, 8), fd("out_fd", 0), fd("in_fd", 1),
			u64("size", 3)).
			about("out_fd").bulk(),
		row("splice", 167, OfDescriptor, res(), fd("fd_in", 0), fd("fd_out", 2), u64("size", 4), flags32("flags", 5, spliceNames())).
			about("fd_out"),
		row("copy_file_range", 333, OfDescriptor, res(), fd("fdout", 2), at("offout", value.Uint64, value.Dec, 3, 0, 8), fd("fdin", 0),
			at("offin", value.Uint64, value.Dec, 1, 0, 8), u64("len", 4)).about("fdout").io(Reads | Writes),
		row("dup", 367, OfDescriptor, fd("res", result), fd("oldfd", 0)).about("res"),
		row("dup2", 363, OfDescriptor, fd("res", result), fd("oldfd", 0), fd("newfd", 1)).about("res"),
		row("dup3", 365, OfDescriptor, fd("res", result), fd("oldfd", 0), fd("newfd", 1), flags32("flags", 2, open)).about("res"),
		row("fcntl", 151, OfDescriptor, fd("res", result), fd("fd", 0), num("cmd", value.EnumFlags8, value.Dec, 1).named(fcntlNames()),
			hex("arg", 2)).
			about("fd"),
		row("ioctl", 171, OfDescriptor, res(), fd("fd", 0), hex("request", 1), hex("argument", 2)).about("fd"),
		row("close_range", 451, OfDescriptor, res(), u32("first", 0), u32("last", 1), flags32("flags", 2, closeRangeNames())),
		row("pipe", 61, IPC, res(), fdAt("fd1", 0, 0), fdAt("fd2", 0, 4), made("ino", value.Uint64, value.Dec, Inode)).about("fd2"),
		row("pipe2", 393, IPC, res(), fdAt("fd1", 0, 0), fdAt("fd2", 0, 4), made("ino", value.Uint64, value.Dec, Inode),
			flags32("flags", 1, open)).
			about("fd2"),
		row("eventfd", 63, IPC, fd("res", result), u64("initval", 0), made("flags", value.Uint32, value.Hex, AsSent)).about("res"),
		row("eventfd2", 397, IPC, fd("res", result), short(1), u64("initval", 0)).about("res"),
		row("signalfd", 127, Signal, fd("res", result), fd("fd", 0), made("mask", value.Uint32, value.Hex, AsSent),
			made("flags", value.Uint8, value.Hex, AsSent)).about("res"),
		row("signalfd4", 399, Signal, fd("res", result), short(3), fd("fd", 0), made("mask", value.Uint32, value.Hex, AsSent)).about("res"),
		row("timerfd_create", 137, Time, fd("res", result), num("clockid", value.Uint8, value.Dec, 0),
			made("flags", value.Uint8, value.Hex, AsSent)).about("res"),
		row("inotify_init", 139, IPC, fd("res", result), made("flags", value.Uint8, value.Hex, AsSent)).about("res"),
		row("inotify_init1", 395, IPC, fd("res", result), short(0)).about("res"),
		row("memfd_create", 405, Memory, fd("fd", result), str("name", 0), flags32("flags", 1, memfdNames())).about("fd").naming(),
		row("epoll_create", 375, Wait, fd("res", result).typed(value.Errno), num("size", value.Int32, value.Dec, 0)).about("res"),
		row("epoll_create1", 377, Wait, fd("res", result).typed(value.Errno), flags32("flags", 0, epollNames())).about("res"),
		row("epoll_wait", 79, Wait, res(), num("maxevents", value.Errno, value.Dec, 2)).waits(),
		row("poll", 81, Wait, res(), fdList(), num("timeout", value.Int64, value.Dec, 2)).waits(),
		row("ppoll", 255, Wait, res(), fdList(), timespec("timeout", 2), data("sigmask", 3, 4).as(SignalSet)).waits(),
		row("select", 83, Wait, res()).waits(),
		row("io_uring_enter", 341, OfDescriptor, res(), fd("fd", 0), u32("to_submit", 1), u32("min_complete", 2),
			flags32("flags", 3, uringEnterNames()),
			made("sig", value.ByteBuf, value.Dec, SignalSet)).about("fd"),
		row("io_uring_register", 343, OfDescriptor, res(), fd("fd", 0),
			num("opcode", value.EnumFlags16, value.Dec, 1).named(uringOpcodeNames().kept()),
			hex("arg", 2), u32("nr_args", 3)).about("fd"),
	}
}

// PollFDSize is the size of a struct pollfd (linux/poll.h).
const PollFDSize = 8

// fdList are the struct pollfd of a call, the first 16 of them; their number is the call's second argument.
func fdList() Param {
	p := data("fds", 0, 1).as(Descriptors)
	p.From, p.Size, p.Max = bpfgen.SensorParamSourceSOURCE_POLLED, PollFDSize, uint16(bpfgen.SensorLimitsPOLLED_MAX)*PollFDSize
	return p
}

// timespec is a time in ns, from a struct timespec's two words.
func timespec(name string, arg uint8) Param {
	const size = 16
	p := data(name, arg, noArg).as(Duration)
	p.Type, p.Format, p.Size, p.Max = value.RelTime, value.Dec, size, size
	return p
}
