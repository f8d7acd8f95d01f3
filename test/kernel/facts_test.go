package kernel

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"golang.org/x/sys/unix"

	"github.com/saker-sensor/saker/internal/event"
)

// callFacts are a system call as its caller knows it: the event that is to come of it, and when it was made.
type callFacts struct {
	Want event.Event
	// From and To, ns since boot, are just before and after the call.
	From, To int64
	// Ticks is the caller's start time as /proc has it.
	Ticks uint64
}

// call makes a system call and notes what is true of it whatever its result: who called, when, on which processor.
func call(typ event.Type, make func() (uintptr, error)) (callFacts, error) {
	f := callFacts{Want: event.Event{Type: typ, DirFD: event.AtFDCWD}}
	if err := f.caller(); err != nil {
		return f, err
	}
	f.From = bootNow()
	ret, err := make()
	f.To = bootNow()
	f.Want.Ret = int64(ret)
	var errno unix.Errno
	if errors.As(err, &errno) && errno != 0 {
		f.Want.Ret = -int64(errno)
	}
	return f, nil
}

// caller fills in who the calling thread is.
func (f *callFacts) caller() error {
	ev := &f.Want
	var err error
	if ev.Tgid, ev.Tid, err = ownIDs(); err != nil {
		return err
	}
	ev.Vpid, ev.Vtid = int32(os.Getpid()), int32(unix.Gettid())
	ev.Key.Tgid = ev.Tgid
	ev.CPU = currentCPU()
	stat, err := procStat("self")
	if err != nil {
		return err
	}
	f.Ticks = stat.start
	ev.CgroupID, err = cgroupOf(controller())
	return err
}

// ownIDs are the caller's ids in the pid namespace of the mounted /proc, which is the initial one.
func ownIDs() (tgid, tid int32, err error) {
	self, err := os.Readlink("/proc/thread-self")
	if err != nil {
		return 0, 0, err
	}
	_, err = fmt.Sscanf(self, "%d/task/%d", &tgid, &tid)
	return tgid, tid, err
}

// check compares an event with its facts: all of it, but for the process, which has its own facts.
func (c *capture) check(ev *event.Event, f callFacts) {
	c.t.Helper()
	want := f.Want
	if ticks := ev.Key.Start / 1e7; ticks != f.Ticks {
		c.t.Errorf("start time: %d ticks, /proc says %d", ticks, f.Ticks)
	}
	want.Key.Start = ev.Key.Start
	if at := int64(ev.Boot); at < f.From || at > f.To {
		c.t.Errorf("time: %d, not within %d..%d", at, f.From, f.To)
	}
	if ev.Process == nil {
		c.t.Fatal("the event has no process")
	}
	want.ExecID = ev.Process.ExecID
	if ev.Process.Key != ev.Key {
		c.t.Errorf("process: %+v, the event is of %+v", ev.Process.Key, ev.Key)
	}
	if ev.Process.Flags&event.FlagRepaired != 0 {
		c.t.Errorf("process: was repaired")
	}
	if diff := cmp.Diff(&want, ev, cmpopts.IgnoreFields(event.Event{}, "Time", "Boot", "Clock", "Process", "Dir", "DirMode")); diff != "" {
		c.t.Errorf("event (-facts +seen):\n%s", diff)
	}
}

// fileOf is what fstat says of a file.
func fileOf(fd int) (id event.FileID, mode, nlink uint32, err error) {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return id, 0, 0, err
	}
	return fileID(&st), st.Mode, uint32(st.Nlink), nil
}

// statOf is what stat says of a path.
func statOf(path string) (id event.FileID, mode, nlink uint32, err error) {
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return id, 0, 0, err
	}
	return fileID(&st), st.Mode, uint32(st.Nlink), nil
}

func fileID(st *unix.Stat_t) event.FileID {
	// linux/kdev_t.h: MKDEV.
	return event.FileID{Dev: unix.Major(st.Dev)<<20 | unix.Minor(st.Dev), Ino: st.Ino, Ctime: st.Ctim.Nano(), Mtime: st.Mtim.Nano()}
}

// ownImage is the calling process as /proc/self shows it.
func ownImage() (*event.Process, error) {
	stat, err := procStat("self")
	if err != nil {
		return nil, err
	}
	status, err := procStatus("self")
	if err != nil {
		return nil, err
	}
	tgid, _, err := ownIDs()
	if err != nil {
		return nil, err
	}
	p := &event.Process{
		Key: event.Key{Tgid: tgid, Start: stat.start}, Ppid: stat.ppid, Pgid: stat.pgid, Sid: stat.sid, TTY: stat.tty,
		Vpid: last(status["NStgid"]), Vpgid: last(status["NSpgid"]),
		UID: number(status["Uid"], 0, 10), EUID: number(status["Uid"], 1, 10),
		GID: number(status["Gid"], 0, 10), EGID: number(status["Gid"], 1, 10),
		CapInheritable: capSet(status["CapInh"]), CapPermitted: capSet(status["CapPrm"]), CapEffective: capSet(status["CapEff"]),
	}
	comm, err := os.ReadFile("/proc/self/comm")
	if err != nil {
		return nil, err
	}
	p.Comm = strings.TrimSuffix(string(comm), "\n")
	cmdline, err := os.ReadFile("/proc/self/cmdline")
	if err != nil {
		return nil, err
	}
	p.ArgsLen = uint32(len(cmdline))
	if len(cmdline) > 32768 {
		cmdline = cmdline[:32768]
		p.Flags |= event.FlagArgsTruncated
	}
	argv := strings.Split(strings.TrimSuffix(string(cmdline), "\x00"), "\x00")
	if len(argv) == 2 && argv[1] == "" {
		argv = argv[:1] // an empty argument alone counts as none
	}
	p.Exe, p.ArgList, p.Args = argv[0], argv[1:], strings.Join(argv[1:], " ")
	p.Cmdline = p.Comm
	if len(p.ArgList) > 0 {
		p.Cmdline += " " + p.Args
	}
	environ, err := os.ReadFile("/proc/self/environ")
	if err != nil {
		return nil, err
	}
	if len(environ) > 4096 {
		environ = environ[:4096]
		p.Flags |= event.FlagEnvTruncated
	}
	p.Env = strings.Split(strings.TrimSuffix(string(environ), "\x00"), "\x00")
	if p.Cwd, err = os.Readlink("/proc/self/cwd"); err != nil {
		return nil, err
	}
	p.Cwd = strings.TrimSuffix(p.Cwd, "/") + "/"
	if p.ExePath, err = os.Readlink("/proc/self/exe"); err != nil {
		return nil, err
	}
	loginuid, err := os.ReadFile("/proc/self/loginuid")
	if err != nil {
		return nil, err
	}
	p.LoginUID = number([]string{string(loginuid)}, 0, 10)
	var st unix.Stat_t
	if err := unix.Stat("/proc/self/exe", &st); err != nil {
		return nil, err
	}
	p.ExeID, p.ExeMode, p.ExeNlink = fileID(&st), st.Mode, uint32(st.Nlink)
	p.ExeWritable = unix.Access("/proc/self/exe", unix.W_OK) != unix.EACCES
	return p, nil
}

// checkImage compares an exec's image with what the process itself saw of it. Times are compared by the tick.
func (c *capture) checkImage(ev *event.Event, want event.Process) {
	c.t.Helper()
	got := *ev.Process
	if ticks := got.Key.Start / 1e7; ticks != want.Key.Start {
		c.t.Errorf("start time: %d ticks, /proc says %d", ticks, want.Key.Start)
	}
	if got.ExecTime != ev.Boot {
		c.t.Errorf("exec time: %d, the event's is %d", got.ExecTime, ev.Boot)
	}
	if got.ExecID != ev.ExecID || got.Key != ev.Key {
		c.t.Errorf("image %+v %d, event %+v %d", got.Key, got.ExecID, ev.Key, ev.ExecID)
	}
	want.Key.Start = got.Key.Start
	opts := cmp.Options{
		cmpopts.IgnoreFields(event.Process{}, "ExecID", "Parent", "ExecTime", "PidnsStart", "FDLimit"),
		cmpopts.EquateEmpty(),
	}
	if diff := cmp.Diff(&want, &got, opts); diff != "" {
		c.t.Errorf("image (-/proc +seen):\n%s", diff)
	}
}

func currentCPU() uint16 {
	var cpu uint32
	_, _, _ = unix.RawSyscall(unix.SYS_GETCPU, addr(&cpu), 0, 0)
	return uint16(cpu)
}

func bootNow() int64 {
	var ts unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts)
	return ts.Nano()
}

type stat struct {
	ppid, pgid, sid int32
	tty             uint32
	start           uint64
}

// procStat reads the numbers of /proc/PID/stat that the tests compare with (proc_pid_stat(5)).
func procStat(pid string) (stat, error) {
	text, err := os.ReadFile(filepath.Join("/proc", pid, "stat"))
	if err != nil {
		return stat{}, err
	}
	_, rest, _ := cutLast(string(text), ")")
	f := strings.Fields(rest)
	start, err := strconv.ParseUint(f[19], 10, 64)
	return stat{
		ppid: int32(number(f, 1, 10)), pgid: int32(number(f, 2, 10)), sid: int32(number(f, 3, 10)), tty: number(f, 4, 10), start: start,
	}, err
}

// procStatus reads /proc/PID/status, the values split at blanks.
func procStatus(pid string) (map[string][]string, error) {
	f, err := os.Open(filepath.Join("/proc", pid, "status"))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	lines := map[string][]string{}
	for s := bufio.NewScanner(f); s.Scan(); {
		key, value, _ := strings.Cut(s.Text(), ":")
		lines[key] = strings.Fields(value)
	}
	return lines, nil
}

func number(f []string, i, base int) uint32 {
	n, _ := strconv.ParseUint(f[i], base, 32)
	return uint32(n)
}

// cutLast cuts around the last occurrence of sep.
func cutLast(s, sep string) (before, after string, found bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}

func last(f []string) int32 { return int32(number(f, len(f)-1, 10)) }

func capSet(f []string) uint64 {
	n, _ := strconv.ParseUint(f[0], 16, 64)
	return n
}

// cgroupOf is the inode number of the caller's cgroup directory in a v1 controller's hierarchy, or in v2's if it is empty.
func cgroupOf(controller string) (uint64, error) {
	dir, err := cgroupDir(controller)
	if err != nil {
		return 0, err
	}
	var st unix.Stat_t
	err = unix.Stat(dir, &st)
	return st.Ino, err
}

func cgroupDir(controller string) (string, error) {
	text, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return "", err
	}
	for _, line := range strings.Split(string(text), "\n") {
		f := strings.SplitN(line, ":", 3)
		if len(f) < 3 || !slices.Contains(strings.Split(f[1], ","), controller) {
			continue
		}
		root := filepath.Join("/sys/fs/cgroup", controller)
		if controller == "" {
			if root, err = unifiedRoot(); err != nil {
				return "", err
			}
		}
		return filepath.Join(root, f[2]), nil
	}
	return "", fmt.Errorf("find the cgroup of controller %q in /proc/self/cgroup", controller)
}

// unifiedRoot is where cgroup v2 is mounted: alone, or beside v1.
func unifiedRoot() (string, error) {
	for _, dir := range []string{"/sys/fs/cgroup", "/sys/fs/cgroup/unified"} {
		if _, err := os.Stat(filepath.Join(dir, "cgroup.controllers")); err == nil {
			return dir, nil
		}
	}
	return "", errors.New("find the mount of cgroup v2")
}
