package evasion

import (
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/saker-sensor/saker/internal/testutil"
)

// names in one buffer that a call is given and another thread rewrites.
type buffer [512]byte

func (b *buffer) set(name string) {
	for i := range len(name) {
		b[i] = name[i]
	}
	b[len(name)] = 0
}

func (b *buffer) open(flags int) (uintptr, unix.Errno) {
	fd, _, errno := unix.Syscall6(unix.SYS_OPENAT, uintptr(0xffffff9c), uintptr(unsafe.Pointer(b)), uintptr(flags), 0, 0, 0)
	return fd, errno
}

// rewriteAndOpen opens a FIFO, which waits for a writer; before that comes, the name is another.
func rewriteAndOpen(dir string) error {
	fifo := dir + "/fifo"
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		return err
	}
	name := new(buffer)
	name.set(fifo)
	var called atomic.Int32
	called.Store(int32(unix.Gettid()))
	failed := make(chan error, 1)
	go func() {
		waitUntilItSleeps(int(called.Load()))
		name.set(dir + "/decoy")
		fd, err := unix.Open(fifo, unix.O_WRONLY, 0)
		failed <- errors.Join(err, unix.Close(fd))
	}()
	if _, errno := name.open(unix.O_RDONLY); errno != 0 {
		return errno
	}
	return <-failed
}

// waitUntilItSleeps waits until a thread of this process is inside openat.
func waitUntilItSleeps(tid int) {
	for {
		text, err := os.ReadFile(fmt.Sprintf("/proc/self/task/%d/syscall", tid))
		var nr int
		if _, scan := fmt.Sscan(string(text), &nr); err == nil && scan == nil && nr == unix.SYS_OPENAT {
			return
		}
	}
}

func (b *buffer) exec() (uintptr, unix.Errno) {
	_, _, errno := unix.Syscall(unix.SYS_EXECVE, uintptr(unsafe.Pointer(b)), 0, 0)
	return 0, errno
}

func rewriteAndOpenFails(dir string) error {
	return rewriteAndFail(dir, func(name *buffer) (uintptr, unix.Errno) { return name.open(unix.O_RDONLY) })
}

func rewriteAndExecFails(dir string) error { return rewriteAndFail(dir, (*buffer).exec) }

// rewriteAndFail makes a call with a name that does not exist, on a file system that takes its time to say so.
func rewriteAndFail(dir string, call func(*buffer) (uintptr, unix.Errno)) error {
	if err := errors.Join(os.Mkdir(dir+"/fuse", 0o755), privateMounts()); err != nil {
		return err
	}
	name := new(buffer)
	fs := testutil.FUSE{OnLookup: func(asked string) {
		if asked == "wanted" {
			name.set(dir + "/fuse/decoy!")
		}
	}}
	if err := fs.MountFUSE(dir + "/fuse"); err != nil {
		return skip(err.Error())
	}
	name.set(dir + "/fuse/wanted")
	if _, errno := call(name); errno != unix.ENOENT {
		return fmt.Errorf("the call ended with: %w", errno)
	}
	return nil
}

// openAndExit: a child without an exec of its own opens a file and is gone.
//
//go:norace
func openAndExit(path string) error {
	p, err := unix.BytePtrFromString(path)
	if err != nil {
		return err
	}
	pid, _, errno := unix.RawSyscall6(unix.SYS_CLONE, uintptr(unix.SIGCHLD), 0, 0, 0, 0, 0)
	if errno != 0 {
		return errno
	}
	if pid == 0 {
		unix.RawSyscall6(unix.SYS_OPENAT, uintptr(0xffffff9c), uintptr(unsafe.Pointer(p)), 0, 0, 0, 0)
		for {
			unix.RawSyscall(unix.SYS_EXIT_GROUP, 0, 0, 0)
		}
	}
	_, err = unix.Wait4(int(pid), nil, 0, nil)
	return err
}
