package e2e

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/saker-sensor/saker/internal/testutil"
)

// firstWord begins the names of these tests' containers, and of no others that run on this machine.
var firstWord = fmt.Sprintf("first-%d-", os.Getpid())

// firstRule fires on a container's only command, and says why it cannot name the container.
var firstRule = `
- rule: First command
  desc: The only command of a container.
  condition: evt.type in (execve, execveat) and container.id != host and proc.args contains "` + firstWord + `"
  output: missing=%container.missing ns=%k8s.ns.name uid=%k8s.pod.uid digest=%container.image.digest arg=%proc.args
  priority: WARNING
`

// firstSpec is a container whose whole life is one command of a few milliseconds, which names it.
func (l *lab) firstSpec(name string) testutil.ContainerSpec {
	return testutil.ContainerSpec{
		Namespace: "k8s.io", ID: testutil.HexID(name), Image: l.image, Labels: testutil.PodLabels(name, "identity", "c-"+name),
		Args: []string{"/bin/sh", "-c", ": " + name},
	}
}

// watchFirst reads the sensor's alerts as they come; inPods tells whether they have to name a pod. The function that it returns ends the
// sensor and says which containers had an alert, and prints how long the alerts took.
func watchFirst(t *testing.T, s *testutil.Sensor, inPods bool) (end func() map[string]bool) {
	t.Helper()
	type arrival struct {
		line string
		at   time.Time
	}
	var arrivals []arrival
	done := make(chan struct{})
	go func() {
		defer close(done)
		for line := range s.Lines {
			arrivals = append(arrivals, arrival{line, time.Now()})
		}
	}()
	return func() map[string]bool {
		t.Helper()
		rest := s.Stop()
		<-done
		seen, nameless := map[string]bool{}, 0
		var took []time.Duration
		for _, a := range arrivals {
			alert := s.Parse(a.line)
			rest = append(rest, alert)
			if alert.Rule == "First command" {
				took = append(took, a.at.Sub(alert.Time))
			}
		}
		for _, alert := range rest {
			if alert.Rule != "First command" {
				continue
			}
			name := regexp.MustCompile(firstWord + `\d+`).FindString(alert.Field("proc.args"))
			named := alert.Field("container.image.repository") == "registry.example.org/team/shop" && alert.Field("container.name") == "c-"+name
			if inPods {
				named = named && alert.Field("k8s.pod.name") == name && alert.Field("k8s.ns.name") == "identity"
			}
			if !named {
				nameless++
				t.Errorf("an alert without identity: %s %v", alert.Output, alert.OutputFields)
			}
			seen[name] = true
		}
		slices.Sort(took)
		if n := len(took); n > 0 {
			t.Logf("%d alerts, %d without identity; from the exec to the alert with its names: median %v, 99 of 100 %v, longest %v",
				n, nameless, took[n/2].Round(100*time.Microsecond), took[n*99/100].Round(100*time.Microsecond), took[n-1].Round(100*time.Microsecond))
		}
		t.Log(regexp.MustCompile(`(?m)^Containers: .*$`).FindString(s.Log()))
		return seen
	}
}

// testFirst runs containers whose whole life is one command, 20 at a time, and checks that each has an alert that names it.
func testFirst(t *testing.T, s *testutil.Sensor, containers int, inPods bool, run func(name string) (ran bool)) {
	t.Helper()
	const together = 20
	end := watchFirst(t, s, inPods)
	began := time.Now()
	var next atomic.Int64
	var wg sync.WaitGroup
	for range together {
		wg.Go(func() {
			for i := next.Add(1); i <= int64(containers); i = next.Add(1) {
				if !run(firstWord + strconv.FormatInt(i, 10)) {
					t.Errorf("container %d did not run", i)
				}
			}
		})
	}
	wg.Wait()
	t.Logf("%d containers in %v", containers, time.Since(began).Round(time.Second))
	if seen := end(); len(seen) != containers {
		t.Errorf("%d of %d containers have an alert", len(seen), containers)
	}
}

// TestFirstCommand: of many containers whose whole life is one command, 20 at a time, each alert names container, image
// and pod.
func TestFirstCommand(t *testing.T) {
	l := newLab(t, "k8s.io")
	s := startSensor(t, "-r", testutil.RulesFile(t, firstRule), "-o", l.socket())
	testFirst(t, s, *containers, true, func(name string) bool { return l.TryRun(l.firstSpec(name)) })
}

// TestFirstCommandDocker is the same with Docker and with Podman, which are slower to start a container.
func TestFirstCommandDocker(t *testing.T) {
	const image = "registry.example.org/team/shop:1.4"
	for _, kind := range []struct {
		name  string
		start func(testing.TB) *testutil.Docker
		// share of the containers that the other test starts
		share int
	}{{"docker", testutil.StartDocker, 5}, {"podman", testutil.StartPodman, 10}} {
		t.Run(kind.name, func(t *testing.T) {
			d := kind.start(t)
			d.ImportBusybox(t, image)
			s := startSensor(t, "-r", testutil.RulesFile(t, firstRule), "-o", "container_engines."+kind.name+".sockets[0]="+d.Socket)
			testFirst(t, s, *containers/kind.share, false, func(name string) bool {
				err := d.TryRun("c-"+name, map[string]any{"Image": image, "Cmd": []string{"/bin/sh", "-c", ": " + name}})
				if err != nil {
					t.Log(err)
				}
				return err == nil
			})
		})
	}
}

// TestFirstCommandThroughRestarts is the same while containerd is killed and started again.
func TestFirstCommandThroughRestarts(t *testing.T) {
	const together, restarts = 20, 5
	enough := int64(max(*containers/2, restarts+1))
	most := enough + 10*together*restarts // a restart costs all that are under way
	l := newLab(t, "k8s.io")
	s := startSensor(t, "-r", testutil.RulesFile(t, firstRule), "-o", l.socket())
	end := watchFirst(t, s, true)
	var next, started atomic.Int64
	var mu sync.Mutex
	ran := map[string]bool{}
	restart := make(chan struct{}, most)
	var wg sync.WaitGroup
	for range together {
		wg.Go(func() {
			for started.Load() < enough && next.Load() < most {
				name := firstWord + strconv.FormatInt(next.Add(1), 10)
				if !l.TryRun(l.firstSpec(name)) {
					l.Back()
					continue
				}
				mu.Lock()
				ran[name] = true
				mu.Unlock()
				if n := started.Add(1); n%(enough/(restarts+1)) == 0 {
					restart <- struct{}{}
				}
			}
		})
	}
	for range restarts {
		<-restart
		l.Kill(t)
		l.Start(t)
	}
	wg.Wait()
	seen := end()
	for name := range ran {
		if !seen[name] {
			t.Errorf("%s ran without an alert", name)
		}
	}
	t.Logf("%d containers ran for sure, %d had an alert", len(ran), len(seen))
}
