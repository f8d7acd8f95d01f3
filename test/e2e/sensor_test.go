// Package e2e tests the binary against real containers: Debian's containerd and runc, started by the tests.
package e2e

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/containerd/containerd/v2/pkg/oci"
	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/saker-sensor/saker/internal/testutil"
)

// deadline bounds each wait for a marker.
const deadline = 60 * time.Second

// sensorBinary is built once for all tests, with the race detector if they have it.
var sensorBinary string

func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == opener {
		os.Exit(runOpener(os.Args[2:]))
	}
	dir, err := os.MkdirTemp("", "saker-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	sensorBinary = filepath.Join(dir, "sensor")
	args := []string{"build", "-o", sensorBinary}
	if raceEnabled {
		args = append(args, "-race")
	}
	build := exec.Command("go", append(args, "github.com/saker-sensor/saker/cmd/sensor")...)
	build.Stderr = os.Stderr
	code := 1
	if build.Run() == nil {
		code = m.Run()
	}
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// alert is a line of the sensor's standard output.
type alert struct {
	Rule         string         `json:"rule"`
	Priority     string         `json:"priority"`
	Output       string         `json:"output"`
	Time         time.Time      `json:"time"`
	Tags         []string       `json:"tags"`
	OutputFields map[string]any `json:"output_fields"`
}

func (a *alert) field(name string) string { return fmt.Sprint(a.OutputFields[name]) }

// sensor is a running sensor.
type sensor struct {
	t     *testing.T
	cmd   *exec.Cmd
	lines chan string
	// read closes when standard output has ended.
	read chan struct{}

	mu     sync.Mutex
	stderr bytes.Buffer
	grown  chan struct{}
}

// startSensor runs the sensor with JSON alerts and waits until it is ready.
func startSensor(t *testing.T, args ...string) *sensor {
	t.Helper()
	s := launch(t, append([]string{"-o", "json_output=true"}, args...)...)
	s.waitLog("ready")
	return s
}

func launch(t *testing.T, args ...string) *sensor {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("needs root: the sensor loads BPF programs")
	}
	s := &sensor{t: t, cmd: exec.Command(sensorBinary, args...), lines: make(chan string, 1<<16), read: make(chan struct{}), grown: make(chan struct{}, 1)}
	s.cmd.Env = append(os.Environ(), "FALCO_HOSTNAME=node-1")
	stdout, err := s.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	s.cmd.Stderr = (*stderrWriter)(s)
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = s.cmd.Process.Kill()
		if t.Failed() {
			t.Logf("the sensor's log:\n%s", s.log())
		}
	})
	go s.readLines(stdout)
	return s
}

func (s *sensor) readLines(r io.Reader) {
	defer close(s.read)
	sc := bufio.NewScanner(r)
	sc.Buffer(nil, 1<<20)
	for sc.Scan() {
		s.lines <- sc.Text()
	}
	close(s.lines)
}

type stderrWriter sensor

func (w *stderrWriter) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	select {
	case w.grown <- struct{}{}:
	default:
	}
	return w.stderr.Write(b)
}

func (s *sensor) log() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stderr.String()
}

// waitLog waits until the sensor's log holds a text.
func (s *sensor) waitLog(text string) {
	s.t.Helper()
	timeout := time.After(deadline)
	for !strings.Contains(s.log(), text) {
		select {
		case <-s.grown:
		case <-s.read:
			if !strings.Contains(s.log(), text) {
				s.t.Fatalf("the sensor ended before it logged %q:\n%s", text, s.log())
			}
		case <-timeout:
			s.t.Fatalf("the sensor did not log %q:\n%s", text, s.log())
		}
	}
}

// next returns the next alert that fits.
func (s *sensor) next(what string, fits func(*alert) bool) *alert {
	s.t.Helper()
	timeout := time.After(deadline)
	for {
		select {
		case line, ok := <-s.lines:
			if !ok {
				s.t.Fatalf("%s: the sensor ended without it", what)
			}
			if a := s.parse(line); fits(a) {
				return a
			}
		case <-timeout:
			s.t.Fatalf("%s: no such alert came", what)
		}
	}
}

func (s *sensor) parse(line string) *alert {
	s.t.Helper()
	var a alert
	if err := json.Unmarshal([]byte(line), &a); err != nil {
		s.t.Fatalf("standard output holds something else than an alert: %q: %v", line, err)
	}
	return &a
}

// stop ends the sensor as an operator would, checks its exit code and returns the alerts not read yet.
func (s *sensor) stop() []*alert {
	s.t.Helper()
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		s.t.Fatal(err)
	}
	select {
	case <-s.read:
	case <-time.After(deadline):
		s.t.Fatal("the sensor did not end")
	}
	if err := s.cmd.Wait(); err != nil {
		s.t.Fatalf("the sensor ended with %v:\n%s", err, s.log())
	}
	var rest []*alert
	for line := range s.lines {
		rest = append(rest, s.parse(line))
	}
	return rest
}

func rulesFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "rules.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// podLabels are what the CRI puts on a container.
func podLabels(pod, namespace, container string) map[string]string {
	return map[string]string{
		"io.kubernetes.pod.name":       pod,
		"io.kubernetes.pod.namespace":  namespace,
		"io.kubernetes.pod.uid":        "11111111-2222-3333-4444-" + fmt.Sprintf("%012x", len(pod)),
		"io.kubernetes.container.name": container,
	}
}

// lab is a containerd with an image, and a sensor that watches it.
type lab struct {
	*testutil.Containerd
	image string
}

func newLab(t *testing.T, namespaces ...string) *lab {
	t.Helper()
	l := &lab{Containerd: testutil.StartContainerd(t), image: "registry.example.org/team/shop:1.4"}
	for _, ns := range namespaces {
		l.ImportBusybox(t, ns, l.image)
	}
	return l
}

// gate lets a container go on when the test says so: a FIFO of the test's, seen in the container as /gate/fifo.
type gate struct{ dir string }

// gatedShell runs a second shell once the gate is open, and then stays.
const gatedShell = "read x < /gate/fifo; /bin/sh -c true; read y < /gate/fifo"

func newGate(t *testing.T) *gate {
	t.Helper()
	g := &gate{t.TempDir()}
	if err := syscall.Mkfifo(g.fifo(), 0o600); err != nil {
		t.Fatal(err)
	}
	return g
}

func (g *gate) fifo() string { return filepath.Join(g.dir, "fifo") }

func (g *gate) options() []oci.SpecOpts {
	return []oci.SpecOpts{oci.WithMounts([]specs.Mount{{Type: "bind", Source: g.dir, Destination: "/gate", Options: []string{"rbind"}}})}
}

func (g *gate) open(t *testing.T) {
	t.Helper()
	// For reading and writing, so that it does not wait for the container.
	f, err := os.OpenFile(g.fifo(), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	if _, err := f.WriteString("go\n"); err != nil {
		t.Fatal(err)
	}
}

func (l *lab) socket() string { return "container_engines.containerd.sockets[0]=" + l.Socket }
