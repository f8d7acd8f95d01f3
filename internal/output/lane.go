package output

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// load is what waits: of all rules, or of one.
type load struct{ count, bytes int }

// lane is the way to one sink: bounded, with a worker of its own.
type lane struct {
	Named
	settings QueueSettings
	// messages is closed by shut; mu guards sending against that.
	messages chan Message
	// done is closed when the worker has ended; closeErr is what closing the sink gave, to be read after that.
	done     chan struct{}
	closeErr error
	// hurry is closed when Close gives up, so that nothing is tried again.
	hurry chan struct{}

	mu sync.Mutex
	// waiting is what is in messages, byRule what each rule has of it; a rule that has nothing there is not kept.
	waiting load
	byRule  map[string]load
	closed  bool
	gaveUp  bool
	totals  SinkTotals
	last    error
}

func newLane(s QueueSettings, sink Named) *lane {
	l := &lane{
		Named: sink, settings: s, messages: make(chan Message, s.Capacity), byRule: map[string]load{},
		done: make(chan struct{}), hurry: make(chan struct{}),
	}
	go l.work()
	return l
}

func (l *lane) put(m Message) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	own := l.byRule[m.Rule]
	free := load{cap(l.messages) - l.waiting.count, l.settings.MaxBytes - l.waiting.bytes - len(m.Text)}
	if l.closed || free.count == 0 || free.bytes < 0 || own.count > free.count || own.bytes > free.bytes {
		l.totals.Dropped++
		return false
	}
	l.messages <- m // there is room, and only put sends
	l.waits(m.Rule, 1, len(m.Text))
	l.totals.Queued++
	return true
}

// waits notes that so much more waits, or less.
func (l *lane) waits(rule string, count, bytes int) {
	own := l.byRule[rule]
	own.count, own.bytes = own.count+count, own.bytes+bytes
	l.byRule[rule] = own
	if own.count == 0 {
		delete(l.byRule, rule)
	}
	l.waiting.count, l.waiting.bytes = l.waiting.count+count, l.waiting.bytes+bytes
}

func (l *lane) snapshot() SinkCounters {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := SinkCounters{Name: l.Name, SinkTotals: l.totals, LastError: l.last}
	c.Waiting = l.waiting.count
	return c
}

// shut takes no more.
func (l *lane) shut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.closed {
		l.closed = true
		close(l.messages)
	}
}

// drain waits for the worker's end, or gives up when the context ends.
func (l *lane) drain(ctx context.Context) error {
	select {
	case <-l.done:
		return l.closeErr
	case <-ctx.Done():
	}
	return fmt.Errorf("write the last alerts to %s, %d left: %w", l.Name, l.giveUp(), ctx.Err())
}

// giveUp counts what was taken and not written yet as lost, for all times.
func (l *lane) giveUp() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.gaveUp {
		l.gaveUp = true
		l.totals.Lost = l.totals.Queued - l.totals.Written - l.totals.Errors
		close(l.hurry)
	}
	return l.totals.Lost
}

// work writes until the lane is closed and empty.
func (l *lane) work() {
	defer close(l.done)
	var unsure uint64 // what Write took but Flush has not confirmed
	for m := range l.messages {
		if !l.taken(m) && l.write(m) {
			unsure++
		}
		if len(l.messages) == 0 {
			_ = l.confirm(unsure, Sink.Flush) // counted
			unsure = 0
		}
	}
	l.closeErr = l.confirm(unsure, Sink.Close)
}

// taken notes that a message left the queue, and tells whether it was given up.
func (l *lane) taken(m Message) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.waits(m.Rule, -1, -len(m.Text))
	return l.gaveUp
}

// write gives a message to the sink, until it takes it or says that it never will.
func (l *lane) write(m Message) bool {
	for pause := l.settings.RetryFirst; ; pause = min(2*pause, l.settings.RetryMost) {
		err := l.Sink.Write(m)
		if err == nil {
			return true
		}
		if !errors.Is(err, ErrAgain) {
			l.record(0, 1, err)
			return false
		}
		l.failed(err)
		select {
		case <-l.hurry:
			return false // counted as lost
		case <-time.After(pause):
		}
	}
}

// confirm flushes or closes the sink and counts what it had taken.
func (l *lane) confirm(unsure uint64, finish func(Sink) error) error {
	if err := finish(l.Sink); err != nil {
		l.record(0, unsure, err)
		return fmt.Errorf("write alerts to %s: %w", l.Name, err)
	}
	l.record(unsure, 0, nil)
	return nil
}

// failed notes a try that another one follows.
func (l *lane) failed(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last = err
	l.totals.Retries++
}

func (l *lane) record(written, failed uint64, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil {
		l.last = err
	}
	if l.gaveUp {
		return // counted as lost
	}
	l.totals.Written += written
	l.totals.Errors += failed
}
