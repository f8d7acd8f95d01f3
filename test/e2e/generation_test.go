package e2e

import (
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/saker-sensor/saker/internal/testutil"
)

// valve hands connections on to a runtime's socket. While it is closed, nothing of what the runtime says goes through.
type valve struct {
	mu     sync.Mutex
	change *sync.Cond
	closed bool
}

func newValve(t *testing.T, path, runtime string) *valve {
	t.Helper()
	v := &valve{}
	v.change = sync.NewCond(&v.mu)
	testutil.ServeUnix(t, path, func(client net.Conn) {
		defer client.Close()
		server, err := net.Dial("unix", runtime)
		if err != nil {
			return
		}
		defer server.Close()
		go func() {
			_, _ = io.Copy(server, client)
			server.Close()
		}()
		_, _ = io.Copy(client, io.TeeReader(server, v))
	})
	t.Cleanup(func() { v.set(false) })
	return v
}

// Write waits until the valve is open. What was read from the runtime is handed on behind it.
func (v *valve) Write(p []byte) (int, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for v.closed {
		v.change.Wait()
	}
	return len(p), nil
}

func (v *valve) set(closed bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.closed = closed
	v.change.Broadcast()
}

// waitingRule fires on a container's only command and needs the container's name, for which the event waits.
func waitingRule(rule, word, marker string) string {
	return openRule(rule+" marker", marker) + fmt.Sprintf("- rule: %s\n  desc: d\n  condition: evt.type in (execve, execveat) and "+
		"container.id != host and proc.args contains %s\n  output: arg=%%proc.args name=%%container.name missing=%%container.missing\n"+
		"  priority: NOTICE\n", rule, word)
}

// TestWaitAcrossReload: the event of a container whose runtime does not answer yet waits while other rules are loaded. It is matched by
// the rules that were in force when it came; the next one by the new ones. Events wait for two seconds: on a machine that needs
// more for a reload, it is tried again.
func TestWaitAcrossReload(t *testing.T) {
	l := newLab(t, "k8s.io")
	dir := t.TempDir()
	socket, rules, marker := filepath.Join(dir, "valve.sock"), filepath.Join(dir, "rules.yaml"), filepath.Join(dir, "marker")
	v := newValve(t, socket, l.Socket)
	word := fmt.Sprintf("waits-%d-", os.Getpid())
	name := func(n int) string { return fmt.Sprintf("Generation %d", n) }
	rewrite(t, rules, waitingRule(name(0), word, marker))
	s := startSensor(t, "-r", rules, "-o", "watch_config_files=false", "-o", "container_engines.containerd.sockets[0]="+socket)
	s.WaitLog(`"state": "connected"`)

	// early is an alert about a container that came before the marker of a generation's rules.
	upToMarker := func(generation int) (early *alert) {
		t.Helper()
		if _, err := os.Open(marker); !os.IsNotExist(err) {
			t.Fatalf("open the marker: %v", err)
		}
		s.Next("the marker of "+name(generation), func(a *alert) bool {
			if strings.Contains(a.Output, word) {
				early = a
			}
			return a.Rule == name(generation)+" marker"
		})
		return early
	}
	about := func(n int) *alert {
		t.Helper()
		return s.Next("the alert", func(a *alert) bool { return strings.Contains(a.Output, fmt.Sprint(word, n)) })
	}
	create := func(n int) *testutil.Container {
		t.Helper()
		spec := l.firstSpec(fmt.Sprint(word, n))
		// By the form of this path the sensor knows a container before the runtime tells of it.
		spec.CgroupsPath = l.Cgroup + "/kubepods/pod11111111-2222-3333-4444-555555555555/" + spec.ID
		return l.Create(t, spec)
	}
	const tries = 5
	for n := range tries {
		v.set(true)
		c := create(n)
		c.Start(t)
		early := upToMarker(n)
		rewrite(t, rules, waitingRule(name(n+1), word, marker))
		if err := s.Cmd.Process.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
		waitLogs(t, s, "\treloaded\t", n+1)
		if late := upToMarker(n + 1); early == nil {
			early = late
		}
		v.set(false)
		if early != nil {
			t.Logf("the event waited no longer: %s", early.Output)
			c.Remove(t)
			continue
		}
		a := about(n)
		if want := "name=c-" + word; a.Rule != name(n) || !strings.Contains(a.Output, want) {
			t.Errorf("an event that came before the reload has the alert %s: %s; want the rule %s and %s", a.Rule, a.Output, name(n), want)
		}
		c.Remove(t)
		c = create(tries)
		c.Start(t)
		if a = about(tries); a.Rule != name(n+1) {
			t.Errorf("an event that came after the reload has the alert %s: %s", a.Rule, a.Output)
		}
		c.Remove(t)
		s.Stop()
		return
	}
	t.Errorf("in %d tries no event waited until the rules were loaded", tries)
}
