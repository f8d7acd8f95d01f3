package process

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/saker-sensor/saker/internal/event"
)

// fakeProc writes a process's folder below a fake /proc.
func fakeProc(t *testing.T, proc string, pid int, files map[string]string) {
	t.Helper()
	dir := filepath.Join(proc, strconv.Itoa(pid))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		path := filepath.Join(dir, name)
		var err error
		if name == "exe" || name == "cwd" {
			err = os.Symlink(text, path)
		} else {
			err = os.WriteFile(path, []byte(text), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// stat is a line of /proc/PID/stat; the name may hold anything.
func stat(pid int, comm string, ppid, flags, start int) string {
	return fmt.Sprintf("%d (%s) S %d 30 20 34816 30 %d 1 2 3 4 5 6 7 8 20 0 1 0 %d 1000 2\n", pid, comm, ppid, flags, start)
}

const status = `Name:	x
Uid:	1	2	3	4
Gid:	5	6	7	8
NStgid:	30	3
NSpgid:	30	9
CapInh:	0000000000000001
CapPrm:	000001ffffffffff
CapEff:	0000000000000002
`

func lateRecord(pid int32, start uint64) *event.Record {
	r := openRecord(who{pid, start, 8})
	r.Event.Time = 1234
	r.Ppid, r.EUID, r.EGID = 20, 2, 6
	return r
}

func TestRepair(t *testing.T) {
	const ticks = 77
	proc := t.TempDir()
	fakeProc(t, proc, 30, map[string]string{
		"stat": stat(30, "a) (b c", 20, 0x400000, ticks), "status": status, "cmdline": "argv0\x00one\x00\x00two words\x00",
		"environ": "A=1\x00B=2\x00", "loginuid": "1000", "exe": "/bin/x (deleted)", "cwd": "/home",
	})
	table := NewTable(Settings{Proc: proc})
	rec := lateRecord(30, ticks*clockTick+5)
	apply(t, table, execRecord(who{20, 9, 1}, "parent"))
	if table.Apply(rec) != Ahead {
		t.Fatal("not ahead")
	}
	table.Repair(rec)
	want := &event.Process{
		Key: rec.Event.Key, ExecID: 8, Vpid: 3, Pgid: 30, Vpgid: 9, Sid: 20, Ppid: 20, Parent: table.Get(event.Key{Tgid: 20, Start: 9}),
		Comm: "a) (b c", Exe: "argv0", ExePath: "/bin/x", Cmdline: "a) (b c one  two words", Args: "one  two words",
		ArgList: []string{"one", "", "two words"}, ArgsLen: 21, Env: []string{"A=1", "B=2"}, Cwd: "/home/", TTY: 34816, LoginUID: 1000,
		UID: 1, EUID: 2, GID: 5, EGID: 6, CapInheritable: 1, CapPermitted: 0x1ffffffffff, CapEffective: 2,
		Flags: event.FlagRepaired,
	}
	if diff := cmp.Diff(want, rec.Event.Process); diff != "" {
		t.Errorf("image: %s", diff)
	}
	if rec.Event.Flags&event.FlagRepaired == 0 {
		t.Error("the event does not say that its process was repaired")
	}
	if c := table.Counters(); c.Repaired != 1 || c.Unknown != 0 {
		t.Errorf("counters %+v", c)
	}
	apply(t, table, lateRecord(30, ticks*clockTick+5)) // is known now
	checkInvariants(t, table)
}

// What can't be had from /proc leaves what the record itself says.
func TestRepairOfWhatIsGone(t *testing.T) {
	proc := t.TempDir()
	fakeProc(t, proc, 31, map[string]string{"stat": stat(31, "another", 1, 0, 99), "status": status})
	fakeProc(t, proc, 32, map[string]string{"stat": "32 (cut"})
	fakeProc(t, proc, 33, map[string]string{"stat": "33 (short) S 1 2"})
	for name, rec := range map[string]*event.Record{
		"absent":            lateRecord(30, 77*clockTick),
		"another by now":    lateRecord(31, 77*clockTick),
		"a stat line cut":   lateRecord(32, 77*clockTick),
		"a stat line short": lateRecord(33, 77*clockTick),
	} {
		t.Run(name, func(t *testing.T) {
			table := NewTable(Settings{Proc: proc, Grace: 100})
			table.Repair(rec)
			want := &event.Process{
				Key: rec.Event.Key, ExecID: 8, Vpid: rec.Event.Vpid, Ppid: 20, UID: 2, EUID: 2, GID: 6, EGID: 6,
				LoginUID: unsetUID, Flags: event.FlagRepaired, Partial: true,
			}
			if diff := cmp.Diff(want, rec.Event.Process); diff != "" {
				t.Errorf("image: %s", diff)
			}
			if c := table.Counters(); c.Repaired != 0 || c.Unknown != 1 {
				t.Errorf("counters %+v", c)
			}
			// It does not wait for an end that has been.
			apply(t, table, execRecord(child, "x"), exitRecord(child, rec.Event.Boot+101))
			if table.Get(rec.Event.Key) != nil {
				t.Error("the process that is gone stays")
			}
			checkInvariants(t, table)
		})
	}
}

// The exec of a known process was lost: what it was stays for late records, and so does its age.
func TestRepairOfALostExec(t *testing.T) {
	proc := t.TempDir()
	fakeProc(t, proc, 10, map[string]string{"stat": stat(10, "new", 1, 0, 0), "cmdline": "new\x00"})
	table := NewTable(Settings{Proc: proc})
	apply(t, table, execRecord(shell, "old"))
	next, late := openRecord(who{shell.pid, shell.start, shell.exec + 1}), openRecord(shell)
	if table.Apply(next) != Ahead {
		t.Fatal("not ahead")
	}
	table.Repair(next)
	apply(t, table, late)
	if p := next.Event.Process; p.Comm != "new" || p.Key != shell.key() {
		t.Errorf("after: %+v", p)
	}
	if p := late.Event.Process; p.Comm != "old" {
		t.Errorf("before: %+v", p)
	}
}

// A lost fork or exit is repaired as well, and then takes effect.
func TestRepairOfForkAndExit(t *testing.T) {
	proc := t.TempDir()
	fakeProc(t, proc, 10, map[string]string{"stat": stat(10, "maker", 1, 0, 0)})
	table := NewTable(Settings{Proc: proc, Grace: 1})
	fork := forkRecord(shell, child)
	table.Repair(fork)
	if p := table.Get(child.key()); p == nil || p.Parent == nil || p.Parent.Comm != "maker" {
		t.Fatalf("the child is %+v", p)
	}
	exit := exitRecord(who{12, 300, 1}, 5000)
	table.Repair(exit)
	if exit.Event.Process == nil {
		t.Error("the end is nobody's")
	}
	apply(t, table, exitRecord(who{child.pid, child.start, shell.exec}, 6000))
	if table.Get(event.Key{Tgid: 12, Start: 300}) != nil {
		t.Error("the process that ended stays")
	}
}

// The real /proc says of this very process what it knows of itself.
func TestRealProc(t *testing.T) {
	text, err := os.ReadFile("/proc/self/stat")
	if err != nil {
		t.Skipf("needs procfs: %v", err)
	}
	rest := string(text)[strings.LastIndex(string(text), ")")+1:]
	ticks, err := strconv.ParseUint(strings.Fields(rest)[19], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	table := NewTable(Settings{})
	rec := lateRecord(int32(os.Getpid()), ticks*clockTick+clockTick-1)
	rec.Ppid, rec.EUID, rec.EGID = int32(os.Getppid()), uint32(os.Geteuid()), uint32(os.Getegid())
	table.Repair(rec)
	cwd, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	got := rec.Event.Process
	want := &event.Process{
		Key: rec.Event.Key, ExecID: 8, Ppid: int32(os.Getppid()), Exe: os.Args[0], ExePath: exe, ArgList: os.Args[1:],
		Args: strings.Join(os.Args[1:], " "), Cwd: cwd + "/", UID: uint32(os.Getuid()), EUID: uint32(os.Geteuid()),
		GID: uint32(os.Getgid()), EGID: uint32(os.Getegid()), Flags: event.FlagRepaired,
	}
	opts := cmpopts.IgnoreFields(event.Process{}, "Vpid", "Pgid", "Vpgid", "Sid", "Comm", "Cmdline", "ArgsLen", "Env", "TTY", "LoginUID",
		"CapInheritable", "CapPermitted", "CapEffective")
	if diff := cmp.Diff(want, got, opts, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("image: %s", diff)
	}
	if got.Comm == "" || !strings.HasPrefix(got.Cmdline, got.Comm) || len(got.Env) == 0 {
		t.Errorf("image: %+v", got)
	}
	if table.Counters().Repaired != 1 {
		t.Errorf("counters %+v", table.Counters())
	}
}

func TestSeedFromProc(t *testing.T) {
	proc := t.TempDir()
	fakeProc(t, proc, 1, map[string]string{"stat": stat(1, "init", 0, 0, 1), "status": status, "cmdline": "/sbin/init\x00"})
	fakeProc(t, proc, 2, map[string]string{"stat": stat(2, "kthreadd", 0, 0x00200000, 1)})
	fakeProc(t, proc, 40, map[string]string{"stat": stat(40, "kid", 30, 0, 90), "cmdline": "kid\x00"})
	fakeProc(t, proc, 30, map[string]string{"stat": stat(30, "sh", 1, 0, 80), "cmdline": "sh\x00"})
	fakeProc(t, proc, 50, map[string]string{}) // it ended meanwhile
	if err := os.WriteFile(filepath.Join(proc, "uptime"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	table := NewTable(Settings{Proc: proc})
	if err := table.SeedFromProc(); err != nil {
		t.Fatal(err)
	}
	checkInvariants(t, table)
	got := map[int32]string{}
	for _, e := range table.byKey {
		for p := e.now; p != nil; p = p.Parent {
			got[e.key.Tgid] += p.Comm + " "
		}
	}
	want := map[int32]string{1: "init ", 2: "kthreadd ", 30: "sh init ", 40: "kid sh init "}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("lineages: %s", diff)
	}
	if p := table.current(2, event.Key{Start: 1 << 60}); !p.KernelThread {
		t.Errorf("the kernel thread is %+v", p)
	}
	// The kernel's records name the exec id, which /proc lacks: each process is read once more, then known.
	rec, again := lateRecord(30, 80*clockTick+1), lateRecord(30, 80*clockTick+1)
	rec.Ppid, again.Ppid = 1, 1
	if table.Apply(rec) != Ahead {
		t.Fatal("not ahead")
	}
	table.Repair(rec)
	apply(t, table, again)
	if p := rec.Event.Process; p.Comm != "sh" || p.Parent == nil || p.Parent.Comm != "init" {
		t.Errorf("after its first record: %+v", p)
	}
	checkInvariants(t, table)
}

func TestSeedWithoutProc(t *testing.T) {
	if err := NewTable(Settings{Proc: filepath.Join(t.TempDir(), "absent")}).SeedFromProc(); err == nil {
		t.Error("no error")
	}
}

// The iterator's record has no user memory: that is read from /proc.
func TestTask(t *testing.T) {
	cmd := exec.Command("/bin/sh", "-c", "echo; read x", "zero", "one two", "")
	cmd.Env = []string{"ONE=1", "TWO=2"}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Skipf("needs a shell: %v", err)
	}
	// Start returns within the exec, before the arguments are in place. The shell's line tells that it runs.
	if _, err := stdout.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = stdin.Close()
		_ = cmd.Wait() // read fails at the end of its input
	}()
	w := who{int32(cmd.Process.Pid), 100, 3}
	task := under(execRecord(w, "sh"), shell, "parent")
	task.Kind, task.Args, task.Env = event.KindTask, "", ""
	table := NewTable(Settings{})
	apply(t, table, task)
	got := table.Get(w.key())
	if diff := cmp.Diff([]string{"-c", "echo; read x", "zero", "one two", ""}, got.ArgList); diff != "" {
		t.Errorf("arguments: %s", diff)
	}
	if diff := cmp.Diff(cmd.Env, got.Env); diff != "" {
		t.Errorf("environment: %s", diff)
	}
	if got.Exe != "/bin/sh" || got.ExePath != "/bin/sh" || got.Parent == nil || got.Parent.Comm != "parent" {
		t.Errorf("image %+v", got)
	}
	// What the rings have told meanwhile is newer.
	exec := execRecord(who{w.pid, w.start, 4}, "later")
	apply(t, table, exec, task)
	if table.Get(w.key()) != exec.Event.Process {
		t.Errorf("the iterator's older image took the place of %+v", exec.Event.Process)
	}
}
