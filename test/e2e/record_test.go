package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/saker-sensor/saker/internal/testutil"
)

// recordRules see calls of each family: an exec, an open by two names, a failed open, a connection, the end of a process.
const recordRules = `
- rule: Opened
  desc: d
  condition: open_read and fd.name startswith DIR/
  output: >
    opened %fd.name by %proc.cmdline of %proc.pname at %proc.cwd fails=%evt.failed res=%evt.res matched=%fd.name.matched
    resolved=%fd.name.resolved in=%container.id user=%user.name std=%proc.stdout.type
  priority: NOTICE
- rule: Ran
  desc: d
  condition: spawned_process and proc.env contains RECORDED
  output: >
    ran %proc.exepath %proc.args pid=%proc.pid ppid=%proc.ppid env=%proc.env tty=%proc.tty caps=%thread.cap_effective a2=%proc.aname[2]
  priority: NOTICE
- rule: Connected
  desc: d
  condition: evt.type = connect and proc.env contains RECORDED
  output: connected %fd.name %evt.args
  priority: NOTICE
- rule: Renamed
  desc: d
  condition: evt.type in (rename, renameat, renameat2) and proc.env contains RECORDED
  output: renamed %fs.path.source %fs.path.target %evt.res
  priority: NOTICE
- rule: Ended
  desc: d
  condition: evt.type = procexit and proc.env contains RECORDED
  output: ended %proc.name %evt.arg.status
  priority: NOTICE
`

// TestRecord: what a recording holds gives the alerts that a sensor beside it gave live, under rules that it did not know, without root.
func TestRecord(t *testing.T) {
	dir, out := t.TempDir(), t.TempDir()
	file, rules := filepath.Join(out, "recording"), filepath.Join(out, "rules.yaml")
	if err := os.WriteFile(rules, []byte(strings.ReplaceAll(recordRules, "DIR", dir)), 0o600); err != nil {
		t.Fatal(err)
	}
	live := startSensor(t, "-r", rules, "-o", "rule_matching=all")
	r := testutil.LaunchSensor(t, sensorBinary, "record", file, "-c", os.DevNull)
	r.WaitLog("ready")

	script := `cd "$0"; echo a >a; ln -s a link; cat link a >/dev/null; cat missing; mv a b; cat b | head -c1 >/dev/null
		exec 3<>/dev/tcp/127.0.0.1/1`
	cmd := exec.Command("bash", "-c", script, dir)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "RECORDED=yes"}
	_ = cmd.Run() // some of it is to fail

	r.Stop()
	want := texts(live.Stop())
	replayed := launch(t, "replay", "-c", os.DevNull, "-o", "json_output=true", "-o", "rule_matching=all", "-r", rules, file)
	<-replayed.Ended
	if err := replayed.Cmd.Wait(); err != nil {
		t.Fatalf("%v:\n%s", err, replayed.Log())
	}
	var alerts []*alert
	for line := range replayed.Lines {
		alerts = append(alerts, replayed.Parse(line))
	}
	got := texts(alerts)
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("replayed (+) and live (-):\n%s", d)
	}
	for _, rule := range []string{"opened", "ran", "connected", "renamed", "ended"} {
		if !strings.Contains(strings.Join(want, "\n"), " "+rule+" ") {
			t.Errorf("no alert of rule %s", rule)
		}
	}
	capture := filepath.Join(out, "capture.scap")
	if said, err := exec.Command(sensorBinary, "convert", file, capture).CombinedOutput(); err != nil {
		t.Fatalf("convert: %v\n%s", err, said)
	}
	converted := launch(t, "replay", "-c", os.DevNull, "-o", "json_output=true", "-o", "rule_matching=all", "-r", rules, capture)
	seen := map[string]int{}
	for line := range converted.Lines {
		seen[converted.Parse(line).Rule]++
	}
	if seen["Opened"] == 0 || seen["Ran"] == 0 || seen["Connected"] == 0 || seen["Renamed"] == 0 || seen["Ended"] == 0 {
		t.Errorf("the capture that was made of the recording gives alerts of %v:\n%s", seen, converted.Log())
	}
	if !strings.Contains(replayed.Log(), "(from recordings)") {
		t.Errorf("the exit text:\n%s", replayed.Log())
	}
}

// TestCapture: what happens around a match is in a file of its own: the events before it, which no rule matches, and those after it.
func TestCapture(t *testing.T) {
	dir, out := t.TempDir(), t.TempDir()
	rules := testutil.RulesFile(t, fmt.Sprintf(`
- rule: Captured
  desc: d
  condition: evt.type in (open, openat, openat2, creat) and fd.name = %[1]s/n5
  output: o
  priority: NOTICE
  capture: true
  capture_duration: 1000
- rule: Not captured
  desc: d
  condition: evt.type in (open, openat, openat2, creat) and fd.name = %[1]s/n4
  output: o
  priority: NOTICE
`, dir))
	s := startSensor(t, "-r", rules, "-o", "capture.enabled=true", "-o", "capture.path_prefix="+out+"/around")
	openNumbered(t, dir, 0, 10)
	s.WaitLog("capture ended")
	openNumbered(t, dir, 10, 11)
	s.Stop()
	found, err := filepath.Glob(out + "/around_*.skr")
	if err != nil || len(found) != 1 {
		t.Fatalf("files %v, %v\n%s", found, err, s.Log())
	}
	replayed := launch(t, "replay", "-c", os.DevNull, "-o", "json_output=true", "-r", numbered(t, dir), found[0])
	var names []string
	for line := range replayed.Lines {
		names = append(names, filepath.Base(replayed.Parse(line).Field("fd.name")))
	}
	if want := []string{"n0", "n1", "n2", "n3", "n4", "n5", "n6", "n7", "n8", "n9"}; !slices.Equal(names, want) {
		t.Errorf("the capture has %v, not %v", names, want)
	}
}

// texts are those of alerts, sorted, without the time: the kernel's programs of each sensor look at the clock for themselves.
func texts(alerts []*alert) []string {
	var all []string
	for _, a := range alerts {
		_, text, _ := strings.Cut(a.Output, ": ")
		all = append(all, text)
	}
	slices.Sort(all)
	return all
}
