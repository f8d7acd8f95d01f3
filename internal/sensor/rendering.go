package sensor

import (
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/saker-sensor/saker/internal/config"
	"github.com/saker-sensor/saker/internal/engine"
	"github.com/saker-sensor/saker/internal/engine/rulefile"
	"github.com/saker-sensor/saker/internal/event"
	"github.com/saker-sensor/saker/internal/output/render"
	"github.com/saker-sensor/saker/internal/setup"
)

// rendering is how the matches of a set of rules become alerts. It is not changed.
type rendering struct {
	options render.Options
	// whole: some output wants alerts as JSON with every part.
	whole  bool
	byRule map[*engine.Rule]format
}

// format is what a rule's alerts look like.
type format struct {
	// line is what most outputs get; whole is JSON with every part, nil if none wants that.
	line, whole *render.Alert
	// window is how long others of the same kind are held back after an alert; 0 holds none.
	window time.Duration
}

// append renders an alert for the outputs that want text, and for those that want JSON with every part.
func (f *format) append(text, json []byte, ev *event.Event, count uint64) ([]byte, []byte) {
	text = f.line.AppendCounted(text, ev, count)
	if f.whole != nil {
		json = f.whole.AppendCounted(json, ev, count)
	}
	return text, json
}

// newRendering compiles each rule's output. Secrets that its alerts do not show are counted.
func newRendering(cfg *config.Config, rules *engine.Ruleset, redacted *atomic.Uint64) (*rendering, error) {
	options, err := setup.AlertOptions(cfg, redacted)
	if err != nil {
		return nil, err
	}
	r := &rendering{options: options, whole: cfg.GRPC.Enabled && cfg.GRPCOutput.Enabled || cfg.OTLP.Enabled,
		byRule: make(map[*engine.Rule]format, len(rules.All()))}
	dicts := setup.Dictionaries(cfg)
	for _, rule := range rules.All() {
		dict := dicts[rule.Source]
		shown := render.Rule{Name: rule.Name, Output: rule.Output, Priority: rule.Priority.String(), Source: rule.Source, Tags: rule.Tags}
		f := format{window: dedupWindow(&cfg.Deduplication, rule)}
		if f.line, err = render.NewAlert(shown, dict, options); err == nil && r.whole {
			f.whole, err = render.NewAlert(shown, dict, wholeOptions(options))
		}
		var appended *render.AppendError
		if errors.As(err, &appended) {
			return nil, fmt.Errorf("compile append_output: %w", err)
		}
		if err != nil {
			return nil, fmt.Errorf("compile the output of rule %q: %w", rule.Name, err)
		}
		r.byRule[rule] = f
	}
	return r, nil
}

// wholeOptions are those of JSON with every part.
func wholeOptions(o render.Options) render.Options {
	o.JSON, o.IncludeMessage, o.IncludeOutput, o.IncludeOutputFields, o.IncludeTags = true, false, true, true, true
	return o
}

// dedupWindow is a rule's window: that of the last entry that fits it, or the common one. What is critical or worse has none, nor has what
// is about no process: nothing tells which alerts of it are alike.
func dedupWindow(cfg *config.Deduplication, rule *engine.Rule) time.Duration {
	if rule.Priority <= rulefile.Critical || rule.Source != rulefile.SyscallSource {
		return 0
	}
	window := cfg.Window
	for _, w := range cfg.Rules {
		if s := (engine.Selector{Rule: w.Rule, Tag: w.Tag}); s.Fits(rule) {
			window = w.Window
		}
	}
	return window
}
