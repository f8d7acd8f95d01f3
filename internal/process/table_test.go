package process

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/saker-sensor/saker/internal/event"
)

var (
	shell = who{10, 100, 4}
	child = who{11, 200, 5}
)

// Of a process that forked and executed, each record sees the image of its moment.
func TestImages(t *testing.T) {
	table := NewTable(Settings{Proc: t.TempDir()})
	apply(t, table, execRecord(shell, "sh", "-c", "x y"))
	forked := who{child.pid, child.start, shell.exec}
	apply(t, table, forkRecord(shell, child))
	early := openRecord(forked)
	early.Ppid = shell.pid
	apply(t, table, early)
	exec := under(execRecord(child, "cat", "/etc/passwd"), shell, "sh")
	apply(t, table, exec)
	late, after := openRecord(forked), openRecord(child)
	late.Ppid, after.Ppid = shell.pid, shell.pid
	apply(t, table, late, after)

	before := early.Event.Process
	if before.Cmdline != "fork -c x y" || before.Comm != "fork" || before.ExecTime != 0 || before.Key != child.key() {
		t.Errorf("before the exec: %+v", before)
	}
	if late.Event.Process != before {
		t.Errorf("an open read after a later exec is of %+v", late.Event.Process)
	}
	now := exec.Event.Process
	if now.Cmdline != "cat /etc/passwd" || now.ExecTime == 0 || after.Event.Process != now {
		t.Errorf("after the exec: %+v; the open's: %+v", now, after.Event.Process)
	}
	for _, p := range []*event.Process{before, now} {
		if p.Parent != table.Get(shell.key()) || p.Ppid != shell.pid {
			t.Errorf("the parent is %+v", p.Parent)
		}
	}
}

// A record of an image that the table has not heard of waits, and nothing is changed by it.
func TestAhead(t *testing.T) {
	for name, rec := range map[string]*event.Record{
		"open of an unknown process": openRecord(child),
		"open before its exec":       openRecord(who{shell.pid, shell.start, shell.exec + 1}),
		"open of a reused pid":       openRecord(who{shell.pid, shell.start + 1, shell.exec}),
		"fork of an unknown process": forkRecord(child, who{12, 300, 5}),
		"fork before its exec":       forkRecord(who{shell.pid, shell.start, shell.exec + 1}, child),
		"exit of an unknown process": exitRecord(child, 1000),
		"exit before its exec":       exitRecord(who{shell.pid, shell.start, shell.exec + 1}, 1000),
	} {
		t.Run(name, func(t *testing.T) {
			table := NewTable(Settings{Proc: t.TempDir()})
			apply(t, table, execRecord(shell, "sh"))
			was, counters := table.Get(shell.key()), table.Counters()
			if v := table.Apply(rec); v != Ahead {
				t.Fatalf("verdict %d", v)
			}
			if table.Get(shell.key()) != was || rec.Event.Process != nil {
				t.Error("something was changed")
			}
			if diff := cmp.Diff(counters, table.Counters()); diff != "" {
				t.Errorf("counters: %s", diff)
			}
		})
	}
}

// Ahead is over as soon as the exec was read.
func TestAheadThenRead(t *testing.T) {
	table := NewTable(Settings{Proc: t.TempDir()})
	apply(t, table, execRecord(shell, "sh"))
	next := who{shell.pid, shell.start, shell.exec + 1}
	open := openRecord(next)
	if table.Apply(open) != Ahead {
		t.Fatal("not ahead")
	}
	apply(t, table, execRecord(next, "cat"), open)
	if open.Event.Process.Comm != "cat" {
		t.Errorf("the open is of %+v", open.Event.Process)
	}
}

// Of two execs ago nothing is known any more; a later image would be the wrong one.
func TestTwoExecsAgo(t *testing.T) {
	table := NewTable(Settings{Proc: t.TempDir()})
	for i, name := range []string{"first", "second", "third"} {
		apply(t, table, execRecord(who{10, 100, uint64(1 + i)}, name))
	}
	for i, want := range []string{"", "second", "third"} {
		rec := openRecord(who{10, 100, uint64(1 + i)})
		rec.EUID = 7
		apply(t, table, rec)
		p := rec.Event.Process
		if p.Comm != want || p.ExecID != uint64(1+i) || p.Key != rec.Event.Key {
			t.Errorf("exec id %d is %+v, want %q", 1+i, p, want)
		}
		if want == "" && (p.Flags&event.FlagRepaired == 0 || p.EUID != 7 || p.Ppid != 1) {
			t.Errorf("the stub is %+v", p)
		}
	}
	if c := table.Counters(); c.Unknown != 1 {
		t.Errorf("counters %+v", c)
	}
}

// The record of a fork may come after that of the child's exec, which then stays.
func TestExecBeforeFork(t *testing.T) {
	table := NewTable(Settings{Proc: t.TempDir()})
	exec := under(execRecord(child, "cat"), shell, "sh")
	apply(t, table, exec)
	apply(t, table, execRecord(shell, "sh"), forkRecord(shell, child))
	if got := table.Get(child.key()); got != exec.Event.Process {
		t.Errorf("the child is %+v", got)
	}
}

// vfork: the child's exec comes before the maker does anything else, and its image is not the maker's.
func TestVfork(t *testing.T) {
	table := NewTable(Settings{Proc: t.TempDir()})
	apply(t, table, execRecord(shell, "sh"), forkRecord(shell, child), under(execRecord(child, "true"), shell, "sh"),
		exitRecord(child, 500))
	open := openRecord(shell)
	apply(t, table, open)
	if open.Event.Process.Comm != "sh" || open.Event.Process.ExecID != shell.exec {
		t.Errorf("the maker is %+v", open.Event.Process)
	}
}

// A thread that is not the first executes a file: the process keeps its name and gets one new image.
func TestThreadExec(t *testing.T) {
	table := NewTable(Settings{Proc: t.TempDir()})
	apply(t, table, execRecord(shell, "java"))
	thread := openRecord(shell)
	thread.Event.Tid = 99
	next := who{shell.pid, shell.start, shell.exec + 1}
	apply(t, table, thread, execRecord(next, "sh"))
	late := openRecord(shell)
	late.Event.Tid = 98
	apply(t, table, late)
	if thread.Event.Process.Comm != "java" || late.Event.Process.Comm != "java" || table.Get(shell.key()).Comm != "sh" {
		t.Errorf("threads of %q, %q; now %q", thread.Event.Process.Comm, late.Event.Process.Comm, table.Get(shell.key()).Comm)
	}
	if c := table.Counters(); c.Processes != 1 {
		t.Errorf("counters %+v", c)
	}
}

// A pid in use again shows that the old process has ended, although no record said so.
func TestReusedPid(t *testing.T) {
	table := NewTable(Settings{Proc: t.TempDir(), Grace: 1000})
	young := who{shell.pid, shell.start + 5000, 9}
	apply(t, table, execRecord(shell, "old"), execRecord(young, "young"))
	late := openRecord(shell)
	apply(t, table, late)
	if late.Event.Process.Comm != "old" {
		t.Errorf("a late record of the old process is of %q", late.Event.Process.Comm)
	}
	kid := execRecord(child, "kid")
	kid.Image.Key.Start = young.start + 10
	kid.Event.Key = kid.Image.Key
	kid.Ppid = young.pid // the pid alone, as refresh sees it
	apply(t, table, kid)
	open := openRecord(who{child.pid, kid.Image.Key.Start, child.exec})
	open.Ppid = young.pid
	apply(t, table, open)
	if p := open.Event.Process.Parent; p == nil || p.Comm != "young" {
		t.Errorf("the parent is %+v", p)
	}
	// The old one is buried like any other.
	apply(t, table, exitRecord(who{child.pid, kid.Image.Key.Start, child.exec}, young.start+1002))
	if table.Get(shell.key()) != nil || table.Get(young.key()) == nil {
		t.Error("the wrong one was buried")
	}
}

// A record of a process whose pid is another's by now does not end that other.
func TestLateRecordOfAReusedPid(t *testing.T) {
	table := NewTable(Settings{Proc: t.TempDir(), Grace: 1000})
	young := who{shell.pid, shell.start + 5000, 9}
	apply(t, table, execRecord(young, "young"))
	late := openRecord(shell)
	if table.Apply(late) != Ahead {
		t.Fatal("not ahead")
	}
	table.Repair(late)
	if late.Event.Process.Key != shell.key() {
		t.Errorf("the late record is of %+v", late.Event.Process)
	}
	apply(t, table, execRecord(child, "kid"), exitRecord(child, young.start+1_000_000))
	if table.Get(shell.key()) != nil || table.Get(young.key()) == nil {
		t.Error("the late one lives on, or the young one does not")
	}
}

// The dead stay for the grace time and are buried at the first end after it.
func TestGrace(t *testing.T) {
	table := NewTable(Settings{Proc: t.TempDir(), Grace: 50})
	apply(t, table, execRecord(shell, "sh"), execRecord(child, "cat"), exitRecord(shell, 1000))
	open := openRecord(shell)
	apply(t, table, open)
	if open.Event.Process.Comm != "sh" {
		t.Errorf("the dead one is %+v", open.Event.Process)
	}
	apply(t, table, exitRecord(child, 1050))
	if table.Get(shell.key()) == nil {
		t.Error("buried within the grace time")
	}
	apply(t, table, exitRecord(shell, 1051)) // its end once more
	if table.Get(shell.key()) != nil || table.Get(child.key()) == nil {
		t.Error("not buried after the grace time")
	}
	if c := table.Counters(); c.Evicted != 0 {
		t.Errorf("counters %+v", c)
	}
}

// A process that changes its user, or loses its parent, gets a new image; older events keep theirs.
func TestRefresh(t *testing.T) {
	table := NewTable(Settings{Proc: t.TempDir()})
	apply(t, table, execRecord(who{1, 1, 1}, "init"), execRecord(shell, "sh"), under(execRecord(child, "cat"), shell, "sh"))
	first, second, third := openRecord(child), openRecord(child), openRecord(child)
	first.Ppid, second.Ppid = shell.pid, shell.pid
	second.EUID, second.EGID, third.EUID, third.EGID = 1000, 100, 1000, 100
	apply(t, table, first, second, third)
	type state struct {
		uid, gid uint32
		ppid     int32
		parent   string
	}
	var got []state
	for _, r := range []*event.Record{first, second, third} {
		p := r.Event.Process
		got = append(got, state{p.EUID, p.EGID, p.Ppid, p.Parent.Comm})
	}
	want := []state{{0, 0, shell.pid, "sh"}, {1000, 100, shell.pid, "sh"}, {1000, 100, 1, "init"}}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(state{})); diff != "" {
		t.Errorf("images: %s", diff)
	}
	checkInvariants(t, table)
}

// A parent is never younger than its child, whatever pid a record names.
func TestParentIsElder(t *testing.T) {
	table := NewTable(Settings{Proc: t.TempDir()})
	apply(t, table, execRecord(child, "kid"), execRecord(who{77, child.start + 1e9, 1}, "young"))
	open := openRecord(child)
	open.Ppid = 77
	apply(t, table, open)
	if p := open.Event.Process; p.Ppid != 77 || p.Parent != nil {
		t.Errorf("the parent of %+v is %+v", p, p.Parent)
	}
}

// What the kernel says of the ancestors fills in where the table knows nothing.
func TestAncestors(t *testing.T) {
	table := NewTable(Settings{Proc: t.TempDir()})
	exec := under(under(under(execRecord(child, "cat"), shell, "sh"), who{5, 50, 0}, "sshd"), who{1, 1, 0}, "init")
	exec.Ppid, exec.Image.Ppid, exec.ParentStart = shell.pid, shell.pid, shell.start
	apply(t, table, exec)
	var got []string
	for p := exec.Event.Process; p != nil; p = p.Parent {
		got = append(got, p.Comm)
	}
	if diff := cmp.Diff([]string{"cat", "sh", "sshd", "init"}, got); diff != "" {
		t.Errorf("lineage: %s", diff)
	}
	if p := exec.Event.Process.Parent; p.Flags&event.FlagRepaired == 0 || p.Ppid != 5 || p.LoginUID != unsetUID {
		t.Errorf("the parent %+v", p)
	}
}

// The line above an image is bounded, however long processes fork and end.
func TestLineageIsBounded(t *testing.T) {
	table := NewTable(Settings{Proc: t.TempDir()})
	w := who{1, 1, 1}
	apply(t, table, execRecord(w, "init"))
	for i := range int32(5 * maxLineage) {
		next := who{2 + i, uint64(2 + i), 1}
		apply(t, table, forkRecord(w, next))
		w = next
	}
	for _, e := range table.byKey {
		if e.now.Ancestor(maxLineage+1) != nil {
			t.Fatalf("process %d has more than %d ancestors", e.key.Tgid, maxLineage)
		}
	}
}

// The common case, an open of a known process, costs no memory.
func TestAttachAllocatesNothing(t *testing.T) {
	table := NewTable(Settings{Proc: t.TempDir()})
	apply(t, table, execRecord(shell, "sh"), execRecord(child, "cat"))
	recs := []*event.Record{openRecord(shell), openRecord(child)}
	if n := testing.AllocsPerRun(100, func() {
		for _, r := range recs {
			if table.Apply(r) != Done || r.Event.Process == nil {
				t.Fatal("not found")
			}
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
