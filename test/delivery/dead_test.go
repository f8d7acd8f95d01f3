package delivery

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/saker-sensor/saker/internal/testutil"
)

var deadFor = flag.Duration("dead", 15*time.Second, "how long TestDeadSink has alerts for a server that is not there")

// deadRate is in alerts a second: more than the queue holds in the shortest run.
const deadRate = 2000

// residentMB is what a process has in memory.
func residentMB(t *testing.T, pid int) int {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`VmRSS:\s+(\d+) kB`).FindSubmatch(text)
	if m == nil {
		t.Fatalf("no VmRSS in %s", text)
	}
	kb, err := strconv.Atoi(string(m[1]))
	if err != nil {
		t.Fatal(err)
	}
	return kb / 1024
}

// TestDeadSink: with a server that is never there, memory has a bound, with a spool a lower one; all is counted.
func TestDeadSink(t *testing.T) {
	binary := testutil.BuildReleased(t)
	for _, tt := range []struct {
		spool bool
		// most is how many MB the sensor may grow by: what 16384 alerts take, and Go's garbage.
		most int
	}{{false, 96}, {true, 64}} {
		t.Run(fmt.Sprint("spool ", tt.spool), func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "watched")
			if err := os.WriteFile(file, nil, 0o600); err != nil {
				t.Fatal(err)
			}
			rules := testutil.RulesFile(t,
				fmt.Sprintf("- rule: Watched\n  desc: d\n  condition: open_read and fd.name = %s\n  output: opened %%fd.name by %%proc.cmdline\n  "+
					"priority: NOTICE\n"+
					"- macro: open_read\n  condition: evt.type in (open, openat, openat2) and evt.is_open_read = true\n", file))
			s := testutil.StartSensor(t, binary, "-r", rules, "-o", "stdout_output.enabled=false", "-o", "http_output.enabled=true", "-o",
				"http_output.url=http://127.0.0.1:1/",
				"-o", fmt.Sprint("http_output.spool=", tt.spool), "-o", "spool.directory="+filepath.Join(t.TempDir(), "spool"))
			before := residentMB(t, s.Cmd.Process.Pid)
			opened, most := 0, 0
			tick := time.NewTicker(10 * time.Millisecond)
			defer tick.Stop()
			for end := time.Now().Add(*deadFor); time.Now().Before(end); <-tick.C {
				for range deadRate / 100 {
					f, err := os.Open(file)
					if err != nil {
						t.Fatal(err)
					}
					f.Close()
					opened++
				}
				if opened%deadRate == 0 {
					most = max(most, residentMB(t, s.Cmd.Process.Pid))
				}
			}
			t.Logf("%d alerts in %v: %d MB before, at most %d, %d at the end", opened, *deadFor, before, most, residentMB(t, s.Cmd.Process.Pid))
			if most-before > tt.most {
				t.Errorf("the sensor grew by %d MB, more than %d", most-before, tt.most)
			}
			_ = s.Cmd.Process.Signal(os.Interrupt)
			<-s.Ended
			_ = s.Cmd.Wait() // not 0 where alerts are lost
			m := regexp.MustCompile(`(?:   http|Alerts): 0 written, (\d+) dropped \(queue full\), 0 failed \(sink error\)(?:, (\d+) not ` +
				`delivered before the end)?(?:; on disk: 0 from the start, (\d+) at the end)?\n`).FindStringSubmatch(s.Log())
			if m == nil {
				t.Fatal("the exit text does not count them")
			}
			dropped, _ := strconv.Atoi(m[1])
			left, _ := strconv.Atoi(m[2])
			kept, _ := strconv.Atoi(m[3])
			// The sensor tells of itself, too.
			if n := dropped + left + kept; n < opened || n > opened+100 {
				t.Errorf("%d dropped, %d not delivered and %d on disk, of %d", dropped, left, kept, opened)
			}
			if tt.spool && dropped > 0 && *deadFor <= time.Minute {
				t.Errorf("%d are dropped, though the spool has room", dropped)
			}
		})
	}
}
