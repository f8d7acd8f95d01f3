package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/saker-sensor/saker/internal/testutil"
)

// quietRules hook the system calls and match nothing.
const quietRules = `
- rule: Nothing (at all)
  desc: d
  condition: evt.type = openat and fd.name = /nowhere/at/all
  output: x
  priority: NOTICE
`

// TestDropsEnd: syscall_event_drops can end the sensor when events are lost. It alerts first.
func TestDropsEnd(t *testing.T) {
	s := startSensor(t, "-r", testutil.RulesFile(t, quietRules), "-o", "syscall_event_drops.simulate_drops=true",
		"-o", "syscall_event_drops.actions[0]=alert", "-o", "syscall_event_drops.actions[1]=exit")
	a := s.Next("the loss", func(a *alert) bool { return a.Rule == "Falco internal: syscall event drop" })
	if a.Field("n_drops") != "1" || a.Priority != "Debug" {
		t.Errorf("%v", a)
	}
	<-s.Ended
	err := s.Cmd.Wait()
	if err == nil || s.Cmd.ProcessState.ExitCode() != 1 ||
		!strings.Contains(s.Log(), "Error: end as syscall_event_drops.actions asks for: events were lost") {
		t.Errorf("it ended with %v:\n%s", err, s.Log())
	}
	if !strings.Contains(s.Log(), "Events seen: ") {
		t.Error("no exit text")
	}
}

// TestDropsAfterReload: syscall_event_drops of a changed file counts at once.
func TestDropsAfterReload(t *testing.T) {
	file := filepath.Join(t.TempDir(), "saker.yaml")
	write := func(simulate bool) {
		t.Helper()
		text := fmt.Sprintf("rules_files: [%s]\njson_output: true\nsyscall_event_drops: {simulate_drops: %v, max_burst: 2, rate: 0, actions: "+
			"[alert]}\n",
			testutil.RulesFile(t, quietRules), simulate)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(false)
	s := launch(t, "-c", file)
	s.WaitLog("ready")
	write(true)
	s.WaitLog("INFO	reloaded")
	drop := func(a *alert) bool { return a.Rule == "Falco internal: syscall event drop" }
	for range 2 { // as many as the burst, and never again
		s.Next("the loss", drop)
	}
	s.WaitLog("one of the lost records is made up")
	write(false)
	for _, a := range s.Stop() {
		if drop(a) {
			t.Errorf("another alert: %v", a)
		}
	}
}

// TestSnapshots: metrics come as alerts and as lines of a file, under Falco's names; a file that is moved away is made anew.
func TestSnapshots(t *testing.T) {
	rules, file := testutil.RulesFile(t, quietRules), filepath.Join(t.TempDir(), "stats.jsonl")
	s := startSensor(t, "-r", rules, "-o", "metrics.enabled=true", "-o", "metrics.output_rule=true", "-o", "metrics.output_file="+file,
		"-o", "metrics.interval=500ms", "-o", "metrics.include_empty_values=true", "-o", "guard.canary_interval=1s")
	snapshot := func(a *alert) bool { return a.Rule == "Falco internal: metrics snapshot" }
	first := s.Next("a snapshot", snapshot)
	if err := os.Rename(file, file+".1"); err != nil {
		t.Fatal(err)
	}
	var last *alert
	for range 3 {
		last = s.Next("another snapshot", snapshot)
	}
	if first.Priority != "Informational" || !strings.HasSuffix(first.Output, "Falco metrics snapshot") {
		t.Errorf("%v", first)
	}
	for _, name := range []string{"falco.rules.Nothing_at_all", "scap.n_drops", "saker.ring_lost.critical"} {
		if last.Field(name) != "0" {
			t.Errorf("%s is %s", name, last.Field(name))
		}
	}
	if n, _ := last.OutputFields["falco.num_evts"].(float64); n < 1 {
		t.Errorf("falco.num_evts is %v, although canaries come", last.OutputFields["falco.num_evts"])
	}
	if last.Field("falco.sha256_rules_file.rules_yaml") == "<nil>" || last.Field("evt.hostname") != "node-1" {
		t.Errorf("%v", last.OutputFields)
	}
	s.Stop()
	sample := 0
	for _, name := range []string{file + ".1", file} {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			var v struct {
				Sample int            `json:"sample"`
				Fields map[string]any `json:"output_fields"`
			}
			if err := json.Unmarshal([]byte(line), &v); err != nil {
				t.Fatal(err)
			}
			if sample++; v.Sample != sample || v.Fields["falco.kernel_release"] == "" {
				t.Errorf("line %d: %s", sample, line)
			}
		}
	}
	if sample < 4 {
		t.Errorf("%d lines", sample)
	}
}

// TestSlowOutput: an output that takes nothing for longer than output_timeout is told of, and when it takes alerts again.
func TestSlowOutput(t *testing.T) {
	const opens = 1000 // their alerts are more than a pipe holds
	rules, file, _ := watchedFiles(t)
	s := startSensor(t, "-r", rules, "-o", "output_timeout=100")
	s.Reader.Lock()
	openTimes(t, file, opens)
	s.WaitLog(`an output takes an alert for longer than output_timeout; the others go on	{"output": "stdout"`)
	s.Reader.Unlock()
	s.WaitLog(`an output takes alerts again	{"output": "stdout"`)
	if alerts := rulesAlerts(s.Stop()); len(alerts) != opens {
		t.Errorf("%d alerts of %d", len(alerts), opens)
	}
}
