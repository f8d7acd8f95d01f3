// Package kernel tests the capture on the running kernel: each system call of the probe, each parameter.
//
// The sensor never records itself, so what is to be seen is done by a child: the test binary run anew with the name of
// a trigger. What the trigger prints as JSON are the facts as the kernel told them to it (fstat, getpid, …), which the
// records are compared with. The child's exit ends the capture: nothing here sleeps.
package kernel

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/saker-sensor/saker/internal/decode"
	"github.com/saker-sensor/saker/internal/event"
	"github.com/saker-sensor/saker/internal/probe"
	"github.com/saker-sensor/saker/internal/process"
)

const triggerVar = "SAKER_TRIGGER"

func TestMain(m *testing.M) {
	if name := os.Getenv(triggerVar); name != "" {
		run, ok := triggers[name]
		if !ok {
			fmt.Fprintln(os.Stderr, "unknown trigger", name)
			os.Exit(2)
		}
		facts, err := run(os.Args[1:])
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(2)
		}
		if err := json.NewEncoder(os.Stdout).Encode(facts); err != nil {
			os.Exit(2)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// capture is what was seen while a trigger ran.
type capture struct {
	t     *testing.T
	table *process.Table
	// pid is the trigger's.
	pid    int32
	events []*event.Event
}

// deadline bounds every wait; a loaded machine is slow, a lost record never comes.
const deadline = 20 * time.Second

// trigger runs a trigger under a fresh probe and decodes the facts that it printed.
func trigger(t *testing.T, facts any, name string, args ...string) *capture {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe, args...)
	cmd.Env = append(os.Environ(), triggerVar+"="+name)
	return watch(t, facts, cmd)
}

// watch runs a command under a fresh probe until its process has ended.
func watch(t *testing.T, facts any, cmd *exec.Cmd) *capture {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("needs root: the kernel tests load BPF programs")
	}
	p := load(t)
	c := &capture{t: t, table: process.NewTable(process.Settings{})}
	var dec decode.Decoder
	dec.BootTime = bootTime()
	if err := p.Attach(); err != nil {
		t.Fatal(err)
	}
	var rec event.Record
	if err := p.Tasks(func(raw []byte) error {
		if err := dec.Decode(raw, &rec); err != nil {
			return err
		}
		c.table.Apply(&rec)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	c.table.Link()

	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	c.pid = int32(cmd.Process.Pid)
	ended := false
	take := func(raw []byte) {
		if err := dec.Decode(raw, &rec); err != nil {
			t.Fatalf("decode a record: %v", err)
		}
		if rec.Kind == event.KindCgroupMade || rec.Kind == event.KindCgroupRemoved {
			return
		}
		if c.table.Apply(&rec) == process.Ahead {
			c.table.Repair(&rec)
		}
		if rec.IsEvent() {
			c.events = append(c.events, rec.Event.Clone())
		}
		if rec.Kind == event.KindExit && rec.Event.Tgid == c.pid {
			ended = true
		}
	}
	critical := func() {
		for raw, ok := p.Critical().Next(); ok; raw, ok = p.Critical().Next() {
			take(raw)
		}
		p.Critical().Release()
	}
	for end := time.Now().Add(deadline); !ended; {
		if time.Now().After(end) {
			t.Fatalf("the exit of %d was not seen within %v", c.pid, deadline)
		}
		if err := p.Wait(10 * time.Millisecond); err != nil {
			t.Fatal(err)
		}
		critical()
	}
	for raw, ok := p.Bulk().Next(); ok; raw, ok = p.Bulk().Next() {
		take(raw)
	}
	p.Bulk().Release()
	if err := cmd.Wait(); err != nil {
		t.Fatalf("run %v: %v\n%s", cmd.Args, err, stderr.String())
	}
	k, err := p.Counters()
	if err != nil {
		t.Fatal(err)
	}
	if k.Lost() != 0 {
		t.Fatalf("records were lost: %+v", k)
	}
	if facts != nil {
		if err := json.Unmarshal(stdout.Bytes(), facts); err != nil {
			t.Fatalf("read the trigger's facts: %v\n%s", err, stdout.String())
		}
	}
	return c
}

func load(t testing.TB) *probe.Probe {
	t.Helper()
	var types event.TypeSet
	for _, typ := range event.AllTypes() {
		if typ.Captured() {
			types.Add(typ)
		}
	}
	p, err := probe.Load(probe.Settings{Types: types, CgroupController: controller()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	for name, err := range p.Missing {
		t.Fatalf("the kernel refuses %s: %v", name, err)
	}
	return p
}

// controller is a cgroup v1 controller that is mounted, if there is one.
func controller() string {
	if _, err := os.Stat("/sys/fs/cgroup/memory/tasks"); err == nil {
		return "memory"
	}
	return ""
}

func bootTime() int64 {
	var real, boot unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_REALTIME, &real)
	_ = unix.ClockGettime(unix.CLOCK_BOOTTIME, &boot)
	return real.Nano() - boot.Nano()
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

// open returns the event of the trigger that opened the raw path.
func (c *capture) open(typ event.Type, raw string) *event.Event {
	c.t.Helper()
	return c.find(fmt.Sprintf("%v of %q", typ, raw), func(ev *event.Event) bool {
		return ev.Type == typ && ev.File.Raw == raw && ev.Tgid == c.pid
	})
}

func (c *capture) dump() string {
	var lines []string
	for _, ev := range c.events {
		if ev.Tgid == c.pid || slices.Contains([]event.Type{event.TypeExecve, event.TypeExecveat}, ev.Type) {
			lines = append(lines, fmt.Sprintf("%v pid=%d ret=%d raw=%q given=%q resolved=%q filename=%q cmdline=%q",
				ev.Type, ev.Tgid, ev.Ret, ev.File.Raw, ev.File.Given, ev.File.Resolved, ev.Filename, ev.Process.Cmdline))
		}
	}
	return strings.Join(lines, "\n")
}
