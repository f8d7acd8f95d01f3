package kernel

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/saker-sensor/saker/internal/bpfgen"
	"github.com/saker-sensor/saker/internal/decode"
	"github.com/saker-sensor/saker/internal/event"
	"github.com/saker-sensor/saker/internal/probe"
	"github.com/saker-sensor/saker/internal/process"
)

// watcher is an attached probe with the rooms behind it, in the order in which the sensor has them.
type watcher struct {
	t     *testing.T
	probe *probe.Probe
	// before are the counters of the probe, which may have served other tests.
	before probe.Counters
	dec    decode.Decoder
	rec    event.Record
	c      *capture
	// everybody: the system calls of other processes than the command are kept as well.
	everybody bool
}

// capture is what was seen while a command ran.
type capture struct {
	t     *testing.T
	table *process.Table
	// pid is the command's.
	pid    int32
	events []*event.Event
	// forks are the images of new processes as the table entered them.
	forks   []*event.Process
	cgroups []cgroupChange
	ended   bool
	// counters are the kernel's, of the time of this capture alone: lost records, UringUnmatched and EntryMissing.
	counters probe.Counters
}

type cgroupChange struct {
	Made   bool
	Tgid   int32
	Cgroup event.Cgroup
}

// deadline bounds every wait; a loaded machine is slow, a lost record never comes.
const deadline = 3 * time.Minute

// shared is an attached probe of every event that follows controller(). It is loaded once for all tests: that takes longer than a
// test does, above all on an emulated machine. TestMain closes it.
var shared *probe.Probe

// newWatcher watches with an attached probe that follows a cgroup controller.
func newWatcher(t *testing.T, follow string) *watcher {
	t.Helper()
	// A large ring, because others on the machine open files too.
	s := probe.Settings{CgroupController: follow, EntryCopies: true, BulkBytes: 64 << 20}
	if follow != controller() {
		return newWatcherOf(t, s)
	}
	if shared == nil {
		needRoot(t)
		p := load(t, s)
		if err := p.Attach(); err != nil {
			t.Fatal(errors.Join(err, p.Close()))
		}
		shared = p
	}
	return watchWith(t, shared)
}

// newWatcherOf watches with a probe of its own.
func newWatcherOf(t *testing.T, s probe.Settings) *watcher {
	t.Helper()
	needRoot(t)
	p := load(t, s)
	t.Cleanup(func() { must(t, p.Close()) })
	must(t, p.Attach())
	return watchWith(t, p)
}

func needRoot(t *testing.T) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("needs root: the kernel tests load BPF programs")
	}
}

// watchWith forgets what an attached probe has recorded so far, and enters the processes that run.
func watchWith(t *testing.T, p *probe.Probe) *watcher {
	t.Helper()
	w := &watcher{t: t, probe: p}
	for _, r := range []*probe.Ring{p.Critical(), p.Bulk()} {
		for _, ok := r.Next(); ok; _, ok = r.Next() {
		}
		r.Release()
	}
	var err error
	w.before, err = p.Counters()
	must(t, err)
	w.dec.Clock = event.NewClock(0)
	w.c = &capture{t: t, table: process.NewTable(process.Settings{})}
	must(t, w.probe.Tasks(func(raw []byte) error {
		if err := w.dec.Decode(raw, &w.rec); err != nil {
			return err
		}
		w.c.table.Apply(&w.rec)
		return nil
	}))
	w.c.table.Link()
	return w
}

func load(t *testing.T, s probe.Settings) *probe.Probe {
	t.Helper()
	for _, typ := range event.AllTypes() {
		if typ.Captured() {
			s.Types.Add(typ)
		}
	}
	p, err := probe.Load(s)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range p.Missing() {
		t.Errorf("the kernel refuses %s: %v", m.Program, m.Reason)
	}
	if t.Failed() {
		must(t, p.Close())
		t.FailNow()
	}
	return p
}

// run runs a command until its process has ended, and decodes the facts that it printed.
func (w *watcher) run(facts any, cmd *exec.Cmd) *capture {
	t := w.t
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	must(t, cmd.Start())
	w.c.pid = int32(cmd.Process.Pid)
	for end := time.Now().Add(deadline); !w.c.ended; {
		if time.Now().After(end) {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
			t.Fatalf("the exit of %d was not seen within %v\n%s", w.c.pid, deadline, stderr.String())
		}
		must(t, w.probe.Wait(10*time.Millisecond))
		w.drain()
	}
	w.drain()
	err := cmd.Wait()
	if facts != nil && err != nil {
		t.Fatalf("run %v: %v\n%s", cmd.Args, err, stderr.String())
	}
	k, err := w.probe.Counters()
	must(t, err)
	w.c.counters = k
	w.c.counters.UringUnmatched -= w.before.UringUnmatched
	w.c.counters.EntryMissing -= w.before.EntryMissing
	if k.Lost() != w.before.Lost() {
		t.Fatalf("records were lost: %+v", k)
	}
	if facts != nil {
		if err := json.Unmarshal(stdout.Bytes(), facts); err != nil {
			t.Fatalf("read the trigger's facts: %v\n%s\n%s", err, stdout.String(), w.c.dump())
		}
	}
	return w.c
}

// drain reads both rings to the end, the critical one first.
func (w *watcher) drain() {
	w.critical()
	for raw, ok := w.probe.Bulk().Next(); ok; raw, ok = w.probe.Bulk().Next() {
		if w.foreign(raw) {
			continue
		}
		must(w.t, w.dec.Decode(raw, &w.rec))
		if w.c.table.Apply(&w.rec) == process.Ahead {
			// What it is ahead of has come by now; the record is decoded again because critical used the same one.
			w.critical()
			must(w.t, w.dec.Decode(raw, &w.rec))
			if w.c.table.Apply(&w.rec) == process.Ahead {
				w.c.table.Repair(&w.rec)
			}
		}
		w.c.keep(&w.rec)
	}
	w.probe.Bulk().Release()
}

// foreign tells whether a record is of a system call that another process than the command made. The whole machine's are too many to
// decode and to keep, unless few types are recorded.
func (w *watcher) foreign(raw []byte) bool {
	h := (*bpfgen.SensorRecordHeader)(unsafe.Pointer(unsafe.SliceData(raw)))
	return !w.everybody && bpfgen.SensorRecordType(h.Type) == bpfgen.SensorRecordTypeRECORD_CALL && int32(h.Tgid) != w.c.pid
}

func (w *watcher) critical() {
	for raw, ok := w.probe.Critical().Next(); ok; raw, ok = w.probe.Critical().Next() {
		must(w.t, w.dec.Decode(raw, &w.rec))
		if w.c.table.Apply(&w.rec) == process.Ahead {
			w.c.table.Repair(&w.rec)
		}
		w.c.keep(&w.rec)
	}
	w.probe.Critical().Release()
}

func (c *capture) keep(rec *event.Record) {
	if rec.Event.Tgid == int32(os.Getpid()) && rec.IsEvent() {
		c.t.Errorf("the watching process itself was recorded: %+v", rec.Event)
	}
	switch rec.Kind {
	case event.KindFork:
		c.forks = append(c.forks, c.table.Get(rec.Image.Key))
	case event.KindCgroupMade, event.KindCgroupRemoved:
		c.cgroups = append(c.cgroups, cgroupChange{
			Made: rec.Kind == event.KindCgroupMade, Tgid: rec.Event.Tgid,
			Cgroup: event.Cgroup{ID: rec.Cgroup.ID, Path: strings.Clone(rec.Cgroup.Path)},
		})
	default:
		c.events = append(c.events, rec.Event.Clone())
		c.ended = c.ended || rec.Kind == event.KindExit && rec.Event.Tgid == c.pid
	}
}

// controller is a cgroup v1 controller that is mounted, if there is one. Newer kernels may lack the old memory controller.
func controller() string {
	for _, name := range []string{"memory", "pids", "cpu"} {
		if _, err := os.Stat("/sys/fs/cgroup/" + name + "/tasks"); err == nil {
			return name
		}
	}
	return ""
}

// find returns the one event that fits; it fails if there is none or more than one.
func (c *capture) find(what string, fits func(*event.Event) bool) *event.Event {
	c.t.Helper()
	var found []*event.Event
	for _, ev := range c.events {
		if fits(ev) {
			found = append(found, ev)
		}
	}
	if len(found) != 1 {
		c.t.Fatalf("%s: found %d events, want 1; the process made:\n%s", what, len(found), c.dump())
	}
	return found[0]
}

// open returns the event of the command that opened the raw path.
func (c *capture) open(typ event.Type, raw string) *event.Event {
	c.t.Helper()
	return c.find(fmt.Sprintf("%v of %q", typ, raw), func(ev *event.Event) bool {
		return ev.Type == typ && ev.File.Raw == raw && ev.Tgid == c.pid
	})
}

// exec returns the command's last exec, whether it succeeded or not.
func (c *capture) exec() *event.Event {
	c.t.Helper()
	var last *event.Event
	for _, ev := range c.events {
		if (ev.Type == event.TypeExecve || ev.Type == event.TypeExecveat) && ev.Tgid == c.pid {
			last = ev
		}
	}
	if last == nil {
		c.t.Fatalf("found no exec; the process made:\n%s", c.dump())
	}
	return last
}

func (c *capture) exit(pid int32) *event.Event {
	c.t.Helper()
	return c.find(fmt.Sprintf("exit of %d", pid), func(ev *event.Event) bool {
		return ev.Type == event.TypeProcexit && ev.Tgid == pid
	})
}

func (c *capture) dump() string {
	var lines []string
	for _, ev := range c.events {
		if ev.Tgid == c.pid || slices.Contains([]event.Type{event.TypeExecve, event.TypeExecveat}, ev.Type) {
			lines = append(lines, fmt.Sprintf("%v pid=%d ret=%d raw=%.80q given=%.80q resolved=%.80q filename=%.80q cmdline=%.80q",
				ev.Type, ev.Tgid, ev.Ret, ev.File.Raw, ev.File.Given, ev.File.Resolved, ev.Filename, ev.Process.Cmdline))
		}
	}
	return strings.Join(lines, "\n")
}
