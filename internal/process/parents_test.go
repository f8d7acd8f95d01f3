package process

import (
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/saker-sensor/saker/internal/event"
)

var first = who{1, 1 * clockTick, 0}

// comms are the names of a process and its ancestors.
func comms(p *event.Process) (names []string) {
	for ; p != nil; p = p.Parent {
		names = append(names, p.Comm)
	}
	return names
}

// A parent that the iterator left out is read from /proc, once.
func TestParentFromProc(t *testing.T) {
	proc := t.TempDir()
	fakeProc(t, proc, 1,
		map[string]string{"stat": stat(1, "init", 0, 0, 1), "status": status, "cmdline": "/sbin/init\x00--user\x00", "exe": "/sbin/init"})
	table := NewTable(Settings{Proc: proc})
	apply(t, table, under(execRecord(shell, "sh"), first, "init"))
	if err := os.RemoveAll(proc); err != nil {
		t.Fatal(err)
	}
	apply(t, table, under(execRecord(child, "cat"), first, "init"))
	for _, w := range []who{shell, child} {
		p := table.Get(w.key()).Parent
		if p == nil || p.Cmdline != "init --user" || p.Exe != "/sbin/init" || p.ExePath != "/sbin/init" || p.Key != first.key() ||
			p.Partial {
			t.Errorf("the parent of process %d is %+v", w.pid, p)
		}
	}
	checkInvariants(t, table)
}

// One that /proc does not show has the name that the kernel's record of a child gives it, and nothing else.
func TestParentFromRecord(t *testing.T) {
	first := who{1, 1, 0}
	table := NewTable(Settings{Proc: t.TempDir()})
	exec := under(under(execRecord(child, "cat"), shell, "sh"), first, "init")
	exec.Ppid, exec.Image.Ppid, exec.ParentStart = shell.pid, shell.pid, shell.start
	apply(t, table, exec)
	if diff := cmp.Diff([]string{"cat", "sh", "init"}, comms(exec.Event.Process)); diff != "" {
		t.Fatalf("lineage: %s", diff)
	}
	if p := exec.Event.Process.Parent; !p.Partial || p.Cmdline != "" {
		t.Errorf("the parent is %+v", p)
	}
	// Its parent ends, and process 1 adopts it.
	open := openRecord(child)
	apply(t, table, open)
	if diff := cmp.Diff([]string{"cat", "init"}, comms(open.Event.Process)); diff != "" {
		t.Errorf("lineage after the parent's end: %s", diff)
	}
	// Process 1 itself keeps its name when its own record comes and can't be repaired.
	own := openRecord(who{1, first.start, 3})
	own.Ppid = 0
	if table.Apply(own) != Ahead {
		t.Fatal("not ahead")
	}
	table.Repair(own)
	if p := own.Event.Process; p.Comm != "init" || !p.Partial {
		t.Errorf("process 1 is %+v", p)
	}
	checkInvariants(t, table)
}

// A process that no record named before adopts another: it is read from /proc.
func TestAdopterFromProc(t *testing.T) {
	proc := t.TempDir()
	table := NewTable(Settings{Proc: proc})
	apply(t, table, under(execRecord(child, "cat"), shell, "sh"))
	fakeProc(t, proc, 1, map[string]string{"stat": stat(1, "init", 0, 0, 0), "status": status, "cmdline": "/sbin/init\x00"})
	open := openRecord(child)
	apply(t, table, open)
	if p := open.Event.Process.Parent; p == nil || p.Exe != "/sbin/init" || p.Key.Tgid != 1 {
		t.Errorf("the parent is %+v", p)
	}
	checkInvariants(t, table)
}

// A process that renamed itself and forks: the child's command line begins with the name that it has.
func TestRenamedThenForked(t *testing.T) {
	table := NewTable(Settings{Proc: t.TempDir()})
	fork := forkRecord(shell, child)
	fork.Image.Comm = "runc:[1:CHILD]"
	apply(t, table, execRecord(shell, "runc", "init"), fork)
	bare := forkRecord(who{20, 100, 4}, who{21, 200, 4})
	bare.Image.Comm = "worker"
	apply(t, table, execRecord(who{20, 100, 4}, "server"), bare)
	for w, want := range map[who]string{shell: "runc init", child: "runc:[1:CHILD] init", {21, 200, 4}: "worker"} {
		if got := table.Get(w.key()).Cmdline; got != want {
			t.Errorf("process %d: command line %q, want %q", w.pid, got, want)
		}
	}
}
