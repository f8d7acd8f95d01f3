package kernel

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/saker-sensor/saker/internal/event"
	"github.com/saker-sensor/saker/internal/testutil"
)

// Operations of io_uring (linux/io_uring.h).
const (
	opFsync     = 3
	opSendmsg   = 9
	opRecvmsg   = 10
	opAccept    = 13
	opConnect   = 16
	opClose     = 19
	opRead      = 22
	opWrite     = 23
	opSend      = 26
	opRecv      = 27
	opSplice    = 30
	opShutdown  = 34
	opRenameat  = 35
	opUnlinkat  = 36
	opMkdirat   = 37
	opSymlinkat = 38
	opLinkat    = 39
	opSocket    = 45
	opFtruncate = 55
	opBind      = 56
	opListen    = 57

	acceptMultishot = 1 << 0 // IORING_ACCEPT_MULTISHOT
)

// asker asks a ring for calls, one after the other, and keeps what is to be seen of them.
type asker struct {
	r     *testutil.Uring
	flags uint8
	doorFacts
	err error
}

// ask makes one request. since is the version since which kernels have the operation; what follows needs it, too.
func (a *asker) ask(typ string, since [2]int, e testutil.SQE, want int32, params map[string]string) int32 {
	if a.Skip != "" || a.err != nil {
		return -1
	}
	if before(since[0], since[1]) {
		a.Skip = fmt.Sprintf("needs Linux %d.%d: the ring has no %s", since[0], since[1], typ)
		return -1
	}
	e.Flags |= a.flags
	res, err := a.r.One(e)
	if err != nil {
		a.err = fmt.Errorf("%s: %w", typ, err)
	} else if res != want && want != anyResult {
		a.err = fmt.Errorf("%s: the ring answered %d, want %d", typ, res, want)
	}
	for _, name := range []string{"fd", "fd_out"} {
		if fd, ends, _ := strings.Cut(params[name], " "); fd != "" && before(5, 19) && typ != "accept4" && typ != "close" {
			params[name] = strings.TrimSpace("-1 " + ends) // the request does not keep the number of its descriptor
		}
	}
	a.Calls = append(a.Calls, doorCall{typ, int64(res), params})
	return res
}

const (
	anyResult = 1 << 30
	atCwd     = unix.AT_FDCWD
)

// operation is one whose pointer is to these bytes.
func operation(opcode uint8, fd int, data []byte, off uint64, length, flags uint32) testutil.SQE {
	e := testutil.Operation(opcode, fd, "", nil, off, length, flags)
	e.Data(data)
	return e
}

// simple is one without a pointer.
func simple(opcode uint8, fd int, off uint64, length, flags uint32) testutil.SQE {
	e := testutil.Operation(opcode, fd, "", nil, off, length, flags)
	e.Pointer(0)
	return e
}

func terminated(p string) []byte { return []byte(p + "\x00") }

// inet is the address of a port of this machine.
func inet(port int) []byte {
	b := binary.LittleEndian.AppendUint16(nil, unix.AF_INET)
	return append(binary.BigEndian.AppendUint16(b, uint16(port)), 127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0)
}

// socketPort makes a socket that is bound to a free port of this machine.
func socketPort(typ int) (fd, port int, err error) {
	if fd, err = unix.Socket(unix.AF_INET, typ, 0); err != nil {
		return 0, 0, err
	}
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		return 0, 0, err
	}
	sa, err := unix.Getsockname(fd)
	if err != nil {
		return 0, 0, err
	}
	return fd, sa.(*unix.SockaddrInet4).Port, nil
}

// uringCallCases ask for calls that are no opens. dir is a folder of their own, and the working directory.
var uringCallCases = map[string]func(a *asker, dir string){
	"paths": askPaths,
	"paths by a worker": func(a *asker, dir string) {
		a.flags = testutil.IosqeAsync
		askPaths(a, dir)
	},
	"paths by the polling thread": func(a *asker, dir string) {
		a.r, a.err = testutil.NewUring(8, &testutil.UringParams{Flags: testutil.IoringSetupSQPoll, SQThreadIdle: 1000})
		askPaths(a, dir)
	},
	"linked":      askLinked,
	"sockets":     askSockets,
	"fixed files": askFixed,
	"data":        askData,
	"datagrams":   askDatagrams,
	"messages":    askMessages,
}

func askPaths(a *asker, dir string) {
	since, fd := [2]int{5, 15}, 0
	if a.err == nil {
		fd, a.err = unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY, 0)
	}
	a.ask("mkdirat", since, testutil.Operation(opMkdirat, atCwd, "new", nil, 0, 0o750, 0), 0,
		map[string]string{"path": dir + "/new", "mode": fmt.Sprint(0o750), "res": "0"})
	a.ask("mkdirat", since, testutil.Operation(opMkdirat, atCwd, "new", nil, 0, 0o750, 0), -int32(unix.EEXIST),
		map[string]string{"path": dir + "/new", "res": fmt.Sprint(-int32(unix.EEXIST))})
	a.ask("renameat2", since, testutil.Operation(opRenameat, atCwd, dir+"/file", terminated("other"), 0, uint32(fd), unix.RENAME_NOREPLACE), 0,
		map[string]string{"oldpath": dir + "/file", "newpath": dir + "/other", "newdirfd": fmt.Sprint(fd), "flags": "1"})
	at := atCwd // as the kernel has it in 32 bits
	a.ask("linkat", since, testutil.Operation(opLinkat, fd, "other", terminated(dir+"/link"), 0, uint32(at), 0), 0,
		map[string]string{"oldpath": dir + "/other", "newpath": dir + "/link"})
	a.ask("symlinkat", since, testutil.Operation(opSymlinkat, fd, "to/nowhere", terminated("symlink"), 0, 0, 0), 0,
		map[string]string{"target": "to/nowhere", "linkpath": dir + "/symlink"})
	a.ask("unlinkat", since, testutil.Operation(opUnlinkat, atCwd, dir+"/link", nil, 0, 0, 0), 0,
		map[string]string{"name": dir + "/link", "flags": "0"})
	a.ask("unlinkat", since, testutil.Operation(opUnlinkat, fd, "absent", nil, 0, 0, 0), -int32(unix.ENOENT),
		map[string]string{"name": dir + "/absent", "res": fmt.Sprint(-int32(unix.ENOENT))})
}

// askLinked asks for a chain: what stands behind a request that fails is not made, which the ring answers.
func askLinked(a *asker, dir string) {
	failed := simple(opClose, 1000, 0, 0, 0)
	failed.Flags, failed.UserData = testutil.IosqeIOLink, 7
	a.r.Push(failed)
	a.ask("unlinkat", [2]int{5, 15}, testutil.Operation(opUnlinkat, atCwd, dir+"/file", nil, 0, 0, 0), -int32(unix.ECANCELED),
		map[string]string{"name": dir + "/file"})
	if a.Skip != "" {
		return
	}
	a.Calls = append([]doorCall{{"close", -int64(unix.EBADF), map[string]string{"fd": "1000"}}}, a.Calls...)
}

func askSockets(a *asker, _ string) {
	server, port, err := socketPort(unix.SOCK_STREAM)
	client, clientPort, err2 := socketPort(unix.SOCK_STREAM)
	refusing, closed, err3 := socketPort(unix.SOCK_STREAM)
	if a.err = errors.Join(err, err2, err3, unix.Listen(server, 5), unix.Close(refusing)); a.err != nil {
		return
	}
	addr := inet(port)
	ends := fmt.Sprintf("127.0.0.1:%d->127.0.0.1:%d", clientPort, port)
	a.ask("connect", [2]int{5, 5}, operation(opConnect, client, addr, uint64(len(addr)), 0, 0), 0,
		map[string]string{"addr": fmt.Sprintf("127.0.0.1:%d", port), "fd": fmt.Sprint(client, " ", ends), "res": "0"})
	to := inet(closed)
	if refusing, a.err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0); a.err != nil {
		return
	}
	a.ask("connect", [2]int{5, 5}, operation(opConnect, refusing, to, uint64(len(to)), 0, 0), -int32(unix.ECONNREFUSED),
		map[string]string{"addr": fmt.Sprintf("127.0.0.1:%d", closed), "res": fmt.Sprint(-int32(unix.ECONNREFUSED))})
	accept := simple(opAccept, server, 0, 0, unix.SOCK_CLOEXEC)
	fd := a.ask("accept4", [2]int{5, 5}, accept, anyResult, nil)
	a.Calls[len(a.Calls)-1].Params = map[string]string{"fd": fmt.Sprintf("%d 127.0.0.1:%d->127.0.0.1:%d", fd, port, clientPort),
		"flags": "4096"}
	a.ask("shutdown", [2]int{5, 11}, simple(opShutdown, client, 0, unix.SHUT_WR, 0), 0,
		map[string]string{"fd": fmt.Sprint(client, " ", ends), "how": "1"})
	a.ask("close", [2]int{5, 6}, simple(opClose, client, 0, 0, 0), 0, map[string]string{"fd": fmt.Sprint(client, " ", ends)})
	made := a.ask("socket", [2]int{5, 19}, simple(opSocket, unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0, 0), anyResult,
		map[string]string{"domain": "2", "type": fmt.Sprint(unix.SOCK_STREAM | unix.SOCK_CLOEXEC)})
	local := inet(0)
	a.ask("bind", [2]int{6, 11}, operation(opBind, int(made), local, uint64(len(local)), 0, 0), 0, map[string]string{"addr": "missing"})
	a.ask("listen", [2]int{6, 11}, simple(opListen, int(made), 0, 3, 0), 0, map[string]string{"backlog": "3"})
}

// askFixed uses files of the ring's own table, which are no descriptors.
func askFixed(a *asker, _ string) {
	server, port, err := socketPort(unix.SOCK_STREAM)
	client, clientPort, err2 := socketPort(unix.SOCK_STREAM)
	a.err = errors.Join(err, err2, unix.Listen(server, 5), unix.Connect(client, &unix.SockaddrInet4{Port: port, Addr: [4]byte{127, 0,
		0, 1}}),
		a.r.FixedFiles(4))
	accept := simple(opAccept, server, 0, 0, 0)
	accept.FileIndex = 3
	ends := fmt.Sprintf("127.0.0.1:%d->127.0.0.1:%d", port, clientPort)
	a.ask("accept4", [2]int{5, 15}, accept, 0, map[string]string{"fd": "0 " + ends})
	send := operation(opSend, 2, []byte("hello"), 0, 5, 0)
	send.Flags = testutil.IosqeFixedFile
	a.ask("sendto", [2]int{5, 15}, send, 5, map[string]string{"data": "hello", "size": "5", "fd": "2 " + ends})
	gone := simple(opClose, 0, 0, 0, 0)
	gone.FileIndex = 3
	a.ask("close", [2]int{5, 19}, gone, 0, map[string]string{"fd": "0 " + ends})
}

func askData(a *asker, dir string) {
	file, err := unix.Open(dir+"/file", unix.O_RDWR, 0)
	pipe := make([]int, 2)
	if a.err = errors.Join(err, unix.Pipe(pipe)); a.err != nil {
		return
	}
	a.ask("pwrite", [2]int{5, 6}, operation(opWrite, file, []byte("written"), 3, 7, 0), 7,
		map[string]string{"data": "written", "size": "7", "pos": "3", "fd": fmt.Sprint(file)})
	got := make([]byte, 100)
	a.ask("pread", [2]int{5, 6}, operation(opRead, file, got, 5, 100, 0), 5, map[string]string{"data": "itten", "size": "100", "pos": "5"})
	if !before(5, 19) { // where the ring refuses it before it tells of it
		a.ask("pread", [2]int{5, 6}, operation(opRead, pipe[1], got, 0, 100, 0), -int32(unix.EBADF), map[string]string{"data": "missing"})
	}
	a.ask("fsync", [2]int{5, 1}, simple(opFsync, file, 0, 0, 0), anyResult, nil)
	splice := simple(opSplice, pipe[1], ^uint64(0), 4, unix.SPLICE_F_MORE)
	splice.FileIndex = uint32(file)
	a.ask("splice", [2]int{5, 7}, splice, 4, map[string]string{"fd_in": fmt.Sprint(file), "fd_out": fmt.Sprint(pipe[1]), "size": "4",
		"flags": "4"})
	a.ask("ftruncate", [2]int{6, 9}, simple(opFtruncate, file, 2, 0, 0), 0, nil)
}

func askDatagrams(a *asker, _ string) {
	server, port, err := socketPort(unix.SOCK_DGRAM)
	client, clientPort, err2 := socketPort(unix.SOCK_DGRAM)
	a.err = errors.Join(err, err2)
	to := inet(port)
	send := operation(opSend, client, []byte("a datagram"), uint64(uintptr(unsafe.Pointer(&to[0]))), 10, 0)
	send.FileIndex = uint32(len(to)) // addr_len stands there
	a.ask("sendto", [2]int{6, 0}, send, 10, map[string]string{
		"data": "a datagram", "tuple": fmt.Sprintf("127.0.0.1:%d", port),
		"fd": fmt.Sprintf("%d 127.0.0.1:%d->127.0.0.1:%d", client, clientPort, port),
	})
	got := make([]byte, 100)
	a.ask("recvfrom", [2]int{5, 6}, operation(opRecv, server, got, 0, 100, 0), 10, map[string]string{"data": "a datagram", "size": "100"})
}

func askMessages(a *asker, _ string) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	a.err = err
	// The caller writes over the message when it has been sent, before the ring's answer is looked at.
	hello, got := []byte("to be sent"), make([]byte, 100)
	message := func(data []byte) []byte {
		vec := &unix.Iovec{Base: &data[0]}
		vec.SetLen(len(data))
		m := &unix.Msghdr{Iov: vec}
		m.SetIovlen(1)
		return unsafe.Slice((*byte)(unsafe.Pointer(m)), unsafe.Sizeof(*m))
	}
	a.ask("sendmsg", [2]int{5, 3}, operation(opSendmsg, pair[0], message(hello), 0, 1, 0), 10, map[string]string{"data": "to be sent",
		"size": "10"})
	a.ask("recvmsg", [2]int{5, 3}, operation(opRecvmsg, pair[1], message(got), 0, 1, 0), 10, map[string]string{"data": "to be sent",
		"size": "10"})
}

// uringCallsTrigger: args are a case of uringCallCases and a folder with the file "file".
func uringCallsTrigger(args []string) (any, error) {
	dir := args[1]
	r, err := testutil.NewUring(8, nil)
	if err := errors.Join(err, os.Chdir(dir), os.WriteFile("file", nil, 0o600)); err != nil {
		return nil, err
	}
	a := &asker{r: r}
	uringCallCases[args[0]](a, dir)
	return &a.doorFacts, a.err
}

func byRing(ev *event.Event) bool {
	return ev.Flags&event.FlagIoUring != 0 && ev.Type != event.TypeOpenat && ev.Type != event.TypeOpenat2
}

// What a ring is asked for is seen as the call that it is the equivalent of, with its parameters and its result.
func TestUringCalls(t *testing.T) {
	for name := range uringCallCases {
		t.Run(name, func(t *testing.T) {
			var facts doorFacts
			c := trigger(t, &facts, "io_uring calls", name, t.TempDir())
			c.checkDoor(facts, byRing)
			if c.counters.UringUnmatched != 0 {
				t.Errorf("%d requests and answers did not find each other", c.counters.UringUnmatched)
			}
			if facts.Skip != "" {
				t.Skip(facts.Skip)
			}
		})
	}
}

// uringAcceptTrigger accepts two connections by one request. Its facts are what the ring answered.
func uringAcceptTrigger([]string) (any, error) {
	r, err := testutil.NewUring(8, nil)
	server, port, err2 := socketPort(unix.SOCK_STREAM)
	if err := errors.Join(err, err2, unix.Listen(server, 5)); err != nil {
		return nil, err
	}
	e := simple(opAccept, server, 0, 0, 0)
	e.Priority(acceptMultishot)
	r.Push(e)
	var got []int32
	for range 2 {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
		if err := errors.Join(err, unix.Connect(fd, &unix.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, 1}})); err != nil {
			return nil, err
		}
		answers, err := r.Submit(1)
		if err != nil {
			return nil, err
		}
		for _, a := range answers {
			got = append(got, a.Res)
		}
	}
	return got, nil
}

// One request may accept any number of connections: each is seen.
func TestUringAcceptsMany(t *testing.T) {
	if before(5, 19) {
		t.Skip("needs Linux 5.19: a request accepts one connection")
	}
	var want []int32
	c := trigger(t, &want, "io_uring accept")
	var got []string
	for _, ev := range c.events {
		if ev.Tgid == c.pid && byRing(ev) && ev.Ret >= 0 {
			got = append(got, fmt.Sprintf("%v %d socket %v", ev.Type, ev.Ret, ev.Params[0].Descriptor.Kind == event.KindSocket))
		}
	}
	var expected []string
	for _, fd := range want {
		expected = append(expected, fmt.Sprintf("accept4 %d socket true", fd))
	}
	if len(want) < 2 || strings.Join(got, ", ") != strings.Join(expected, ", ") {
		t.Errorf("events %q, want %q", got, expected)
	}
}

// uringSilentCallTrigger asks for no answer if a call succeeds. Its fact is the descriptor that it closes.
func uringSilentCallTrigger([]string) (any, error) {
	r, err := testutil.NewUring(4, nil)
	fd, err2 := unix.Open("/", unix.O_PATH, 0)
	if err := errors.Join(err, err2); err != nil {
		return nil, err
	}
	for _, fd := range []int{fd, 1000} {
		e := simple(opClose, fd, 0, 0, 0)
		e.Flags = testutil.IosqeCQESkip
		r.Push(e)
	}
	_, err = r.Submit(1)
	return fd, err
}

// A call whose success the ring tells nobody is seen when it is asked for, and a failure once more.
func TestUringSilentCall(t *testing.T) {
	if before(5, 17) {
		t.Skip("needs Linux 5.17: each request is answered")
	}
	var fd int
	c := trigger(t, &fd, "io_uring silent call")
	var got []string
	for _, ev := range c.events {
		if ev.Tgid == c.pid && byRing(ev) {
			got = append(got, fmt.Sprint(ev.Params[1].Num, " ", ev.Ret, " ", ev.Flags&event.FlagUnverified != 0))
		}
	}
	if want := fmt.Sprintf("%d 0 true, 1000 0 true, 1000 %d false", fd, -int(unix.EBADF)); strings.Join(got, ", ") != want {
		t.Errorf("events %q, want %q", got, want)
	}
}
