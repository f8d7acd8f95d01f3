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
	"github.com/saker-sensor/saker/internal/probe"
)

// alerts renders what matched, on the loop's goroutine, and hands the bytes to the queue.
type alerts struct {
	options output.Options
	byRule  map[*engine.Rule]*output.Alert
	queue   *output.Queue
	// line is reused; the queue copies it.
	line []byte
}

// openAlerts compiles each rule's output and opens the sinks.
func openAlerts(cfg config.Config, rules *engine.Ruleset, stdout io.Writer) (*alerts, error) {
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
	dict := dictionary()
	for _, r := range rules.Rules() {
		alert, err := output.NewAlert(output.Rule{
			Name: r.Name, Output: r.Output, Priority: r.Priority.String(), Source: r.Source, Tags: r.Tags,
		}, dict, a.options)
		if err != nil {
			return nil, fmt.Errorf("compile the output of rule %q: %w", r.Name, err)
		}
		a.byRule[r] = alert
	}
	var sinks []output.Named
	if cfg.Stdout.Enabled {
		sinks = append(sinks, output.Named{Name: "stdout", Sink: output.NewWriter(stdout, cfg.BufferedOutputs)})
	}
	a.queue = output.NewQueue(output.QueueSettings{Capacity: cfg.OutputsQueue.Capacity}, sinks...)
	return a, nil
}

// emit renders one match.
func (a *alerts) emit(r *engine.Rule, ev *event.Event) {
	a.line = a.byRule[r].Append(a.line[:0], ev)
	a.queue.Put(a.line, r.Priority.String(), r.Name)
}

// drop is Falco's internal alert about lost records, with the task that met the full ring last.
func (a *alerts) drop(events, lost uint64, k *probe.Counters) {
	kind := func(kinds ...event.Kind) string {
		var n uint64
		for _, kind := range kinds {
			n += k.LostByKind[kind]
		}
		return strconv.FormatUint(n, 10)
	}
	// The names are Falco's; what they count is lost since the start, by kind, but for n_evts and n_drops.
	internal := output.Internal{
		Rule:     "Falco internal: syscall event drop",
		Priority: engine.Debug.String(),
		Message:  fmt.Sprintf("Falco internal: syscall event drop. %d system calls dropped in last second.", lost),
		Time:     time.Now().UnixNano(),
		Fields: map[string]any{
			"ebpf_enabled":                   "1",
			"n_evts":                         strconv.FormatUint(events, 10),
			"n_drops":                        strconv.FormatUint(lost, 10),
			"n_drops_buffer_total":           strconv.FormatUint(k.Lost(), 10),
			"n_drops_buffer_clone_fork_exit": kind(event.KindFork),
			"n_drops_buffer_execve_exit":     kind(event.KindExec, event.KindExecFailed),
			"n_drops_buffer_open_exit":       kind(event.KindOpen),
			"n_drops_buffer_proc_exit":       kind(event.KindExit),
			"n_drops_critical":               strconv.FormatUint(k.CriticalLost, 10),
			"last_comm":                      k.LastLost.Comm,
			"last_pid":                       strconv.Itoa(int(k.LastLost.Tgid)),
			"last_cgroup_id":                 strconv.FormatUint(k.LastLost.CgroupID, 10),
		},
	}
	a.line = internal.Append(a.line[:0], a.options)
	a.queue.Put(a.line, internal.Priority, internal.Rule)
}

// close writes what waits and closes the sinks, by the deadline.
func (a *alerts) close(deadline time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	return a.queue.Close(ctx)
}

func (a *alerts) counts() AlertCounts {
	c := a.queue.Counters()
	out := AlertCounts{Queued: c.Queued, Dropped: c.Dropped + c.Lost}
	for _, s := range c.Sinks {
		out.Written += s.Written
		out.Errors += s.Errors
	}
	return out
}
