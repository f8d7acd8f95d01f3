package process

import (
	"strings"

	"github.com/saker-sensor/saker/internal/event"
)

// who names a process image in the tests: pid, start time and exec id.
type who struct {
	pid   int32
	start uint64
	exec  uint64
}

func (w who) key() event.Key { return event.Key{Tgid: w.pid, Start: w.start} }

// record is what every record of a process says. Its parent is process 1, until a test says otherwise.
func record(kind event.Kind, w who) *event.Record {
	return &event.Record{
		Kind: kind, Ppid: 1,
		Event: event.Event{Tgid: w.pid, Tid: w.pid, Vpid: w.pid, Key: w.key(), ExecID: w.exec, Time: int64(w.start) + 1, Boot: w.start + 1},
	}
}

func openRecord(w who) *event.Record { return record(event.KindOpen, w) }

func exitRecord(w who, at uint64) *event.Record {
	r := record(event.KindExit, w)
	r.Event.Boot = at
	return r
}

// forkRecord: the child begins with its maker's exec id.
func forkRecord(maker, child who) *event.Record {
	r := record(event.KindFork, maker)
	r.ParentStart = maker.start
	r.Image = event.Process{
		Key: child.key(), ExecID: maker.exec, Vpid: child.pid, Ppid: maker.pid, Comm: "fork",
	}
	return r
}

// execRecord: argv[0] is the name, the file /bin/NAME.
func execRecord(w who, name string, args ...string) *event.Record {
	r := record(event.KindExec, w)
	r.Image = event.Process{
		Key: w.key(), ExecID: w.exec, Vpid: w.pid, Ppid: r.Ppid, Comm: name, ExePath: "/bin/" + name, Filename: name, Cwd: "/",
		ExecTime: r.Event.Boot,
	}
	r.Args = strings.Join(append([]string{name}, args...), "\x00") + "\x00"
	r.Env = "HOME=/\x00LANG=C\x00"
	return r
}

// under gives a record's image and header a parent; its name is what the kernel would say.
func under(r *event.Record, parent who, comm string) *event.Record {
	r.Ppid, r.Image.Ppid, r.ParentStart = parent.pid, parent.pid, parent.start
	r.Ancestors = append(r.Ancestors, event.Ancestor{Key: parent.key(), Comm: comm})
	return r
}

// apply applies records of which none may be ahead of the table.
func apply(t tester, table *Table, recs ...*event.Record) {
	t.Helper()
	for _, r := range recs {
		if v := table.Apply(r); v != Done {
			t.Fatalf("record of kind %d of %+v is ahead", r.Kind, r.Event.Key)
		}
	}
}

type tester interface {
	Helper()
	Fatalf(format string, args ...any)
}
