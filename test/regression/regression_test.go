// Package regression replays the captures of Falco's own regression tests, with their rules and options, and checks what these expect.
package regression

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/saker-sensor/saker/internal/testutil"
)

var sensorBinary string

func TestMain(m *testing.M) { testutil.RunWithSensor(m, &sensorBinary) }

// regression is one of Falco's tests.
type regression struct {
	Test, Capture, Config string
	Rules, Args           []string
	Expect                []expectation
}

// expectation is what one of them asks. Count is of all alerts, of a rule, or of a priority; WithoutEnter is that of Falco since 0.42,
// where rules see no events of calls that begin.
type expectation struct {
	Assert, Rule, Priority, On, Pattern, File string
	Count, Min                                *int
	WithoutEnter                              *int `json:"count_without_enter_events"`
	Value                                     any
}

func (e *expectation) UnmarshalJSON(text []byte) error {
	type plain expectation
	all := struct {
		*plain
		Min *int `json:"min_count"`
	}{plain: (*plain)(e)}
	if err := json.Unmarshal(text, &all); err != nil {
		return err
	}
	e.Min = all.Min
	return nil
}

// others are tests that a replay of Saker's answers otherwise, and why.
var others = map[string]string{
	"TestFalco_Legacy_MonitorSyscallDropsThresholdOor": "the message names file, line and range, in other words",
	"TestFalco_Legacy_MonitorSyscallDropsIgnore":       "no losses are made up in a replay",
	"TestFalco_Legacy_MonitorSyscallDropsLog":          "no losses are made up in a replay",
	"TestFalco_Legacy_MonitorSyscallDropsAlert":        "no losses are made up in a replay",
	"TestFalco_Legacy_MonitorSyscallDropsExit":         "no losses are made up in a replay",
}

// TestRegression replays each capture of Falco's tests that is there.
func TestRegression(t *testing.T) {
	dir := testutil.Shared(t, "regression")
	text, err := os.ReadFile(filepath.Join(dir, "regression.json"))
	if err != nil {
		t.Fatal(err)
	}
	var all struct{ Cases []regression }
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	tried := 0
	for _, c := range all.Cases {
		if c.Capture == "" || others[c.Test] != "" {
			continue
		}
		tried++
		t.Run(strings.TrimPrefix(c.Test, "TestFalco_Legacy_"), func(t *testing.T) {
			t.Parallel()
			c.run(t, dir)
		})
	}
	if tried < 48 {
		t.Errorf("only %d cases", tried)
	}
}

// run replays a test's capture twice: as the test does, and with JSON to count alerts.
func (c *regression) run(t *testing.T, dir string) {
	out := filepath.Join(t.TempDir(), "out.txt")
	config := writeConfig(t, dir, c.Config)
	args := []string{"-c", config, "-o", "engine.kind=replay", "-o", "engine.replay.capture_file=" + filepath.Join(dir, c.Capture)}
	for _, r := range c.Rules {
		args = append(args, "-r", filepath.Join(dir, r))
	}
	for _, a := range c.Args {
		if strings.Contains(a, "outFilePath") {
			a = "file_output.filename=" + out
		}
		args = append(args, a)
	}
	stdout, stderr, status := replay(t, args)
	lines, _, _ := replay(t, append(args, "-o", "json_output=true", "-o", "file_output.enabled=false"))
	byRule, byPriority, sum := map[string]int{}, map[string]int{}, 0
	for line := range strings.Lines(lines) {
		var a struct{ Rule, Priority string }
		if err := json.Unmarshal([]byte(line), &a); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		byRule[a.Rule]++
		byPriority[strings.ToUpper(a.Priority)]++
		sum++
	}
	for _, e := range c.Expect {
		switch e.Assert {
		case "run_ok":
			if status != 0 {
				t.Errorf("exit code %d:\n%s", status, stderr)
			}
		case "run_error":
			if status == 0 {
				t.Error("exit code 0")
			}
		case "exit_code":
			if fmt.Sprint(e.Value) != fmt.Sprint(status) {
				t.Errorf("exit code %d, not %v:\n%s", status, e.Value, stderr)
			}
		case "detections":
			n := sum
			switch {
			case e.Rule != "":
				n = byRule[e.Rule]
			case e.Priority != "":
				if e.Priority == "INFO" {
					e.Priority = "INFORMATIONAL"
				}
				n = byPriority[e.Priority]
			}
			want := e.Count
			if e.WithoutEnter != nil {
				want = e.WithoutEnter
			}
			if want != nil && n != *want || e.Min != nil && n < *e.Min {
				t.Errorf("%d alerts of %q %q, not %s", n, e.Rule, e.Priority, wanted(want, e.Min))
			}
		case "Regexp", "NotRegexp":
			on := map[string]string{"stdout": stdout, "stderr": stderr}[e.On]
			if regexp.MustCompile(e.Pattern).MatchString(on) != (e.Assert == "Regexp") {
				t.Errorf("%s %s on %s:\n%s", e.Assert, e.Pattern, e.On, on)
			}
		case "stdout_contains_lines":
			c.checkLines(t, filepath.Join(dir, e.File), stdout)
		case "raw", "Contains": // about the code of the test; what it is for, FileOutputStrict compares below
		default:
			t.Errorf("an assertion of another kind: %s", e.Assert)
		}
	}
	if strings.Contains(c.Test, "FileOutputStrict") {
		written, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		c.checkLines(t, filepath.Join(dir, "outputs/single_rule_with_cat_write.txt"), string(written))
	}
}

// writeConfig is a test's configuration, without the fields that are appended to each output: its file is older than they are.
func writeConfig(t *testing.T, dir, name string) string {
	t.Helper()
	var text []byte
	if name != "" {
		var err error
		if text, err = os.ReadFile(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(t.TempDir(), "falco.yaml")
	if err := os.WriteFile(path, append(text, "\nappend_output: []\n"...), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func wanted(count, least *int) string {
	if count != nil {
		return fmt.Sprint(*count)
	}
	return fmt.Sprintf("%d or more", *least)
}

// checkLines compares alerts with those that Falco printed when rules saw calls begin, too: each second line is of a call that ended.
func (c *regression) checkLines(t *testing.T, file, got string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	want := ""
	for i, line := range strings.SplitAfter(string(text), "\n") {
		if i%2 == 1 {
			want += line
		}
	}
	if got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

// TestTune goes from a noisy rule to a tested exception, by the commands of docs/testing-rules.md.
func TestTune(t *testing.T) {
	capture := filepath.Join(testutil.Shared(t, "regression"), "captures/cat_write.scap")
	dir := t.TempDir()
	rules, local, tests := filepath.Join(dir, "rules.yaml"), filepath.Join(dir, "local.yaml"), filepath.Join(dir, "test.yaml")
	for path, text := range map[string]string{
		rules: "- rule: Noisy\n  desc: d\n  condition: evt.type in (open, openat) and proc.name = cat\n" +
			"  output: opened %fd.name\n  priority: WARNING\n",
		tests: "rules: [rules.yaml, local.yaml]\ntests:\n  - name: what stays\n    recording: " + capture +
			"\n    expect_only: {rule: Noisy, count: 3}\n",
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	out, errs, status := replay(t, []string{"rules", "tune", capture, "-c", os.DevNull, "-r", rules, "--only", "2", "--write", local})
	if status != 0 || !strings.HasPrefix(out, "4 alerts of 1 rules on 303 events in 3s\n") || !strings.Contains(out, `"/etc/ld.so.cache"]`) ||
		!strings.Contains(out, "# 1: 1 alerts go, 3 stay\n") {
		t.Fatalf("tune ends with %d:\n%s%s", status, out, errs)
	}
	out, errs, status = replay(t, []string{"replay", capture, "-c", os.DevNull, "-r", rules, "-r", local})
	if status != 0 || strings.Count(out, "\n") != 3 || strings.Contains(out, "ld.so.cache") {
		t.Errorf("replay ends with %d:\n%s%s", status, out, errs)
	}
	if out, errs, status = replay(t, []string{"rules", "test", "-c", os.DevNull, tests}); status != 0 {
		t.Errorf("rules test ends with %d:\n%s%s", status, out, errs)
	}
}

func replay(t *testing.T, args []string) (stdout, stderr string, status int) {
	t.Helper()
	var out, errs bytes.Buffer
	cmd := exec.Command(sensorBinary, args...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}
