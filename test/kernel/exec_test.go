package kernel

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/saker-sensor/saker/internal/event"
)

// execSpec says to a trigger what to execute, and how.
type execSpec struct {
	// Dir is opened and its descriptor given to execveat; "cwd" stands for AT_FDCWD. Empty: execve.
	Dir string
	// Memfd: the file Path is copied into a memory file of this name, and that is executed.
	Memfd      string
	Path       string
	Argv, Env  []string
	BadPointer bool
	// Prepare names what the trigger does to itself before (see preparations).
	Prepare string
}

// imageVars make the executed test binary print what it is.
func imageVars(env ...string) []string {
	return append([]string{triggerVar + "=image", quickExit}, env...)
}

// execFacts are what an executed image says of itself.
type execFacts struct {
	Image event.Process
	Call  callFacts
}

func imageTrigger([]string) (any, error) {
	img, err := ownImage()
	if err != nil {
		return nil, err
	}
	f := execFacts{Image: *img, Call: callFacts{Want: event.Event{Type: event.TypeExecve, DirFD: event.AtFDCWD, Flags: img.Flags}}}
	if err := f.Call.caller(); err != nil {
		return nil, err
	}
	f.Call.Want.Tid, f.Call.Want.Vpid, f.Call.Want.Vtid = f.Call.Want.Tgid, img.Vpid, img.Vpid
	f.Call.To = bootNow()
	return f, nil
}

// execTrigger executes a file; it returns only if that fails.
func execTrigger(args []string) (any, error) {
	var s execSpec
	if err := json.Unmarshal([]byte(args[0]), &s); err != nil {
		return nil, err
	}
	return s.exec()
}

func (s *execSpec) exec() (*callFacts, error) {
	argv, err := syscall.SlicePtrFromStrings(s.Argv)
	if err != nil {
		return nil, err
	}
	env, err := syscall.SlicePtrFromStrings(s.Env)
	if err != nil {
		return nil, err
	}
	dirfd, flags, path := unix.AT_FDCWD, 0, s.Path
	switch {
	case s.Memfd != "":
		path, flags = "", unix.AT_EMPTY_PATH
		if dirfd, err = memfd(s.Memfd, s.Path); err != nil {
			return nil, err
		}
	case s.Dir != "" && s.Dir != "cwd":
		if dirfd, err = unix.Open(s.Dir, unix.O_PATH|unix.O_CLOEXEC, 0); err != nil {
			return nil, err
		}
		if path == "" {
			flags = unix.AT_EMPTY_PATH
		}
	}
	p, err := unix.BytePtrFromString(path)
	if err != nil {
		return nil, err
	}
	pointer := uintptr(unsafe.Pointer(p))
	if s.BadPointer {
		pointer = 8
	}
	typ := event.TypeExecve
	if s.Dir != "" || s.Memfd != "" {
		typ = event.TypeExecveat
	}
	if prepare := preparations[s.Prepare]; prepare != nil {
		if err := prepare(); err != nil {
			return nil, err
		}
	}
	f, err := call(typ, func() (uintptr, error) {
		var errno unix.Errno
		if typ == event.TypeExecve {
			_, _, errno = unix.RawSyscall(unix.SYS_EXECVE, pointer, addr(&argv[0]), addr(&env[0]))
		} else {
			_, _, errno = unix.RawSyscall6(unix.SYS_EXECVEAT, uintptr(dirfd), pointer, addr(&argv[0]), addr(&env[0]), uintptr(flags), 0)
		}
		return 0, errno
	})
	runtime.KeepAlive(p)
	f.Want.DirFD = int32(dirfd)
	f.Want.Flags = event.FlagUnverified
	f.Want.Filename = path
	return &f, err
}

// memfd is a memory file with the content of another; its descriptor survives an exec.
func memfd(name, path string) (int, error) {
	fd, err := unix.MemfdCreate(name, 0)
	if err != nil {
		return 0, err
	}
	from, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer from.Close()
	to, err := os.OpenFile(fmt.Sprintf("/proc/self/fd/%d", fd), os.O_WRONLY, 0)
	if err != nil {
		return 0, err
	}
	defer to.Close()
	_, err = io.Copy(to, from)
	return fd, err
}

// runExec executes a file in a child.
func runExec(t *testing.T, facts any, cwd string, s execSpec) *capture {
	t.Helper()
	text, err := json.Marshal(s)
	must(t, err)
	cmd := command(t, "exec", string(text))
	cmd.Dir = cwd
	return watch(t, facts, cmd)
}

// checkExec compares an exec's event and its image with the facts of the image.
func (c *capture) checkExec(ev *event.Event, f execFacts) {
	c.t.Helper()
	// The image does not know when its exec began; the events before bound it well enough.
	f.Call.From = 0
	f.Call.Want.Filename = f.Image.Filename
	c.check(ev, f.Call)
	c.checkImage(ev, f.Image)
	c.checkLineage(ev.Process)
}

// checkLineage compares all ancestors, up to the first process, with /proc.
func (c *capture) checkLineage(p *event.Process) {
	c.t.Helper()
	ppid := p.Ppid
	for p = p.Parent; ppid != 0; p = p.Parent {
		if p == nil {
			c.t.Fatalf("the lineage ends below %d", ppid)
		}
		pid := strconv.Itoa(int(ppid))
		stat, err := procStat(pid)
		must(c.t, err)
		comm, err := os.ReadFile(filepath.Join("/proc", pid, "comm"))
		must(c.t, err)
		if p.Key.Tgid != ppid || p.Key.Start/1e7 != stat.start || p.Comm != strings.TrimSpace(string(comm)) || p.Ppid != stat.ppid {
			c.t.Errorf("ancestor %+v %q of %d, /proc says %d %+v %q", p.Key, p.Comm, p.Ppid, ppid, stat, comm)
		}
		ppid = stat.ppid
	}
	if p != nil {
		c.t.Errorf("above the first process stands %+v", p.Key)
	}
}

func TestExec(t *testing.T) {
	exe := executable(t)
	dir, name := filepath.Split(exe)
	tmp := t.TempDir()
	must(t, os.Symlink(exe, tmp+"/link with a long name"))
	must(t, os.WriteFile(tmp+"/script", []byte("#!"+exe+" -option  second\n"), 0o755))
	must(t, os.Symlink(tmp+"/script", tmp+"/link to script"))

	many := []string{"many"}
	for i := range 10 {
		many = append(many, strings.Repeat(strconv.Itoa(i), 10<<10))
	}
	for _, tt := range []struct {
		name, cwd        string
		spec             execSpec
		typ              event.Type
		filename, interp string
		flags            event.Flags
		memfd            string
	}{
		{name: "absolute", spec: execSpec{Path: exe, Argv: []string{"zero", "one", "", "th ree", "fo\nur", ""}, Env: []string{"A=1", "B=", "C"}},
			filename: exe},
		{name: "relative", cwd: dir, spec: execSpec{Path: "./" + name, Argv: []string{"x"}}, filename: "./" + name},
		{name: "symlink", cwd: tmp, spec: execSpec{Path: "link with a long name", Argv: []string{"x"}}, filename: "link with a long name"},
		{name: "no argv", spec: execSpec{Path: exe}, filename: exe},
		{name: "empty argument", spec: execSpec{Path: exe, Argv: []string{"x", ""}}, filename: exe},
		{name: "execveat in a directory", spec: execSpec{Dir: dir, Path: name, Argv: []string{"x", "y"}}, typ: event.TypeExecveat,
			filename: "/dev/fd/*/" + name},
		{name: "execveat of a descriptor", spec: execSpec{Dir: exe, Argv: []string{"x", "y"}}, typ: event.TypeExecveat, filename: "/dev/fd/*"},
		// Where the descriptor plays no part, the kernel keeps no trace of which of the two calls it was.
		{name: "execveat from the working directory", cwd: dir, spec: execSpec{Dir: "cwd", Path: name, Argv: []string{"x"}}, filename: name},
		{name: "execveat of an absolute path", spec: execSpec{Dir: dir, Path: exe, Argv: []string{"x"}}, filename: exe},
		{name: "memory file", spec: execSpec{Memfd: "hid den", Path: exe, Argv: []string{"[kworker/0:1]"}}, typ: event.TypeExecveat,
			filename: "/dev/fd/*", memfd: "memfd:hid den"},
		{name: "script", spec: execSpec{Path: tmp + "/script", Argv: []string{"lost", "one", "two"}}, filename: tmp + "/script", interp: exe},
		{name: "symlink to a script", cwd: tmp, spec: execSpec{Path: "./link to script", Argv: []string{"lost"}}, filename: "./link to script",
			interp: exe},
		{name: "100 KiB of arguments", spec: execSpec{Path: exe, Argv: many}, filename: exe, flags: event.FlagArgsTruncated},
		{name: "100 KiB of environment", spec: execSpec{Path: exe, Argv: []string{"x"}, Env: many}, filename: exe,
			flags: event.FlagEnvTruncated},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.spec.Env = imageVars(tt.spec.Env...)
			var facts execFacts
			c := runExec(t, &facts, tt.cwd, tt.spec)
			ev := c.exec()
			if ok, err := filepath.Match(tt.filename, ev.Filename); !ok || err != nil {
				t.Errorf("filename %q, want %q", ev.Filename, tt.filename)
			}
			facts.Image.Filename, facts.Image.Interp = ev.Filename, tt.interp
			if facts.Image.Flags != tt.flags {
				t.Errorf("the trigger's arguments raise flags %b, want %b", facts.Image.Flags, tt.flags)
			}
			if tt.memfd != "" {
				// /proc puts a slash before it, and its file stands below no root.
				facts.Image.ExePath, facts.Image.ExeMemfd = tt.memfd, true
				facts.Image.Flags |= event.FlagOutsideRoot
				facts.Call.Want.Flags |= event.FlagOutsideRoot
			}
			if tt.typ != 0 {
				facts.Call.Want.Type = tt.typ
			}
			c.checkExec(ev, facts)
		})
	}
}

func TestFailedExec(t *testing.T) {
	dir := t.TempDir()
	must(t, os.WriteFile(dir+"/plain", []byte("x"), 0o600))
	must(t, os.WriteFile(dir+"/no program", []byte("x"), 0o700))
	must(t, os.WriteFile(dir+"/lost script", []byte("#!/no/interpreter\n"), 0o700))
	for _, tt := range []struct {
		name     string
		spec     execSpec
		filename string
		errno    unix.Errno
	}{
		{"absent", execSpec{Path: "/nowhere/./at/../all"}, "/nowhere/all", unix.ENOENT},
		{"relative", execSpec{Path: "../absent"}, filepath.Dir(dir) + "/absent", unix.ENOENT},
		{"not executable", execSpec{Path: dir + "/plain"}, dir + "/plain", unix.EACCES},
		{"no program", execSpec{Path: dir + "/no program"}, dir + "/no program", unix.ENOEXEC},
		{"no interpreter", execSpec{Path: dir + "/lost script"}, dir + "/lost script", unix.ENOENT},
		{"bad pointer", execSpec{BadPointer: true}, "", unix.EFAULT},
		{"execveat", execSpec{Dir: dir, Path: "absent"}, dir + "/absent", unix.ENOENT},
		{"execveat from the working directory", execSpec{Dir: "cwd", Path: "absent"}, dir + "/absent", unix.ENOENT},
		{"execveat of a descriptor", execSpec{Dir: dir + "/plain"}, dir + "/plain", unix.EACCES},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var facts callFacts
			tt.spec.Argv = []string{"x"}
			c := runExec(t, &facts, dir, tt.spec)
			facts.Want.Filename = tt.filename
			if tt.spec.BadPointer {
				facts.Want.Flags |= event.FlagRawTruncated
			}
			if facts.Want.Ret != -int64(tt.errno) {
				t.Fatalf("the call returned %d, want %v", facts.Want.Ret, tt.errno)
			}
			ev := c.exec()
			c.check(ev, facts)
			// The caller is what it was.
			if ev.Process.ExePath != executable(t) || ev.Process.ExecID != ev.Process.Parent.ExecID+1 {
				t.Errorf("the caller's image: %+v", ev.Process)
			}
		})
	}
}

// threadTrigger opens a file and executes another, both from a thread that is not the first.
func threadTrigger(args []string) (any, error) {
	failed := make(chan error)
	go func() { // the calling goroutine keeps its thread, so this one has another
		if err := pin(); err != nil {
			failed <- err
			return
		}
		if _, err := unix.Openat(unix.AT_FDCWD, args[0], unix.O_CREAT, 0o600); err != nil {
			failed <- err
			return
		}
		if unix.Gettid() == unix.Getpid() {
			failed <- errors.New("this is the first thread")
			return
		}
		failed <- unix.Exec(args[1], []string{"after"}, imageVars(fmt.Sprintf("TID=%d", unix.Gettid())))
	}()
	return nil, <-failed
}

func TestExecOfAThread(t *testing.T) {
	path := filepath.Join(t.TempDir(), "before")
	var facts execFacts
	c := trigger(t, &facts, "thread", path, executable(t))
	ev := c.exec()
	facts.Image.Filename = executable(t)
	c.checkExec(ev, facts)

	before := c.open(event.TypeOpenat, path)
	if before.Tid == before.Tgid || fmt.Sprintf("TID=%d", before.Tid) != ev.Process.Env[2] {
		t.Errorf("the file was opened by thread %d of %d, the thread says %q", before.Tid, before.Tgid, ev.Process.Env[2])
	}
	if before.Key != ev.Key || before.ExecID+1 != ev.ExecID || before.Process.Exe != executable(t) {
		t.Errorf("before: %+v %d %q, after: %+v %d", before.Key, before.ExecID, before.Process.Exe, ev.Key, ev.ExecID)
	}
	if exit := c.exit(c.pid); exit.Key != ev.Key || exit.Process != ev.Process {
		t.Errorf("the end is of %+v, the image of %+v", exit.Key, ev.Key)
	}
}
