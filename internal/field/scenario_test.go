package field

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/saker-sensor/saker/internal/call"
	"github.com/saker-sensor/saker/internal/event"
	"github.com/saker-sensor/saker/internal/testutil"
)

// step is a step of a scenario: an event, or what a field of it yields.
type step struct {
	Step   string
	N      int
	Name   string
	Type   string
	Params []struct {
		Name  string
		Value json.RawMessage
	}
	Event  int
	Field  string
	Value  *string
	Expect any
	Extra  []string `json:"extra_args"`
}

// TestScenarios takes the opens and process exits out of Falco's own scenarios and asks for the fields that need no
// earlier event.
func TestScenarios(t *testing.T) {
	b, err := os.ReadFile(testutil.Shared(t, "vectors/scenarios.json"))
	if err != nil {
		t.Fatal(err)
	}
	var all []struct {
		Source string
		Steps  []step
	}
	if err := json.Unmarshal(b, &all); err != nil {
		t.Fatal(err)
	}
	d := New(Settings{Hostname: "testbox"})
	checked := 0
	for _, sc := range all {
		// Enter events change what the exit shows; the sensor has none.
		if slices.ContainsFunc(sc.Steps,
			func(s step) bool { return s.Type == "PPME_SYSCALL_OPEN_E" || s.Type == "PPME_SYSCALL_OPENAT2_E" }) {
			continue
		}
		events := map[int]*event.Event{}
		for _, s := range sc.Steps {
			switch s.Step {
			case "event":
				if ev := scenarioEvent(s); ev != nil {
					events[s.N] = ev
				}
			case "field", "field_has_value":
				ev := events[s.Event]
				if ev == nil || len(ev.Params) > 0 && strings.HasPrefix(s.Field, "fd.") || s.Value == nil && s.Step == "field" || len(s.Extra) > 0 ||
					outOfReach(s.Field) {
					continue
				}
				checked++
				name, arg := splitArg(s.Field)
				r, err := d.Lookup(name, arg, arg != "")
				if err != nil {
					t.Errorf("%s: %v", sc.Source, err)
					continue
				}
				var v Value
				ok := r.GetPrint(ev, &v)
				if s.Step == "field_has_value" {
					if ok != s.Expect {
						t.Errorf("%s: %s has a value: got %v, want %v", sc.Source, s.Field, ok, s.Expect)
					}
					continue
				}
				want := latin1(*s.Value)
				if got := string(r.AppendText(nil, &v, ok)); got != want {
					t.Errorf("%s: %s: got %q, want %q", sc.Source, s.Field, got, want)
				}
			}
		}
	}
	if checked < 25 {
		t.Errorf("only %d fields were asked for", checked)
	}
}

// outOfReach: set up by steps that this test does not take.
func outOfReach(field string) bool {
	for _, prefix := range []string{"user.", "group.", "proc.", "evt.num"} {
		if strings.HasPrefix(field, prefix) {
			return true
		}
	}
	return false
}

// latin1 turns the code points of a text into bytes.
func latin1(s string) string {
	var b []byte
	for _, r := range s {
		b = append(b, byte(r))
	}
	return string(b)
}

// scenarioEvent builds an event from its parameters; nil if the sensor does not capture its type.
func scenarioEvent(s step) *event.Event {
	typ, _ := event.TypeByName(s.Name)
	if !typ.Captured() || typ == event.TypeExecve || typ == event.TypeExecveat {
		return nil
	}
	ev := &event.Event{Num: uint64(s.N), Type: typ, CPU: 1, Tgid: 1, Tid: 1, Process: &event.Process{Comm: "init"},
		ContainerID: event.HostID}
	if row := call.New().Row(typ); row != nil {
		return tableEvent(ev, row, s)
	}
	for _, p := range s.Params {
		var n int64
		var text *string
		_ = json.Unmarshal(p.Value, &n)
		textErr := json.Unmarshal(p.Value, &text)
		switch p.Name {
		case "res":
			ev.Ret = n
		case "fd":
			ev.Ret, ev.File.FD, ev.File.Present = n, n, true
		case "name", "path":
			if textErr != nil {
				return nil // computed by the test's own code
			}
			if text != nil {
				ev.File.Raw, ev.File.Given = latin1(*text), latin1(*text)
			}
		case "flags":
			kernelFlags(uint32(n), &ev.File)
		case "mode":
			ev.File.Mode = uint32(n)
		case "dev":
			ev.File.ID.Dev = uint32(n)
		case "ino":
			ev.File.ID.Ino = uint64(n)
		}
	}
	if !ev.Failed() {
		ev.File.InodeMode = 0o100644
	}
	return ev
}

// tableEvent fills in the parameters of a call of the table; nil if they can't be had from the scenario.
func tableEvent(ev *event.Event, row *call.Row, s step) *event.Event {
	ev.Params, ev.FD = make([]event.Param, len(row.Params)), -1
	for i := range row.Params {
		ev.Params[i].Missing = true
		for _, p := range s.Params {
			if p.Name != row.Params[i].Name {
				continue
			}
			var n int64
			var text *string
			if json.Unmarshal(p.Value, &n) != nil && json.Unmarshal(p.Value, &text) != nil {
				return nil // computed by the test's own code
			}
			ev.Params[i] = event.Param{Num: n, Missing: text == nil && string(p.Value) == "null"}
			if text != nil {
				ev.Params[i].Text, ev.Params[i].Given = latin1(*text), latin1(*text)
			}
			if p.Name == "res" {
				ev.Ret = n
			}
		}
	}
	return ev
}

// kernelFlags sets what the kernel knows from Falco's numbers.
func kernelFlags(falco uint32, f *event.File) {
	switch falco & (falcoRead | falcoWrite) {
	case falcoWrite:
		f.OpenFlags = kernelWronly
	case falcoRead | falcoWrite:
		f.OpenFlags = kernelRdwr
	}
	for _, p := range openPairs {
		if falco&p.falco != 0 {
			f.OpenFlags |= p.kernel
		}
	}
	f.Created = falco&falcoCreated != 0
	switch {
	case falco&falcoUpper != 0:
		f.Layer = event.LayerUpper
	case falco&falcoLower != 0:
		f.Layer = event.LayerLower
	}
}

// TestSpawnedProcess is Falco's scenario of a process spawned in a pid namespace of init's.
func TestSpawnedProcess(t *testing.T) {
	init := &event.Process{
		Key: event.Key{Tgid: 1}, Vpid: 1, Comm: "init", Exe: "/sbin/init", ExePath: "/sbin/init",
		Cmdline: "init context ls --format {{json .}}",
		Args:    "context ls --format {{json .}}", Env: []string{"TEST_ENV_PARENT_LINEAGE=secret", "HOME=/home/user/parent"},
	}
	ev := &event.Event{Type: event.TypeExecve, Tgid: 20, Tid: 20, Process: &event.Process{
		Key: event.Key{Tgid: 20}, Vpid: 20, Vpgid: 1, Ppid: 1, Parent: init, Comm: "test-exe", Exe: "/bin/test-exe",
		ExePath: "/bin/test-exe",
	}}
	d := Syscall()
	for key, want := range map[string]string{
		"proc.sname": "init", "proc.sid.exepath": "/sbin/init", "proc.vpgid.name": "init", "proc.vpgid.exe": "/sbin/init",
		"proc.is_vpgid_leader": "false",
		"proc.aenv[HOME]":      "/home/user/parent", "proc.aenv[SHELL]": "", "proc.aexepath[1]": "/sbin/init", "proc.aexepath[2]": "<NA>",
		"proc.aargs[1]": "context ls --format {{json .}}",
	} {
		name, arg := splitArg(key)
		if got := show(t, d, ev, name, arg); got != want {
			t.Errorf("%s: got %q, want %q", key, got, want)
		}
	}
}
