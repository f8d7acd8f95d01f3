package testutil

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// sensorDeadline bounds each wait for a sign of the sensor's.
const sensorDeadline = 2 * time.Minute

// maxLines of standard output wait to be read by the test: as many as it lets the sensor print before it reads any.
const maxLines = 1 << 18

// BuildSensor builds the sensor's binary, with the race detector if the tests have it. The file is shared by all packages' tests, so that
// it is linked once; it stays.
func BuildSensor() (binary string, err error) {
	if RaceEnabled {
		return buildSensor("sensor-race", nil, "-race")
	}
	return buildSensor("sensor", nil)
}

// RunWithSensor is for a TestMain: it runs the tests with a sensor's binary that is built once for all of them, with the race
// detector if they have it, and exits.
func RunWithSensor(m *testing.M, binary *string) {
	built, err := BuildSensor()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	*binary = built
	os.Exit(m.Run())
}

// BuildReleased builds the sensor's binary as a release is built: static, without libc. It is a copy that goes with the test, in a folder
// that root may enter without capabilities.
func BuildReleased(t *testing.T) string {
	t.Helper()
	built, err := buildSensor("sensor-static", []string{"CGO_ENABLED=0"})
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(built)
	if err != nil {
		t.Fatal(err)
	}
	binary := filepath.Join(t.TempDir(), "sensor")
	if err := os.WriteFile(binary, text, 0o700); err != nil {
		t.Fatal(err)
	}
	return binary
}

// buildSensor builds a binary in bin/test. The go command leaves a file alone that is up to date; one that runs is replaced, not changed.
func buildSensor(name string, env []string, flags ...string) (binary string, err error) {
	binary = filepath.Join(root(), "bin", "test", name)
	args := append([]string{"build", "-ldflags", "-s -w", "-o", binary}, flags...)
	build := exec.Command("go", append(args, "github.com/saker-sensor/saker/cmd/sensor")...)
	build.Env = append(os.Environ(), env...)
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the sensor: %w\n%s", err, out)
	}
	return binary, nil
}

// Alert is a line of the sensor's standard output.
type Alert struct {
	Rule         string         `json:"rule"`
	Priority     string         `json:"priority"`
	Source       string         `json:"source"`
	Output       string         `json:"output"`
	Time         time.Time      `json:"time"`
	Tags         []string       `json:"tags"`
	OutputFields map[string]any `json:"output_fields"`
}

// Field is an output field as text, numbers without an exponent; "<nil>" if it has no value.
func (a *Alert) Field(name string) string {
	if n, ok := a.OutputFields[name].(float64); ok {
		return strconv.FormatFloat(n, 'f', -1, 64)
	}
	return fmt.Sprint(a.OutputFields[name])
}

// Sensor is a running sensor.
type Sensor struct {
	Cmd *exec.Cmd
	// Lines are those of standard output, closed at its end; Ended is closed then too.
	Lines chan string
	Ended chan struct{}
	// Reader keeps standard output from being read while a test holds it, but for a line.
	Reader sync.Mutex

	t      *testing.T
	mu     sync.Mutex
	stderr bytes.Buffer
	grown  chan struct{}
}

// StartSensor runs the sensor with JSON alerts, without the machine's configuration file, and waits until it is ready. The test's
// end kills it.
func StartSensor(t *testing.T, binary string, args ...string) *Sensor {
	t.Helper()
	s := LaunchSensor(t, binary, append([]string{"-c", os.DevNull, "-o", "json_output=true"}, args...)...)
	s.WaitLog("ready")
	return s
}

// LaunchSensor runs the sensor. The test's end kills it. Unless the arguments say otherwise it has neither a port nor a
// state file, which sensors of other tests would have too.
func LaunchSensor(t *testing.T, binary string, args ...string) *Sensor {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("needs root: the sensor loads BPF programs")
	}
	args = alone(args)
	s := &Sensor{
		t: t, Cmd: exec.Command(binary, args...), Lines: make(chan string, maxLines), Ended: make(chan struct{}), grown: make(chan struct{}, 1),
	}
	s.Cmd.Env = append(os.Environ(), "FALCO_HOSTNAME=node-1")
	stdout, err := s.Cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	s.Cmd.Stderr = (*stderrWriter)(s)
	if err := s.Cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = s.Cmd.Process.Kill()
		if t.Failed() {
			t.Logf("the sensor's log:\n%s", s.Log())
		}
	})
	go s.readLines(stdout)
	return s
}

// alone switches off what two sensors at once would share.
func alone(args []string) []string {
	for _, shared := range []struct{ keys, option string }{
		{"webserver.", "webserver.enabled=false"}, {"guard.state_file", "guard.state_file="}, {"top.socket", "top.socket="},
	} {
		if !strings.Contains(strings.Join(args, " "), " "+shared.keys) {
			args = append(args, "-o", shared.option)
		}
	}
	return args
}

func (s *Sensor) readLines(r io.Reader) {
	defer close(s.Ended)
	sc := bufio.NewScanner(r)
	sc.Buffer(nil, 1<<20)
	for sc.Scan() {
		s.Reader.Lock()
		s.Lines <- sc.Text()
		s.Reader.Unlock()
	}
	close(s.Lines)
}

type stderrWriter Sensor

func (w *stderrWriter) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	select {
	case w.grown <- struct{}{}:
	default:
	}
	return w.stderr.Write(b)
}

// Log is what the sensor has written to standard error so far.
func (s *Sensor) Log() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stderr.String()
}

// WaitLog waits until the sensor's log holds a text.
func (s *Sensor) WaitLog(text string) {
	s.t.Helper()
	timeout := time.After(sensorDeadline)
	for !strings.Contains(s.Log(), text) {
		select {
		case <-s.grown:
		case <-s.Ended:
			if !strings.Contains(s.Log(), text) {
				s.t.Fatalf("the sensor ended before it logged %q:\n%s", text, s.Log())
			}
		case <-timeout:
			s.t.Fatalf("the sensor did not log %q:\n%s", text, s.Log())
		}
	}
}

// Next returns the next alert that fits.
func (s *Sensor) Next(what string, fits func(*Alert) bool) *Alert {
	s.t.Helper()
	timeout := time.After(sensorDeadline)
	for {
		select {
		case line, ok := <-s.Lines:
			if !ok {
				s.t.Fatalf("%s: the sensor ended without it", what)
			}
			if a := s.Parse(line); fits(a) {
				return a
			}
		case <-timeout:
			s.t.Fatalf("%s: no such alert came", what)
		}
	}
}

// Parse reads a line of standard output.
func (s *Sensor) Parse(line string) *Alert {
	s.t.Helper()
	var a Alert
	if err := json.Unmarshal([]byte(line), &a); err != nil {
		s.t.Fatalf("standard output holds something else than an alert: %q: %v", line, err)
	}
	return &a
}

// Stop ends the sensor as an operator would, checks its exit code and returns the alerts not read yet, but for the one
// about this signal.
func (s *Sensor) Stop() []*Alert {
	s.t.Helper()
	if err := s.Cmd.Process.Signal(syscall.SIGTERM); err != nil {
		s.t.Fatal(err)
	}
	select {
	case <-s.Ended:
	case <-time.After(sensorDeadline):
		s.t.Fatal("the sensor did not end")
	}
	if err := s.Cmd.Wait(); err != nil {
		s.t.Fatalf("the sensor ended with %v:\n%s", err, s.Log())
	}
	var rest []*Alert
	for line := range s.Lines {
		if strings.Contains(line, "Saker internal: signal for the sensor. It got SIGTERM by ") &&
			strings.Contains(line, fmt.Sprintf("(pid=%d ", os.Getpid())) {
			continue
		}
		rest = append(rest, s.Parse(line))
	}
	return rest
}

// RulesFile writes a rule file that goes with the test.
func RulesFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "rules.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
