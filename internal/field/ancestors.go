package field

import (
	"strings"

	"github.com/saker-sensor/saker/internal/event"
)

// maxAncestors bounds every walk: a longer chain is cut there.
const maxAncestors = 64

// ancestor is the n-th ancestor, 0 the process itself; nil past the known end.
func ancestor(p *event.Process, n int) *event.Process {
	if n > maxAncestors {
		return nil
	}
	return p.Ancestor(n)
}

// walk calls f for the process and its ancestors, until f returns false.
func walk(p *event.Process, f func(*event.Process) bool) {
	for n := 0; p != nil && n <= maxAncestors && f(p); n++ {
		p = p.Parent
	}
}

// findPID finds a process among itself and its ancestors.
func findPID(p *event.Process, pid int32) *event.Process {
	for n := 0; p != nil && n <= maxAncestors; n++ {
		if p.Key.Tgid == pid {
			return p
		}
		p = p.Parent
	}
	return nil
}

// family is a field of one ancestor, if a number chooses it, or of all of them, the parent first and the process itself
// left out.
func family(name string, t Type, f Format, doc string, set func(*Value, *event.Process)) Info {
	in := Info{
		Name: name, Type: t, Format: f, Arg: ArgOptional, Quantifier: Some, Flags: NoRHS | NoTransformer, Cost: 2,
		NumArg: true,
		Doc:    doc + " [1] is the parent, [0] the process itself; without a number a condition holds if it holds for some ancestor.",
	}
	in.Extract = func(ev *event.Event, a Arg, v *Value) bool {
		if a.Set {
			p := ancestor(ev.Process, a.Index)
			if p == nil {
				return false
			}
			set(v, p)
			return t.Group() != Text || v.Str != "" || !p.Partial
		}
		v.List = v.List[:0]
		p := parent(ev)
		for n := 1; p != nil && n <= maxAncestors; n++ {
			v.List = append(v.List, Value{})
			set(&v.List[n-1], p)
			p = p.Parent
		}
		return len(v.List) > 0
	}
	return in
}

// textFamily prints as the ancestors' texts joined by blanks where no number chooses one.
func textFamily(name, doc string, get func(*event.Process) string) Info {
	in := family(name, CharBuf, Plain, doc, func(v *Value, p *event.Process) { v.Str = get(p) })
	in.Print = func(ev *event.Event, a Arg, v *Value) bool {
		if a.Set {
			return in.Extract(ev, a, v)
		}
		p := parent(ev)
		if p == nil {
			return false
		}
		var b strings.Builder
		walk(p, func(p *event.Process) bool {
			if b.Len() > 0 {
				b.WriteByte(' ')
			}
			b.WriteString(get(p))
			return true
		})
		v.Str = b.String()
		return true
	}
	return in
}

// printSelf makes a family print the process's own value where no argument chooses an ancestor.
func (in Info) printSelf() Info {
	extract := in.Extract
	in.Print = func(ev *event.Event, a Arg, v *Value) bool {
		if !a.Set {
			a = Arg{Set: true}
		}
		return extract(ev, a, v)
	}
	return in
}

func procAncestors() []Info {
	aenv := family("proc.aenv", CharBuf, Plain,
		"Environment of an ancestor, joined by blanks; with a variable's name, its value in the nearest ancestor that sets it, else empty.",
		func(v *Value, p *event.Process) { v.Str = allEnv(p) })
	aenv.NumArg = false
	whole := aenv.Extract
	aenv.Extract = func(ev *event.Event, a Arg, v *Value) bool {
		if !a.Set || a.Index >= 0 {
			return whole(ev, a, v)
		}
		if ev.Process == nil {
			return false
		}
		v.Str = ""
		p := ev.Process.Parent
		for n := 1; p != nil && n <= maxAncestors && v.Str == ""; n++ {
			v.Str = env(p, a.Text)
			p = p.Parent
		}
		return true
	}
	return []Info{
		textFamily("proc.aname", "Name of an ancestor.", comm),
		textFamily("proc.aexe", "First argument (argv[0]) of an ancestor.", exe),
		textFamily("proc.aexepath", "Full path of an ancestor's executed file.", exePath),
		textFamily("proc.acmdline", "Name and arguments of an ancestor.", cmdline),
		family("proc.apid", Int64, ID, "Process id of an ancestor.",
			func(v *Value, p *event.Process) { v.Num = int64(p.Key.Tgid) }).printSelf(),
		aenv.printSelf(),
		number("proc.loginshellid", Int64, ID, "Process id of the oldest ancestor, or of the process itself, whose name ends in \"sh\".",
			func(ev *event.Event) (pid int64, ok bool) {
				walk(ev.Process, func(p *event.Process) bool {
					if strings.HasSuffix(p.Comm, "sh") {
						pid, ok = int64(p.Key.Tgid), true
					}
					return true
				})
				return pid, ok
			}).costly(),
	}
}

// Leaders of sessions and groups are looked for among the process and its ancestors. Where the leader itself is not
// among them (it has ended, or is no ancestor), the oldest ancestor in an unbroken line of the same session or group
// stands for it, as in Falco.

func sessionLeader(p *event.Process) *event.Process {
	return leader(p, func(q *event.Process) bool { return q.Key.Tgid == p.Sid }, func(q *event.Process) bool { return q.Sid == p.Sid })
}

func groupLeader(p *event.Process) *event.Process {
	return leader(p, func(q *event.Process) bool { return q.Key.Tgid == p.Pgid }, func(q *event.Process) bool { return q.Pgid == p.Pgid })
}

// innerGroupLeader compares ids of one pid namespace: those of processes in the same container as p.
func innerGroupLeader(p *event.Process) *event.Process {
	same := func(q *event.Process) bool { return q.PidnsStart == p.PidnsStart }
	return leader(p, func(q *event.Process) bool { return same(q) && q.Vpid == p.Vpgid },
		func(q *event.Process) bool { return same(q) && q.Vpgid == p.Vpgid })
}

func leader(p *event.Process, leads, member func(*event.Process) bool) *event.Process {
	var found *event.Process
	walk(p, func(q *event.Process) bool {
		if leads(q) {
			found = q
		}
		return found == nil
	})
	if found != nil {
		return found
	}
	walk(p, func(q *event.Process) bool {
		if !member(q) {
			return false
		}
		found = q
		return true
	})
	return found
}

func procLeaders() []Info {
	of := func(find func(*event.Process) *event.Process, name, doc string, get func(*event.Process) string) Info {
		return procText(name, doc, func(_ *event.Event, p *event.Process) string {
			return get(find(p))
		}).costly()
	}
	return []Info{
		of(sessionLeader, "proc.sname", "Name of the session's leader.", comm),
		of(sessionLeader, "proc.sid.exe", "First argument (argv[0]) of the session's leader.", exe),
		of(sessionLeader, "proc.sid.exepath", "Full path of the executed file of the session's leader.", exePath),
		of(innerGroupLeader, "proc.vpgid.name", "Name of the group's leader, by the ids of its own pid namespace.", comm),
		of(innerGroupLeader, "proc.vpgid.exe", "First argument (argv[0]) of that leader.", exe),
		of(innerGroupLeader, "proc.vpgid.exepath", "Full path of the executed file of that leader.", exePath),
		of(groupLeader, "proc.pgid.name", "Name of the group's leader.", comm),
		of(groupLeader, "proc.pgid.exe", "First argument (argv[0]) of that leader.", exe),
		of(groupLeader, "proc.pgid.exepath", "Full path of the executed file of that leader.", exePath),
	}
}
