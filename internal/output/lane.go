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
	// supply is where the worker takes alerts from: the messages themselves, or the depot that keeps them on disk.
	supply supply
	// begin starts the worker, once. done is closed when it has ended; closeErr is what closing the sink gave, to be read
	// after that.
	begin    sync.Once
	done     chan struct{}
	closeErr error
	// hurry is closed when Close gives up, so that nothing is tried again.
	hurry chan struct{}

	mu sync.Mutex
	// waiting is what is in memory, byRule what each rule has of it; a rule that has nothing there is not kept.
	waiting load
	byRule  map[string]load
	closed  bool
	gaveUp  bool
	totals  SinkTotals
	last    error
}

// supply gives the alerts of a lane to its worker, in order.
type supply interface {
	// next waits for an alert; false says that the worker is to end.
	next() (Message, bool)
	// idle tells whether next would wait.
	idle() bool
	// delivered notes that what has a record up to this number need not be given again.
	delivered(number uint64)
}

// keeper is a sink that keeps alerts on disk by itself; nil if it does not.
type keeper interface{ Kept() *SpoolCounters }

func newLane(s QueueSettings, sink Named) *lane {
	l := &lane{
		Named: sink, settings: s, messages: make(chan Message, s.Capacity), byRule: map[string]load{},
		done: make(chan struct{}), hurry: make(chan struct{}),
	}
	l.supply = memory{l}
	if sink.Spool != nil {
		l.supply = newDepot(l)
	}
	return l
}

// start begins to deliver, unless the lane does already.
func (l *lane) start() {
	l.begin.Do(func() {
		if d, ok := l.supply.(*depot); ok {
			go d.keep()
		}
		go l.work()
	})
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
	var disk *SpoolCounters
	if d, ok := l.supply.(*depot); ok {
		disk = &SpoolCounters{l.Spool.Counters(), d.troubled()}
	} else if k, ok := l.Sink.(keeper); ok {
		disk = k.Kept()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	c := SinkCounters{Name: l.Name, SinkTotals: l.totals, LastError: l.last, Spool: disk}
	c.Waiting = l.waiting.count
	if l.Spool != nil {
		c.Restored = disk.Restored
	}
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

// drain waits for the worker's end, or gives up when the context ends. A lane that never started has nothing to wait for.
func (l *lane) drain(ctx context.Context) error {
	l.begin.Do(func() {
		l.giveUp()
		l.closeErr = l.Sink.Close()
		close(l.done)
	})
	select {
	case <-l.done:
		return l.closeErr
	case <-ctx.Done():
	}
	var err error
	if left := l.giveUp(); left > 0 || l.Spool == nil {
		err = fmt.Errorf("write the last alerts to %s, %d left: %w", l.Name, left, ctx.Err())
	}
	return errors.Join(err, l.leaveSpool())
}

// spoolDeadline bounds the closing of a spool that the worker has not closed.
const spoolDeadline = time.Second

// leaveSpool closes the spool for the next one to have it, if the disk answers.
func (l *lane) leaveSpool() error {
	if l.Spool == nil {
		return nil
	}
	done := make(chan error, 1)
	go func() { done <- l.Spool.Close() }()
	select {
	case err := <-done:
		return err
	case <-time.After(spoolDeadline):
		return fmt.Errorf("close the spool of %s: the disk does not answer", l.Name)
	}
}

// giveUp counts what was taken and neither written nor kept on disk as lost, for all times.
func (l *lane) giveUp() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.gaveUp {
		l.gaveUp = true
		l.keepCount()
		all, gone := l.totals.Queued+l.totals.Restored, l.totals.Written+l.totals.Errors+l.totals.Kept
		l.totals.Lost = max(all, gone) - gone // what is just being written is counted twice for a moment
		close(l.hurry)
	}
	return l.totals.Lost
}

// keepCount notes what stays on disk. The caller has the lock.
func (l *lane) keepCount() {
	if l.Spool != nil {
		c := l.Spool.Counters()
		l.totals.Restored, l.totals.Kept = c.Restored, c.Records
	}
}

// work writes until the lane is closed and empty, or given up.
func (l *lane) work() {
	defer close(l.done)
	u := &unsure{}
	for m, ok := l.supply.next(); ok; m, ok = l.supply.next() {
		err := l.try(func() error { return l.Sink.Write(m) })
		switch {
		case err == nil:
			u.count++
		case !errors.Is(err, errLeft):
			l.record(0, 1, err)
		}
		if err == nil || !errors.Is(err, errLeft) {
			u.number = max(u.number, m.number)
			if l.supply.idle() || (l.Spool != nil || l.Batch > 0) && u.count >= uint64(max(l.Batch, 1)) {
				err = l.confirm(u)
			}
		}
		if errors.Is(err, errLeft) && l.Spool != nil {
			break // the rest stays on disk
		}
	}
	l.closeErr = l.finish(u)
}

// unsure is what Write took but Flush has not confirmed.
type unsure struct{ count, number uint64 }

// errLeft: Close came before the sink took an alert. It is lost, or stays on disk.
var errLeft = errors.New("the alert is left")

// try calls a sink until it works, or says that it never will.
func (l *lane) try(call func() error) error {
	for pause := l.settings.RetryFirst; ; pause = min(2*pause, l.settings.RetryMost) {
		err := call()
		if err == nil || !errors.Is(err, ErrAgain) {
			return err
		}
		l.failed(err)
		var safe chan struct{} // there is no use in waiting for it at the end
		if d, ok := l.supply.(*depot); ok {
			safe = d.safe
		}
		select {
		case <-l.hurry:
			return errLeft
		case <-safe:
			return errLeft
		case <-time.After(pause):
		}
	}
}

// confirm flushes the sink and counts what it had taken.
func (l *lane) confirm(u *unsure) error {
	err := l.try(l.Sink.Flush)
	if errors.Is(err, errLeft) {
		return err // counted by Close
	}
	l.settle(u, err)
	return err
}

// finish closes the sink, and then the spool.
func (l *lane) finish(u *unsure) error {
	err := l.Sink.Close()
	if l.Spool != nil && errors.Is(err, ErrAgain) {
		err = nil // it stays on disk
	} else {
		l.settle(u, err)
	}
	if err != nil {
		err = fmt.Errorf("write alerts to %s: %w", l.Name, err)
	}
	if l.Spool == nil {
		return err
	}
	l.mu.Lock()
	if !l.gaveUp {
		l.keepCount()
	}
	l.mu.Unlock()
	return errors.Join(err, l.Spool.Close())
}

// settle counts what the sink had taken.
func (l *lane) settle(u *unsure, err error) {
	if err != nil {
		l.record(0, u.count, err)
	} else {
		l.record(u.count, 0, nil)
	}
	l.supply.delivered(u.number)
	*u = unsure{}
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

// memory is the supply of a lane without a spool.
type memory struct{ *lane }

func (m memory) next() (Message, bool) {
	for msg := range m.messages {
		if !m.taken(msg) {
			return msg, true
		}
	}
	return Message{}, false
}

func (m memory) idle() bool { return len(m.messages) == 0 }

func (memory) delivered(uint64) {}

// taken notes that a message left the memory, and tells whether it was given up.
func (l *lane) taken(m Message) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.waits(m.Rule, -1, -len(m.Text))
	return l.gaveUp
}
