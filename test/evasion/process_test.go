package evasion

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// TestProcess: ways to be another process than the one that the rule knows.
func TestProcess(t *testing.T) { try(t, processes) }

// The technique's process is the test binary, run as /proc/self/exe.
var processes = []technique{
	{"comm", func(dir string) error {
		name, err := unix.BytePtrFromString("sshd")
		if err != nil {
			return err
		}
		if err := unix.Prctl(unix.PR_SET_NAME, uintptr(unsafe.Pointer(name)), 0, 0, 0); err != nil {
			return err
		}
		comm, err := os.ReadFile(fmt.Sprintf("/proc/self/task/%d/comm", unix.Gettid()))
		if err != nil || string(comm) != "sshd\n" {
			return fmt.Errorf("the thread's name is %q: %w", comm, err)
		}
		return errors.Join(read(dir+"/secret"), openAndExit(dir+"/script"))
	}, []expectation{
		// What it calls itself later does not make it another program.
		seen(secretRead+" and proc.name = exe", "proc.name=exe"),
		gap(secretRead+" and proc.name = sshd", "the name is the one that the exec gave"),
		gap("open_read and fd.name = DIR/script and proc.name = exe",
			"a forked child begins with the name that its parent has then, as in Falco; proc.exepath is the file"),
		seen("open_read and fd.name = DIR/script and proc.name = sshd", "proc.exepath=*"),
	}},
	{"argv rewritten", func(string) error {
		for _, a := range os.Args {
			b := unsafe.Slice(unsafe.StringData(a), len(a))
			for i := range b {
				b[i] = '-'
			}
		}
		cmdline, err := os.ReadFile("/proc/self/cmdline")
		if err != nil || strings.Contains(string(cmdline), "evasion") {
			return fmt.Errorf("the command line is %q: %w", cmdline, err)
		}
		return read(os.Getenv(folderVar) + "/secret")
	}, []expectation{seen(secretRead+" and proc.args = DIR", "proc.args=DIR", "proc.exe=/proc/self/exe")}},
	{"vfork", func(dir string) error { return run(nil, dir+"/payload", "true") }, []expectation{
		seen(payloadRun+" and proc.pname = exe", "proc.pname=exe"),
	}},
	{"double fork", func(dir string) error { return doubleFork(dir+"/secret", dir+"/payload") }, []expectation{
		seen(secretRead, "proc.name=exe"),
		seen(payloadRun, "proc.name=payload"),
		// Its parent is the process that took the orphan in, as in Falco (docs/adr/0004-lineage.md).
		seen(payloadRun+" and proc.pname = exe", "proc.pname=exe"),
	}},
	{"pid reuse", func(dir string) error { return samePid(dir+"/payload", dir+"/script", dir+"/secret") }, []expectation{
		seen("open_read and fd.name = DIR/script", "proc.exepath=DIR/payload", "proc.name=payload", "proc.args=DIR/script"),
		seen(secretRead, "proc.name=exe", "proc.args=DIR"),
		gap(secretRead+" and proc.exepath = DIR/payload", "the second process is another one than the first, whose pid it has"),
	}},
}

// doubleFork: a grandchild waits until its parent has ended, opens a file and executes another.
//
//go:norace
func doubleFork(file, program string) error {
	f, err := unix.BytePtrFromString(file)
	p, err2 := unix.BytePtrFromString(program)
	arg, err3 := unix.BytePtrFromString("true")
	var fds [2]int
	if err := errors.Join(err, err2, err3, unix.Pipe2(fds[:], unix.O_CLOEXEC)); err != nil {
		return err
	}
	// The orphan comes back here, so that its end can be waited for.
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return err
	}
	argv := [2]*byte{arg}
	own := uintptr(unix.Getpid())
	var pin runtime.Pinner
	pin.Pin(arg)
	defer pin.Unpin()
	child, _, errno := unix.RawSyscall6(unix.SYS_CLONE, uintptr(unix.SIGCHLD), 0, 0, 0, 0, 0)
	if errno != 0 {
		return errno
	}
	if child == 0 {
		if grandchild, _, _ := unix.RawSyscall6(unix.SYS_CLONE, uintptr(unix.SIGCHLD), 0, 0, 0, 0, 0); grandchild != 0 {
			for {
				unix.RawSyscall(unix.SYS_EXIT_GROUP, 0, 0, 0)
			}
		}
		for {
			if ppid, _, _ := unix.RawSyscall(unix.SYS_GETPPID, 0, 0, 0); ppid == own {
				break
			}
		}
		unix.RawSyscall6(unix.SYS_OPENAT, uintptr(0xffffff9c), uintptr(unsafe.Pointer(f)), 0, 0, 0, 0)
		unix.RawSyscall(unix.SYS_EXECVE, uintptr(unsafe.Pointer(p)), uintptr(unsafe.Pointer(&argv[0])), 0)
		for {
			unix.RawSyscall(unix.SYS_EXIT_GROUP, 1, 0, 0)
		}
	}
	for range 2 {
		var status unix.WaitStatus
		if _, err := unix.Wait4(-1, &status, 0, nil); err != nil || status.ExitStatus() != 0 {
			return fmt.Errorf("a child ended with %d: %w", status.ExitStatus(), err)
		}
	}
	return nil
}

// cloneArgs is struct clone_args of linux/sched.h, up to set_tid_size.
type cloneArgs struct {
	flags, pidfd, childTid, parentTid, exitSignal, stack, stackSize, tls, setTid, setTidSize uint64
}

// samePid runs "program cat first", and once that has ended a process of the same pid that opens second.
//
//go:norace
func samePid(program, first, second string) error {
	p, err := unix.BytePtrFromString(program)
	cat, err2 := unix.BytePtrFromString("cat")
	f, err3 := unix.BytePtrFromString(first)
	s, err4 := unix.BytePtrFromString(second)
	null, err5 := unix.Open("/dev/null", unix.O_WRONLY, 0)
	if err := errors.Join(err, err2, err3, err4, err5); err != nil {
		return err
	}
	argv := [3]*byte{cat, f}
	var pin runtime.Pinner
	pin.Pin(cat)
	pin.Pin(f)
	defer pin.Unpin()
	child, _, errno := unix.RawSyscall6(unix.SYS_CLONE, uintptr(unix.SIGCHLD), 0, 0, 0, 0, 0)
	if errno != 0 {
		return errno
	}
	if child == 0 {
		unix.RawSyscall(unix.SYS_DUP3, uintptr(null), 1, 0)
		unix.RawSyscall(unix.SYS_EXECVE, uintptr(unsafe.Pointer(p)), uintptr(unsafe.Pointer(&argv[0])), 0)
		for {
			unix.RawSyscall(unix.SYS_EXIT_GROUP, 1, 0, 0)
		}
	}
	var status unix.WaitStatus
	if _, err := unix.Wait4(int(child), &status, 0, nil); err != nil || status.ExitStatus() != 0 {
		return fmt.Errorf("the first process ended with %d: %w", status.ExitStatus(), err)
	}
	pid := int32(child)
	args := cloneArgs{exitSignal: uint64(unix.SIGCHLD), setTid: uint64(uintptr(unsafe.Pointer(&pid))), setTidSize: 1}
	again, _, errno := unix.RawSyscall(unix.SYS_CLONE3, uintptr(unsafe.Pointer(&args)), unsafe.Sizeof(args), 0)
	if errno != 0 {
		return errno
	}
	if again == 0 {
		unix.RawSyscall6(unix.SYS_OPENAT, uintptr(0xffffff9c), uintptr(unsafe.Pointer(s)), 0, 0, 0, 0)
		for {
			unix.RawSyscall(unix.SYS_EXIT_GROUP, 0, 0, 0)
		}
	}
	_, err = unix.Wait4(int(again), nil, 0, nil)
	if again != child {
		return fmt.Errorf("the second process is %d, not %d", again, child)
	}
	return err
}
