package field

import (
	"cmp"
	"strings"

	"github.com/saker-sensor/saker/internal/event"
)

// callerOf is what the kernel told of who caused the event; nil if that part was not asked for, or is not known.
func callerOf(ev *event.Event, part event.CallerParts) *event.Caller {
	if ev.Caller == nil || ev.Caller.Parts&part == 0 {
		return nil
	}
	return ev.Caller
}

// asks says what the kernel is asked of the caller for a field, in every event of a rule that names it.
func (in Info) asks(part event.CallerParts) Info {
	in.Caller = func(Arg, event.Type) event.CallerParts { return part }
	return in
}

// callerNumber is an entry for a number that the kernel is asked for.
func callerNumber(name string, t Type, f Format, part event.CallerParts, doc string, get func(*event.Event, *event.Caller) int64) Info {
	return number(name, t, f, doc, func(ev *event.Event) (int64, bool) {
		c := callerOf(ev, part)
		if c == nil {
			return 0, false
		}
		return get(ev, c), true
	}).asks(part)
}

// procUsage is what the process uses at the time of the event, but for the limit.
func procUsage() []Info {
	count := func(name, doc string, part event.CallerParts, get func(*event.Caller) int64) Info {
		return callerNumber(name, Uint64, Dec, part, doc, func(_ *event.Event, c *event.Caller) int64 { return get(c) })
	}
	return []Info{
		count("proc.fdopencount", "Number of open descriptors, of those below 131,072.", event.CallerFDs,
			func(c *event.Caller) int64 { return int64(c.FDs) }),
		number("proc.fdlimit", Int64, Dec, "Limit of open descriptors at the last exec.", func(ev *event.Event) (int64, bool) {
			var v Value
			ok := fdLimit(ev, &v)
			return v.Num, ok
		}),
		Info{Name: "proc.fdusage", Type: Double, Doc: "Open descriptors as a percentage of the limit.", Extract: fdUsage}.asks(event.CallerFDs),
		count("proc.vmsize", "Virtual memory in kB.", event.CallerMemory, func(c *event.Caller) int64 { return int64(c.VMSize) }),
		count("proc.vmrss", "Resident memory in kB.", event.CallerMemory, func(c *event.Caller) int64 { return int64(c.VMRSS) }),
		count("proc.vmswap", "Swapped memory in kB.", event.CallerMemory, func(c *event.Caller) int64 { return int64(c.VMSwap) }),
		count("proc.nthreads", "Number of threads.", event.CallerThread, func(c *event.Caller) int64 { return int64(c.Threads) }),
		count("proc.nchilds", "Number of further threads.", event.CallerThread,
			func(c *event.Caller) int64 {
				if c.Leaderless {
					return int64(c.Threads)
				}
				return max(int64(c.Threads)-1, 0)
			}),
		stdType("proc.stdin.type", "Kind of descriptor 0.", 0),
		stdType("proc.stdout.type", "Kind of descriptor 1.", 1),
		stdType("proc.stderr.type", "Kind of descriptor 2.", 2),
		stdName("proc.stdin.name", "Name of descriptor 0.", 0),
		stdName("proc.stdout.name", "Name of descriptor 1.", 1),
		stdName("proc.stderr.name", "Name of descriptor 2.", 2),
	}
}

func fdUsage(ev *event.Event, _ Arg, v *Value) bool {
	c := callerOf(ev, event.CallerFDs)
	var limit Value
	if c == nil || !fdLimit(ev, &limit) {
		return false
	}
	v.Float = float64(c.FDs) * 100 / float64(limit.Num)
	return true
}

// std is what one of the descriptors 0 to 2 leads to; nil if it is closed.
func std(ev *event.Event, fd int) *event.Descriptor {
	c := callerOf(ev, event.CallerStdio)
	if c == nil || c.Std[fd].Kind == event.KindUnknown {
		return nil
	}
	return &c.Std[fd]
}

func stdType(name, doc string, fd int) Info {
	return text(name, doc, func(ev *event.Event) (string, bool) {
		d := std(ev, fd)
		if d == nil {
			return "", false
		}
		return kindWord(d), true
	}).asks(event.CallerStdio)
}

func stdName(name, doc string, fd int) Info {
	return Info{Name: name, Doc: doc, Cost: 1, Extract: func(ev *event.Event, _ Arg, v *Value) bool {
		d := std(ev, fd)
		if d == nil {
			return false
		}
		setDescriptorName(d, v)
		return true
	}}.asks(event.CallerStdio)
}

// kindWords are the types of the kinds that the kernel's side tells apart, in its order (bpf/event.h, enum descriptor_kind).
var kindWords = [...]string{
	na, "file", "directory", "pipe", "ipv4", "ipv6", "unix", "netlink", "event", "eventpoll", "inotify", "signalfd", "timerfd", "io_uring",
	"userfaultfd", "pidfd", "bpf", "perf_event", "memfd",
}

// fdTypes are the kinds of the open descriptors, each once, or that of one of the descriptors 0 to 2.
func fdTypes() Info {
	return Info{
		Name: "fd.types", List: true, Arg: ArgOptional, Flags: NoRHS, Cost: 2, NumArg: true,
		Doc: "Kinds of the first 128 open descriptors, each once; with a number from 0 to 2, the kind of that one.",
		Extract: func(ev *event.Event, a Arg, v *Value) bool {
			v.List = v.List[:0]
			if a.Set && a.Index >= 0 {
				if a.Index > 2 || std(ev, a.Index) == nil {
					return false
				}
				v.List = append(v.List, Value{Str: kindWord(std(ev, a.Index))})
				return true
			}
			c := callerOf(ev, event.CallerKinds)
			if c == nil {
				return false
			}
			for i, word := range kindWords {
				if c.Kinds.Has(i) {
					v.List = append(v.List, Value{Str: word})
				}
			}
			return true
		},
		Caller: func(a Arg, _ event.Type) event.CallerParts {
			if a.Set && a.Index >= 0 {
				return event.CallerStdio
			}
			return event.CallerKinds
		},
	}
}

// threadUsage is what the thread used up to the event.
func threadUsage() []Info {
	count := func(name, doc string, part event.CallerParts, get func(*event.Event, *event.Caller) int64) Info {
		return callerNumber(name, Uint64, Dec, part, doc, get)
	}
	memory := func(name, doc string, get func(*event.Caller) uint64) Info {
		return count(name, doc, event.CallerMemory, func(ev *event.Event, c *event.Caller) int64 {
			if ev.Tid != ev.Tgid {
				return 0
			}
			return int64(get(c))
		})
	}
	size := func(c *event.Caller) uint64 { return c.VMSize }
	resident := func(c *event.Caller) uint64 { return c.VMRSS }
	bytes := func(kib func(*event.Caller) uint64) func(*event.Caller) uint64 {
		return func(c *event.Caller) uint64 { return kib(c) << 10 }
	}
	return []Info{
		count("thread.pfmajor", "Page faults of the thread that had to read.", event.CallerThread,
			func(_ *event.Event, c *event.Caller) int64 { return int64(c.MajorFaults) }),
		count("thread.pfminor", "Page faults of the thread that did not.", event.CallerThread,
			func(_ *event.Event, c *event.Caller) int64 { return int64(c.MinorFaults) }),
		constant("thread.exectime", RelTime, Dec, "Always 0: Falco has it in events of the scheduler.", 0),
		callerNumber("thread.totexectime", RelTime, Dec, event.CallerThread, "CPU time of the thread since it was made, ns.",
			func(_ *event.Event, c *event.Caller) int64 { return int64(c.CPUTime) }),
		text("thread.cgroups", "Cgroups of the thread, each as CONTROLLER=PATH, joined by blanks: of cpuset, cpu, cpuacct, io and memory.",
			func(ev *event.Event) (string, bool) {
				if ev.Captured != nil {
					return strings.Join(ev.Captured.Cgroups, " "), len(ev.Captured.Cgroups) > 0
				}
				c := callerOf(ev, event.CallerCgroups)
				if c == nil {
					return "", false
				}
				s := string(appendCgroups(nil, c, " "))
				return s, s != ""
			}).costly().asks(event.CallerCgroups),
		Info{
			Name: "thread.cgroup", Arg: ArgRequired, DotArg: true, Cost: 1,
			Doc: "Cgroup of the thread in the hierarchy of one controller: cpuset, cpu, cpuacct, io or memory.",
			Extract: func(ev *event.Event, a Arg, v *Value) bool {
				if ev.Captured != nil {
					return capturedCgroup(ev.Captured.Cgroups, a.Text, v)
				}
				c := callerOf(ev, event.CallerCgroups)
				if c == nil {
					return false
				}
				v.Str = ""
				for i, name := range event.CgroupControllers {
					if name == a.Text {
						v.Str = c.Cgroups[i]
					}
				}
				return v.Str != ""
			},
		}.asks(event.CallerCgroups),
		neverSet("thread.cpu", Double, Plain, "CPU use of the thread in percent."),
		neverSet("thread.cpu.user", Double, Plain, "The part of it in user mode."),
		neverSet("thread.cpu.system", Double, Plain, "The part of it in the kernel."),
		memory("thread.vmsize", "Virtual memory of a process's first thread in kB, 0 for others.", size),
		memory("thread.vmrss", "Resident memory of a process's first thread in kB, 0 for others.", resident),
		memory("thread.vmsize.b", "The same as thread.vmsize in bytes.", bytes(size)).with(TableOnly),
		memory("thread.vmrss.b", "The same as thread.vmrss in bytes.", bytes(resident)).with(TableOnly),
	}
}

// appendCgroups appends CONTROLLER=PATH for each hierarchy.
func appendCgroups(dst []byte, c *event.Caller, separator string) []byte {
	for i, path := range c.Cgroups {
		if path == "" {
			continue
		}
		if len(dst) > 0 {
			dst = append(dst, separator...)
		}
		dst = append(append(append(dst, event.CgroupControllers[i]...), '='), path...)
	}
	return dst
}

// callerParams are the parameters of execs and forks that the kernel is asked for.
var callerParams = map[string]struct {
	part event.CallerParts
	get  func(*event.Caller) uint64
}{
	"pgft_maj": {event.CallerThread, func(c *event.Caller) uint64 { return c.MajorFaults }},
	"pgft_min": {event.CallerThread, func(c *event.Caller) uint64 { return c.MinorFaults }},
	"vm_size":  {event.CallerMemory, func(c *event.Caller) uint64 { return c.VMSize }},
	"vm_rss":   {event.CallerMemory, func(c *event.Caller) uint64 { return c.VMRSS }},
	"vm_swap":  {event.CallerMemory, func(c *event.Caller) uint64 { return c.VMSwap }},
}

// ofCaller is the value of one of callerParams.
func ofCaller(name string) func(*event.Event, *Value) bool {
	p := callerParams[name]
	return func(ev *event.Event, v *Value) bool {
		c := callerOf(ev, p.part)
		if c == nil {
			return false
		}
		v.Num = int64(p.get(c))
		return true
	}
}

// workingDirectory is that of the moment of the event, or, where the kernel was not asked, of the process's last exec or fork.
func workingDirectory(ev *event.Event, p *event.Process) string {
	dir := p.Cwd
	if c := callerOf(ev, event.CallerCwd); c != nil {
		dir = c.Cwd
	}
	if dir == "" || strings.HasSuffix(dir, "/") {
		return dir
	}
	return dir + "/"
}

// cwdParam is the working directory of an exec or a fork.
func cwdParam(ev *event.Event, v *Value) bool {
	if ev.Process == nil {
		return false
	}
	v.Str = cmp.Or(workingDirectory(ev, ev.Process), na)
	return true
}

// cgroupsParam are the cgroups as the kernel's side of Falco lays them out, each ended by a NUL.
func cgroupsParam(ev *event.Event, v *Value) bool {
	c := callerOf(ev, event.CallerCgroups)
	if c == nil {
		return false
	}
	v.Str = string(append(appendCgroups(nil, c, "\x00"), 0))
	return true
}

// askedFor is what the kernel is asked for so that the parameters of an event that a field names have their values.
func (ps *params) askedFor(t event.Type, named func(i int, name string) bool) (parts event.CallerParts) {
	exec := t == event.TypeExecve || t == event.TypeExecveat
	for i, p := range ps.of(t) {
		asked, ok := callerParams[p.name]
		switch {
		case !named(i, p.name):
		case p.name == "cgroups":
			parts |= event.CallerCgroups
		case p.name == "cwd": // a failed exec's record does not have it by itself
			parts |= event.CallerCwd
		case ok && (exec || asked.part == event.CallerThread): // a fork's record has the memory by itself
			parts |= asked.part
		}
	}
	return parts
}

// askedForArg is that of one parameter, askedForAll that of all.
func (ps *params) askedForArg(a Arg, t event.Type) event.CallerParts {
	return ps.askedFor(t, func(i int, name string) bool { return i == a.Index || a.Index < 0 && name == a.Text })
}

func (ps *params) askedForAll(_ Arg, t event.Type) event.CallerParts {
	return ps.askedFor(t, func(int, string) bool { return true })
}
