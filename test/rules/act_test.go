package rules

import (
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// actions are what the test binary does when a script calls it, under whatever name a rule asks for.
var actions = map[string]func(args []string) error{
	"spawn":       spawn,
	"spawn-as":    spawnAs,
	"read":        func(args []string) error { return read(args[0]) },
	"read-late":   func(args []string) error { time.Sleep(lateAfter); return read(args[0]) },
	"talk":        func(args []string) error { _, err := talk(args[0], args[1]); return err },
	"send":        send,
	"udp":         udp,
	"unix":        func(args []string) error { return connectUnix(args[0]) },
	"dup":         dup,
	"dup-free":    dupFree,
	"socket":      socket,
	"ptrace":      attach,
	"traceme":     func([]string) error { return call(unix.SYS_PTRACE, unix.PTRACE_TRACEME) },
	"setuid":      func(args []string) error { return setuid(args[0]) },
	"setns":       func(args []string) error { return setns(args[0]) },
	"unshare":     func([]string) error { _ = unix.Unshare(unix.CLONE_NEWUTS); return nil },
	"init-module": func([]string) error { _ = unix.InitModule([]byte("no module"), ""); return nil },
	"bpf":         bpf,
	"bpf-program": func([]string) error { return bpfProgram() },
	"userfaultfd": func([]string) error { _ = call(unix.SYS_USERFAULTFD, userModeOnly); return nil },
	"memfd":       memfd,
	"create":      create,
	"overwrite":   func(args []string) error { return overwrite(args[0]) },
	"attach":      func(args []string) error { return attachTree(args[0], true) },
	"clone-tree":  func(args []string) error { return attachTree(args[0], false) },
	"key":         func(args []string) error { return key(args[0]) },
	"perf":        perf,
}

// lateAfter is longer than what the published rules take for a program's start.
const lateAfter = 5500 * time.Millisecond

// userModeOnly is UFFD_USER_MODE_ONLY of linux/userfaultfd.h: what a user without capabilities may ask for.
const userModeOnly = 1

// act returns the exit code.
func act(name string, args []string) int {
	runtime.LockOSThread()
	do, ok := actions[name]
	err := fmt.Errorf("the action is unknown")
	if ok {
		err = do(args)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s %q: %v\n", name, args, err)
		return 1
	}
	return 0
}

// call makes a system call whose first argument alone matters.
func call(number, arg uintptr) error {
	if _, _, errno := unix.Syscall6(number, arg, 0, 0, 0, 0, 0); errno != 0 {
		return errno
	}
	return nil
}

// spawn runs a program as a child. How that ends is of no interest, as long as it was executed.
func spawn(args []string) error { return spawnWith(nil, args) }

func spawnAs(args []string) error {
	id, err := strconv.ParseUint(args[0], 10, 32)
	if err != nil {
		return err
	}
	return spawnWith(&syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(id), Gid: uint32(id)}}, args[1:])
}

func spawnWith(attr *syscall.SysProcAttr, args []string) error {
	cmd := exec.Command(args[0], args[1:]...)
	cmd.SysProcAttr, cmd.Stderr = attr, os.Stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return nil
	}
	return err
}

func read(path string) error {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	return unix.Close(fd)
}

// create makes a file with a mode in octal.
func create(args []string) error {
	mode, err := strconv.ParseUint(args[1], 8, 32)
	if err != nil {
		return err
	}
	fd, err := unix.Open(args[0], unix.O_CREAT|unix.O_WRONLY|unix.O_CLOEXEC, uint32(mode))
	if err != nil {
		return err
	}
	return unix.Close(fd)
}

// overwrite opens a file as one does to replace what is in it.
func overwrite(path string) error {
	fd, err := unix.Open(path, unix.O_WRONLY|unix.O_TRUNC|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	return unix.Close(fd)
}

// attachTree clones the mount at a folder, and attaches the clone to it if asked to.
func attachTree(folder string, attach bool) error {
	fd, err := unix.OpenTree(unix.AT_FDCWD, folder, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
	if err != nil || !attach {
		return err
	}
	if err := unix.MoveMount(fd, "", unix.AT_FDCWD, folder, unix.MOVE_MOUNT_F_EMPTY_PATH); err != nil {
		return err
	}
	return unix.Unmount(folder, unix.MNT_DETACH)
}

// key makes a key of the process's own, and reads or describes it.
func key(operation string) error {
	id, err := unix.AddKey("user", "saker trial", []byte("secret"), unix.KEY_SPEC_PROCESS_KEYRING)
	if err != nil {
		return err
	}
	_, err = unix.KeyctlBuffer(map[string]int{"read": unix.KEYCTL_READ, "describe": unix.KEYCTL_DESCRIBE}[operation], id, make([]byte, 64), 0)
	return err
}

// perf opens a counter of the given type for the process itself. The kernel knows no type 99.
func perf(args []string) error {
	kind, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	attr := &unix.PerfEventAttr{Type: uint32(kind), Size: uint32(unsafe.Sizeof(unix.PerfEventAttr{}))}
	fd, err := unix.PerfEventOpen(attr, 0, -1, -1, unix.PERF_FLAG_FD_CLOEXEC)
	if err != nil {
		return nil // of interest is that the call was made
	}
	return unix.Close(fd)
}

func address(text string) (*unix.SockaddrInet4, error) {
	a, err := netip.ParseAddrPort(text)
	if err != nil {
		return nil, err
	}
	return &unix.SockaddrInet4{Addr: a.Addr().As4(), Port: int(a.Port())}, nil
}

// pair is a TCP connection of the process to itself.
type pair struct{ client, server int }

// talk listens at one address, connects to another, which may be the same, and accepts the connection.
func talk(listenAt, connectTo string) (pair, error) {
	at, err := address(listenAt)
	to, err2 := address(connectTo)
	if err := errors.Join(err, err2); err != nil {
		return pair{}, err
	}
	listener, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	client, err2 := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err := errors.Join(err, err2); err != nil {
		return pair{}, err
	}
	err = errors.Join(unix.SetsockoptInt(listener, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1),
		unix.Bind(listener, at), unix.Listen(listener, 1), unix.Connect(client, to))
	if err != nil {
		return pair{}, err
	}
	server, _, err := unix.Accept4(listener, unix.SOCK_CLOEXEC)
	return pair{client, server}, err
}

// send sends bytes, given in hexadecimal digits, over a connection to itself, and receives them.
func send(args []string) error {
	data, err := hex.DecodeString(args[1])
	if err != nil {
		return err
	}
	p, err := talk(args[0], args[0])
	if err != nil {
		return err
	}
	if err := unix.Send(p.server, data, 0); err != nil {
		return err
	}
	_, _, err = unix.Recvfrom(p.client, make([]byte, 64), 0)
	return err
}

// udp gives a datagram socket its peer.
func udp(args []string) error {
	to, err := address(args[0])
	if err != nil {
		return err
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	return unix.Connect(fd, to)
}

// connectUnix listens at a path and connects to it.
func connectUnix(path string) error {
	_ = unix.Unlink(path)
	at := &unix.SockaddrUnix{Name: path}
	listener, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	client, err2 := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err := errors.Join(err, err2); err != nil {
		return err
	}
	return errors.Join(unix.Bind(listener, at), unix.Listen(listener, 1), unix.Connect(client, at))
}

// dup copies a connected socket to a descriptor.
func dup(args []string) error {
	to, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	p, err := talk(args[0], args[0])
	if err != nil {
		return err
	}
	return unix.Dup3(p.client, to, 0)
}

// dupFree has fcntl copy a connected socket to the first free descriptor, which is 0.
func dupFree(args []string) error {
	p, err := talk(args[0], args[0])
	if err != nil {
		return err
	}
	if err := unix.Close(0); err != nil {
		return err
	}
	_, err = unix.FcntlInt(uintptr(p.client), unix.F_DUPFD, 0)
	return err
}

func socket(args []string) error {
	domain := map[string]int{"packet": unix.AF_PACKET, "inet": unix.AF_INET}[args[0]]
	_, err := unix.Socket(domain, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	return err
}

// attach traces a child for a moment.
func attach([]string) error {
	cmd := exec.Command("/bin/sleep", "1000")
	if err := cmd.Start(); err != nil {
		return err
	}
	err := unix.PtraceAttach(cmd.Process.Pid)
	return errors.Join(err, cmd.Process.Kill(), notExit(cmd.Wait()))
}

func notExit(err error) error {
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return nil
	}
	return err
}

func setuid(text string) error {
	id, err := strconv.Atoi(text)
	if err != nil {
		return err
	}
	return call(unix.SYS_SETUID, uintptr(id))
}

// setns enters a namespace that it is in.
func setns(kind string) error {
	fd, err := unix.Open("/proc/self/ns/"+kind, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	return unix.Setns(fd, map[string]int{"uts": unix.CLONE_NEWUTS, "net": unix.CLONE_NEWNET}[kind])
}

// bpf makes a call of the given command with attributes that are refused.
func bpf(args []string) error {
	command, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	var attr [128]byte
	_, _, _ = unix.Syscall(unix.SYS_BPF, uintptr(command), uintptr(unsafe.Pointer(&attr)), unsafe.Sizeof(attr))
	return nil
}

// bpfProgram loads the shortest program that the kernel accepts: a socket filter that returns 0.
func bpfProgram() error {
	insns := [2]uint64{0xb7, 0x95} // r0 = 0; exit
	license := [4]byte{'G', 'P', 'L'}
	attr := struct {
		kind, count    uint32
		insns, license uint64
		rest           [104]byte
	}{kind: unix.BPF_PROG_TYPE_SOCKET_FILTER, count: 2}
	var pin runtime.Pinner
	pin.Pin(&insns)
	pin.Pin(&license)
	defer pin.Unpin()
	attr.insns, attr.license = uint64(uintptr(unsafe.Pointer(&insns))), uint64(uintptr(unsafe.Pointer(&license)))
	if _, _, errno := unix.Syscall(unix.SYS_BPF, unix.BPF_PROG_LOAD, uintptr(unsafe.Pointer(&attr)), unsafe.Sizeof(attr)); errno != 0 {
		return errno
	}
	return nil
}

// memfd executes a program, from memory or as it is on disk.
func memfd(args []string) error {
	program := args[1]
	if args[0] == "memory" {
		text, err := os.ReadFile(program)
		if err != nil {
			return err
		}
		fd, err := unix.MemfdCreate("payload", 0)
		if err != nil {
			return err
		}
		if _, err := unix.Write(fd, text); err != nil {
			return err
		}
		program = filepath.Join("/proc/self/fd", strconv.Itoa(fd))
	}
	return unix.Exec(program, []string{"true"}, os.Environ())
}
