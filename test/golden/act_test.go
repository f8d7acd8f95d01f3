package golden

import (
	"os"
	"runtime"
	"strconv"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/saker-sensor/saker/internal/testutil"
)

// actor is the test binary's place in its own root directory, actWord what makes it carry out an action in place of the tests.
const (
	actor   = "/bin/actor"
	actWord = "act"
)

// acts are what the process of each family does. What fails for want of a privilege or of a device is an event, too.
var acts = map[string]func(){
	"exec": func() {
		run(actor, actWord, "exit", "3")
		run("/tmp/script", "with", "arguments")
		run(actor, actWord, "memfd")
		_ = unix.Exec("/bin/missing", []string{"missing", "-x"}, nil)
	},
	"memfd": func() {
		fd, _ := unix.MemfdCreate("hidden", 0)
		_, _ = unix.Write(fd, []byte("#!"+actor+" "+actWord+"\n"))
		argv, envp := [...]*byte{text("hidden"), nil}, [...]*byte{text("GOLDEN=exec"), nil}
		call(unix.SYS_EXECVEAT, uintptr(fd), ptr(text("")), uintptr(unsafe.Pointer(&argv)), uintptr(unsafe.Pointer(&envp)), unix.AT_EMPTY_PATH)
	},
	"open": func() {
		fd, _ := unix.Open("/etc/shadow", unix.O_RDONLY|unix.O_CLOEXEC, 0)
		b := make([]byte, 16)
		_, _ = unix.Read(fd, b)
		_ = unix.Close(fd)
		fd, _ = unix.Open("/tmp/new", unix.O_CREAT|unix.O_WRONLY|unix.O_TRUNC, 0o640)
		_, _ = unix.Write(fd, []byte("text\x00of\nbytes"))
		_ = unix.Close(fd)
		_ = unix.Chdir("/etc")
		_, _ = unix.Open("../etc/./hosts", unix.O_RDWR, 0)
		_, _ = unix.Open("missing", unix.O_RDONLY, 0)
		_, _ = unix.Open("/tmp/link", unix.O_RDONLY, 0)
		dir, _ := unix.Open("/tmp", unix.O_DIRECTORY|unix.O_RDONLY, 0)
		_, _ = unix.Openat(dir, "new", unix.O_RDONLY|unix.O_NOFOLLOW, 0)
		_, _ = unix.Openat2(dir, "script", &unix.OpenHow{Flags: unix.O_RDONLY, Resolve: unix.RESOLVE_NO_SYMLINKS})
	},
	"network": network,
	"names": func() {
		_ = unix.Mkdir("/tmp/dir", 0o755)
		_ = unix.Rename("/tmp/script", "/tmp/dir/renamed")
		_ = unix.Renameat2(unix.AT_FDCWD, "/tmp/dir/renamed", unix.AT_FDCWD, "/etc/shadow", unix.RENAME_EXCHANGE)
		_ = unix.Link("/etc/hosts", "/tmp/hard")
		_ = unix.Symlink("/etc/shadow", "/tmp/dir/soft")
		_ = unix.Chmod("/tmp/hard", 0o4755)
		_ = unix.Chown("/tmp/hard", 1000, 1000)
		_ = unix.Truncate("/tmp/hard", 0)
		_ = unix.Unlink("/tmp/dir/soft")
		_ = unix.Rmdir("/tmp/missing")
		_ = unix.Mknod("/tmp/fifo", unix.S_IFIFO|0o600, 0)
		_ = unix.Setxattr("/tmp/hard", "user.a", []byte("b"), 0)
	},
	"process": func() {
		_, _ = unix.Setsid()
		_ = unix.Setpgid(0, 0)
		_ = unix.Chdir("/tmp")
		_ = unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
		_ = unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 64, Max: 64})
		call(unix.SYS_SETRESGID, 1000, 1000, 1000)
		call(unix.SYS_SETRESUID, 1000, 1000, 1000)
		call(unix.SYS_SETUID, 0)
		_ = unix.Chroot("/tmp")
		call(unix.SYS_PERSONALITY, 0x0040000)
	},
	"memory": func() {
		_, _ = unix.Mmap(-1, 0, 4096, unix.PROT_READ|unix.PROT_WRITE|unix.PROT_EXEC, unix.MAP_PRIVATE|unix.MAP_ANON)
		b, _ := unix.Mmap(-1, 0, 4096, unix.PROT_READ, unix.MAP_PRIVATE|unix.MAP_ANON)
		_ = unix.Mprotect(b, unix.PROT_READ|unix.PROT_EXEC)
		_ = unix.Mlock(b)
		_, _ = unix.MemfdCreate("named", unix.MFD_CLOEXEC)
		call(unix.SYS_USERFAULTFD, unix.O_CLOEXEC)
		local := unix.Iovec{Base: &b[0], Len: 8}
		_, _ = unix.ProcessVMReadv(os.Getpid(), []unix.Iovec{local}, []unix.RemoteIovec{{Base: uintptr(unsafe.Pointer(&b[0])), Len: 8}}, 0)
	},
	"namespaces": func() {
		_ = unix.Unshare(unix.CLONE_NEWUTS)
		fd, _ := unix.PidfdOpen(os.Getpid(), 0)
		_ = unix.Setns(fd, unix.CLONE_NEWUTS)
		_ = unix.Mount("none", "/mnt", "tmpfs", unix.MS_NOSUID, "size=4k")
		_ = unix.Mount("/etc", "/mnt", "", unix.MS_BIND, "")
		_ = unix.Unmount("/mnt", unix.MNT_DETACH)
		_ = unix.PivotRoot("/mnt", "/mnt")
		_ = unix.Chroot("/mnt")
	},
	"kernel": func() {
		image := []byte("no module")
		call(unix.SYS_INIT_MODULE, uintptr(unsafe.Pointer(&image[0])), uintptr(len(image)), ptr(text("a=b")))
		fd, _ := unix.Open("/etc/hosts", unix.O_RDONLY, 0)
		call(unix.SYS_FINIT_MODULE, uintptr(fd), ptr(text("c=d")), 0)
		_ = unix.DeleteModule("golden_missing", unix.O_NONBLOCK)
		call(unix.SYS_ADD_KEY, ptr(text("user")), ptr(text("golden")), uintptr(unsafe.Pointer(&image[0])), 4, keyProcess)
		call(unix.SYS_REQUEST_KEY, ptr(text("user")), ptr(text("golden")), 0, 0)
		call(unix.SYS_KEYCTL, unix.KEYCTL_DESCRIBE, keyProcess)
		const mapCreate = 0
		attr := [32]uint32{2, 4, 4, 1} // an array of one number
		call(unix.SYS_BPF, mapCreate, uintptr(unsafe.Pointer(&attr)), unsafe.Sizeof(attr))
		_, _ = unix.PerfEventOpen(&unix.PerfEventAttr{Type: unix.PERF_TYPE_SOFTWARE}, 0, -1, -1, 0)
	},
	"io_uring": func() {
		ring, err := testutil.NewUring(4, nil)
		if err != nil {
			return
		}
		_, _ = ring.One(testutil.Openat(unix.AT_FDCWD, "/etc/shadow", unix.O_RDONLY, 0))
		_, _ = ring.One(testutil.Openat2(unix.AT_FDCWD, "/tmp/missing", &unix.OpenHow{Flags: unix.O_RDWR}))
		_ = ring.FixedFiles(2)
	},
	"signals": func() {
		_ = unix.Kill(os.Getpid(), 0)
		call(unix.SYS_TGKILL, uintptr(os.Getpid()), uintptr(unix.Gettid()), uintptr(unix.SIGCONT))
		fd, _ := unix.PidfdOpen(os.Getpid(), 0)
		_ = unix.PidfdSendSignal(fd, unix.SIGCONT, nil, 0)
		call(unix.SYS_PTRACE, unix.PTRACE_ATTACH, 1<<30)
		_, _ = unix.Signalfd(-1, &unix.Sigset_t{}, unix.SFD_CLOEXEC)
		_ = unix.Kill(os.Getpid(), unix.SIGKILL)
	},
}

// keyProcess is KEY_SPEC_PROCESS_KEYRING of linux/keyctl.h, a small negative number.
const keyProcess = ^uintptr(1)

// network talks over the loopback of a network namespace of its own, so that each port is free.
func network() {
	request, _ := unix.NewIfreq("lo")
	request.SetUint16(unix.IFF_UP)
	control, _ := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
	_ = unix.IoctlIfreq(control, unix.SIOCSIFFLAGS, request)

	at := func(port int) *unix.SockaddrInet4 {
		return &unix.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, 1}}
	}
	server, _ := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	_ = unix.Bind(server, at(4444))
	_ = unix.Listen(server, 1)
	client, _ := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	_ = unix.Bind(client, at(5555))
	_ = unix.Connect(client, at(4444))
	peer, _, _ := unix.Accept4(server, unix.SOCK_CLOEXEC)
	_ = unix.Sendto(client, []byte("hello"), 0, nil)
	_, _, _ = unix.Recvfrom(peer, make([]byte, 8), 0)
	_ = unix.Shutdown(peer, unix.SHUT_RDWR)
	_ = unix.Connect(peer, at(1))

	packets, _ := unix.Socket(unix.AF_INET6, unix.SOCK_DGRAM, 0)
	six := &unix.SockaddrInet6{Port: 53}
	six.Addr[15] = 1
	_ = unix.Bind(packets, six)
	_ = unix.Sendto(packets, []byte("datagram"), 0, six)
	local, _ := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	_ = unix.Connect(local, &unix.SockaddrUnix{Name: "/run/missing.sock"})
	_, _ = unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
}

// act is what the actor does, all of it by one thread.
func act(name string) int {
	runtime.LockOSThread()
	if name == "exit" && len(os.Args) > 3 {
		code, _ := strconv.Atoi(os.Args[3])
		return code
	}
	if do := acts[name]; do != nil {
		do()
	}
	return 0
}

// run executes a program and waits for its end.
func run(argv ...string) {
	pid, err := syscall.ForkExec(argv[0], argv, &syscall.ProcAttr{Env: os.Environ(), Files: []uintptr{0, 1, 2}})
	if err == nil {
		_, _ = unix.Wait4(pid, nil, 0, nil)
	}
}

// call makes a system call that has no function of its own. Its result is the event's matter.
func call(trap uintptr, args ...uintptr) {
	var a [6]uintptr
	copy(a[:], args)
	_, _, _ = unix.Syscall6(trap, a[0], a[1], a[2], a[3], a[4], a[5])
}

func text(s string) *byte {
	b, _ := unix.BytePtrFromString(s)
	return b
}

func ptr(b *byte) uintptr { return uintptr(unsafe.Pointer(b)) }
