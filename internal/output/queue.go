// Package output takes rendered alerts to the sinks.
//
// A [Queue] has a bounded queue and a worker goroutine for each [Sink], so that no sink waits for another and Put waits for none. A sink
// may have a spool, which keeps its alerts on disk until they are delivered. [Dedup] holds repeated matches back before the queue.
package output

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/saker-sensor/saker/internal/output/spool"
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
	// ID is the alert's own, the same for every sink and every try, also after a restart.
	ID string

	// number is that of its record in the lane's spool, 0 if it never was there.
	number uint64
}

// IsJSON tells an alert in JSON from one as text.
func (m Message) IsJSON() bool { return isJSON(m.Text) }

// Sink is a place that alerts go to. The queue calls it from one goroutine; any call may block, which delays no other
// sink.
type Sink interface {
	// Write takes a message; it may keep it back until Flush. After an error that wraps [ErrAgain] the queue tries the
	// same message again, later.
	Write(m Message) error
	// Flush sends what Write has kept back. If it fails, all of that is lost, unless the error wraps [ErrAgain]: then it is
	// still there for the next Flush.
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
	// Spool keeps the sink's alerts until they are delivered; nil keeps them in memory alone. The queue opens and closes it.
	Spool *spool.Spool
	// Batch is how many alerts the sink may keep back; 0 is none with a spool, and as many as wait without one.
	Batch int
	// Later sinks begin with [Queue.Start], as those with a spool do.
	Later bool
}

// QueueSettings bound a queue. What is zero takes the default.
type QueueSettings struct {
	// Capacity is the largest number of alerts that wait for one sink, MaxBytes the largest sum of their lengths. No rule
	// may take more than it leaves free; see [Queue.Put].
	Capacity, MaxBytes int
	// RetryFirst and RetryMost are the pauses before the first and, doubled each time, the later tries of an alert that a
	// sink could not deliver.
	RetryFirst, RetryMost time.Duration
	// IncludeID puts the alert's id into its JSON.
	IncludeID bool
	// Wait has [Queue.Put] wait for room instead of dropping an alert, until [Queue.Hurry]. It is for events that can wait: recorded
	// ones.
	Wait bool
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

// SinkTotals count alerts. Each that was given to Put is in Queued or Dropped, once for every sink; each Queued or Restored one
// is in Written, Errors, Lost or Kept once Close has returned, and may wait or be on its way before.
type SinkTotals struct {
	// Queued alerts were taken; Dropped ones were not, because the queue was full.
	Queued, Dropped uint64
	// Written alerts have left the sink. Errors counts those that were lost, or may have been: a failed Flush leaves
	// open what got through.
	Written, Errors uint64
	// Lost alerts were taken, but Close's deadline came first, or Close had been called already. What the sink was just writing is
	// among them.
	Lost uint64
	// Restored alerts were on disk at the start; Kept ones are left there by Close, for the next start.
	Restored, Kept uint64
	// Retries counts the tries that failed and were followed by another.
	Retries uint64
	// Waiting alerts are in the queue, in memory.
	Waiting int
}

// Add sums up.
func (t *SinkTotals) Add(o *SinkTotals) {
	t.Queued, t.Dropped, t.Written, t.Errors = t.Queued+o.Queued, t.Dropped+o.Dropped, t.Written+o.Written, t.Errors+o.Errors
	t.Lost, t.Retries, t.Waiting = t.Lost+o.Lost, t.Retries+o.Retries, t.Waiting+o.Waiting
	t.Restored, t.Kept = t.Restored+o.Restored, t.Kept+o.Kept
}

// SinkCounters are those of one sink.
type SinkCounters struct {
	Name string
	SinkTotals
	// LastError is the latest error, nil if there was none. Failing: it is that of the latest try, and no alert was written since.
	LastError error
	Failing   bool
	// Spool is nil if there is none.
	Spool *SpoolCounters
}

// SpoolCounters are those of a sink's spool.
type SpoolCounters struct {
	spool.Counters
	// Err is why the latest alert could not be kept on disk and waited in memory; nil if it was kept.
	Err error
}

// Queue takes alerts to the sinks. Put never waits for a sink, and no sink waits for another: each has a lane of its own.
type Queue struct {
	sinks     []*sinkQueue
	includeID bool
	// run and puts make the alerts' ids.
	run  string
	puts atomic.Uint64
}

// NewQueue starts a worker for each sink that need not wait for Start, which ends with Close. The queue closes the sinks then.
func NewQueue(s QueueSettings, sinks ...Named) *Queue {
	q := &Queue{includeID: s.IncludeID, run: rand.Text()}
	for _, sink := range sinks {
		sq := newSinkQueue(s.withDefaults(), sink)
		if sink.Spool == nil && !sink.Later {
			sq.start()
		}
		q.sinks = append(q.sinks, sq)
	}
	return q
}

// Start opens the spools and begins with their sinks, unless it has already. Until then their alerts wait in memory: a spool
// that another queue still has must be closed first.
func (q *Queue) Start() {
	for _, sq := range q.sinks {
		sq.start()
	}
}

// Put queues a copy of a rendered alert for every sink: of json for those that want it, which get nothing if it is nil, of
// text for the others. It reports false if one of them has no room for this rule: what waits already goes first. The
// alert is dropped for that sink then, and counted; after Close it counts as lost.
//
// A rule may hold as much as it leaves free. So one that floods takes half of the queue, two take a third each, and
// there is always room for the alert of a rule that is quiet: the opens of a flood do not push out an exec.
func (q *Queue) Put(text, json []byte, priority, rule string) bool {
	id := q.run + "-" + strconv.FormatUint(q.puts.Add(1), 10)
	text, json = q.withID(text, id), bytes.Clone(json) // sinks only read them
	all := true
	for _, sq := range q.sinks {
		m := Message{Text: text, Priority: priority, Rule: rule, ID: id}
		if sq.JSON {
			m.Text = json
		}
		if m.Text != nil {
			all = sq.put(m) && all
		}
	}
	return all
}

// withID copies an alert, with its id if that is asked for; its keys stay in byte order.
func (q *Queue) withID(text []byte, id string) []byte {
	if !q.includeID || !isJSON(text) {
		return bytes.Clone(text)
	}
	return append(append(make([]byte, 0, len(text)+len(id)+16), `{"alert_id":"`+id+`",`...), text[1:]...)
}

// isJSON tells an alert in JSON from one as text, which begins with the time.
func isJSON(text []byte) bool { return len(text) > 1 && text[0] == '{' }

// Hurry ends the waiting of Put, for good. Any goroutine may call it.
func (q *Queue) Hurry() {
	for _, sq := range q.sinks {
		sq.hurry()
	}
}

// Counters returns a copy.
func (q *Queue) Counters() QueueCounters {
	var c QueueCounters
	for _, sq := range q.sinks {
		sink := sq.snapshot()
		c.Add(&sink.SinkTotals)
		c.Sinks = append(c.Sinks, sink)
	}
	return c
}

// Close takes no more alerts, writes what waits, and closes the sinks. When the context ends first, it gives up what is
// left and returns an error that wraps the context's; a sink that hangs is left alone then. What is on disk stays there if
// its sink does not take it, and is no error.
func (q *Queue) Close(ctx context.Context) error {
	for _, sq := range q.sinks {
		sq.closeInput()
	}
	var errs []error
	for _, sq := range q.sinks {
		errs = append(errs, sq.drain(ctx))
	}
	return errors.Join(errs...)
}
