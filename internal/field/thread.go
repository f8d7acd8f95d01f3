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
	return []Info{
		caps("thread.cap_permitted", "Permitted capabilities, joined by blanks.", func(p *event.Process) uint64 { return p.CapPermitted }),
		caps("thread.cap_inheritable", "Inheritable capabilities, joined by blanks.",
			func(p *event.Process) uint64 { return p.CapInheritable }),
		caps("thread.cap_effective", "Effective capabilities, joined by blanks.", func(p *event.Process) uint64 { return p.CapEffective }),
		number("thread.tid", Int64, ID, "Thread id.", func(ev *event.Event) (int64, bool) { return int64(ev.Tid), true }),
		boolean("thread.ismain", "Whether the thread is its process's first.",
			func(ev *event.Event) (bool, bool) { return ev.Tid == ev.Tgid, ev.Process != nil }),
		number("thread.vtid", Int64, ID, "Thread id in the thread's own pid namespace.",
			func(ev *event.Event) (int64, bool) { return int64(ev.Vtid), ev.Vtid > 0 }),
		procText("thread.nametid", "Process name and thread id, one behind the other.", func(ev *event.Event, p *event.Process) string {
			return p.Comm + strconv.Itoa(int(ev.Tid))
		}).with(TableOnly),
	}
}
