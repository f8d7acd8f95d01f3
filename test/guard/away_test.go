package guard

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/saker-sensor/saker/internal/testutil"
)

// startWith starts a sensor that keeps its state in a file.
func startWith(t *testing.T, state string) *testutil.Sensor {
	t.Helper()
	return testutil.StartSensor(t, sensorBinary, "-r", testutil.RulesFile(t, rules(nowhere)), "-o", "guard.state_file="+state,
		"-o", "container_engines.containerd.enabled=false")
}

// TestAway: each start says how the last run ended, and when.
func TestAway(t *testing.T) {
	state := stateFile(t)
	start := func() *testutil.Sensor { return startWith(t, state) }
	away := func(s *testutil.Sensor, priority, end string) (seconds float64) {
		t.Helper()
		a := internal(s, "sensor was away", "Nothing was watched for ")
		seconds = a.OutputFields["seconds"].(float64)
		if a.Priority != priority || a.Field("end") != end || seconds <= 0 {
			t.Errorf("%s: %s", a.Priority, a.Output)
		}
		if atMost := strings.Contains(a.Output, "for at most "); atMost != (priority != "Notice") {
			t.Errorf("the time is exact only after a clean end: %s", a.Output)
		}
		s.WaitLog("the sensor was away")
		return seconds
	}

	first := start()
	second := start()
	second.WaitLog("another sensor that runs keeps it")
	second.Stop()
	if strings.Contains(first.Log()+second.Log(), "was away") {
		t.Error("nothing was away yet")
	}
	end := time.Now()
	if err := first.Cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-first.Ended

	killed := start()
	longest := time.Since(end).Seconds() + 10 // and a busy machine may take seconds more to write that it is alive
	if seconds := away(killed, "Critical", "killed or crashed"); seconds > longest+1 {
		t.Errorf("nothing was watched for at most %.3f s, it says, but it was less than %.3f", seconds, longest-10)
	}
	if rest := killed.Stop(); len(rest) != 0 {
		t.Errorf("more alerts: %+v", rest)
	}
	stopped := start()
	away(stopped, "Notice", "stopped cleanly")
	stopped.Stop()

	// As it is found after another boot.
	text, err := os.ReadFile(state)
	if err != nil {
		t.Fatal(err)
	}
	var last map[string]any
	if err := json.Unmarshal(text, &last); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		clean    bool
		priority string
		end      string
	}{{true, "Notice", "stopped cleanly, and the machine rebooted"}, {false, "Warning", "running when the machine went down"}} {
		last["boot_id"], last["clean"] = "another", tt.clean
		text, err := json.Marshal(last)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(state, text, 0o600); err != nil {
			t.Fatal(err)
		}
		s := start()
		away(s, tt.priority, tt.end)
		s.Stop()
	}

	if err := os.WriteFile(state, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	broken := start()
	broken.WaitLog("read the state file")
	broken.Stop()
}

// TestOverlap: a sensor that started before the one that it replaces has ended, as in an update of a DaemonSet, keeps the state
// from then on.
func TestOverlap(t *testing.T) {
	state := stateFile(t)
	old, next := startWith(t, state), startWith(t, state)
	next.WaitLog("another sensor that runs keeps it")
	old.Stop()
	next.WaitLog("the state file is this one's now")
	if strings.Contains(next.Log(), "was away") {
		t.Error("nothing was away")
	}
	if err := next.Cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-next.Ended
	last := startWith(t, state)
	a := internal(last, "sensor was away", "Nothing was watched for at most ")
	if pid := int(a.OutputFields["pid"].(float64)); pid != next.Cmd.Process.Pid {
		t.Errorf("the last run was %d, not %d: %s", next.Cmd.Process.Pid, pid, a.Output)
	}
	last.Stop()
}

// TestNoState: without a place for its state the sensor does everything else, and says so once.
func TestNoState(t *testing.T) {
	s := startWith(t, "/proc/nowhere/state")
	s.Stop()
	if n := strings.Count(s.Log(), "guard.state_file"); n != 1 {
		t.Errorf("told %d times:\n%s", n, s.Log())
	}
}

// TestTerminated: who ends the sensor is named. Whoever runs it may do so without a warning.
func TestTerminated(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	sh, err := filepath.EvalSymlinks("/bin/sh")
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		end                            func(pid int) error
		by, exepath, priority, logging string
	}{
		"by the parent": {func(pid int) error { return syscall.Kill(pid, syscall.SIGTERM) }, "guard.test", exe, "Informational", "INFO"},
		"by another process": {func(pid int) error { // not a child of the sensor's parent
			return exec.Command("sh", "-c", fmt.Sprintf("sh -c 'kill -TERM %d; true'; true", pid)).Run()
		}, "sh", sh, "Notice", "WARN"},
	} {
		t.Run(name, func(t *testing.T) {
			s := testutil.StartSensor(t, sensorBinary, "-r", testutil.RulesFile(t, rules(nowhere)),
				"-o", "container_engines.containerd.enabled=false")
			if err := tt.end(s.Cmd.Process.Pid); err != nil {
				t.Fatal(err)
			}
			a := internal(s, "signal for the sensor", "It got SIGTERM by "+tt.by+" ")
			if a.Priority != tt.priority || a.Field("proc.exepath") != tt.exepath || a.Field("container.id") != "host" ||
				a.Field("ptrace") != "false" {
				t.Errorf("%s %v", a.Priority, a.OutputFields)
			}
			<-s.Ended
			if !strings.Contains(s.Log(), tt.logging+"\tsignal for the sensor") {
				t.Errorf("the log has no %s:\n%s", tt.logging, s.Log())
			}
		})
	}
}
