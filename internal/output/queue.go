package output

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
)

// Message is a rendered alert on its way to the sinks.
type Message struct {
	// Text is one line without its newline. Sinks must neither change nor keep it.
	Text []byte
	// Priority is the word that alerts show.
	Priority string
	// Rule is the name of the rule that made it.
	Rule string
}

// Sink is a place that alerts go to. The queue calls it from one goroutine; any call may block.
type Sink interface {
	// Write takes a message; it may keep it back until Flush.
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
}

// QueueSettings bound a queue. What is zero takes the default.
type QueueSettings struct {
	// Capacity is the largest number of alerts that wait, MaxBytes the largest sum of their lengths. No rule may take more
	// than it leaves free; see [Queue.Put].
	Capacity, MaxBytes int
}

// Defaults of QueueSettings.
const (
	DefaultCapacity = 16384
	DefaultMaxBytes = 64 << 20
)

// QueueCounters tell where alerts went. Every alert given to Put is in Queued or Dropped. For every sink, Queued is
// Written + Errors once Close has returned without an error; if it gave up, Lost is what the slowest sink lacks.
type QueueCounters struct {
	// Queued alerts were taken; Dropped ones were not, because the queue was full or closed.
	Queued, Dropped uint64
	// Lost alerts were taken, but Close's deadline came first. What a sink was just writing is among them.
	Lost uint64
	// Waiting alerts are in the queue.
	Waiting int
	Sinks   []SinkCounters
}

// SinkCounters are those of one sink.
type SinkCounters struct {
	Name string
	// Written alerts have left the sink. Errors counts those that were lost, or may have been: a failed Flush leaves
	// open what got through.
	Written, Errors uint64
	// LastError is the latest error, nil if there was none.
	LastError error
}

// load is what waits: of all rules, or of one.
type load struct{ count, bytes int }

// Queue takes alerts to the sinks. Put never waits for a sink.
type Queue struct {
	maxBytes int
	// messages is closed by Close; mu guards sending against that.
	messages chan Message
	sinks    []Named
	// done is closed when the worker has ended; closeErr is what closing the sinks gave, to be read after that.
	done     chan struct{}
	closeErr error

	mu sync.Mutex
	// waiting is what is in messages, byRule what each rule has of it; a rule that has nothing there is not kept.
	waiting  load
	byRule   map[string]load
	closed   bool
	gaveUp   bool
	counters QueueCounters
}

// NewQueue starts a queue's worker, which ends with Close. The queue closes the sinks then.
func NewQueue(s QueueSettings, sinks ...Named) *Queue {
	if s.Capacity <= 0 {
		s.Capacity = DefaultCapacity
	}
	if s.MaxBytes <= 0 {
		s.MaxBytes = DefaultMaxBytes
	}
	q := &Queue{maxBytes: s.MaxBytes, messages: make(chan Message, s.Capacity), byRule: map[string]load{}, sinks: sinks, done: make(chan struct{})}
	q.counters.Sinks = make([]SinkCounters, len(sinks))
	for i, n := range sinks {
		q.counters.Sinks[i].Name = n.Name
	}
	go q.work()
	return q
}

// Put queues a copy of a rendered alert. It reports false, and counts the alert as dropped, if the queue is closed, or
// has no room for this rule: what waits already goes first.
//
// A rule may hold as much as it leaves free. So one that floods takes half of the queue, two take a third each, and
// there is always room for the alert of a rule that is quiet: the opens of a flood do not push out an exec.
func (q *Queue) Put(text []byte, priority, rule string) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	own := q.byRule[rule]
	free := load{cap(q.messages) - q.waiting.count, q.maxBytes - q.waiting.bytes - len(text)}
	if q.closed || free.count == 0 || free.bytes < 0 || own.count > free.count || own.bytes > free.bytes {
		q.counters.Dropped++
		return false
	}
	q.messages <- Message{Text: bytes.Clone(text), Priority: priority, Rule: rule} // there is room, and only Put sends
	q.waits(rule, 1, len(text))
	q.counters.Queued++
	return true
}

// waits notes that so much more waits, or less.
func (q *Queue) waits(rule string, count, bytes int) {
	own := q.byRule[rule]
	own.count, own.bytes = own.count+count, own.bytes+bytes
	q.byRule[rule] = own
	if own.count == 0 {
		delete(q.byRule, rule)
	}
	q.waiting.count, q.waiting.bytes = q.waiting.count+count, q.waiting.bytes+bytes
}

// Counters returns a copy.
func (q *Queue) Counters() QueueCounters {
	q.mu.Lock()
	defer q.mu.Unlock()
	c := q.counters
	c.Waiting = q.waiting.count
	c.Sinks = append([]SinkCounters(nil), c.Sinks...)
	return c
}

// Close takes no more alerts, writes what waits, and closes the sinks. When the context ends first, it gives up what is
// left and returns an error that wraps the context's; a sink that hangs is left alone then.
func (q *Queue) Close(ctx context.Context) error {
	q.mu.Lock()
	if !q.closed {
		q.closed = true
		close(q.messages)
	}
	q.mu.Unlock()
	select {
	case <-q.done:
		return q.closeErr
	case <-ctx.Done():
	}
	lost := q.giveUp()
	return fmt.Errorf("write the last alerts, %d left: %w", lost, ctx.Err())
}

// giveUp counts what was taken and not written yet as lost, for all times.
func (q *Queue) giveUp() uint64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.gaveUp {
		q.gaveUp = true
		handled := q.counters.Queued
		for i := range q.counters.Sinks {
			s := &q.counters.Sinks[i]
			handled = min(handled, s.Written+s.Errors)
		}
		q.counters.Lost = q.counters.Queued - handled
	}
	return q.counters.Lost
}

// work writes until the queue is closed and empty.
func (q *Queue) work() {
	defer close(q.done)
	// unsure counts, by sink, what Write took but Flush has not confirmed.
	unsure := make([]uint64, len(q.sinks))
	for m := range q.messages {
		if q.taken(m) {
			continue
		}
		for i := range q.sinks {
			if err := q.sinks[i].Sink.Write(m); err != nil {
				q.record(i, 0, 1, err)
				continue
			}
			unsure[i]++
		}
		if len(q.messages) == 0 {
			_ = q.confirm(unsure, Sink.Flush) // counted
		}
	}
	q.closeErr = q.confirm(unsure, Sink.Close)
}

// taken notes that a message left the queue, and tells whether it was given up.
func (q *Queue) taken(m Message) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.waits(m.Rule, -1, -len(m.Text))
	return q.gaveUp
}

// confirm flushes or closes every sink and counts what it had taken.
func (q *Queue) confirm(unsure []uint64, finish func(Sink) error) error {
	var errs []error
	for i, n := range q.sinks {
		if err := finish(n.Sink); err != nil {
			q.record(i, 0, unsure[i], err)
			errs = append(errs, fmt.Errorf("write alerts to %s: %w", n.Name, err))
		} else {
			q.record(i, unsure[i], 0, nil)
		}
		unsure[i] = 0
	}
	return errors.Join(errs...)
}

func (q *Queue) record(sink int, written, failed uint64, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	s := &q.counters.Sinks[sink]
	if err != nil {
		s.LastError = err
	}
	if q.gaveUp {
		return // counted as lost
	}
	s.Written += written
	s.Errors += failed
}
