package kernel

import (
	"encoding/binary"
	"fmt"
	"os"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/saker-sensor/saker/internal/event"
	"github.com/saker-sensor/saker/internal/ia32"
	"github.com/saker-sensor/saker/internal/testutil"
)

// compatCaller makes calls by the 32-bit entry. What they point at is in memory below 4 GiB.
type compatCaller struct {
	facts doorFacts
	mem   unsafe.Pointer
	used  uintptr
}

const compatMemory = 65536

func newCompatCaller() (*compatCaller, error) {
	mem, err := unix.MmapPtr(-1, 0, nil, compatMemory, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON|unix.MAP_32BIT)
	return &compatCaller{mem: mem}, err
}

// put copies bytes to where a 32-bit call reaches them.
func (c *compatCaller) put(b []byte) uintptr {
	at := unsafe.Add(c.mem, c.used)
	copy(unsafe.Slice((*byte)(at), len(b)), b)
	c.used += uintptr(len(b)+15) &^ 15
	return uintptr(at)
}

func (c *compatCaller) text(s string) uintptr { return c.put([]byte(s + "\x00")) }

// words puts an array of 32-bit words.
func (c *compatCaller) words(words ...uintptr) uintptr {
	var b []byte
	for _, w := range words {
		b = binary.LittleEndian.AppendUint32(b, uint32(w))
	}
	return c.put(b)
}

// lastWords puts them at the very end of memory: no page follows.
func (c *compatCaller) lastWords(words ...uintptr) (uintptr, error) {
	mem, err := unix.MmapPtr(-1, 0, nil, 8192, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON|unix.MAP_32BIT)
	if err != nil {
		return 0, err
	}
	if err := unix.MunmapPtr(unsafe.Add(mem, 4096), 4096); err != nil {
		return 0, err
	}
	at := unsafe.Add(mem, 4096-4*len(words))
	for i, w := range words {
		*(*uint32)(unsafe.Add(at, 4*i)) = uint32(w)
	}
	return uintptr(at), nil
}

// call makes a call and notes what is to be seen of it.
func (c *compatCaller) call(typ string, params map[string]string, nr uintptr, args ...uintptr) uintptr {
	ret := ia32.Int80(nr, args...)
	c.facts.Calls = append(c.facts.Calls, doorCall{typ, int64(ret), params})
	return uintptr(ret)
}

// Numbers of i386's table, and what socketcall and ipc are given as their first argument.
const (
	i386Unlink     = 10
	i386Rename     = 38
	i386Mkdir      = 39
	i386Socketcall = 102
	i386IPC        = 117
	i386Setuid32   = 213
	i386Connect    = 362

	socketSocket, socketBind, socketConnect, socketListen, socketAccept = 1, 2, 3, 4, 5
	socketSocketpair, socketSend, socketRecv                            = 8, 9, 10
	socketSetsockopt, socketSendmsg, socketAccept4                      = 14, 16, 18

	ipcSemop, ipcSemget, ipcSemctl, ipcShmget, ipcShmctl = 1, 2, 3, 23, 24
)

func (c *compatCaller) socket(typ string, params map[string]string, number uintptr, args ...uintptr) uintptr {
	return c.call(typ, params, i386Socketcall, number, c.words(args...))
}

func sockaddr(port uint16) []byte {
	b := binary.LittleEndian.AppendUint16(nil, unix.AF_INET)
	return append(binary.BigEndian.AppendUint16(b, port), 127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0)
}

// port is that of a bound socket.
func port(fd uintptr) (int, error) {
	addr, err := unix.Getsockname(int(fd))
	if err != nil {
		return 0, err
	}
	return addr.(*unix.SockaddrInet4).Port, nil
}

// socketcallTrigger connects two sockets, and passes data, by socketcall alone.
func socketcallTrigger([]string) (any, error) {
	c, err := newCompatCaller()
	if err != nil {
		return nil, err
	}
	open := func() uintptr {
		fd := c.socket("socket", nil, socketSocket, unix.AF_INET, unix.SOCK_STREAM, 0)
		c.facts.Calls[len(c.facts.Calls)-1].Params = map[string]string{
			"fd": fmt.Sprintf("%d 0.0.0.0:0->0.0.0.0:0", fd), "domain": "2", "type": "1", "proto": "0",
		}
		return fd
	}
	server, client := open(), open()
	c.socket("bind", map[string]string{"addr": "127.0.0.1:0"}, socketBind, server, c.put(sockaddr(0)), 16)
	at, err := port(server)
	if err != nil {
		return nil, err
	}
	serves := fmt.Sprintf("127.0.0.1:%d", at)
	// Two words at the end of a page: a third is not there.
	last, err := c.lastWords(server, 7)
	if err != nil {
		return nil, err
	}
	c.call("listen", map[string]string{"backlog": "7", "fd": fmt.Sprintf("%d %s->0.0.0.0:0", server, serves)}, i386Socketcall, socketListen,
		last)
	c.socket("connect", nil, socketConnect, client, c.put(sockaddr(uint16(at))), 16)
	connect := len(c.facts.Calls) - 1
	from, err := port(client)
	if err != nil {
		return nil, err
	}
	connects := fmt.Sprintf("127.0.0.1:%d", from)
	client32 := fmt.Sprintf("%d %s->%s", client, connects, serves)
	c.facts.Calls[connect].Params = map[string]string{"fd": client32, "addr": serves}
	took := c.socket("accept", nil, socketAccept, server, 0, 0)
	c.facts.Calls[connect+1].Params = map[string]string{"fd": fmt.Sprintf("%d %s->%s", took, serves, connects)}
	c.socket("send", map[string]string{"data": "by word", "size": "7", "fd": client32}, socketSend, client, c.text("by word"), 7, 0)
	c.socket("recv", map[string]string{"data": "by word"}, socketRecv, took, c.put(make([]byte, 64)), 64, 0)
	// struct msghdr of 32-bit words, with one buffer.
	vector := c.words(c.text("message"), 7)
	c.socket("sendmsg", map[string]string{"data": "message", "size": "7"}, socketSendmsg, client, c.words(0, 0, vector, 1, 0, 0, 0), 0)
	c.socket("setsockopt", map[string]string{"optlen": "4"}, socketSetsockopt, client, unix.SOL_SOCKET, unix.SO_KEEPALIVE, c.words(1), 4)
	c.socket("accept4", nil, socketAccept4, 0xffffffff, 0, 0, unix.SOCK_CLOEXEC)
	pair := c.words(0, 0)
	fds := (*[2]uint32)(unsafe.Add(c.mem, pair-uintptr(c.mem)))
	c.socket("socketpair", nil, socketSocketpair, unix.AF_UNIX, unix.SOCK_STREAM, 0, pair)
	c.facts.Calls[len(c.facts.Calls)-1].Params = map[string]string{"fd1": fmt.Sprint(fds[0]), "fd2": fmt.Sprint(fds[1]), "domain": "1"}
	// What can't be read, and what stands for no call.
	c.call("connect", map[string]string{"fd": "-1", "addr": "missing"}, i386Socketcall, socketConnect, 8)
	c.call("socketcall", nil, i386Socketcall, 99, c.words(1, 2, 3))
	return &c.facts, nil
}

func TestSocketcall(t *testing.T) {
	testutil.NeedEntry32(t)
	var facts doorFacts
	c := trigger(t, &facts, "socketcall")
	c.checkDoor(facts, byCompat)
}

// ipcTrigger makes, uses and removes a semaphore and a shared memory, by ipc.
func ipcTrigger([]string) (any, error) {
	c, err := newCompatCaller()
	if err != nil {
		return nil, err
	}
	id := c.call("semget", map[string]string{"key": "0", "nsems": "2"}, i386IPC, ipcSemget, unix.IPC_PRIVATE, 2, 0o600)
	const setval, interfaceVersion = 16, 1 << 16
	c.call("semctl", map[string]string{"semid": fmt.Sprint(id), "semnum": "1", "val": "7"},
		i386IPC, ipcSemctl|interfaceVersion, id, 1, setval, c.words(7))
	sops := binary.LittleEndian.AppendUint16(nil, 1)
	sops = binary.LittleEndian.AppendUint16(sops, 3)
	sops = binary.LittleEndian.AppendUint16(sops, unix.O_NONBLOCK)
	c.call("semop", map[string]string{"semid": fmt.Sprint(id), "nsops": "1", "sem_num_0": "1", "sem_op_0": "3"},
		i386IPC, ipcSemop, id, 1, 0, c.put(sops))
	c.call("semctl", map[string]string{"semid": fmt.Sprint(id)}, i386IPC, ipcSemctl, id, 0, unix.IPC_RMID, c.words(0))
	shm := c.call("shmget", nil, i386IPC, ipcShmget, unix.IPC_PRIVATE, 4096, 0o600)
	c.call("shmctl", nil, i386IPC, ipcShmctl, shm, unix.IPC_RMID, 0)
	c.call("ipc", nil, i386IPC, 99, 0, 0, 0, 0)
	return &c.facts, nil
}

func TestIPC(t *testing.T) {
	testutil.NeedEntry32(t)
	var facts doorFacts
	c := trigger(t, &facts, "ipc")
	c.checkDoor(facts, byCompat)
}

// compatCallsTrigger makes some calls by the 32-bit entry whose numbers are their own there. args: a folder.
func compatCallsTrigger(args []string) (any, error) {
	c, err := newCompatCaller()
	if err != nil {
		return nil, err
	}
	file, other, dir := args[0]+"/file", args[0]+"/other", args[0]+"/dir"
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		return nil, err
	}
	c.call("rename", map[string]string{"oldpath": file, "newpath": other}, i386Rename, c.text(file), c.text(other))
	c.call("unlink", map[string]string{"path": other}, i386Unlink, c.text(other))
	c.call("unlink", map[string]string{"path": other}, i386Unlink, c.text(other))
	c.call("mkdir", map[string]string{"path": dir, "mode": fmt.Sprint(0o750)}, i386Mkdir, c.text(dir), 0o750)
	c.call("connect", map[string]string{"fd": "-1", "addr": "127.0.0.1:80"}, i386Connect, 0xffffffff, c.put(sockaddr(80)), 16)
	c.call("setuid", map[string]string{"uid": fmt.Sprint(70000)}, i386Setuid32, 70000)
	return &c.facts, nil
}

func TestCompatCalls(t *testing.T) {
	testutil.NeedEntry32(t)
	var facts doorFacts
	c := trigger(t, &facts, "compat calls", t.TempDir())
	c.checkDoor(facts, byCompat)
}

// x32 is set in the number of a call by that entry (__X32_SYSCALL_BIT, asm/unistd.h). Most kernels are without it: then the call
// fails with ENOSYS, and is seen all the same.
const x32 = 0x40000000

// Numbers of x32's table: execve has one of its own.
const (
	x32Connect  = 42
	x32Rename   = 82
	x32Execve   = 520
	x32Execveat = 545
)

// x32Trigger makes calls by the x32 entry that fail.
func x32Trigger([]string) (any, error) {
	c, err := newCompatCaller()
	if err != nil {
		return nil, err
	}
	do := func(typ string, params map[string]string, nr uintptr, args ...uintptr) {
		var six [6]uintptr
		copy(six[:], args)
		_, _, errno := unix.RawSyscall6(x32|nr, six[0], six[1], six[2], six[3], six[4], six[5])
		c.facts.Calls = append(c.facts.Calls, doorCall{typ, -int64(errno), params})
	}
	absent := c.text("/nowhere/x32")
	do("execve", nil, x32Execve, absent, c.words(0, 0), c.words(0, 0))
	do("execveat", nil, x32Execveat, uintptr(unix.AT_FDCWD&0xffffffff), absent, c.words(0, 0), c.words(0, 0), 0)
	do("rename", map[string]string{"oldpath": "/nowhere/x32", "newpath": "/nowhere/x"}, x32Rename, absent, c.text("/nowhere/x"))
	do("connect", map[string]string{"fd": "-1", "addr": "127.0.0.1:80"}, x32Connect, ^uintptr(0), c.put(sockaddr(80)), 16)
	return &c.facts, nil
}

func TestX32(t *testing.T) {
	var facts doorFacts
	c := trigger(t, &facts, "x32")
	c.checkDoor(facts, func(ev *event.Event) bool {
		if ev.Type == event.TypeExecve || ev.Type == event.TypeExecveat {
			return ev.Ret < 0 && ev.Filename == "/nowhere/x32"
		}
		return ev.Type.String() == "rename" || ev.Type.String() == "connect"
	})
}
