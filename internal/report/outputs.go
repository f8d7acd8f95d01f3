package report

import (
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/saker-sensor/saker/internal/engine/rulefile"
	"github.com/saker-sensor/saker/internal/output"
)

// outages are the states of the outputs, by their names.
type outages struct {
	sinks map[string]*outage
	// timeout is output_timeout; 0 for none.
	timeout time.Duration
}

// outage is what was reported of an output.
type outage struct {
	// seen are its counts in the last snapshot.
	seen output.SinkTotals
	// failing: the log said that the output does not deliver, unkept that its spool does not keep. droppedAt is when it last
	// said that alerts were dropped.
	failing, unkept bool
	// damaged is the number of damaged records that were logged.
	damaged   uint64
	droppedAt time.Time
	// idle is since when nothing has moved although alerts are to be written, slow that this was logged.
	idle time.Time
	slow bool
}

// check tells of each change of an output, once: that it does not deliver, that it does again, that its queue is full.
func (o *outages) check(now *Snapshot) (notices []Notice) {
	for i := range now.Queue.Sinks {
		sink := &now.Queue.Sinks[i]
		was := o.sinks[sink.Name]
		if was == nil {
			was = &outage{}
			o.sinks[sink.Name] = was
		}
		notices = append(notices, was.checkDelivery(sink, now.Wall)...)
		notices = append(notices, was.checkSlow(sink, now.Wall, o.timeout)...)
		notices = append(notices, was.checkSpool(sink)...)
		was.seen = sink.SinkTotals
	}
	return notices
}

func (o *outage) checkDelivery(sink *output.SinkCounters, now time.Time) (notices []Notice) {
	failed := sink.Errors > o.seen.Errors || sink.Retries > o.seen.Retries
	switch {
	case failed && !o.failing:
		o.failing = true
		notices = append(notices, warn("an output does not deliver", zap.String("output", sink.Name), zap.Error(sink.LastError)))
	case !failed && o.failing && sink.Written > o.seen.Written:
		o.failing = false
		notices = append(notices, info("an output delivers again", zap.String("output", sink.Name)))
	}
	if sink.Dropped > o.seen.Dropped && now.Sub(o.droppedAt) >= dropAlertInterval {
		o.droppedAt = now
		notices = append(notices, queueFull(sink, now))
	}
	return notices
}

// queueFull tells the other outputs of one whose queue is full.
func queueFull(sink *output.SinkCounters, now time.Time) Notice {
	fields := map[string]any{
		"output": sink.Name, "n_dropped": sink.Dropped, "n_written": sink.Written, "n_waiting": sink.Waiting,
	}
	if sink.LastError != nil {
		fields["last_error"] = sink.LastError.Error()
	}
	n := warn("alerts dropped: an output's queue is full", zap.String("output", sink.Name), zap.Uint64("dropped", sink.Dropped))
	return n.with(now, "Saker internal: output queue full", rulefile.Warning,
		fmt.Sprintf("Output %s takes alerts too slowly: %d dropped since the start", sink.Name, sink.Dropped), fields)
}

// checkSlow tells, once, of an output that has had an alert for longer than output_timeout; and when it takes alerts again. One
// that fails is reported for that already.
func (o *outage) checkSlow(sink *output.SinkCounters, now time.Time, limit time.Duration) (notices []Notice) {
	t := &sink.SinkTotals
	ahead := t.Queued + t.Restored - t.Written - t.Errors - t.Lost - t.Kept
	moved := t.Written != o.seen.Written || t.Errors != o.seen.Errors || t.Retries != o.seen.Retries
	switch {
	case ahead == 0 || moved || o.failing || o.idle.IsZero():
		if o.slow {
			notices = append(notices, info("an output takes alerts again", zap.String("output", sink.Name)))
		}
		o.idle, o.slow = now, false
	case limit > 0 && !o.slow && now.Sub(o.idle) >= limit:
		o.slow = true
		notices = append(notices, warn("an output takes an alert for longer than output_timeout; the others go on",
			zap.String("output", sink.Name), zap.Duration("for", now.Sub(o.idle)), zap.Uint64("alerts", ahead)))
	}
	return notices
}

// checkSpool tells of each change of an output's spool, once.
func (o *outage) checkSpool(sink *output.SinkCounters) (notices []Notice) {
	if sink.Spool == nil {
		return nil
	}
	name, trouble := zap.String("output", sink.Name), sink.Spool.Err
	switch {
	case trouble != nil && !o.unkept:
		o.unkept = true
		notices = append(notices, warn("an output's alerts are not kept on disk; they wait in memory", name, zap.Error(trouble)))
	case trouble == nil && o.unkept:
		o.unkept = false
		notices = append(notices, info("an output's alerts are kept on disk again", name))
	}
	if o.seen == (output.SinkTotals{}) && sink.Restored > 0 {
		notices = append(notices, info("an output has alerts of an earlier run to deliver", name, zap.Uint64("alerts", sink.Restored)))
	}
	if sink.Spool.Damaged > o.damaged {
		o.damaged = sink.Spool.Damaged
		notices = append(notices, warn("records of an output's spool are damaged; they are passed over", name, zap.Uint64("damaged", o.damaged)))
	}
	return notices
}
