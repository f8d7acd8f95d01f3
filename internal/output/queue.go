package output

import (
	"bytes"
	"context"
	"errors"
	"time"
)

// ErrAgain marks a sink's error that may pass.
var ErrAgain = errors.New("not delivered")

// Message is a rendered alert on its way to the sinks.
type Message struct {
	// Text is one line without its newline. Sinks must neither change nor keep it.
	Text []byte
	// Priority is the word that alerts show.
	Priority string
	// Rule is the name of the rule that made it.
	Rule string
}

// Sink is a place that alerts go to. The queue calls it from one goroutine; any call may block, which delays no other
// sink.
type Sink interface {
	// Write takes a message; it may keep it back until Flush. After an error that wraps [ErrAgain] the queue tries the
	// same message again, later.
	Write(m Message) error
	// Flush sends what Write has kept back. If it fails, all of that is lost.
	Flush() error
	// Close flushes, then releases what the sink holds. Nothing is called after it.
	Close() error
}

// Named is a sink with the name that its counters have.
type Named struct {
	Name string
	Sink Sink
	// JSON: the sink's messages are JSON with every part of the alert, whatever the other sinks get.
	JSON bool
}

// QueueSettings bound a queue. What is zero takes the default.
type QueueSettings struct {
	// Capacity is the largest number of alerts that wait for one sink, MaxBytes the largest sum of their lengths. No rule
	// may take more than it leaves free; see [Queue.Put].
	Capacity, MaxBytes int
	// RetryFirst and RetryMost are the pauses before the first and, doubled each time, the later tries of an alert that a
	// sink could not deliver.
	RetryFirst, RetryMost time.Duration
}

// Defaults of QueueSettings.
const (
	DefaultCapacity   = 16384
	DefaultMaxBytes   = 64 << 20
	DefaultRetryFirst = 100 * time.Millisecond
	DefaultRetryMost  = 10 * time.Second
)

func (s QueueSettings) withDefaults() QueueSettings {
	if s.Capacity <= 0 {
		s.Capacity = DefaultCapacity
	}
	if s.MaxBytes <= 0 {
		s.MaxBytes = DefaultMaxBytes
	}
	if s.RetryFirst <= 0 {
		s.RetryFirst = DefaultRetryFirst
	}
	if s.RetryMost <= 0 {
		s.RetryMost = DefaultRetryMost
	}
	return s
}

// QueueCounters tell where alerts went: the sums over the sinks, and each sink's own.
type QueueCounters struct {
	SinkTotals
	Sinks []SinkCounters
}

// SinkTotals count alerts. Each that was given to Put is in Queued or Dropped, once for every sink; each Queued one is in
// Written, Errors or Lost once Close has returned, and may wait or be on its way before.
type SinkTotals struct {
	// Queued alerts were taken; Dropped ones were not, because the queue was full or closed.
	Queued, Dropped uint64
	// Written alerts have left the sink. Errors counts those that were lost, or may have been: a failed Flush leaves
	// open what got through.
	Written, Errors uint64
	// Lost alerts were taken, but Close's deadline came first. What the sink was just writing is among them.
	Lost uint64
	// Retries counts the tries that failed and were followed by another.
	Retries uint64
	// Waiting alerts are in the queue.
	Waiting int
}

// Add sums up.
func (t *SinkTotals) Add(o *SinkTotals) {
	t.Queued, t.Dropped, t.Written, t.Errors = t.Queued+o.Queued, t.Dropped+o.Dropped, t.Written+o.Written, t.Errors+o.Errors
	t.Lost, t.Retries, t.Waiting = t.Lost+o.Lost, t.Retries+o.Retries, t.Waiting+o.Waiting
}

// SinkCounters are those of one sink.
type SinkCounters struct {
	Name string
	SinkTotals
	// LastError is the latest error, nil if there was none.
	LastError error
}

// Queue takes alerts to the sinks. Put never waits for a sink, and no sink waits for another: each has a lane of its own.
type Queue struct{ lanes []*lane }

// NewQueue starts a worker for each sink, which ends with Close. The queue closes the sinks then.
func NewQueue(s QueueSettings, sinks ...Named) *Queue {
	q := &Queue{}
	for _, sink := range sinks {
		q.lanes = append(q.lanes, newLane(s.withDefaults(), sink))
	}
	return q
}

// Put queues a copy of a rendered alert for every sink: of json for those that want it, which get nothing if it is nil, of
// text for the others. It reports false if one of them has no room for this rule: what waits already goes first. Then,
// and after Close, the alert is dropped for that sink, and counted.
//
// A rule may hold as much as it leaves free. So one that floods takes half of the queue, two take a third each, and
// there is always room for the alert of a rule that is quiet: the opens of a flood do not push out an exec.
func (q *Queue) Put(text, json []byte, priority, rule string) bool {
	text, json = bytes.Clone(text), bytes.Clone(json) // sinks only read them
	all := true
	for _, l := range q.lanes {
		m := Message{Text: text, Priority: priority, Rule: rule}
		if l.JSON {
			m.Text = json
		}
		if m.Text != nil {
			all = l.put(m) && all
		}
	}
	return all
}

// Counters returns a copy.
func (q *Queue) Counters() QueueCounters {
	var c QueueCounters
	for _, l := range q.lanes {
		sink := l.snapshot()
		c.Add(&sink.SinkTotals)
		c.Sinks = append(c.Sinks, sink)
	}
	return c
}

// Close takes no more alerts, writes what waits, and closes the sinks. When the context ends first, it gives up what is
// left and returns an error that wraps the context's; a sink that hangs is left alone then.
func (q *Queue) Close(ctx context.Context) error {
	for _, l := range q.lanes {
		l.shut()
	}
	var errs []error
	for _, l := range q.lanes {
		errs = append(errs, l.drain(ctx))
	}
	return errors.Join(errs...)
}
