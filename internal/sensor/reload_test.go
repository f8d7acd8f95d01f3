package sensor

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/saker-sensor/saker/internal/config"
)

// rulesOnly reloads rules as the sensor does, without kernel programs and outputs.
type rulesOnly struct{ *sensor }

func (s rulesOnly) prepare(_ *generation, cfg *config.Config, files []string) (*renewal, error) {
	g, err := s.loadGeneration(cfg, files)
	return &renewal{generation: g}, err
}

func (rulesOnly) exchange(context.Context, *renewal) error { return nil }
func (rulesOnly) refused()                                 {}

// TestReloadWithFewerRules: a file that is empty for a moment takes its rules away, and the log names some of them.
func TestReloadWithFewerRules(t *testing.T) {
	file := filepath.Join(t.TempDir(), "rules.yaml")
	write := func(names ...string) {
		t.Helper()
		var text strings.Builder
		for _, name := range names {
			fmt.Fprintf(&text, "- rule: %s\n  desc: d\n  condition: evt.type = openat\n  output: o\n  priority: INFO\n", name)
		}
		if err := os.WriteFile(file, []byte(text.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cfg := config.Default()
	cfg.RulesFiles = []string{file}
	core, logs := observer.New(zapcore.WarnLevel)
	s := &sensor{Settings: Settings{Config: cfg, Log: zap.New(core)}}
	write("A", "B", "C", "D", "E", "F", "G")
	first, err := s.loadGeneration(&cfg, nil)
	if err != nil {
		t.Fatal(err)
	}
	r := &reloader{log: s.Log, sensor: rulesOnly{s}, current: first}
	for _, step := range []struct {
		rules []string
		want  string
	}{
		{[]string{"A", "B", "C", "D", "E", "F", "G", "H"}, ""},
		{[]string{"A", "B", "C", "D", "E", "F", "H"}, "1: G"},
		{nil, "7: A, B, C, D, E and 2 more"},
		{[]string{"A"}, ""},
	} {
		write(step.rules...)
		logs.TakeAll()
		r.reload(t.Context())
		got := ""
		for _, entry := range logs.FilterMessageSnippet("gone or disabled").All() {
			got = fmt.Sprintf("%v: %v", entry.ContextMap()["gone"], entry.ContextMap()["names"])
		}
		if got != step.want {
			t.Errorf("rules %v: the log says %q, want %q; all: %v", step.rules, got, step.want, logs.All())
		}
	}
}
