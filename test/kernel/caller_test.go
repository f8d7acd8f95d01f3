package kernel

import (
	"errors"
	"fmt"
	"os"
	"path"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/saker-sensor/saker/internal/bpfgen"
	"github.com/saker-sensor/saker/internal/event"
	"github.com/saker-sensor/saker/internal/probe"
)

// callerMarker can't be made: no folder is above it.
const callerMarker = "/saker-caller/marker"

// callerUsage is what /proc says of the trigger.
type callerUsage struct {
	FDs                     int
	VMSize, VMRSS           uint64
	Threads, MinFlt, MajFlt uint64
	CPUTime                 uint64
	StdinInode, StdoutInode uint64
	Local                   string
	Cgroups                 map[string]string
}

// callerTrigger has a datagram socket as its input, a pipe as its output, no descriptor 2, and one of each kind of descriptor; it says
// what it uses before and after a call.
func callerTrigger([]string) (any, error) {
	usage := [2]callerUsage{}
	local, err := manyDescriptors()
	if err != nil {
		return nil, err
	}
	for i := range usage {
		if usage[i], err = readUsage(); err != nil {
			return nil, err
		}
		usage[i].Local = local
		if i == 0 {
			if err := unix.Mkdir(callerMarker, 0o700); !errors.Is(err, unix.ENOENT) {
				return nil, fmt.Errorf("make %s: %w", callerMarker, err)
			}
		}
	}
	fd, err := unix.Open("/proc/self/limits", unix.O_RDONLY, 0)
	return usage, errors.Join(err, unix.Close(fd))
}

// manyDescriptors makes one descriptor of each kind, and puts a bound socket of IPv4, whose address it returns, in the place of
// standard input.
func manyDescriptors() (local string, err error) {
	var errs []error
	keep := func(_ int, err error) { errs = append(errs, err) }
	keep(unix.Eventfd(0, 0))
	keep(unix.EpollCreate1(0))
	keep(unix.InotifyInit())
	keep(unix.Signalfd(-1, &unix.Sigset_t{}, 0))
	keep(unix.TimerfdCreate(unix.CLOCK_MONOTONIC, 0))
	keep(unix.MemfdCreate("memory", 0))
	keep(unix.Open("/", unix.O_RDONLY|unix.O_DIRECTORY, 0))
	keep(unix.Open("/proc/self/stat", unix.O_RDONLY, 0))
	keep(unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0))
	keep(unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW, 0))
	keep(unix.Socket(unix.AF_INET6, unix.SOCK_DGRAM, 0))
	keep(unix.PidfdOpen(os.Getpid(), 0))
	socket, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
	errs = append(errs, err, unix.Bind(socket, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}), unix.Dup3(socket, 0, 0))
	name, err := unix.Getsockname(socket)
	errs = append(errs, err, unix.Close(2))
	if in4, ok := name.(*unix.SockaddrInet4); ok {
		local = "127.0.0.1:" + strconv.Itoa(in4.Port)
	}
	return local, errors.Join(errs...)
}

func readUsage() (callerUsage, error) {
	var u callerUsage
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return u, err
	}
	u.FDs = len(fds) - 1 // but for that of the folder itself
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return u, err
	}
	for line := range strings.Lines(string(status)) {
		f := strings.Fields(line)
		if len(f) < 2 {
			continue
		}
		n, _ := strconv.ParseUint(f[1], 10, 64)
		switch f[0] {
		case "VmSize:":
			u.VMSize = n
		case "VmRSS:":
			u.VMRSS = n
		case "Threads:":
			u.Threads = n
		}
	}
	stat, err := os.ReadFile("/proc/thread-self/stat")
	if err != nil {
		return u, err
	}
	rest := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	u.MinFlt, _ = strconv.ParseUint(rest[7], 10, 64)
	u.MajFlt, _ = strconv.ParseUint(rest[9], 10, 64)
	sched, err := os.ReadFile("/proc/thread-self/schedstat")
	if err == nil {
		u.CPUTime, _ = strconv.ParseUint(strings.Fields(string(sched))[0], 10, 64)
	}
	var in, out unix.Stat_t
	if err := errors.Join(unix.Fstat(0, &in), unix.Fstat(1, &out)); err != nil {
		return u, err
	}
	u.StdinInode, u.StdoutInode = in.Ino, out.Ino
	u.Cgroups, err = cgroupsOf("self")
	return u, err
}

// cgroupsOf are a process's, by controller; of cgroup v2, whose controllers are not told, by the empty name.
func cgroupsOf(pid string) (map[string]string, error) {
	text, err := os.ReadFile("/proc/" + pid + "/cgroup")
	cgroups := map[string]string{}
	for line := range strings.Lines(string(text)) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		for _, name := range strings.Split(parts[1], ",") {
			if name == "blkio" {
				name = "io" // the kernel renamed it
			}
			cgroups[name] = parts[2]
		}
	}
	return cgroups, err
}

// askAll asks everything of who causes an event of the types.
func askAll(names ...string) map[event.Type]event.CallerParts {
	ask := map[event.Type]event.CallerParts{}
	for _, name := range names {
		if typ, ok := event.TypeByName(name); ok {
			ask[typ] = 0xff
		}
	}
	return ask
}

// TestCaller: what the kernel is asked of who causes an event is what /proc says.
func TestCaller(t *testing.T) {
	w := newWatcherOf(t, probe.Settings{
		CgroupController: controller(), BulkBytes: 64 << 20, Caller: askAll("mkdir", "mkdirat", "execve", "openat"),
	})
	var usage [2]callerUsage
	c := w.run(&usage, command(t, "caller"))
	before, after := usage[0], usage[1]
	ev := c.find("the marker", func(ev *event.Event) bool {
		return strings.HasPrefix(ev.Type.String(), "mkdir") && len(ev.Params) > 0 && strings.Contains(fmt.Sprint(ev.Params), callerMarker)
	})
	got := ev.Caller
	if got == nil {
		t.Fatal("nothing is told of the caller")
	}
	between := func(what string, got, low, high uint64) {
		if got < low || got > high {
			t.Errorf("%s: %d, not between %d and %d", what, got, low, high)
		}
	}
	between("open descriptors", uint64(got.FDs), uint64(before.FDs), uint64(after.FDs))
	between("virtual memory", got.VMSize, before.VMSize, after.VMSize)
	between("threads", uint64(got.Threads), before.Threads, after.Threads)
	between("page faults", got.MinorFaults, before.MinFlt, after.MinFlt)
	between("page faults that read", got.MajorFaults, before.MajFlt, after.MajFlt)
	// The cpus add their parts up later, up to 64 pages for each counter and cpu.
	between("resident memory", got.VMRSS, before.VMRSS/2, 2*after.VMRSS)
	if before.CPUTime > 0 {
		const tick = 20e6 // the kernel adds up once a tick, ns
		between("time", got.CPUTime, before.CPUTime-min(before.CPUTime, tick), after.CPUTime)
	}
	if d := &got.Std[0]; d.Kind != event.KindSocket || d.ID.Ino != before.StdinInode || d.Socket.Local.String() != before.Local {
		t.Errorf("standard input: %+v, want socket %d at %s", d, before.StdinInode, before.Local)
	}
	if d := &got.Std[1]; d.Kind != event.KindPipe || d.ID.Ino != before.StdoutInode {
		t.Errorf("standard output: %+v, want pipe %d", d, before.StdoutInode)
	}
	if d := &got.Std[2]; d.Kind != event.KindUnknown {
		t.Errorf("standard error is closed, and told as %+v", d)
	}
	for _, kind := range []bpfgen.SensorDescriptorKind{
		bpfgen.SensorDescriptorKindKIND_FILE, bpfgen.SensorDescriptorKindKIND_DIRECTORY, bpfgen.SensorDescriptorKindKIND_PIPE,
		bpfgen.SensorDescriptorKindKIND_IPV4, bpfgen.SensorDescriptorKindKIND_IPV6, bpfgen.SensorDescriptorKindKIND_UNIX,
		bpfgen.SensorDescriptorKindKIND_NETLINK, bpfgen.SensorDescriptorKindKIND_EVENT, bpfgen.SensorDescriptorKindKIND_EVENTPOLL,
		bpfgen.SensorDescriptorKindKIND_INOTIFY, bpfgen.SensorDescriptorKindKIND_SIGNALFD, bpfgen.SensorDescriptorKindKIND_TIMERFD,
		bpfgen.SensorDescriptorKindKIND_PIDFD, bpfgen.SensorDescriptorKindKIND_MEMFD,
	} {
		if !got.Kinds.Has(int(kind)) {
			t.Errorf("kind %d is open, and missing in %b", kind, got.Kinds)
		}
	}
	for _, kind := range []bpfgen.SensorDescriptorKind{
		bpfgen.SensorDescriptorKindKIND_OTHER, bpfgen.SensorDescriptorKindKIND_IO_URING, bpfgen.SensorDescriptorKindKIND_BPF,
	} {
		if got.Kinds.Has(int(kind)) {
			t.Errorf("kind %d is not open, and in %b", kind, got.Kinds)
		}
	}
	checkCgroups(t, got, before.Cgroups)

	exec := c.find("the trigger's exec", func(ev *event.Event) bool { return ev.Tgid == c.pid && ev.Type == event.TypeExecve && ev.Ret == 0 })
	if exec.Caller == nil || exec.Caller.Std[1].Kind != event.KindPipe || exec.Caller.VMSize == 0 || exec.Caller.Threads != 1 {
		t.Errorf("the exec's caller: %+v", exec.Caller)
	}
	if exec.Process.Filename == "" || len(exec.Process.ArgList)+len(exec.Process.Env) == 0 {
		t.Errorf("the exec lost its texts: %+v", exec.Process)
	}
	open := c.find("an open", func(ev *event.Event) bool {
		return ev.Tgid == c.pid && ev.File.Given == "/proc/self/limits" && ev.Caller != nil
	})
	if open.Caller.Std[0].Kind == event.KindUnknown || !strings.HasSuffix(open.File.Resolved, "/limits") {
		t.Errorf("the open's caller: %+v, file %+v", open.Caller, open.File)
	}
	for _, ev := range c.events {
		if ev.Type == event.TypeProcexit && ev.Caller != nil {
			t.Errorf("nothing was asked of who ends, and %+v is told", ev.Caller)
		}
	}
}

// checkCgroups compares the paths with /proc. In cgroup v2 that of a controller may be an ancestor's, where it is not enabled below.
func checkCgroups(t *testing.T, got *event.Caller, want map[string]string) {
	t.Helper()
	for i, name := range event.CgroupControllers {
		known, v1 := want[name]
		if v1 && got.Cgroups[i] != known {
			t.Errorf("cgroup of %s: %q, want %q", name, got.Cgroups[i], known)
		}
		if own := want[""]; !v1 && got.Cgroups[i] != "" && got.Cgroups[i] != "/" && !strings.HasPrefix(own+"/", path.Clean(got.Cgroups[i])+"/") {
			t.Errorf("cgroup of %s: %q is not above %q", name, got.Cgroups[i], own)
		}
	}
}

// polledTrigger polls a listening socket, a file, a closed number, and a pipe; then it enters its own namespace. args: the file.
func polledTrigger(args []string) (any, error) {
	file, err := unix.Open(args[0], unix.O_RDONLY|unix.O_CREAT, 0o600)
	listener, err2 := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	err = errors.Join(err, err2, unix.Bind(listener, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}), unix.Listen(listener, 1))
	if err != nil {
		return nil, err
	}
	name, err := unix.Getsockname(listener)
	if err != nil {
		return nil, err
	}
	fds := []unix.PollFd{{Fd: int32(listener), Events: unix.POLLIN}, {Fd: int32(file), Events: unix.POLLOUT}, {Fd: 12345}, {Fd: 1}}
	if _, err := unix.Ppoll(fds, &unix.Timespec{}, nil); err != nil {
		return nil, err
	}
	ns, err := unix.Open("/proc/thread-self/ns/uts", unix.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	link, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", ns))
	in4, _ := name.(*unix.SockaddrInet4)
	return []string{strconv.Itoa(in4.Port), link}, errors.Join(err, unix.Setns(ns, 0))
}

// TestPolled: each descriptor of a poll is what it leads to, and a namespace has the name that /proc shows.
func TestPolled(t *testing.T) {
	file := t.TempDir() + "/file"
	var facts []string
	c := trigger(t, &facts, "polled", file)
	ev := c.find("the poll", func(ev *event.Event) bool {
		return ev.Tgid == c.pid && ev.Type.String() == "ppoll" && len(ev.Params[1].Polled) == 4
	})
	polled := ev.Params[1].Polled
	if d := &polled[0]; d.Kind != event.KindSocket || d.Socket.Local.String() != "127.0.0.1:"+facts[0] || !d.Socket.Server {
		t.Errorf("the socket: %+v, want 127.0.0.1:%s", d, facts[0])
	}
	if d := &polled[1]; d.Kind != event.KindFile || d.Path != file {
		t.Errorf("the file: %+v, want %s", d, file)
	}
	if d := &polled[2]; d.Kind != event.KindUnknown {
		t.Errorf("a number that is closed: %+v", d)
	}
	if d := &polled[3]; d.Kind != event.KindPipe {
		t.Errorf("the pipe: %+v", d)
	}
	ns := c.find("the namespace", func(ev *event.Event) bool { return ev.Tgid == c.pid && ev.Type.String() == "setns" })
	d := &ns.Params[ns.FD].Descriptor
	if name := fmt.Sprintf("%s:[%d]", d.Path, d.ID.Ino); d.Kind != event.KindNamespace || name != facts[1] {
		t.Errorf("the namespace: %+v, want %s", d, facts[1])
	}
}

// manyPolled are more descriptors than a record has.
const manyPolled = 20

// polledManyTrigger polls its standard output many times over.
func polledManyTrigger([]string) (any, error) {
	var fds []unix.PollFd
	for range manyPolled {
		fds = append(fds, unix.PollFd{Fd: 1, Events: unix.POLLOUT})
	}
	n, err := unix.Ppoll(fds, &unix.Timespec{}, nil)
	return n, err
}

// TestPolledMany: of a poll the first 16 descriptors are told, and that there are more.
func TestPolledMany(t *testing.T) {
	var ready int
	c := trigger(t, &ready, "polled many")
	ev := c.find("the poll", func(ev *event.Event) bool {
		return ev.Tgid == c.pid && ev.Type.String() == "ppoll" && ev.Ret == manyPolled
	})
	p := &ev.Params[1]
	if ready != manyPolled || len(p.Polled) != int(bpfgen.SensorLimitsPOLLED_MAX) || !p.Truncated {
		t.Fatalf("%d were ready, %d descriptors are told, truncated: %v", ready, len(p.Polled), p.Truncated)
	}
	for i := range p.Polled {
		if p.Polled[i].Kind != event.KindPipe {
			t.Errorf("descriptor %d: %+v", i, p.Polled[i])
		}
	}
}
