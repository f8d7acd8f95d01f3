package field

import "github.com/saker-sensor/saker/internal/event"

func procTimes() []Info {
	return []Info{
		number("proc.duration", RelTime, Dec, "Nanoseconds since the process started.", func(ev *event.Event) (int64, bool) {
			if ev.Process == nil {
				return 0, false
			}
			return age(ev, ev.Process.Key.Start)
		}),
		number("proc.ppid.duration", RelTime, Dec, "Nanoseconds since the parent started.", func(ev *event.Event) (int64, bool) {
			p := parent(ev)
			if p == nil {
				return 0, false
			}
			return age(ev, p.Key.Start)
		}),
		moment("proc.pid.ts", RelTime, "Start of the process, ns since the epoch.", func(p *event.Process) uint64 { return p.Key.Start }),
		number("proc.ppid.ts", RelTime, Dec, "Start of the parent, ns since the epoch.", func(ev *event.Event) (int64, bool) {
			p := parent(ev)
			if p == nil {
				return 0, false
			}
			return ev.Clock.Wall(p.Key.Start), p.Key.Start != 0
		}),
		moment("proc.pidns_init_start_ts", Uint64, "Start of the pid namespace's first process, ns since the epoch.",
			func(p *event.Process) uint64 { return p.PidnsStart }),
	}
}

// age is the time from a moment, in ns since boot, to the event. Steps of the wall clock do not count.
func age(ev *event.Event, since uint64) (int64, bool) { return int64(ev.Boot - since), since != 0 }

// moment is an entry for a time of the process in ns since boot, shown in ns since the epoch. 0 means unknown.
func moment(name string, t Type, doc string, get func(*event.Process) uint64) Info {
	return number(name, t, Dec, doc, func(ev *event.Event) (int64, bool) {
		if ev.Process == nil {
			return 0, false
		}
		n := get(ev.Process)
		return ev.Clock.Wall(n), n != 0
	})
}

// nonZero is an entry for a number of the process for which 0 means unknown.
func nonZero(name string, t Type, doc string, get func(*event.Process) int64) Info {
	return number(name, t, Dec, doc, func(ev *event.Event) (int64, bool) {
		if ev.Process == nil {
			return 0, false
		}
		n := get(ev.Process)
		return n, n != 0
	})
}

func procExe() []Info {
	yes := func(name, doc string, test func(*event.Process) bool) Info {
		return procBool(name, doc, func(_ *event.Event, p *event.Process) bool { return test(p) })
	}
	return []Info{
		yes("proc.is_exe_writable", "Whether the process's user may write the executed file.",
			func(p *event.Process) bool { return p.ExeWritable }),
		yes("proc.is_exe_upper_layer",
			"Whether the executed file is in the upper layer of an overlay: written since the container was made.",
			func(p *event.Process) bool { return p.ExeLayer == event.LayerUpper }),
		yes("proc.is_exe_lower_layer", "Whether the executed file is in a lower layer of an overlay: from the image.",
			func(p *event.Process) bool { return p.ExeLayer == event.LayerLower }),
		yes("proc.is_exe_from_memfd", "Whether the executed file is in memory only (memfd_create).",
			func(p *event.Process) bool { return p.ExeMemfd }),
		nonZero("proc.exe_ino", Int64, "Inode number of the executed file.", func(p *event.Process) int64 { return int64(p.ExeID.Ino) }),
		nonZero("proc.exe_ino.ctime", AbsTime, "Last change of the executed file's inode, ns since the epoch.",
			func(p *event.Process) int64 { return p.ExeID.Ctime }),
		nonZero("proc.exe_ino.mtime", AbsTime, "Last change of the executed file's content, ns since the epoch.",
			func(p *event.Process) int64 { return p.ExeID.Mtime }),
		between("proc.exe_ino.ctime_duration_proc_start",
			"Nanoseconds from the inode's last change to the process's exec, or its start if it never ran one.",
			func(c *event.Clock, p *event.Process) (later, earlier int64) {
				if p.ExecTime == 0 {
					return c.Wall(p.Key.Start), p.ExeID.Ctime
				}
				return c.Wall(p.ExecTime), p.ExeID.Ctime
			}),
		between("proc.exe_ino.ctime_duration_pidns_start",
			"Nanoseconds from the start of the pid namespace to the inode's last change, if that came later.",
			func(c *event.Clock, p *event.Process) (later, earlier int64) {
				return p.ExeID.Ctime, c.Wall(p.PidnsStart)
			}),
	}
}

// between is an entry for the time from one moment to a later one, both in ns since the epoch; missing if either is unknown (0)
// or the order is another.
func between(name, doc string, get func(*event.Clock, *event.Process) (later, earlier int64)) Info {
	return number(name, AbsTime, Dec, doc, func(ev *event.Event) (int64, bool) {
		if ev.Process == nil {
			return 0, false
		}
		later, earlier := get(ev.Clock, ev.Process)
		return later - earlier, later != 0 && earlier != 0 && later > earlier
	})
}
