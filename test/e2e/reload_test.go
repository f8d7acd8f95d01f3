package e2e

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/saker-sensor/saker/internal/testutil"
)

// rewrite replaces a file at once, as editors and kubelets do.
func rewrite(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path+".new", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

func openRule(name, file string) string {
	return fmt.Sprintf("- rule: %s\n  desc: d\n  condition: evt.type = openat and fd.name = %s\n  output: x\n  priority: NOTICE\n", name, file)
}

// notOwn are the alerts that the sensor does not give about itself.
func notOwn(alerts []*testutil.Alert) (rest []*testutil.Alert) {
	for _, a := range alerts {
		if !strings.HasPrefix(a.Rule, "Saker internal: ") {
			rest = append(rest, a)
		}
	}
	return rest
}

const nothingRule = "- rule: Nothing\n  desc: d\n  condition: evt.type = execve and proc.name = no-such-program\n  output: x\n  " +
	"priority: NOTICE\n"

// waitLogs waits until the log holds a text so many times.
func waitLogs(t *testing.T, s *testutil.Sensor, text string, times int) {
	t.Helper()
	waitFor(t, fmt.Sprintf("%d times %q in the log", times, text), func() bool { return strings.Count(s.Log(), text) >= times })
}

// TestReload: by signal and by itself when the file changes; what is attached follows the rules; a bad file changes nothing.
func TestReload(t *testing.T) {
	dir := t.TempDir()
	file, rules := filepath.Join(dir, "watched"), filepath.Join(t.TempDir(), "rules.yaml")
	rewrite(t, rules, nothingRule)
	s := startSensor(t, "-r", rules)
	if !strings.Contains(s.Log(), `"syscall_hook": false`) {
		t.Error("a hook is attached that no rule needs")
	}
	opened := func(rule string) {
		t.Helper()
		if err := exec.Command("/bin/sh", "-c", ": >"+file).Run(); err != nil {
			t.Fatal(err)
		}
		s.Next("the alert of "+rule, func(a *testutil.Alert) bool { return a.Rule == rule })
	}
	rewrite(t, rules, openRule("First", file))
	waitLogs(t, s, "\treloaded\t", 1)
	opened("First")
	rewrite(t, rules, "- rule: First\n  condition: evt.type = openat and fd.nome = x\n")
	s.WaitLog("reload refused")
	s.WaitLog(rules + ":1:")
	opened("First")
	rewrite(t, rules, openRule("Second", file))
	waitLogs(t, s, "\treloaded\t", 2)
	opened("Second")
	rewrite(t, rules, nothingRule)
	waitLogs(t, s, "\treloaded\t", 3)
	// Nothing has changed, but it was asked for.
	if err := s.Cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	waitLogs(t, s, "\treloaded\t", 4)
	if rest := notOwn(s.Stop()); len(rest) != 0 {
		t.Errorf("alerts too many: %+v", rest)
	}
	if n := strings.Count(s.Log(), "reload refused"); n != 1 {
		t.Errorf("the log says %d times that a file is bad", n)
	}
}

// TestReloadConfiguration: outputs and formats follow the configuration file, and what waits in the old ones still goes out.
func TestReloadConfiguration(t *testing.T) {
	dir, conf := t.TempDir(), filepath.Join(t.TempDir(), "saker.yaml")
	rules, out := numbered(t, dir), filepath.Join(t.TempDir(), "alerts")
	text := "rules_files: [" + rules + "]\njson_output: true\n"
	rewrite(t, conf, text)
	s := testutil.LaunchSensor(t, sensorBinary, "-c", conf)
	s.WaitLog("\tready\t")
	openNumbered(t, dir, 0, 1)
	s.Next("an alert on standard output", func(a *testutil.Alert) bool { return a.Rule == "Numbered" })
	rewrite(t, conf, text+"stdout_output: {enabled: false}\nfile_output: {enabled: true, filename: "+out+
		"}\nengine: {modern_ebpf: {buf_size_preset: 5}}\n")
	waitLogs(t, s, "\treloaded\t", 1)
	s.WaitLog(`a changed setting counts from the next start	{"key": "engine"}`)
	openNumbered(t, dir, 1, 2)
	waitFor(t, "an alert in the file", func() bool {
		text, _ := os.ReadFile(out)
		return strings.Contains(string(text), dir+"/n1")
	})
	if rest := notOwn(s.Stop()); len(rest) != 0 {
		t.Errorf("standard output got %d alerts more", len(rest))
	}
	// One by each output, and the sensor's own about itself.
	m := regexp.MustCompile(`Alerts: (\d+) written, 0 dropped`).FindStringSubmatch(s.Log())
	if m == nil {
		t.Fatal("the exit text counts no alerts")
	}
	if n, _ := strconv.Atoi(m[1]); n < 2 {
		t.Errorf("the exit text counts %d alerts, not both outputs'", n)
	}
}

// pacer is the name under which the test binary opens a file until its input ends, and prints how often.
const pacer = "pacer"

func runPacer(args []string) int {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_, _ = bufio.NewReader(os.Stdin).ReadByte()
	}()
	for n := 0; ; n++ {
		select {
		case <-ended:
			fmt.Print(n)
			return 0
		default:
		}
		fd, err := unix.Openat(unix.AT_FDCWD, args[0], unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		_ = unix.Close(fd)
		time.Sleep(time.Millisecond) // the pace: standard output must keep up with an alert each
	}
}

// TestReloadUnderLoad: many reloads while a file is opened all the time. Each open has its alert, once.
func TestReloadUnderLoad(t *testing.T) {
	reloads := 100
	if testutil.RaceEnabled {
		reloads = 20 // each takes more than a second of a processor
	}
	file, rules := filepath.Join(t.TempDir(), "watched"), filepath.Join(t.TempDir(), "rules.yaml")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	rewrite(t, rules, openRule("Watched", file))
	s := startSensor(t, "-r", rules, "-o", "watch_config_files=false")
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	load := exec.Command(exe, pacer, file)
	stdin, err := load.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	var made strings.Builder
	load.Stdout = &made
	if err := load.Start(); err != nil {
		t.Fatal(err)
	}
	for i := range reloads {
		if err := s.Cmd.Process.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
		waitLogs(t, s, "\treloaded\t", i+1)
	}
	_ = stdin.Close()
	if err := load.Wait(); err != nil {
		t.Fatal(err)
	}
	alerts := notOwn(s.Stop())
	if want, err := strconv.Atoi(made.String()); err != nil || len(alerts) != want {
		t.Errorf("%d alerts for %s opens and %d reloads", len(alerts), made.String(), reloads)
	}
}
