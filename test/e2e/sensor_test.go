// Package e2e tests the binary against real containers: Debian's containerd and runc, started by the tests.
package e2e

import (
	"flag"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/containerd/containerd/v2/pkg/oci"
	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/saker-sensor/saker/internal/testutil"
)

// sensorBinary is built once for all tests, with the race detector if they have it.
var sensorBinary string

// containers is how many the tests make that look for a rare failure among many; make test-containers makes 1,000.
var containers = flag.Int("containers", 100, "how many containers to start where many are needed")

func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == pacer {
		os.Exit(runPacer(os.Args[2:]))
	}
	if len(os.Args) > 2 && os.Args[1] == opener {
		os.Exit(runOpener(os.Args[2:]))
	}
	if len(os.Args) > 2 && os.Args[1] == filtered {
		os.Exit(runFiltered(os.Args[2:]))
	}
	testutil.RunWithSensor(m, &sensorBinary)
}

type alert = testutil.Alert

// startSensor runs the sensor with JSON alerts and waits until it is ready.
func startSensor(t *testing.T, args ...string) *testutil.Sensor {
	t.Helper()
	return testutil.StartSensor(t, sensorBinary, args...)
}

func launch(t *testing.T, args ...string) *testutil.Sensor {
	t.Helper()
	return testutil.LaunchSensor(t, sensorBinary, args...)
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
