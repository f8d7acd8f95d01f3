package sensor

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/saker-sensor/saker/internal/alias"
	"github.com/saker-sensor/saker/internal/config"
	"github.com/saker-sensor/saker/internal/engine"
	"github.com/saker-sensor/saker/internal/enrich"
	"github.com/saker-sensor/saker/internal/enrich/cgroup"
	"github.com/saker-sensor/saker/internal/event"
	"github.com/saker-sensor/saker/internal/hosts"
)

// loadRule makes a generation of one rule about openat.
func loadRule(t *testing.T, name string) *generation {
	t.Helper()
	file := filepath.Join(t.TempDir(), "rules.yaml")
	text := "- rule: " + name + "\n  desc: d\n  condition: evt.type = openat\n  output: o\n  priority: INFO\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg := config.Default()
	cfg.RulesFiles = []string{file}
	g, err := (&sensor{Settings: Settings{Config: cfg, Log: zap.NewNop()}}).loadGeneration(&cfg, nil)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// TestWaitingAcrossReload: an event that waits for its container while the rules are reloaded is judged by the rules of its
// generation, and an event of the new programs that waits beside it by the new ones.
func TestWaitingAcrossReload(t *testing.T) {
	e, err := enrich.New(enrich.Settings{
		HostRoot: t.TempDir(), Hierarchy: cgroup.Hierarchy{Mount: t.TempDir(), V2: true}, Wait: time.Minute,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	names, err := alias.New(alias.Settings{})
	if err != nil {
		t.Fatal(err)
	}
	before, after := loadRule(t, "before"), loadRule(t, "after")
	var fired []string
	l := &loop{enrich: e, names: names, hosts: hosts.New(hosts.Settings{}), generations: generations{living: []*generation{before}}}
	l.emit = func(_ *rendering, r *engine.Rule, _ *event.Event) bool {
		fired = append(fired, r.Name)
		return true
	}
	l.prepare()

	// The cgroup does not exist, so that its path, and with it the container, is waited for. The loop has one event.
	ev := event.Event{Type: event.TypeOpenat, CgroupID: 1 << 60, Tgid: 1, Process: &event.Process{}}
	l.walk(&ev)
	l.add(after, 1)
	l.switched, l.drained = true, true
	l.retire()
	ev.Generation = 1
	l.walk(&ev)
	if fired != nil || before.waiting != 1 || after.waiting != 1 || len(l.living) != 2 {
		t.Fatalf("fired %v, waiting %d and %d, %d generations", fired, before.waiting, after.waiting, len(l.living))
	}
	if n := l.release(time.Now()); n != 2 {
		t.Fatalf("%d wait, want 2", n)
	}
	if n := l.release(time.Now().Add(time.Hour)); n != 0 {
		t.Errorf("%d still wait", n)
	}
	if !slices.Equal(fired, []string{"before", "after"}) {
		t.Errorf("fired %v", fired)
	}
	if l.retire(); len(l.living) != 1 || l.latest() != after {
		t.Errorf("%d generations are kept", len(l.living))
	}
}
