package sensor

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/saker-sensor/saker/internal/engine"
	"github.com/saker-sensor/saker/internal/event"
	"github.com/saker-sensor/saker/internal/output"
	"github.com/saker-sensor/saker/internal/output/render"
)

// alerts renders what matched, on the loop's goroutine, and hands the bytes to the outputs.
type alerts struct {
	// latest is that of the latest generation.
	latest  *rendering
	outputs *outputs
	// dedup holds matches back; its windows outlive a reload.
	dedup *output.Dedup
	// now is the time of an alert about an event.
	now func(*event.Event) time.Time
	// redacted counts the secrets that alerts did not show.
	redacted *atomic.Uint64
	// line and json are reused; the queue copies them.
	line, json []byte

	// mu is for what follows, and for outputs where another goroutine than the loop's reads them, or the loop changes them.
	mu sync.Mutex
	// past are the counts of outputs that a reload replaced, lost what each of them had not delivered when it was closed.
	past output.SinkTotals
	lost map[string]uint64
}

// openAlerts compiles each rule's output and opens the sinks.
func openAlerts(settings *Settings, rules *engine.Ruleset) (*alerts, error) {
	cfg, a := &settings.Config, &alerts{now: wallTime, redacted: &atomic.Uint64{}, lost: map[string]uint64{}}
	var err error
	if a.latest, err = newRendering(cfg, rules, a.redacted); err != nil {
		return nil, err
	}
	if a.outputs, err = openOutputs(cfg, settings, nil); err != nil {
		return nil, err
	}
	a.dedup = output.NewDedup(output.DedupSettings{Emit: func(h output.Held) { a.outputs.queue.Put(h.Text, h.JSON, h.Priority, h.Rule) }})
	return a, nil
}

// wallTime is now, of a live event.
func wallTime(*event.Event) time.Time { return time.Now() }

// exchange goes on with the outputs of other rules, and with other sinks if there are some; it returns the sinks that are
// left. What was held back is sent in the form that it has.
func (a *alerts) exchange(next *rendering, sinks *outputs) (retired *outputs) {
	a.dedup.Flush()
	a.latest = next
	if sinks != nil {
		a.mu.Lock()
		defer a.mu.Unlock()
		retired, a.outputs = a.outputs, sinks
	}
	return retired
}

// retire writes what waits for outputs that were replaced, and keeps their counts.
func (a *alerts) retire(o *outputs) error {
	err := o.drain(sinkDeadline, a.outputs)
	a.mu.Lock()
	defer a.mu.Unlock()
	counters := o.queue.Counters()
	a.past.Add(&counters.SinkTotals)
	for i := range counters.Sinks {
		a.lost[counters.Sinks[i].Name] += counters.Sinks[i].Lost
	}
	return err
}

// counters are those of the outputs; the sums, and each sink's Lost, count replaced ones too.
func (a *alerts) counters() output.QueueCounters {
	a.mu.Lock()
	defer a.mu.Unlock()
	c := a.outputs.queue.Counters()
	c.Add(&a.past)
	for i := range c.Sinks {
		c.Sinks[i].Lost += a.lost[c.Sinks[i].Name]
	}
	return c
}

// emit renders one match, and sends it unless its deduplication window holds it back. It returns false if an output had no room.
func (a *alerts) emit(with *rendering, r *engine.Rule, ev *event.Event) bool {
	f := with.byRule[r]
	if f.window > 0 && a.dedup.Hold(dedupKey(r, ev), r.Priority.String(), f.window, a.now(ev),
		func(text, json []byte, count uint64) ([]byte, []byte) {
			return f.append(text, json, ev, count)
		}) {
		return true
	}
	a.line, a.json = f.append(a.line[:0], a.json[:0], ev, 0)
	return a.outputs.queue.Put(a.line, a.json, r.Priority.String(), r.Name)
}

// texts are reused memory for an alert.
type texts struct{ line, json []byte }

// send is emit for another goroutine than the loop's, which has memory of its own.
func (a *alerts) send(with *rendering, r *engine.Rule, ev *event.Event, t *texts) {
	f := with.byRule[r]
	t.line, t.json = f.append(t.line[:0], t.json[:0], ev, 0)
	a.mu.Lock() // a reload does not close the outputs meanwhile
	defer a.mu.Unlock()
	a.outputs.queue.Put(t.line, t.json, r.Priority.String(), r.Name)
}

func dedupKey(r *engine.Rule, ev *event.Event) output.DedupKey {
	return output.DedupKey{Rule: r.Name, ContainerID: ev.ContainerID, ExePath: ev.Process.ExePath, File: ev.File.NameOf(ev.Matched)}
}

// internal renders an alert of the sensor about itself.
func (a *alerts) internal(i render.Internal) {
	a.line, a.json = i.Append(a.line[:0], a.latest.options), a.json[:0]
	if a.latest.whole {
		a.json = i.Append(a.json, wholeOptions(a.latest.options))
	}
	a.outputs.queue.Put(a.line, a.json, i.Priority, i.Rule)
}
