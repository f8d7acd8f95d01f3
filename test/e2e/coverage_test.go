package e2e

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/saker-sensor/saker/internal/testutil"
	"github.com/saker-sensor/saker/internal/testutil/kernelbtf"
)

// TestLackingKernel: on a kernel without the exec tracepoint and the task iterator the sensor says in its log, and the
// doctor in its report, which rules lose events. The others fire, with the names of processes that ran before.
func TestLackingKernel(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root: the sensor loads BPF programs")
	}
	file := filepath.Join(t.TempDir(), "watched")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	rules := testutil.RulesFile(t, fmt.Sprintf(`
- rule: Watched
  desc: d
  condition: open_read and fd.name = %s
  output: "%%proc.name %%proc.pname %%proc.pcmdline"
  priority: NOTICE
- rule: Program
  desc: d
  condition: spawned_process and proc.name = nothing
  output: x
  priority: NOTICE
- rule: Off
  desc: d
  condition: spawned_process and proc.name = nothing
  output: x
  priority: NOTICE
  enabled: false
`, file))
	// The outer shell waits for the inner one and does nothing that would make the sensor ask /proc about it. The inner one
	// is asked about, and stays for that.
	reader := exec.Command("sh", "-c", `sh -c 'echo ready; read line; : < "$0"; read line' "$0"; :`, file)
	stdin, err := reader.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := reader.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := reader.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(stdout).ReadString('\n'); err != nil || line != "ready\n" {
		t.Fatalf("the reader said %q: %v", line, err)
	}

	lacking := append(kernelbtf.Lacking(t, "btf_trace_sched_process_exec", "bpf_iter_task"), sensorBinary)
	s := testutil.LaunchSensor(t, lacking[0], append(lacking[1:], "-o", "json_output=true", "-r", rules)...)
	s.WaitLog("\tready\t")
	if _, err := stdin.Write([]byte("\n")); err != nil {
		t.Fatal(err)
	}
	a := s.Next("the open", func(a *testutil.Alert) bool { return a.Rule == "Watched" })
	if _, err := stdin.Write([]byte("\n")); err != nil {
		t.Fatal(err)
	}
	if err := reader.Wait(); err != nil {
		t.Fatal(err)
	}
	if a.Field("proc.name") != "sh" || a.Field("proc.pname") != "sh" || !strings.Contains(a.Field("proc.pcmdline"), "echo ready") {
		t.Errorf("the processes have no names: %v", a.OutputFields)
	}
	s.Stop()
	for _, want := range []string{
		`"program": "sched_process_exec"`, `"rules_losing_events": 1, "first_rules": ["Program"]`,
		`"program": "task_iter"`, `"rules_losing_events": 0, "first_rules": []`, "reading /proc instead",
	} {
		if !strings.Contains(s.Log(), want) {
			t.Errorf("the log lacks %q:\n%s", want, s.Log())
		}
	}

	out, err := exec.Command(lacking[0], append(lacking[1:], "doctor", "-r", rules)...).CombinedOutput()
	if err != nil {
		t.Fatalf("the doctor: %v\n%s", err, out)
	}
	for _, want := range []string{
		"ok       programs: the kernel accepts all but 2", "absent   program sched_process_exec: the kernel refuses it (",
		"rules that lose events: 1 (Program)\n",
		"absent   program task_iter: ",
		"lost: the names of a process that ran already and has ended before it could be looked up in /proc\n         remedy: none needed for " +
			"these rules",
	} {
		if !strings.Contains(string(out), want) {
			t.Errorf("the report lacks %q:\n%s", want, out)
		}
	}
}
