package field

import (
	"strings"

	"github.com/saker-sensor/saker/internal/event"
)

// procText is an entry for a text of the process that made the call; missing if no process, or only its name, is known.
func procText(name, doc string, get func(*event.Event, *event.Process) string) Info {
	return text(name, doc, func(ev *event.Event) (string, bool) {
		if ev.Process == nil {
			return "", false
		}
		s := get(ev, ev.Process)
		return s, s != "" || !ev.Process.Partial
	})
}

func procNumber(name string, t Type, f Format, doc string, get func(*event.Event, *event.Process) int64) Info {
	return number(name, t, f, doc, func(ev *event.Event) (int64, bool) {
		if ev.Process == nil {
			return 0, false
		}
		return get(ev, ev.Process), true
	})
}

func procBool(name, doc string, get func(*event.Event, *event.Process) bool) Info {
	return boolean(name, doc, func(ev *event.Event) (bool, bool) {
		if ev.Process == nil {
			return false, false
		}
		return get(ev, ev.Process), true
	})
}

// parentText is an entry for a text of the parent process; missing if none is known.
func parentText(name, doc string, get func(*event.Process) string) Info {
	return text(name, doc, func(ev *event.Event) (string, bool) {
		p := parent(ev)
		if p == nil {
			return "", false
		}
		s := get(p)
		return s, s != "" || !p.Partial
	})
}

func parent(ev *event.Event) *event.Process {
	if ev.Process == nil {
		return nil
	}
	return ev.Process.Parent
}

func procNames() []Info {
	return []Info{
		procText("proc.exe", "First argument of the process (argv[0]), as its caller gave it.",
			func(_ *event.Event, p *event.Process) string { return p.Exe }),
		parentText("proc.pexe", "First argument (argv[0]) of the parent.", exe),
		procText("proc.exepath", "Full path of the executed file, as the kernel knows it.",
			func(_ *event.Event, p *event.Process) string { return p.ExePath }),
		parentText("proc.pexepath", "Full path of the parent's executed file.", exePath),
		procText("proc.name", "Name of the process: the last part of the executed file's path, at most 15 bytes.",
			func(_ *event.Event, p *event.Process) string { return p.Comm }),
		parentText("proc.pname", "Name of the parent.", comm),
		procText("proc.cmdline", "Name and arguments, joined by blanks.",
			func(_ *event.Event, p *event.Process) string { return p.Cmdline }),
		parentText("proc.pcmdline", "Name and arguments of the parent.", cmdline),
		procText("proc.exeline", "First argument (argv[0]) and the others, joined by blanks.",
			func(_ *event.Event, p *event.Process) string {
				if p.Args == "" {
					return p.Exe
				}
				return p.Exe + " " + p.Args
			}).costly(),
		procText("proc.cwd", "Working directory, with a slash at its end.", workingDirectory).asks(event.CallerCwd),
		procNumber("proc.tty", Uint32, ID, "Device number of the controlling terminal, 0 if there is none.",
			func(_ *event.Event, p *event.Process) int64 { return int64(p.TTY) }),
		text("proc.script", "Path of the script that the kernel ran through an interpreter; missing for other programs.",
			func(ev *event.Event) (string, bool) {
				if ev.Process == nil || ev.Process.Interp == "" {
					return "", false
				}
				return ev.Process.Filename, true
			}).with(Additive),
	}
}

func exe(p *event.Process) string     { return p.Exe }
func exePath(p *event.Process) string { return p.ExePath }
func comm(p *event.Process) string    { return p.Comm }
func cmdline(p *event.Process) string { return p.Cmdline }
func allEnv(p *event.Process) string  { return strings.Join(p.Env, " ") }

func procArgs() []Info {
	return []Info{
		{
			Name: "proc.args", Arg: ArgOptional, Cost: 1, NumArg: true,
			Doc: "Arguments without the first (argv[0]), joined by blanks; with a number, that one, from 0, empty past the end.",
			Extract: func(ev *event.Event, a Arg, v *Value) bool {
				p := ev.Process
				switch {
				case p == nil:
					return false
				case !a.Set:
					v.Str = p.Args
				case a.Index < len(p.ArgList):
					v.Str = p.ArgList[a.Index]
				default:
					v.Str = ""
				}
				return true
			},
		},
		{
			Name: "proc.aargs", Arg: ArgOptional, Cost: 2, NumArg: true,
			Doc: "Arguments of an ancestor: [1] is the parent, [0] or no number the process itself.",
			Extract: func(ev *event.Event, a Arg, v *Value) bool {
				p := ancestor(ev.Process, max(a.Index, 0))
				if p == nil {
					return false
				}
				v.Str = p.Args
				return true
			},
		},
		procNumber("proc.cmdnargs", Uint64, Dec, "Number of arguments without the first.",
			func(_ *event.Event, p *event.Process) int64 { return int64(len(p.ArgList)) }),
		procNumber("proc.cmdlenargs", Uint64, Dec, "Length in bytes of all arguments without the first.",
			func(_ *event.Event, p *event.Process) int64 {
				n := 0
				for _, a := range p.ArgList {
					n += len(a)
				}
				return int64(n)
			}),
		{
			Name: "proc.env", Arg: ArgOptional, Cost: 2,
			Doc: "Environment, joined by blanks; with a name, that variable's value, empty if it is not set.",
			Extract: func(ev *event.Event, a Arg, v *Value) bool {
				if ev.Process == nil {
					return false
				}
				if !a.Set {
					v.SetJoined(ev.Process.Env)
				} else {
					v.Str = env(ev.Process, a.Text)
				}
				return true
			},
		},
	}
}

func env(p *event.Process, name string) string {
	for _, e := range p.Env {
		if len(e) > len(name) && e[len(name)] == '=' && e[:len(name)] == name {
			return e[len(name)+1:]
		}
	}
	return ""
}

func procIDs() []Info {
	pid := func(name, doc string, get func(*event.Event, *event.Process) int64) Info {
		return procNumber(name, Int64, ID, doc, get)
	}
	return []Info{
		pid("proc.pid", "Process id.", func(ev *event.Event, _ *event.Process) int64 { return int64(ev.Tgid) }),
		number("proc.ppid", Int64, ID, "Process id of the parent.", func(ev *event.Event) (int64, bool) {
			if ev.Process == nil {
				return 0, false
			}
			return int64(ev.Process.Ppid), ev.Process.Ppid >= 0
		}),
		number("proc.vpid", Int64, ID, "Process id in the process's own pid namespace.", func(ev *event.Event) (int64, bool) {
			n := ev.Vpid
			if ev.Process != nil && ev.Process.Vpid != 0 {
				n = ev.Process.Vpid
			}
			return int64(n), n > 0
		}),
		number("proc.pvpid", Int64, ID, "Process id of the parent in its own pid namespace.", func(ev *event.Event) (int64, bool) {
			p := parent(ev)
			if p == nil {
				return 0, false
			}
			return int64(p.Vpid), true
		}),
		pid("proc.sid", "Session id.", func(_ *event.Event, p *event.Process) int64 { return int64(p.Sid) }),
		pid("proc.vpgid", "Process group id in the process's own pid namespace.",
			func(_ *event.Event, p *event.Process) int64 { return int64(p.Vpgid) }),
		pid("proc.pgid", "Process group id.", func(_ *event.Event, p *event.Process) int64 { return int64(p.Pgid) }),
		procBool("proc.is_sid_leader", "Whether the process leads its session.",
			func(_ *event.Event, p *event.Process) bool { return p.Sid == p.Key.Tgid }),
		procBool("proc.is_vpgid_leader", "Whether the process leads its group, by the ids of its own pid namespace.",
			func(_ *event.Event, p *event.Process) bool { return p.Vpgid == p.Vpid }),
		procBool("proc.is_pgid_leader", "Whether the process leads its group.",
			func(_ *event.Event, p *event.Process) bool { return p.Pgid == p.Key.Tgid }),
	}
}
