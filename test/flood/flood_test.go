// Package flood tests the sensor under a flood of opens: nothing is lost without being counted, no exec is lost at all,
// and the alert about the losses names who made the flood.
package flood

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/containerd/containerd/v2/pkg/oci"
	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/saker-sensor/saker/internal/testutil"
)

const (
	image     = "registry.example.org/team/flood:1"
	namespace = "k8s.io"
	// commands is how many short ones run during the flood.
	commands = 1000
	deadline = 60 * time.Second
)

// floodCall is the system call of the flooder.
func floodCall() string {
	if runtime.GOARCH == "amd64" {
		return "creat"
	}
	return "openat2"
}

// lab is a flooder's container and a sensor that watches it.
type lab struct {
	*testutil.Containerd
	sensor *testutil.Sensor
	// binary is the sensor's, socket where sensor top finds it.
	binary, socket string
	// flooder and short are binaries: the flooder, and a command that ends at once.
	flooder, short string
	// out is where the flooder writes how many opens it has made.
	out  string
	seen *seen
}

func newLab(t *testing.T) *lab {
	testutil.Alone(t)
	l := &lab{Containerd: testutil.StartContainerd(t), seen: newSeen(), out: t.TempDir()}
	l.ImportBusybox(t, namespace, image)
	dir := t.TempDir()
	l.flooder, l.short = filepath.Join(dir, "flooder"), filepath.Join(dir, "true")
	build := exec.Command("go", "build", "-o", l.flooder, "./flooder")
	build.Env = append(os.Environ(), "CGO_ENABLED=0") // the container has no libc
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the flooder: %v\n%s", err, out)
	}
	if out, err := exec.Command("cp", "/bin/busybox", l.short).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	binary, err := testutil.BuildSensor()
	if err != nil {
		t.Fatal(err)
	}
	l.binary, l.socket = binary, filepath.Join(t.TempDir(), "top.sock")
	l.sensor = testutil.StartSensor(t, binary, "-o", "top.socket="+l.socket, "-o", "container_engines.containerd.sockets[0]="+l.Socket,
		// Small enough for a loaded machine to fill: 1 MiB of ring, and for each rule half of the queue.
		"-o", "engine.modern_ebpf.buf_size_preset=1", "-o", "outputs_queue.capacity=4096", "-o", "priority=debug", "-r",
		testutil.RulesFile(t, fmt.Sprintf(`
- rule: Flood
  desc: An open of the flooder's.
  condition: evt.type = %s and fd.name startswith /flood/
  output: file=%%fd.name
  priority: NOTICE
- rule: Short command
  desc: One of the commands that run during the flood.
  condition: evt.type = execve and proc.exepath = %s
  output: number=%%proc.args
  priority: NOTICE
`, floodCall(), l.short)))
	go l.seen.read(l.sensor.Lines)
	return l
}

// flood begins in a container of its own, on two threads.
func (l *lab) flood(t *testing.T) *testutil.Container {
	t.Helper()
	x := l.Create(t, testutil.ContainerSpec{
		Namespace: namespace, ID: testutil.HexID("flood"), Image: image,
		Labels: map[string]string{
			"io.kubernetes.pod.name": "flood-1", "io.kubernetes.pod.namespace": "storm",
			"io.kubernetes.pod.uid":        "11111111-2222-3333-4444-555555555555",
			"io.kubernetes.container.name": "flood",
		},
		Args: []string{"/flooder", "/out/opens", "/flood/a", "/flood/b"},
		Options: []oci.SpecOpts{oci.WithMounts([]specs.Mount{
			{Type: "bind", Source: l.flooder, Destination: "/flooder", Options: []string{"rbind"}},
			{Type: "bind", Source: l.out, Destination: "/out", Options: []string{"rbind"}},
			{Type: "tmpfs", Source: "tmpfs", Destination: "/flood"}, // fast
		})},
	})
	x.Start(t)
	return x
}

// end ends the flood and returns how many opens it made.
func (l *lab) end(t *testing.T, x *testutil.Container) uint64 {
	t.Helper()
	if err := syscall.Kill(x.Pid, syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if out, code := x.Wait(t); code != 0 {
		t.Fatalf("the flooder ended with code %d\n%s", code, out)
	}
	text, err := os.ReadFile(filepath.Join(l.out, "opens"))
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.ParseUint(string(text), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// runCommands runs the short commands, one after the other.
func (l *lab) runCommands(t *testing.T) {
	t.Helper()
	for i := range commands {
		if out, err := exec.Command(l.short, strconv.Itoa(i)).CombinedOutput(); err != nil {
			t.Fatalf("run command %d: %v\n%s", i, err, out)
		}
	}
}

// totals are what the sensor says at its end.
type totals struct{ written, dropped, lost, lostOpens uint64 }

func (l *lab) totals(t *testing.T) (out totals) {
	t.Helper()
	text := l.sensor.Log()
	number := func(pattern string) uint64 {
		m := regexp.MustCompile(pattern).FindStringSubmatch(text)
		if m == nil {
			return 0
		}
		n, err := strconv.ParseUint(m[1], 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	out = totals{
		written: number(`Alerts: (\d+) written`), dropped: number(`Alerts: .* (\d+) dropped \(queue full\)`),
		lost: number(`Lost records: .* (\d+) bulk ring full`), lostOpens: number(`Lost records: .*\bopen (\d+)`),
	}
	for _, none := range []string{"Lost records: 0 critical ring full", " 0 undecodable", " 0 failed (sink error)\n"} {
		if !strings.Contains(text, none) {
			t.Errorf("the exit text lacks %q", none)
		}
	}
	return out
}

// check compares what the flooder did with what arrived and what was counted as lost.
func (l *lab) check(t *testing.T, opens uint64) totals {
	t.Helper()
	l.sensor.Stop()
	<-l.seen.ended
	k := l.totals(t)
	t.Logf("%d opens: %d alerts, %d dropped at the queue, %d lost at the ring", opens, l.seen.floods, k.dropped, k.lostOpens)
	if got := l.seen.floods + k.dropped + k.lostOpens; got != opens {
		t.Errorf("%d opens were made; alerts and counted losses are %d", opens, got)
	}
	for i := range commands {
		if n := l.seen.commands[strconv.Itoa(i)]; n != 1 {
			t.Errorf("command %d has %d alerts", i, n)
		}
	}
	if all := l.seen.floods + l.seen.others + uint64(len(l.seen.commands)+len(l.seen.drops)); all != k.written {
		t.Errorf("%d alerts were read, %d written", all, k.written)
	}
	return k
}

func TestFlood(t *testing.T) {
	l := newLab(t)
	x := l.flood(t)
	l.runCommands(t)
	select {
	case <-l.seen.dropped:
	case <-time.After(deadline):
		t.Fatal("no alert says that records were lost")
	}
	opens := l.end(t, x)
	k := l.check(t, opens)
	if k.lostOpens == 0 {
		t.Fatal("the flood was none: no record was lost")
	}
	drop := l.seen.drops[0]
	for name, want := range map[string]string{
		"proc.name": "flooder", "proc.exepath": "/flooder", "proc.cmdline": "flooder /out/opens /flood/a /flood/b",
		"proc.pid":     strconv.Itoa(x.Pid),
		"container.id": testutil.HexID("flood")[:12], "container.name": "flood", "k8s.pod.name": "flood-1", "k8s.ns.name": "storm",
	} {
		if got := drop.Field(name); got != want {
			t.Errorf("the alert about lost records: %s = %s, want %s", name, got, want)
		}
	}
	want := fmt.Sprintf("Most of them by flooder (pid=%d exepath=/flooder) in container flood (%s).", x.Pid, testutil.HexID("flood")[:12])
	if !strings.HasPrefix(drop.Output, "Falco internal: syscall event drop. ") || !strings.HasSuffix(drop.Output, want) {
		t.Errorf("the alert about lost records says %q, want %q at its end", drop.Output, want)
	}
}

// The reader of standard output has stopped. What the queue can't hold of the flood is dropped and counted; the execs
// find room.
func TestFloodAndNoReader(t *testing.T) {
	l := newLab(t)
	l.sensor.Reader.Lock()
	x := l.flood(t)
	l.runCommands(t)
	opens := l.end(t, x)
	l.sensor.Reader.Unlock()
	if k := l.check(t, opens); k.dropped == 0 {
		t.Error("the queue was never full")
	}
}
