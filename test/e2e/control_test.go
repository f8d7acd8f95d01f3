package e2e

import (
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/saker-sensor/saker/internal/testutil"
)

// openTimes opens a file so many times.
func openTimes(t *testing.T, file string, times int) {
	t.Helper()
	for range times {
		fd, err := unix.Openat(unix.AT_FDCWD, file, unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		_ = unix.Close(fd)
	}
}

// counted is how many matches an alert tells of, 0 for one that tells of its own.
func counted(a *alert) int {
	n, _ := strconv.Atoi(a.Field("count"))
	return n
}

// ofRules leaves out what the sensor tells of itself: it is sent signals here.
func ofRules(a *alert) bool { return !strings.HasPrefix(a.Rule, "Saker internal") }

// rulesAlerts are those of an end.
func rulesAlerts(alerts []*alert) []*alert {
	return slices.DeleteFunc(alerts, func(a *alert) bool { return !ofRules(a) })
}

// watchedFiles are files with a rule each, named as the files are.
func watchedFiles(t *testing.T) (rules string, quiet, critical string) {
	t.Helper()
	dir := t.TempDir()
	quiet, critical = filepath.Join(dir, "quiet"), filepath.Join(dir, "critical")
	for _, file := range []string{quiet, critical} {
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return testutil.RulesFile(t, fmt.Sprintf(`
- rule: Quiet
  desc: d
  condition: evt.type = openat and fd.name = %s
  output: opened %%fd.name
  priority: ERROR
  tags: [often]
- rule: Critical
  desc: d
  condition: evt.type = openat and fd.name = %s
  output: opened %%fd.name
  priority: CRITICAL
  tags: [often]
`, quiet, critical)), quiet, critical
}

// TestDeduplication: the first alert goes out at once, the others are told by one with their count; critical ones are never
// held back. A reload tells of what is held, and the window goes on.
func TestDeduplication(t *testing.T) {
	const n = 100
	rules, quiet, critical := watchedFiles(t)
	s := startSensor(t, "-r", rules, "-o", "deduplication.rules[]={tag: often, window: 1h}")
	openTimes(t, quiet, n)
	openTimes(t, critical, n)
	first := s.Next("the first alert", func(a *alert) bool { return a.Rule == "Quiet" })
	if n := counted(first); n != 0 || strings.Contains(first.Output, "count=") {
		t.Errorf("the first alert tells of %d: %s", n, first.Output)
	}
	for i := range n {
		a := s.Next(fmt.Sprint("critical alert ", i), ofRules)
		if a.Rule != "Critical" || counted(a) != 0 {
			t.Errorf("critical alert %d: %+v", i, a)
		}
	}
	if err := s.Cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	a := s.Next("the alert with the count", ofRules)
	if a.Rule != "Quiet" || counted(a) != n-1 || !strings.HasSuffix(a.Output, fmt.Sprintf(" count=%d", n-1)) || a.Field("fd.name") != quiet {
		t.Errorf("the reload tells: %+v", a)
	}
	s.WaitLog("\treloaded\t")
	openTimes(t, quiet, n)
	rest := rulesAlerts(s.Stop())
	if len(rest) != 1 || counted(rest[0]) != n {
		t.Errorf("the end tells: %+v", rest)
	}
	if want := "Held back: 199 matches, told by 2 alerts with a count; not held back for lack of room: 0;"; !strings.Contains(s.Log(), want) {
		t.Errorf("the exit text lacks %q:\n%s", want, s.Log())
	}
}

// TestDeduplicationWindow: a window ends by itself, and nothing is told twice or never.
func TestDeduplicationWindow(t *testing.T) {
	const n = 100
	rules, quiet, _ := watchedFiles(t)
	s := startSensor(t, "-r", rules, "-o", "deduplication.window=1s")
	openTimes(t, quiet, n)
	reported, counts := 0, 0
	for reported < n {
		a := s.Next("an alert", ofRules)
		if c := counted(a); c > 0 {
			reported += c
			counts++
		} else {
			reported++
		}
	}
	if reported != n || counts == 0 {
		t.Errorf("%d alerts with a count, and all tell of %d", counts, reported)
	}
	if rest := rulesAlerts(s.Stop()); len(rest) != 0 {
		t.Errorf("the end tells: %+v", rest)
	}
}

// TestRedaction: the rule sees the password, and no output shows it, in text or JSON.
func TestRedaction(t *testing.T) {
	const password = "hunter2-correct-horse"
	rules := testutil.RulesFile(t, `
- rule: Password
  desc: d
  condition: >
    evt.type = execve and proc.name = true and proc.cmdline contains "--password=`+password+`"
    and proc.env[DB_TOKEN] = `+password+`
  output: ran %proc.cmdline env=%proc.env pin=%proc.args[2] token=%proc.env[DB_TOKEN]
  priority: NOTICE
`)
	for _, json := range []bool{false, true} {
		t.Run(fmt.Sprint("json ", json), func(t *testing.T) {
			p := &posts{}
			server := httptest.NewServer(p)
			defer server.Close()
			file := filepath.Join(t.TempDir(), "alerts")
			s := launch(t, "-c", os.DevNull, "-r", rules, "-o", fmt.Sprint("json_output=", json), "-o", `redaction.patterns[]=pin=(\d+)`,
				"-o", "file_output.enabled=true", "-o", "file_output.filename="+file, "-o", "http_output.enabled=true", "-o",
				"http_output.url="+server.URL)
			s.WaitLog("ready")
			// As a client of a database would be called.
			cmd := exec.Command("/bin/true", "--password="+password, "pin=1234", "--host", "db")
			cmd.Env = []string{"DB_TOKEN=" + password, "HOME=/root"}
			if err := cmd.Run(); err != nil {
				t.Fatal(err)
			}
			waitFor(t, "the post", func() bool { return p.count() > 0 })
			if err := s.Cmd.Process.Signal(os.Interrupt); err != nil {
				t.Fatal(err)
			}
			var stdout []string
			for line := range s.Lines {
				stdout = append(stdout, line)
			}
			<-s.Ended
			_ = s.Cmd.Wait()
			written, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for where, text := range map[string]string{
				"standard output": strings.Join(stdout, "\n"), "the file": strings.TrimSuffix(string(written), "\n"),
				"the post": strings.TrimSuffix(p.got[0], "\n"),
			} {
				if strings.Contains(text, password) || strings.Contains(text, "1234") {
					t.Errorf("%s shows a secret: %s", where, text)
				}
				const want = "ran true --password=[redacted] pin=[redacted] --host db env=DB_TOKEN=[redacted] HOME=/root pin=--host token=[redacted]"
				if !strings.Contains(text, want) {
					t.Errorf("%s lacks %q: %s", where, want, text)
				}
				if json && !strings.Contains(text, `"proc.env[DB_TOKEN]":"[redacted]"`) {
					t.Errorf("%s: output_fields: %s", where, text)
				}
			}
			if strings.Contains(s.Log(), password) {
				t.Error("the log shows a secret")
			}
			if !strings.Contains(s.Log(), "; redacted: ") || strings.Contains(s.Log(), "; redacted: 0 secrets") {
				t.Errorf("the exit text does not count them:\n%s", s.Log())
			}
		})
	}
}
