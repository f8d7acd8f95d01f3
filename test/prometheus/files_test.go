package prometheus

import (
	"encoding/json"
	"os/exec"
	"strings"
	"testing"
)

// TestRules: promtool reads the rules, and its unit tests say when each alert fires.
func TestRules(t *testing.T) {
	for _, args := range [][]string{{"check", "rules", "--lint-fatal", rulesFile(t)}, {"test", "rules", "testdata/rules.test.yaml"}} {
		if out, err := exec.Command(tool(t, "promtool"), args...).CombinedOutput(); err != nil {
			t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
	tests, rules := read(t, "test", "prometheus", "testdata", "rules.test.yaml"), read(t, "deploy", "prometheus", "saker.rules.yaml")
	for line := range strings.Lines(rules) {
		if _, name, ok := strings.Cut(strings.TrimSpace(line), "- alert: "); ok && !strings.Contains(tests, name) {
			t.Errorf("no unit test is about %s", name)
		}
	}
}

// TestNames: rules and dashboard ask for metrics that there are.
func TestNames(t *testing.T) {
	known := metricNames(read(t, "docs", "metrics.md"))
	for _, file := range []string{"prometheus/saker.rules.yaml", "grafana/saker.json"} {
		names := metricNames(read(t, "deploy", file))
		if len(names) < 10 {
			t.Errorf("%s names %d metrics", file, len(names))
		}
		for name := range names {
			if !known[name] {
				t.Errorf("%s names %s, which docs/metrics.md has not", file, name)
			}
		}
	}
}

// dashboard is what the tests read of it.
type dashboard struct {
	UID, Title string
	Templating struct {
		List []struct{ Name, Type, Definition string }
	}
	Panels []struct {
		ID          int
		Type, Title string
		GridPos     struct{ H, W, X, Y int }
		Targets     []struct{ Expr string }
	}
}

func readDashboard(t *testing.T) *dashboard {
	t.Helper()
	var d dashboard
	if err := json.Unmarshal([]byte(read(t, "deploy", "grafana", "saker.json")), &d); err != nil {
		t.Fatal(err)
	}
	return &d
}

// TestDashboard: panels have names of their own, and places in which they do not lie on each other.
func TestDashboard(t *testing.T) {
	const columns = 24
	d := readDashboard(t)
	type place struct{ x, y int }
	ids, taken, queries := map[int]bool{}, map[place]string{}, 0
	for _, p := range d.Panels {
		if ids[p.ID] || p.Title == "" {
			t.Errorf("panel %d %q: its id is taken, or it has no title", p.ID, p.Title)
		}
		ids[p.ID] = true
		if p.Type != "row" && len(p.Targets) == 0 {
			t.Errorf("%q shows nothing", p.Title)
		}
		queries += len(p.Targets)
		if p.GridPos.X+p.GridPos.W > columns {
			t.Errorf("%q is too wide", p.Title)
		}
		for x := range p.GridPos.W {
			for y := range p.GridPos.H {
				at := place{p.GridPos.X + x, p.GridPos.Y + y}
				if other := taken[at]; other != "" {
					t.Fatalf("%q lies on %q", p.Title, other)
				}
				taken[at] = p.Title
			}
		}
	}
	if queries < 20 {
		t.Errorf("%d queries", queries)
	}
}
