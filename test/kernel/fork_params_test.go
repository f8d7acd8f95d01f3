package kernel

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/saker-sensor/saker/internal/event"
	"github.com/saker-sensor/saker/internal/field"
	"github.com/saker-sensor/saker/internal/probe"
)

// taskFacts are a process as /proc shows it while it lives; the numbers that grow are those before its parent's call.
type taskFacts struct {
	Pid, Ppid, Vpid int32
	UID, GID        uint32
	Comm, Cwd       string
	Args            []string
	FDLimit         uint64
	VMSize, VMRSS   uint64
	MajFlt, MinFlt  uint64
	InitStart       uint64
	Cgroups         map[string]string
	Swapped         bool
	OwnNamespace    bool
}

// forkCall is a call that made a process, with who made it and who was made.
type forkCall struct {
	Call          string
	Flags         int64
	Parent, Child taskFacts
}

// forkParamsTrigger makes a process by each call, in another directory than the one of its exec. args: the directory.
func forkParamsTrigger(args []string) (any, error) {
	if err := unix.Chdir(args[0]); err != nil {
		return nil, err
	}
	three := cloneArgs{flags: unix.CLONE_UNTRACED, exitSignal: uint64(unix.SIGCHLD)}
	var calls []forkCall
	for _, c := range []struct {
		name      string
		trap      uintptr
		a1, a2    uintptr
		flags     int64
		available bool
	}{
		{"clone", unix.SYS_CLONE, uintptr(unix.SIGCHLD) | unix.CLONE_UNTRACED, 0, falcoUntraced, true},
		{"clone3", unix.SYS_CLONE3, addr(&three), unsafe.Sizeof(three), falcoUntraced, true},
		{"fork", forkNumber, 0, 0, 0, forkNumber != 0},
	} {
		if !c.available {
			continue
		}
		call := forkCall{Call: c.name, Flags: c.flags}
		var err error
		if call.Parent, err = readTask("self"); err != nil {
			return nil, err
		}
		_, err = fork(c.trap, c.a1, c.a2, func(pid, socket int) error {
			var err error
			call.Child, err = readTask(strconv.Itoa(pid))
			return errors.Join(err, release(pid, socket))
		})
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.name, err)
		}
		calls = append(calls, call)
	}
	return calls, nil
}

// falcoUntraced is Falco's number of CLONE_UNTRACED (libs: PPM_CL_CLONE_UNTRACED).
const falcoUntraced = 1 << 14

// readTask reads what /proc says of a process.
func readTask(pid string) (taskFacts, error) {
	stat, err := procStat(pid)
	if err != nil {
		return taskFacts{}, err
	}
	status, err := procStatus(pid)
	if err != nil {
		return taskFacts{}, err
	}
	of := func(name string) string { return "/proc/" + pid + "/" + name }
	one := of("stat") // of its only thread
	if pid == "self" {
		one = "/proc/thread-self/stat"
	}
	comm, err1 := os.ReadFile(of("comm"))
	cmdline, err2 := os.ReadFile(of("cmdline"))
	cwd, err3 := os.Readlink(of("cwd"))
	raw, err4 := os.ReadFile(one)
	first, err5 := procStat("1")
	cgroups, err6 := cgroupsOf(pid)
	if err := errors.Join(err1, err2, err3, err4, err5, err6); err != nil {
		return taskFacts{}, err
	}
	_, rest, _ := cutLast(string(raw), ") ")
	numbers := strings.Fields(rest) // from the third field of proc(5) on
	minor, err1 := strconv.ParseUint(numbers[7], 10, 64)
	major, err2 := strconv.ParseUint(numbers[9], 10, 64)
	id, err3 := strconv.Atoi(status["Tgid"][0])
	var limit unix.Rlimit
	err4 = unix.Prlimit(id, unix.RLIMIT_NOFILE, nil, &limit)
	return taskFacts{
		Pid: int32(id), Ppid: stat.ppid, Vpid: last(status["NStgid"]),
		UID: number(status["Uid"], 1, 10), GID: number(status["Gid"], 1, 10),
		Comm: strings.TrimSuffix(string(comm), "\n"), Args: strings.Split(strings.TrimSuffix(string(cmdline), "\x00"), "\x00"), Cwd: cwd,
		FDLimit: limit.Cur, VMSize: uint64(number(status["VmSize"], 0, 10)), VMRSS: uint64(number(status["VmRSS"], 0, 10)),
		Swapped: number(status["VmSwap"], 0, 10) != 0, MajFlt: major, MinFlt: minor, InitStart: first.start, Cgroups: cgroups,
		OwnNamespace: len(status["NStgid"]) > 1, // /proc/1 is not its first process then
	}, errors.Join(err1, err2, err3, err4)
}

// TestForkParameters compares each parameter of the calls that make a process, of the parent's event and of the child's, with /proc.
func TestForkParameters(t *testing.T) {
	settings := probe.Settings{CgroupController: controller(), BulkBytes: 64 << 20, Caller: askAll("clone", "clone3", "fork")}
	for typ := range settings.Caller {
		settings.Types.Add(typ)
	}
	settings.Types.Add(event.TypeProcexit)
	w := newWatcherOf(t, settings)
	w.everybody = true
	dir := t.TempDir()
	// The limit of descriptors is that of the last exec. Go's runtime raises it after that, unless it is raised already.
	var limit unix.Rlimit
	must(t, unix.Getrlimit(unix.RLIMIT_NOFILE, &limit))
	limit.Cur = limit.Max
	must(t, unix.Setrlimit(unix.RLIMIT_NOFILE, &limit))
	var calls []forkCall
	c := w.run(&calls, command(t, "fork parameters", dir))
	if len(calls) < 2 {
		t.Fatalf("%d calls, want 2 or more", len(calls))
	}
	for _, f := range calls {
		t.Run(f.Call, func(t *testing.T) {
			of := func(pid int32, ret int64) *event.Event {
				return c.find(fmt.Sprintf("%s of %d", f.Call, pid), func(ev *event.Event) bool {
					return ev.Type.String() == f.Call && ev.Tgid == pid && ev.Ret == ret
				})
			}
			checkFork(t, of(f.Parent.Pid, int64(f.Child.Pid)), f.Parent, f.Flags)
			// Between its birth and its return the child touches a few pages.
			checkFork(t, of(f.Child.Pid, 0), f.Child, f.Flags)
		})
	}
}

// checkFork compares the parameters of one event.
func checkFork(t *testing.T, ev *event.Event, f taskFacts, flags int64) {
	t.Helper()
	d := field.Syscall()
	get := func(name string) (field.Value, bool) {
		ref, err := d.Lookup("evt.rawarg."+name, "", false)
		must(t, err)
		var v field.Value
		return v, ref.Get(ev, &v)
	}
	text := func(name, want string) {
		if v, ok := get(name); !ok || v.Str != want {
			t.Errorf("%d: %s is %q, want %q", f.Pid, name, v.Str, want)
		}
	}
	between := func(name string, low, high uint64) {
		if v, ok := get(name); !ok || uint64(v.Num) < low || uint64(v.Num) > high {
			t.Errorf("%d: %s is %d, %v, want %d to %d", f.Pid, name, v.Num, ok, low, high)
		}
	}
	number := func(name string, want int64) { between(name, uint64(want), uint64(want)) }
	number("res", ev.Ret)
	text("exe", f.Args[0])
	text("args", strings.Join(append(f.Args[1:], ""), "\x00"))
	number("tid", int64(ev.Tid))
	number("pid", int64(f.Pid))
	number("ptid", int64(f.Ppid))
	text("cwd", f.Cwd+"/")
	number("fdlimit", int64(f.FDLimit))
	number("flags", flags)
	number("uid", int64(f.UID))
	number("gid", int64(f.GID))
	number("vtid", int64(ev.Vtid))
	number("vpid", int64(f.Vpid))
	text("comm", f.Comm)
	// The child's facts are of a moment later, the parent's of one before.
	const pages = 200
	between("pgft_maj", 0, f.MajFlt+pages)
	between("pgft_min", f.MinFlt-min(f.MinFlt, pages), f.MinFlt+pages)
	between("vm_size", f.VMSize/2, f.VMSize*2)
	between("vm_rss", f.VMRSS/2, f.VMRSS*2)
	if !f.Swapped {
		number("vm_swap", 0)
	}
	checkCgroups(t, ev.Caller, f.Cgroups)
	if !f.OwnNamespace {
		const tick = 1e7 // /proc counts in ticks
		between("pidns_init_start_ts", f.InitStart*tick, f.InitStart*tick+tick-1)
	}
}
