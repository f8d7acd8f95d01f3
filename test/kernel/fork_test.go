package kernel

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"testing"
	"unsafe"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"golang.org/x/sys/unix"

	"github.com/saker-sensor/saker/internal/event"
)

// childPath is what a forked child opens. It fails, so nothing is left behind.
const childPath = "/nowhere/of the child"

// childCode is how it ends.
const childCode = 7

// forkFacts are a child as its maker sees it while it lives.
type forkFacts struct {
	Maker, Child, Ppid, Pgid, Sid int32
	Start                         uint64
}

// clone makes a child by a system call that returns twice. The child opens childPath, says so through the
// socket, waits for an answer, and ends. Between the two no Go code may run that needs more than this thread.
//
//go:norace
func clone(trap, a1, a2 uintptr, path *byte, socket uintptr) (uintptr, unix.Errno) {
	var b [1]byte
	pid, _, errno := unix.RawSyscall6(trap, a1, a2, 0, 0, 0, 0)
	if errno != 0 || pid != 0 {
		return pid, errno
	}
	unix.RawSyscall6(unix.SYS_OPENAT, uintptr(0xffffff9c), uintptr(unsafe.Pointer(path)), 0, 0, 0, 0)
	unix.RawSyscall(unix.SYS_WRITE, socket, uintptr(unsafe.Pointer(&b[0])), 1)
	unix.RawSyscall(unix.SYS_READ, socket, uintptr(unsafe.Pointer(&b[0])), 1)
	for {
		unix.RawSyscall(unix.SYS_EXIT_GROUP, childCode, 0, 0)
	}
}

// fork makes a child, looks at it, and lets end end it.
func fork(trap, a1, a2 uintptr, end func(pid, socket int) error) (any, error) {
	sockets, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		return nil, err
	}
	path, err := unix.BytePtrFromString(childPath)
	if err != nil {
		return nil, err
	}
	pid, errno := clone(trap, a1, a2, path, uintptr(sockets[0]))
	if errno != 0 {
		return nil, errno
	}
	if _, err := unix.Read(sockets[1], []byte{0}); err != nil {
		return nil, err
	}
	stat, err := procStat(strconv.Itoa(int(pid)))
	if err != nil {
		return nil, err
	}
	f := forkFacts{int32(os.Getpid()), int32(pid), stat.ppid, stat.pgid, stat.sid, stat.start}
	return f, end(int(pid), sockets[1])
}

// release lets the child end by itself and waits for it.
func release(pid, socket int) error {
	if _, err := unix.Write(socket, []byte{0}); err != nil {
		return err
	}
	_, err := unix.Wait4(pid, nil, 0, nil)
	return err
}

func cloneTrigger([]string) (any, error) {
	return fork(unix.SYS_CLONE, uintptr(unix.SIGCHLD), 0, release)
}

// cloneArgs is struct clone_args of linux/sched.h.
type cloneArgs struct {
	flags, pidfd, _, _, exitSignal, _, _, _ uint64
}

func clone3Trigger([]string) (any, error) {
	args := cloneArgs{exitSignal: uint64(unix.SIGCHLD)}
	return fork(unix.SYS_CLONE3, addr(&args), unsafe.Sizeof(args), release)
}

// cloneParentTrigger makes a sibling: its parent is the trigger's.
func cloneParentTrigger([]string) (any, error) {
	var pidfd int32
	args := cloneArgs{flags: unix.CLONE_PARENT | unix.CLONE_PIDFD, pidfd: uint64(addr(&pidfd))}
	f, err := fork(unix.SYS_CLONE3, addr(&args), unsafe.Sizeof(args), func(_, socket int) error {
		if _, err := unix.Write(socket, []byte{0}); err != nil {
			return err
		}
		// Only its parent may wait for it; its end is seen here all the same.
		_, err := unix.Poll([]unix.PollFd{{Fd: pidfd, Events: unix.POLLIN}}, -1)
		return err
	})
	runtime.KeepAlive(&pidfd)
	return f, err
}

func killTrigger([]string) (any, error) {
	return fork(unix.SYS_CLONE, uintptr(unix.SIGCHLD), 0, func(pid, _ int) error {
		if err := unix.Kill(pid, unix.SIGTERM); err != nil {
			return err
		}
		_, err := unix.Wait4(pid, nil, 0, nil)
		return err
	})
}

// checkChild compares a forked child: its image, what it did, and its end.
func (c *capture) checkChild(f forkFacts, end event.Exit) {
	t := c.t
	t.Helper()
	if f.Maker != c.pid {
		t.Fatalf("the trigger is %d, not %d", f.Maker, c.pid)
	}
	var maker, got *event.Process
	for _, p := range c.forks {
		switch p.Key.Tgid {
		case c.pid:
			maker = p
		case f.Child:
			if got != nil {
				t.Errorf("two forks of %d", f.Child)
			}
			got = p
		}
	}
	if maker == nil || got == nil {
		t.Fatalf("of %d and %d not both were seen to be forked", c.pid, f.Child)
	}
	// The trigger's image, as its exec left it, under another name.
	image := c.exec().Process
	want := *image
	want.Key = event.Key{Tgid: f.Child, Start: got.Key.Start}
	want.Ppid, want.Pgid, want.Vpgid, want.Sid = f.Ppid, f.Pgid, f.Pgid, f.Sid
	want.Vpid = f.Child
	want.ExecTime = 0
	if diff := cmp.Diff(&want, got, cmpopts.IgnoreFields(event.Process{}, "Parent", "ExecID")); diff != "" {
		t.Errorf("the child's image (-facts +seen):\n%s", diff)
	}
	if got.Key.Start/1e7 != f.Start {
		t.Errorf("the child started at %d, /proc says %d", got.Key.Start/1e7, f.Start)
	}
	parent := image
	if f.Ppid != c.pid {
		parent = maker.Parent
	}
	if got.Parent == nil || got.Parent.Key != parent.Key || got.Parent.Key.Tgid != f.Ppid || got.Parent.Comm != parent.Comm {
		t.Errorf("the child's parent is %+v, want %+v", got.Parent, parent.Key)
	}
	open := c.find("open of the child", func(ev *event.Event) bool { return event.IsOpen(ev.Type) && ev.File.Raw == childPath })
	if open.Tgid != f.Child || open.Tid != f.Child || open.Process != got || open.ExecID != image.ExecID {
		t.Errorf("the child's open is of %d %d, image %+v, exec id %d", open.Tgid, open.Tid, open.Process.Key, open.ExecID)
	}
	exit := c.exit(f.Child)
	if exit.Process != got || exit.Exit != end || exit.Tid != f.Child || exit.CgroupID != open.CgroupID {
		t.Errorf("the child's end: %+v of %+v, want %+v", exit.Exit, exit.Process.Key, end)
	}
}

func TestFork(t *testing.T) {
	for _, tt := range []struct {
		name string
		end  event.Exit
	}{
		{"clone", event.Exit{Code: childCode << 8, Ret: childCode}},
		{"clone3", event.Exit{Code: childCode << 8, Ret: childCode}},
		{"fork", event.Exit{Code: childCode << 8, Ret: childCode}},
		{"kill", event.Exit{Code: 15, Sig: 15}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if triggers[tt.name] == nil && archTriggers[tt.name] == nil {
				t.Skip("this architecture has no such system call")
			}
			var facts forkFacts
			c := trigger(t, &facts, tt.name)
			if facts.Ppid != c.pid {
				t.Errorf("the child's parent is %d, want %d", facts.Ppid, c.pid)
			}
			c.checkChild(facts, tt.end)
		})
	}
}

func TestCloneParent(t *testing.T) {
	var facts forkFacts
	c := trigger(t, &facts, "clone parent")
	_, err := unix.Wait4(int(facts.Child), nil, unix.WALL, nil)
	must(t, err)
	if facts.Ppid != int32(os.Getpid()) {
		t.Errorf("the child's parent is %d, want %d", facts.Ppid, os.Getpid())
	}
	c.checkChild(facts, event.Exit{Code: childCode << 8, Ret: childCode})
}

// vforkTrigger starts a process as the standard library does: CLONE_VFORK and CLONE_VM.
func vforkTrigger(args []string) (any, error) {
	cmd := exec.Command("/proc/self/exe", "of vfork")
	cmd.Env = imageVars()
	out, err := cmd.Output()
	if err != nil {
		return nil, err
	}
	return string(out), nil
}

func TestVfork(t *testing.T) {
	var facts string
	c := trigger(t, &facts, "vfork")
	var child execFacts
	mustDecode(t, facts, &child)
	pid := child.Image.Key.Tgid
	ev := c.find("exec of the child", func(ev *event.Event) bool { return ev.Tgid == pid && ev.Type == event.TypeExecve })
	child.Image.Filename = "/proc/self/exe"
	child.Call.From = 0
	child.Call.Want.Filename = child.Image.Filename
	c.check(ev, child.Call)
	c.checkImage(ev, child.Image)
	image := c.exec().Process
	if ev.Process.Parent.Key != image.Key || ev.Process.Parent.ExePath != image.ExePath || ev.Process.Ppid != c.pid {
		t.Errorf("the child's parent is %+v, want %+v", ev.Process.Parent, image)
	}
	for _, p := range c.forks {
		if p.Key == ev.Key && (p.Cmdline != image.Cmdline || p.ExecID != image.ExecID || p.ExecTime != 0) {
			t.Errorf("before its exec the child was %q, exec id %d", p.Cmdline, p.ExecID)
		}
	}
	if exit := c.exit(pid); exit.Process != ev.Process || exit.Exit != (event.Exit{}) {
		t.Errorf("the child's end: %+v of %+v", exit.Exit, exit.Process)
	}
}

// leaderFirstTrigger ends the process's first thread, then the process by another.
func leaderFirstTrigger([]string) (any, error) {
	_, first, err := ownIDs()
	if err != nil {
		return nil, err
	}
	leader := fmt.Sprintf("/proc/self/task/%d/stat", os.Getpid())
	end := func() {
		runtime.LockOSThread()
		for {
			// state is the field behind the name in brackets
			text, err := os.ReadFile(leader)
			if err != nil {
				os.Exit(2)
			}
			if _, state, _ := cutLast(string(text), ") "); state[0] == 'Z' {
				unix.RawSyscall(unix.SYS_EXIT_GROUP, 5, 0, 0)
			}
			runtime.Gosched()
		}
	}
	if int(first) != os.Getpid() {
		// This is another thread already: let the first one be ended by a goroutine that comes upon it.
		go func() {
			for {
				runtime.LockOSThread()
				if unix.Gettid() == os.Getpid() {
					_, _, _ = unix.Syscall(unix.SYS_EXIT, 3, 0, 0)
				}
				runtime.UnlockOSThread()
				runtime.Gosched()
			}
		}()
		end()
	}
	go end()
	_, _, _ = unix.Syscall(unix.SYS_EXIT, 3, 0, 0)
	return nil, nil
}

// A process ends with its last thread, whatever became of the first.
func TestLeaderEndsFirst(t *testing.T) {
	c := trigger(t, nil, "leader first")
	exit := c.exit(c.pid)
	if want := (event.Exit{Code: 5 << 8, Ret: 5}); exit.Exit != want {
		t.Errorf("the end is %+v, want %+v", exit.Exit, want)
	}
	if exit.Tid == exit.Tgid || exit.Process != c.exec().Process {
		t.Errorf("the last thread was %d of %d, its image %+v", exit.Tid, exit.Tgid, exit.Process)
	}
}
