package sensor

import (
	"fmt"
	"maps"
	"strconv"
	"sync"
	"time"

	"github.com/saker-sensor/saker/internal/config"
	"github.com/saker-sensor/saker/internal/engine"
	"github.com/saker-sensor/saker/internal/event"
	"github.com/saker-sensor/saker/internal/output"
)

// alerts renders what matched, on the loop's goroutine, and hands the bytes to the outputs.
type alerts struct {
	options output.Options
	// byRule has the rules that run, and after a reload those before them, too; latest only the former.
	byRule, latest map[*engine.Rule]forms
	// whole: some output wants alerts as JSON with every part.
	whole   bool
	outputs *outputs
	// line and json are reused; the queue copies them.
	line, json []byte

	mu sync.Mutex
	// past are the counts of outputs that a reload replaced.
	past output.SinkTotals
}

// forms are those of a rule's alerts.
type forms struct {
	// line is what most outputs get; whole is JSON with every part, nil if none wants that.
	line, whole *output.Alert
}

func alertOptions(cfg *config.Config) output.Options {
	return output.Options{
		JSON:                cfg.JSONOutput,
		IncludeMessage:      cfg.JSONIncludeMessage,
		IncludeOutput:       cfg.JSONIncludeOutput,
		IncludeOutputFields: cfg.JSONIncludeOutputFields,
		IncludeTags:         cfg.JSONIncludeTags,
		TimeISO8601:         cfg.TimeISO8601,
		BufferBase64:        cfg.BufferBase64,
		SuggestedOutput:     cfg.SuggestedOutput(),
		Append:              appends(cfg.AppendOutput),
		Hostname:            config.Hostname(),
	}
}

// wholeOptions are those of JSON with every part.
func wholeOptions(o output.Options) output.Options {
	o.JSON, o.IncludeMessage, o.IncludeOutput, o.IncludeOutputFields, o.IncludeTags = true, false, true, true, true
	return o
}

// wantsWhole tells whether some output wants that.
func wantsWhole(cfg *config.Config) bool { return cfg.GRPC.Enabled && cfg.GRPCOutput.Enabled }

// compileAlerts compiles each rule's output.
func compileAlerts(cfg *config.Config, rules *engine.Ruleset) (map[*engine.Rule]forms, error) {
	byRule := make(map[*engine.Rule]forms, len(rules.Rules()))
	dict, options := dictionary(*cfg), alertOptions(cfg)
	for _, r := range rules.Rules() {
		rule := output.Rule{Name: r.Name, Output: r.Output, Priority: r.Priority.String(), Source: r.Source, Tags: r.Tags}
		var f forms
		var err error
		if f.line, err = output.NewAlert(rule, dict, options); err == nil && wantsWhole(cfg) {
			f.whole, err = output.NewAlert(rule, dict, wholeOptions(options))
		}
		if err != nil {
			return nil, fmt.Errorf("compile the output of rule %q: %w", r.Name, err)
		}
		byRule[r] = f
	}
	return byRule, nil
}

// openAlerts compiles each rule's output and opens the sinks.
func openAlerts(settings *Settings, rules *engine.Ruleset) (*alerts, error) {
	cfg := &settings.Config
	byRule, err := compileAlerts(cfg, rules)
	if err != nil {
		return nil, err
	}
	outputs, err := openOutputs(cfg, settings, nil)
	if err != nil {
		return nil, err
	}
	return &alerts{options: alertOptions(cfg), byRule: byRule, latest: byRule, whole: wantsWhole(cfg), outputs: outputs}, nil
}

// exchange goes on with the outputs of other rules, and with other sinks if there are some; it returns the sinks that are
// left. Matches of the rules that ran until now are still rendered.
func (a *alerts) exchange(next *generation) (retired *outputs) {
	a.byRule = maps.Clone(a.latest)
	maps.Copy(a.byRule, next.alerts)
	a.latest, a.options, a.whole = next.alerts, alertOptions(&next.config), wantsWhole(&next.config)
	if next.outputs != nil {
		retired, a.outputs = a.outputs, next.outputs
	}
	return retired
}

// retire writes what waits for outputs that were replaced, and keeps their counts.
func (a *alerts) retire(o *outputs) error {
	err := o.drain(sinkDeadline, a.outputs)
	a.mu.Lock()
	defer a.mu.Unlock()
	totals := o.queue.Counters().SinkTotals
	a.past.Add(&totals)
	return err
}

// counters are those of the outputs; the sums count replaced ones too.
func (a *alerts) counters() output.QueueCounters {
	a.mu.Lock()
	defer a.mu.Unlock()
	c := a.outputs.queue.Counters()
	c.Add(&a.past)
	return c
}

// emit renders one match.
func (a *alerts) emit(r *engine.Rule, ev *event.Event) {
	f := a.byRule[r]
	a.line, a.json = f.line.Append(a.line[:0], ev), a.json[:0]
	if f.whole != nil {
		a.json = f.whole.Append(a.json, ev)
	}
	a.outputs.queue.Put(a.line, a.json, r.Priority.String(), r.Name)
}

// internal renders an alert of the sensor about itself.
func (a *alerts) internal(i output.Internal) {
	a.line, a.json = i.Append(a.line[:0], a.options), a.json[:0]
	if a.whole {
		a.json = i.Append(a.json, wholeOptions(a.options))
	}
	a.outputs.queue.Put(a.line, a.json, i.Priority, i.Rule)
}

// outputDrop tells the other sinks of one whose queue is full.
func (a *alerts) outputDrop(c output.SinkCounters) {
	fields := map[string]any{
		"output": c.Name, "n_dropped": strconv.FormatUint(c.Dropped, 10), "n_written": strconv.FormatUint(c.Written, 10),
		"n_waiting": strconv.Itoa(c.Waiting),
	}
	if c.LastError != nil {
		fields["last_error"] = c.LastError.Error()
	}
	a.internal(output.Internal{
		Rule: "Saker internal: output queue full", Priority: engine.Warning.String(), Time: time.Now().UnixNano(), Fields: fields,
		Message: fmt.Sprintf("Saker internal: output queue full. Output %s takes alerts too slowly: %d dropped since the start.", c.Name, c.Dropped),
	})
}
