package sinks

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/saker-sensor/saker/internal/output"
	"github.com/saker-sensor/saker/internal/output/outputtest"
	"github.com/saker-sensor/saker/internal/testutil"
)

// rsyslog is a real daemon with a socket of its own; it writes what it gets to a file.
type rsyslog struct {
	t                    *testing.T
	config, socket, file string
	cmd                  *exec.Cmd
}

func startRsyslog(t *testing.T) *rsyslog {
	t.Helper()
	testutil.NeedProgram(t, "rsyslogd")
	dir := t.TempDir()
	r := &rsyslog{t: t, config: dir + "/conf", socket: dir + "/log", file: dir + "/out"}
	text := fmt.Sprintf(`
module(load="imuxsock" SysSock.Use="off")
input(type="imuxsock" Socket="%s" CreatePath="on")
template(name="t" type="string" string="%%syslogfacility-text%% %%syslogseverity-text%% %%programname%% %%msg%%\n")
action(type="omfile" file="%s" template="t" FileOwnerNum="%d")
`, r.socket, r.file, os.Getuid())
	if err := os.WriteFile(r.config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	r.start()
	t.Cleanup(r.stop)
	return r
}

func (r *rsyslog) start() {
	r.t.Helper()
	var stderr bytes.Buffer
	r.cmd = exec.Command("rsyslogd", "-n", "-f", r.config, "-i", filepath.Join(filepath.Dir(r.config), "pid"))
	r.cmd.Stderr = &stderr
	r.cmd.SysProcAttr = &unix.SysProcAttr{Pdeathsig: unix.SIGKILL}
	if err := r.cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	outputtest.Until(r.t, "rsyslogd's socket", func() bool {
		s := NewSyslog(r.socket)
		return s.connect() == nil && s.Close() == nil
	})
}

func (r *rsyslog) stop() {
	_ = r.cmd.Process.Signal(unix.SIGTERM)
	_ = r.cmd.Wait()
}

func (r *rsyslog) lines(n int) []string {
	r.t.Helper()
	var lines []string
	outputtest.Until(r.t, fmt.Sprintf("%d lines", n), func() bool {
		text, _ := os.ReadFile(r.file)
		lines = strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
		return len(text) > 0 && len(lines) >= n
	})
	return lines
}

func TestSyslog(t *testing.T) {
	daemon := startRsyslog(t)
	s := NewSyslog(daemon.socket)
	severities := map[string]string{
		"Emergency": "emerg", "Alert": "alert", "Critical": "crit", "Error": "err",
		"Warning": "warning", "Notice": "notice", "Informational": "info", "Debug": "debug",
	}
	var want []string
	for priority, severity := range severities {
		if err := s.Write(output.Message{Text: []byte("a " + priority), Priority: priority}); err != nil {
			t.Fatal(err)
		}
		want = append(want, "user "+severity+" falco  a "+priority)
	}
	got := strings.Join(daemon.lines(len(want)), "\n")
	for _, w := range want {
		if !strings.Contains(got, w) {
			t.Errorf("no line %q in\n%s", w, got)
		}
	}
	// The daemon is restarted. The alert that meets the gap is one to try again.
	daemon.stop()
	if err := os.Remove(daemon.socket); err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	m := output.Message{Text: []byte("after the restart"), Priority: "Notice"}
	if err := s.Write(m); !errors.Is(err, output.ErrAgain) {
		t.Errorf("no daemon: %v", err)
	}
	daemon.start()
	outputtest.Until(t, "a write after the restart", func() bool { return s.Write(m) == nil })
	if last := daemon.lines(len(want) + 1)[len(want)]; last != "user notice falco  after the restart" {
		t.Errorf("got %q", last)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

func TestNoSyslogDaemon(t *testing.T) {
	s := NewSyslog(filepath.Join(t.TempDir(), "absent"))
	if err := s.Write(output.Message{Text: []byte("x")}); !errors.Is(err, output.ErrAgain) ||
		!strings.Contains(err.Error(), "mount its socket /dev/log") {
		t.Errorf("got %v", err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}
