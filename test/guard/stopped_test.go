package guard

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestStopped: a stopped sensor sees nothing, and says so, with who did it, as soon as it goes on.
func TestStopped(t *testing.T) {
	s := serve(t, rules(nowhere))
	s.waitHealth(200) // its loop runs
	if err := s.Cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	waitStopped(t, s.Cmd.Process.Pid)
	const stop = 6 * time.Second // more than a busy machine's delays
	begin := time.Now()
	<-time.After(stop)
	if err := s.Cmd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	a := internal(s.Sensor, "sensor was stopped", "by guard.test ")
	if got := a.OutputFields["seconds"].(float64); got < stop.Seconds() || got > time.Since(begin).Seconds()+2 {
		t.Errorf("%s", a.Output)
	}
	if a.Priority != "Critical" || a.Field("proc.pid") != fmt.Sprint(os.Getpid()) || a.OutputFields["lost"].(float64) < 0 {
		t.Errorf("%s %v", a.Priority, a.OutputFields)
	}
	if a := internal(s.Sensor, "signal for the sensor", "SIGSTOP"); a.Priority != "Critical" {
		t.Errorf("%+v", a)
	}
	s.waitHealth(200)
	for _, a := range s.Stop() {
		t.Errorf("more alerts: %s", a.Output)
	}
}

// waitStopped waits until the kernel calls a process stopped.
func waitStopped(t *testing.T, pid int) {
	t.Helper()
	ticks := time.NewTicker(time.Millisecond)
	defer ticks.Stop()
	for timeout := time.After(deadline); ; {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			t.Fatal(err)
		}
		if _, rest, _ := strings.Cut(string(text), ") "); strings.HasPrefix(rest, "T") {
			return
		}
		select {
		case <-ticks.C:
		case <-timeout:
			t.Fatal("the process does not stop")
		}
	}
}
