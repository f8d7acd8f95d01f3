package kernel

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"golang.org/x/sys/unix"

	calltable "github.com/saker-sensor/saker/internal/call"
	"github.com/saker-sensor/saker/internal/event"
	"github.com/saker-sensor/saker/internal/ia32"
)

// callRow makes one system call of the table: once so that it succeeds, and once so that it fails. A new row of the table needs one
// here.
type callRow struct {
	// name is that of the row in the table.
	name string
	make func(m *maker)
	// always and never say why the call does not fail, or not succeed; empty if it does both.
	always, never string
}

// callRows are all of them, by family. The calls of a family are made by one child process.
var callRows = map[string][]callRow{
	"file":       fileCalls,
	"descriptor": descriptorCalls,
	"net":        netCalls,
	"process":    processCalls,
	"memory":     memoryCalls,
	"system":     systemCalls,
}

// untriggered are the rows of the table that no test makes, and why.
var untriggered = map[string]string{
	"send":   "x86 has it as a part of socketcall alone",
	"recv":   "x86 has it as a part of socketcall alone",
	"llseek": "a 32-bit call with five arguments; ia32.Int80 passes four",
	"mmap2":  "a 32-bit call with six arguments; ia32.Int80 passes four",
	"clone":  "TestForkParameters makes it", "clone3": "TestForkParameters makes it", "fork": "TestForkParameters makes it",
	"vfork":         "TestVfork makes it",
	"signaldeliver": "no system call; TestSignalDeliver is about it",
}

func TestEveryRowHasATrigger(t *testing.T) {
	has := map[string]bool{}
	for family, rows := range callRows {
		for _, r := range rows {
			if has[r.name] {
				t.Errorf("%s: two rows, one of them in %q", r.name, family)
			}
			has[r.name] = true
		}
	}
	for _, r := range calltable.New().Rows() {
		if has[r.Name] == (untriggered[r.Name] != "") {
			t.Errorf("%s: a trigger is there: %v; the reason why there is none: %q", r.Name, has[r.Name], untriggered[r.Name])
		}
		delete(has, r.Name)
	}
	for name := range has {
		t.Errorf("%s: the table has no such row", name)
	}
}

// TestCalls compares each call's event with what its caller knows of it: every parameter of the row.
func TestCalls(t *testing.T) {
	table := calltable.New()
	for family, rows := range callRows {
		t.Run(family, func(t *testing.T) {
			dir, err := filepath.EvalSymlinks(t.TempDir())
			must(t, err)
			var facts []rowFacts
			c := trigger(t, &facts, "calls", family, dir)
			for _, r := range rows {
				t.Run(r.name, func(t *testing.T) { r.check(t, table, c, facts) })
			}
		})
	}
}

// check compares all calls of a row.
func (r *callRow) check(t *testing.T, table *calltable.Table, c *capture, facts []rowFacts) {
	typ, _ := event.TypeByName(r.name)
	made, failed := 0, 0
	for _, f := range facts {
		if f.Row != r.name {
			continue
		}
		if f.Skipped != "" {
			t.Skip(f.Skipped)
		}
		if made++; f.Ret < 0 {
			failed++
		}
		ev := c.callOf(t, typ, &f)
		if ev == nil {
			continue
		}
		for _, diff := range f.compare(table.Row(typ), ev) {
			t.Errorf("call %d, which returned %d: %s", made, f.Ret, diff)
		}
	}
	if failed == 0 && r.always == "" {
		t.Error("no call failed")
	}
	if failed == made && r.never == "" {
		t.Error("no call succeeded")
	}
}

// callOf finds the event of a call.
func (c *capture) callOf(t *testing.T, typ event.Type, f *rowFacts) *event.Event {
	t.Helper()
	var found []*event.Event
	for _, ev := range c.events {
		if ev.Type == typ && ev.Tid == f.Tid && int64(ev.Boot) >= f.From && int64(ev.Boot) <= f.To && ev.Ret != restart {
			found = append(found, ev)
		}
	}
	if len(found) > 1 { // Go's runtime makes calls of its own on the same thread: futex, read, …
		found = slices.DeleteFunc(found, func(ev *event.Event) bool { return ev.Ret != f.Ret })
	}
	if len(found) != 1 {
		t.Errorf("%v, which returned %d: %d events, want 1", typ, f.Ret, len(found))
		return nil
	}
	return found[0]
}

// compare tells what of an event is not as the caller knows it.
func (f *rowFacts) compare(r *calltable.Row, ev *event.Event) (diffs []string) {
	if ev.Ret != f.Ret {
		diffs = append(diffs, fmt.Sprintf("the event says %d", ev.Ret))
	}
	if len(ev.Params) != len(r.Params) {
		return append(diffs, fmt.Sprintf("%d parameters, want %d", len(ev.Params), len(r.Params)))
	}
	named := map[string]bool{}
	for i := range r.Params {
		p, got := &r.Params[i], ev.Params[i]
		named[p.Name] = true
		if !p.Sent() {
			continue
		}
		want, ok := f.Params[p.Name]
		switch {
		case !ok && p.Name == "res":
			want.Num = f.Ret
		case !ok:
			diffs = append(diffs, fmt.Sprintf("parameter %q: the trigger says nothing about it", p.Name))
			continue
		}
		if want.About {
			if got.Num < want.Num/2 || got.Num > want.Num*2 {
				diffs = append(diffs, fmt.Sprintf("parameter %q: %d, want about %d", p.Name, got.Num, want.Num))
			}
			continue
		}
		want.Param.Text = string(want.Text)
		if got.Descriptor.Kind == event.KindAnonymous {
			got.Descriptor.InodeMode &= 0o7777 // stat says nothing of its type
			want.Descriptor.InodeMode &= 0o7777
		}
		if s := &got.Descriptor.Socket; s.State != listening {
			s.QueueLen, s.QueueMax = 0, 0 // the kernel uses them for other ends
		}
		opts := cmpopts.IgnoreFields(event.Socket{}, "Sock", "Peer")
		if diff := cmp.Diff(want.Param, got, opts, cmpopts.EquateComparable(netip.AddrPort{})); diff != "" {
			diffs = append(diffs, fmt.Sprintf("parameter %q (-facts +seen):\n%s", p.Name, diff))
		}
	}
	for name := range f.Params {
		if !named[name] {
			diffs = append(diffs, fmt.Sprintf("parameter %q: the row has none", name))
		}
	}
	return diffs
}

// callsTrigger makes all calls of a family. args: the family, a directory.
func callsTrigger(args []string) (any, error) {
	table := calltable.New()
	numbers := map[string]uintptr{}
	for nr, typ := range table.Native() {
		// x32's own numbers are above all others.
		if was, ok := numbers[typ.String()]; !ok || uintptr(nr) < was {
			numbers[typ.String()] = uintptr(nr)
		}
	}
	entry32 := compatNumbers(table)
	var all []rowFacts
	for _, r := range callRows[args[0]] {
		m := &maker{row: r.name, base: filepath.Join(args[1], r.name)}
		nr, ok := numbers[r.name]
		if m.nr, m.call6 = nr, unix.RawSyscall6; !ok {
			nr, ok = entry32[r.name]
			m.nr, m.call6 = nr, int80Call
		}
		if !ok {
			why := "needs an architecture with this call"
			if table.CompatNumber(r.name) >= 0 && runtime.GOARCH == "amd64" {
				why = ia32.Needed
			}
			all = append(all, rowFacts{Row: r.name, Skipped: why})
			continue
		}
		if err := os.Mkdir(m.base, 0o755); err != nil {
			return nil, err
		}
		if err := m.run(r.make); err != nil {
			return nil, fmt.Errorf("%s: %w", r.name, err)
		}
		all = append(all, m.facts...)
	}
	return all, nil
}

// A call without a row is an event of its name and number.
func TestGenericCall(t *testing.T) {
	var facts []rowFacts
	c := trigger(t, &facts, "generic call")
	for _, f := range facts {
		typ, _ := event.TypeByName(f.Row)
		if ev := c.callOf(t, typ, &f); ev != nil && (ev.Ret != f.Ret || len(ev.Params) != 0 || uintptr(ev.NativeID) != f.Nr) {
			t.Errorf("%s: %d parameters, returned %d, number %d; want none, %d and %d", f.Row, len(ev.Params), ev.Ret, ev.NativeID, f.Ret, f.Nr)
		}
	}
	if len(facts) != 2 {
		t.Errorf("%d calls were made, want 2", len(facts))
	}
}

func genericTrigger([]string) (any, error) {
	m := &maker{call6: unix.RawSyscall6}
	err := m.run(func(m *maker) {
		m.row, m.nr = "getpgid", unix.SYS_GETPGID
		m.call(0, num("", 0))
		m.row, m.nr = "personality", unix.SYS_PERSONALITY
		m.call(0, num("", 0xffffffff))
	})
	return m.facts, err
}
