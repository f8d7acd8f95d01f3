package sensor

import (
	"fmt"
	"io"
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
	byRule, latest map[*engine.Rule]*output.Alert
	outputs        *outputs
	// line is reused; the queue copies it.
	line []byte

	mu sync.Mutex
	// past are the counts of outputs that a reload replaced.
	past output.SinkTotals
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

// compileAlerts compiles each rule's output.
func compileAlerts(cfg *config.Config, rules *engine.Ruleset) (map[*engine.Rule]*output.Alert, error) {
	byRule := make(map[*engine.Rule]*output.Alert, len(rules.Rules()))
	dict, options := dictionary(*cfg), alertOptions(cfg)
	for _, r := range rules.Rules() {
		alert, err := output.NewAlert(output.Rule{
			Name: r.Name, Output: r.Output, Priority: r.Priority.String(), Source: r.Source, Tags: r.Tags,
		}, dict, options)
		if err != nil {
			return nil, fmt.Errorf("compile the output of rule %q: %w", r.Name, err)
		}
		byRule[r] = alert
	}
	return byRule, nil
}

// openAlerts compiles each rule's output and opens the sinks.
func openAlerts(cfg *config.Config, rules *engine.Ruleset, stdout, stderr io.Writer) (*alerts, error) {
	byRule, err := compileAlerts(cfg, rules)
	if err != nil {
		return nil, err
	}
	outputs, err := openOutputs(cfg, stdout, stderr)
	if err != nil {
		return nil, err
	}
	return &alerts{options: alertOptions(cfg), byRule: byRule, latest: byRule, outputs: outputs}, nil
}

// exchange goes on with the outputs of other rules, and with other sinks if there are some; it returns the sinks that are
// left. Matches of the rules that ran until now are still rendered.
func (a *alerts) exchange(next *generation) (retired *outputs) {
	a.byRule = maps.Clone(a.latest)
	maps.Copy(a.byRule, next.alerts)
	a.latest, a.options = next.alerts, alertOptions(&next.config)
	if next.outputs != nil {
		retired, a.outputs = a.outputs, next.outputs
	}
	return retired
}

// retire writes what waits for outputs that were replaced, and keeps their counts.
func (a *alerts) retire(o *outputs) error {
	err := o.drain(sinkDeadline)
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
	a.line = a.byRule[r].Append(a.line[:0], ev)
	a.outputs.queue.Put(a.line, r.Priority.String(), r.Name)
}

// internal renders an alert of the sensor about itself.
func (a *alerts) internal(i output.Internal) {
	a.line = i.Append(a.line[:0], a.options)
	a.outputs.queue.Put(a.line, i.Priority, i.Rule)
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
