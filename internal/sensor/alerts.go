package sensor

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/saker-sensor/saker/internal/config"
	"github.com/saker-sensor/saker/internal/engine"
	"github.com/saker-sensor/saker/internal/event"
	"github.com/saker-sensor/saker/internal/output"
)

// alerts renders what matched, on the loop's goroutine, and hands the bytes to the queue.
type alerts struct {
	options output.Options
	byRule  map[*engine.Rule]*output.Alert
	sinks   *sinks
	queue   *output.Queue
	// line is reused; the queue copies it.
	line []byte
}

// openAlerts compiles each rule's output and opens the sinks.
func openAlerts(cfg config.Config, rules *engine.Ruleset, stdout, stderr io.Writer) (*alerts, error) {
	a := &alerts{
		options: output.Options{
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
		},
		byRule: make(map[*engine.Rule]*output.Alert, len(rules.Rules())),
	}
	dict := dictionary(cfg)
	for _, r := range rules.Rules() {
		alert, err := output.NewAlert(output.Rule{
			Name: r.Name, Output: r.Output, Priority: r.Priority.String(), Source: r.Source, Tags: r.Tags,
		}, dict, a.options)
		if err != nil {
			return nil, fmt.Errorf("compile the output of rule %q: %w", r.Name, err)
		}
		a.byRule[r] = alert
	}
	var err error
	if a.sinks, err = openSinks(&cfg, stdout, stderr); err != nil {
		return nil, err
	}
	a.queue = output.NewQueue(output.QueueSettings{Capacity: cfg.OutputsQueue.Capacity}, a.sinks.named...)
	return a, nil
}

// emit renders one match.
func (a *alerts) emit(r *engine.Rule, ev *event.Event) {
	a.line = a.byRule[r].Append(a.line[:0], ev)
	a.queue.Put(a.line, r.Priority.String(), r.Name)
}

// internal renders an alert of the sensor about itself.
func (a *alerts) internal(i output.Internal) {
	a.line = i.Append(a.line[:0], a.options)
	a.queue.Put(a.line, i.Priority, i.Rule)
}

// close writes what waits and closes the sinks, by the deadline.
func (a *alerts) close(deadline time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	return a.queue.Close(ctx)
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
