package kernel

import (
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/saker-sensor/saker/internal/event"
)

// long is more data than is kept of a call.
var long = strings.Repeat("0123456789", 9)

// descriptorCalls are the calls on descriptors of any kind.
var descriptorCalls = []callRow{
	{name: "close", make: func(m *maker) {
		r, _ := m.pipe()
		a, _ := m.pair()
		for _, fd := range []int{m.open("a", unix.O_RDWR), r, a} {
			m.call(0, m.was("fd", fd))
		}
		m.call(unix.EBADF, m.fd("fd", noFD))
	}},
	{name: "read", make: readCall()},
	{name: "write", make: writeCall()},
	{name: "pread", make: readCall(num("pos", 1))},
	{name: "pwrite", make: writeCall(num("pos", 1))},
	{name: "readv", make: readvCall()},
	{name: "writev", make: writevCall()},
	{name: "preadv", make: readvCall(num("pos", 2))},
	{name: "pwritev", make: writevCall(num("pos", 2))},
	{name: "sendfile", make: func(m *maker) {
		m.file("a", "content")
		from, to := m.open("a", unix.O_RDONLY), m.open("b", unix.O_WRONLY)
		m.call(0, m.fd("out_fd", to), m.fd("in_fd", from), later("offset", m.words(2)), num("size", 3))
		m.call(unix.EBADF, m.fd("out_fd", noFD), m.fd("in_fd", from), num("offset", 0), num("size", 4))
	}},
	{name: "splice", make: func(m *maker) {
		r, w := m.pipe()
		m.must(unix.Write(w, []byte("abc")))
		to := m.open("b", unix.O_WRONLY)
		m.call(0, m.fd("fd_in", r), word(0), m.fd("fd_out", to), word(0), num("size", 3), num("flags", unix.SPLICE_F_MOVE|unix.SPLICE_F_NONBLOCK))
		m.call(unix.EBADF, m.fd("fd_in", noFD), word(0), m.fd("fd_out", to), word(0), num("size", 3), num("flags", 0))
	}},
	{name: "copy_file_range", make: func(m *maker) {
		m.file("a", "content")
		from, to := m.open("a", unix.O_RDONLY), m.open("b", unix.O_WRONLY)
		m.call(0, m.fd("fdin", from), later("offin", m.words(1)), m.fd("fdout", to), later("offout", m.words(5)), num("len", 3), word(0))
		m.call(unix.EBADF, m.fd("fdin", from), num("offin", 0), m.fd("fdout", noFD), num("offout", 0), num("len", 3), word(0))
	}},
	{name: "dup", make: func(m *maker) {
		m.call(0, m.fd("oldfd", m.open("a", unix.O_RDWR)), m.result("res"))
		m.call(unix.EBADF, m.fd("oldfd", noFD))
	}},
	{name: "dup2", make: func(m *maker) {
		r, _ := m.pipe()
		m.call(0, m.fd("oldfd", r), m.fd("newfd", 1777), m.result("res"))
		m.call(unix.EBADF, m.fd("oldfd", noFD), m.fd("newfd", r))
	}},
	{name: "dup3", make: func(m *maker) {
		fd := m.open("a", unix.O_RDWR)
		m.call(0, m.fd("oldfd", fd), m.fd("newfd", 1778), numAs("flags", unix.O_CLOEXEC, 0x1000), m.result("res"))
		m.call(unix.EINVAL, m.fd("oldfd", fd), m.fd("newfd", fd), num("flags", 0))
	}},
	{name: "fcntl", make: func(m *maker) {
		fd := m.open("a", unix.O_RDWR)
		m.call(0, m.fd("fd", fd), numAs("cmd", unix.F_DUPFD_CLOEXEC, 26), num("arg", 1700), m.result("res"))
		m.call(0, m.fd("fd", fd), numAs("cmd", unix.F_SETFD, 3), num("arg", unix.FD_CLOEXEC), m.result("res"))
		m.call(unix.EBADF, m.fd("fd", noFD), numAs("cmd", unix.F_GETFL, 4), num("arg", 0))
	}},
	{name: "ioctl", make: func(m *maker) {
		r, _ := m.pipe()
		n := m.room(4)
		m.call(0, m.fd("fd", r), num("request", unix.TIOCINQ), num("argument", int64(at(n))))
		m.call(unix.EBADF, m.fd("fd", noFD), num("request", unix.TCGETS), num("argument", 7))
	}},
	{name: "close_range", make: func(m *maker) {
		if before(5, 11) {
			m.call(0, num("first", 5000), num("last", 5001), num("flags", 0))
		} else {
			m.call(0, num("first", 5000), num("last", 5001), num("flags", unix.CLOSE_RANGE_CLOEXEC))
		}
		m.call(unix.EINVAL, num("first", 2), num("last", 1), num("flags", 0))
	}},
	{name: "pipe", make: func(m *maker) {
		fds := m.room(8)
		m.call(0, word(at(fds)), m.stored("fd1", fds), m.stored("fd2", fds[4:]))
		m.call(unix.EFAULT, word(8), m.stored("fd1", fds), m.stored("fd2", fds[4:]))
	}},
	{name: "pipe2", make: func(m *maker) {
		fds := m.room(8)
		m.call(0, word(at(fds)), numAs("flags", unix.O_CLOEXEC|unix.O_NONBLOCK, 0x1040), m.stored("fd1", fds), m.stored("fd2", fds[4:]))
		m.call(unix.EINVAL, word(at(fds)), numAs("flags", unix.O_CREAT, 4), m.stored("fd1", fds), m.stored("fd2", fds[4:]))
	}},
	{name: "eventfd", always: "it takes any number", make: func(m *maker) {
		m.call(0, num("initval", 3), m.result("res"))
	}},
	{name: "eventfd2", make: func(m *maker) {
		m.call(0, num("initval", 3), numAs("flags", unix.EFD_CLOEXEC|unix.EFD_NONBLOCK, 0x1040), m.result("res"))
		m.call(unix.EINVAL, num("initval", 4), numAs("flags", unix.O_TRUNC, 0x100))
	}},
	{name: "signalfd", make: func(m *maker) {
		m.call(0, num("fd", -1), word(at(m.words(0))), word(8), m.result("res"))
		m.call(unix.EINVAL, m.fd("fd", m.open("a", unix.O_RDWR)), word(at(m.words(0))), word(8))
	}},
	{name: "signalfd4", make: func(m *maker) {
		m.call(0, num("fd", -1), word(at(m.words(0))), word(8), numAs("flags", unix.SFD_CLOEXEC, 0x1000), m.result("res"))
		m.call(unix.EBADF, num("fd", noFD), word(at(m.words(0))), word(8), num("flags", 0))
	}},
	{name: "timerfd_create", make: func(m *maker) {
		m.call(0, num("clockid", unix.CLOCK_MONOTONIC), word(unix.TFD_CLOEXEC), m.result("res"))
		m.call(unix.EINVAL, num("clockid", 77), word(0))
	}},
	{name: "inotify_init", always: "it takes nothing", make: func(m *maker) {
		m.call(0, m.result("res"))
	}},
	{name: "inotify_init1", make: func(m *maker) {
		m.call(0, numAs("flags", unix.IN_CLOEXEC, 0x1000), m.result("res"))
		m.call(unix.EINVAL, numAs("flags", unix.O_APPEND, 8))
	}},
	{name: "memfd_create", make: func(m *maker) {
		m.call(0, m.text("name", "some name"), num("flags", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING), m.result("fd"))
		m.call(unix.EFAULT, missing("name", 8), num("flags", unix.MFD_CLOEXEC), m.result("fd"))
	}},
	{name: "epoll_create", make: func(m *maker) {
		m.call(0, num("size", 9), m.result("res"))
		m.call(unix.EINVAL, num("size", -1))
	}},
	{name: "epoll_create1", make: func(m *maker) {
		m.call(0, numAs("flags", unix.EPOLL_CLOEXEC, 1), m.result("res"))
		m.call(unix.EINVAL, numAs("flags", 1<<30|1, 0))
	}},
	{name: "epoll_wait", make: func(m *maker) {
		events, fd := word(at(m.room(64))), m.must(unix.EpollCreate1(unix.EPOLL_CLOEXEC))
		m.call(0, word(uintptr(fd)), events, num("maxevents", 5), word(0))
		m.call(unix.EINVAL, word(uintptr(fd)), events, num("maxevents", 0), word(0))
	}},
	{name: "poll", make: func(m *maker) {
		r, w := m.pipe()
		fds := m.words(uint64(r)|unix.POLLIN<<32, uint64(w)|unix.POLLOUT<<32)
		m.call(0, m.polled("fds", fds), word(2), num("timeout", 0))
		m.call(unix.EFAULT, missing("fds", 8), word(1), num("timeout", -1))
	}},
	{name: "ppoll", make: func(m *maker) {
		r, _ := m.pipe()
		fds, timeout, mask := m.words(uint64(r)|unix.POLLIN<<32), m.words(0, 1000), m.words(1<<10)
		m.call(0, m.polled("fds", fds), word(1), m.all("timeout", timeout), m.all("sigmask", mask), word(8))
		m.call(unix.EFAULT, missing("fds", 8), word(1), missing("timeout", 0), missing("sigmask", 0), word(8))
	}},
	{name: "select", make: func(m *maker) {
		m.call(0, word(0), word(0), word(0), word(0), word(at(m.words(0, 0))))
		m.call(unix.EINVAL, word(^uintptr(0)), word(0), word(0), word(0), word(at(m.words(0, 0))))
	}},
	{name: "io_uring_enter", make: func(m *maker) {
		ring := m.ring()
		m.call(0, m.fd("fd", ring), num("to_submit", 0), num("min_complete", 0), num("flags", enterGetEvents), word(0), word(0))
		m.call(unix.EBADF, m.fd("fd", noFD), num("to_submit", 3), num("min_complete", 2), num("flags", 0), word(0), word(0))
	}},
	{name: "io_uring_register", make: func(m *maker) {
		event, ring := m.words(uint64(m.must(unix.Eventfd(0, unix.EFD_CLOEXEC)))), m.ring()
		m.call(0, m.fd("fd", ring), num("opcode", registerEventFD), num("arg", int64(at(event))), num("nr_args", 1))
		m.call(unix.EINVAL, m.fd("fd", ring), num("opcode", unregisterFiles), num("arg", 5), num("nr_args", 6))
	}},
}

// readCall and the following: what a call has beside its data.
func readCall(more ...arg) func(m *maker) {
	return func(m *maker) {
		m.file("a", "content")
		m.file("long", long)
		few, many := m.room(64), m.room(200)
		fd := m.open("a", unix.O_RDONLY)
		m.call(0, slices.Concat([]arg{m.fd("fd", fd), received("data", few), num("size", 64)}, more)...)
		fd = m.open("long", unix.O_RDONLY)
		m.call(0, slices.Concat([]arg{m.fd("fd", fd), received("data", many), num("size", 200)}, more)...)
		m.call(unix.EBADF, slices.Concat([]arg{m.fd("fd", noFD), received("data", few), num("size", 4)}, more)...)
	}
}

func writeCall(more ...arg) func(m *maker) {
	return func(m *maker) {
		few, many, fd := m.bytes("content"), m.bytes(long), m.open("a", unix.O_WRONLY)
		m.call(0, slices.Concat([]arg{m.fd("fd", fd), m.data("data", few), num("size", 7)}, more)...)
		m.call(0, slices.Concat([]arg{m.fd("fd", fd), m.data("data", many), num("size", int64(len(many)))}, more)...)
		m.call(unix.EBADF, slices.Concat([]arg{m.fd("fd", noFD), m.data("data", few), num("size", 7)}, more)...)
	}
}

func readvCall(more ...arg) func(m *maker) {
	return func(m *maker) {
		m.file("a", "content")
		m.file("long", long)
		vector := m.vector("data", true, m.room(3), m.room(150))
		size := arg{name: "size", none: true, want: func(n int64) paramFacts { return paramFacts{Param: event.Param{Num: int64(uint32(n))}} }}
		for _, name := range []string{"a", "long"} {
			m.call(0, slices.Concat([]arg{m.fd("fd", m.open(name, unix.O_RDONLY))}, vector, more, []arg{size})...)
		}
		m.call(unix.EBADF, slices.Concat([]arg{m.fd("fd", noFD)}, vector, more, []arg{size})...)
	}
}

func writevCall(more ...arg) func(m *maker) {
	return func(m *maker) {
		few, many := m.vector("data", false, m.bytes("con"), m.bytes("tent")), m.vector("data", false, m.bytes("con"), m.bytes(long))
		fd := m.open("a", unix.O_WRONLY)
		m.call(0, slices.Concat([]arg{m.fd("fd", fd)}, few, more, []arg{and("size", 7)})...)
		m.call(0, slices.Concat([]arg{m.fd("fd", fd)}, many, more, []arg{and("size", int64(len(long))+3)})...)
		m.call(unix.EBADF, slices.Concat([]arg{m.fd("fd", noFD)}, few, more, []arg{and("size", 7)})...)
	}
}

// all are bytes that are kept whatever the limit of data is.
func (m *maker) all(name string, b []byte) arg {
	return arg{name: name, word: at(b), want: func(int64) paramFacts { return kept(b, len(b), len(b)) }}
}

func (m *maker) pipe() (r, w int) {
	var fds [2]int
	m.note(unix.Pipe2(fds[:], unix.O_CLOEXEC))
	return fds[0], fds[1]
}

// ring is one of io_uring.
func (m *maker) ring() int {
	params := m.room(120)
	fd, _, errno := unix.RawSyscall(unix.SYS_IO_URING_SETUP, 4, at(params), 0)
	if errno != 0 {
		m.note(errno)
	}
	return int(fd)
}

// Of linux/io_uring.h.
const (
	enterGetEvents  = 1
	registerEventFD = 4
	unregisterFiles = 3
)
