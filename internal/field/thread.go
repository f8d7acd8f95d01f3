package field

import (
	"strconv"

	"github.com/saker-sensor/saker/internal/event"
)

func threadFields() []Info {
	names := newFlagTexts(capNames, " ")
	caps := func(name, doc string, get func(*event.Process) uint64) Info {
		return procText(name, doc, func(_ *event.Event, p *event.Process) string { return names.text(get(p)) })
	}
	usage := func(name, doc string) Info { return absent(name, Uint64, Dec, doc) }
	return []Info{
		caps("thread.cap_permitted", "Permitted capabilities, joined by blanks.", func(p *event.Process) uint64 { return p.CapPermitted }),
		caps("thread.cap_inheritable", "Inheritable capabilities, joined by blanks.",
			func(p *event.Process) uint64 { return p.CapInheritable }),
		caps("thread.cap_effective", "Effective capabilities, joined by blanks.", func(p *event.Process) uint64 { return p.CapEffective }),
		usage("thread.pfmajor", "Page faults that had to read."),
		usage("thread.pfminor", "Page faults that did not."),
		number("thread.tid", Int64, ID, "Thread id.", func(ev *event.Event) (int64, bool) { return int64(ev.Tid), true }),
		boolean("thread.ismain", "Whether the thread is its process's first.",
			func(ev *event.Event) (bool, bool) { return ev.Tid == ev.Tgid, true }),
		number("thread.vtid", Int64, ID, "Thread id in the thread's own pid namespace.",
			func(ev *event.Event) (int64, bool) { return int64(ev.Vtid), ev.Vtid != 0 }),
		procText("thread.nametid", "Process name and thread id, one behind the other.", func(ev *event.Event, p *event.Process) string {
			return p.Comm + strconv.Itoa(int(ev.Tid))
		}).with(TableOnly),
		absent("thread.exectime", RelTime, Dec, "CPU time since the thread was last scheduled, ns."),
		absent("thread.totexectime", RelTime, Dec, "CPU time of the thread, ns."),
		absentText("thread.cgroups", "All cgroups of the thread, joined by blanks."),
		{
			Name: "thread.cgroup", Arg: ArgRequired, DotArg: true, Flags: NotCaptured, Extract: missing,
			Doc: "Cgroup of the thread in the hierarchy that the argument names.",
		},
		absent("thread.cpu", Double, Plain, "CPU use of the thread in percent."),
		absent("thread.cpu.user", Double, Plain, "The part of it in user mode."),
		absent("thread.cpu.system", Double, Plain, "The part of it in the kernel."),
		usage("thread.vmsize", "Virtual memory of a process's first thread in kB, 0 for others."),
		usage("thread.vmrss", "Resident memory of a process's first thread in kB, 0 for others."),
		usage("thread.vmsize.b", "The same as thread.vmsize in bytes.").with(TableOnly),
		usage("thread.vmrss.b", "The same as thread.vmrss in bytes.").with(TableOnly),
	}
}
