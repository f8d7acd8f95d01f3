package output

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// usage is what waits: of all rules, or of one.
type usage struct{ count, bytes int }

// sinkQueue is the way to one sink: bounded, with a worker of its own.
type sinkQueue struct {
	Named
	settings QueueSettings
	// messages is closed by shut; mu guards sending against that.
	messages chan Message
	// source is where the worker takes alerts from: the messages themselves, or the store that keeps them on disk.
	source source
	// begin starts the worker, once. done is closed when it has ended; closeErr is what closing the sink gave, to be read
	// after that.
	begin    sync.Once
	done     chan struct{}
	closeErr error
	// abort is closed when Close gives up, so that nothing is tried again.
	abort chan struct{}

	mu sync.Mutex
	// room is told when there is more of it, or nobody is to wait for it any more.
	room    *sync.Cond
	hurried bool
	// waiting is what is in memory, byRule what each rule has of it; a rule that has nothing there is not kept.
	waiting   usage
	byRule    map[string]usage
	closed    bool
	abandoned bool
	totals    SinkTotals
	last      error
	// failing: the latest try failed with last.
	failing bool
}

// source gives the alerts of a sinkQueue to its worker, in order.
type source interface {
	// next waits for an alert; false says that the worker is to end.
	next() (Message, bool)
	// idle tells whether next would wait.
	idle() bool
	// delivered notes that what has a record up to this number need not be given again.
	delivered(number uint64)
}

// spooler is a sink that keeps alerts on disk by itself; nil if it does not.
type spooler interface{ SpoolCounters() *SpoolCounters }

func newSinkQueue(s QueueSettings, sink Named) *sinkQueue {
	sq := &sinkQueue{
		Named: sink, settings: s, messages: make(chan Message, s.Capacity), byRule: map[string]usage{},
		done: make(chan struct{}), abort: make(chan struct{}),
	}
	sq.room, sq.hurried = sync.NewCond(&sq.mu), !s.Wait
	sq.source = memorySource{sq}
	if sink.Spool != nil {
		sq.source = newStore(sq)
	}
	return sq
}

// start begins to deliver, unless the sinkQueue does already.
func (sq *sinkQueue) start() {
	sq.begin.Do(func() {
		if d, ok := sq.source.(*store); ok {
			go d.run()
		}
		go sq.work()
	})
}

func (sq *sinkQueue) put(m Message) bool {
	sq.mu.Lock()
	defer sq.mu.Unlock()
	free := sq.free(m)
	for !sq.hurried && !sq.closed && sq.waiting.count > 0 && (free.count == 0 || free.bytes < 0) {
		sq.room.Wait()
		free = sq.free(m)
	}
	own := sq.byRule[m.Rule]
	if !sq.hurried {
		own = usage{} // no other rule is kept out
	}
	if sq.closed {
		sq.totals.Queued++
		sq.totals.Lost++
		return false
	}
	if free.count == 0 || free.bytes < 0 || own.count > free.count || own.bytes > free.bytes {
		sq.totals.Dropped++
		return false
	}
	sq.messages <- m // there is room, and only put sends
	sq.account(m.Rule, 1, len(m.Text))
	sq.totals.Queued++
	return true
}

// free is the room beside a message.
func (sq *sinkQueue) free(m Message) usage {
	return usage{cap(sq.messages) - sq.waiting.count, sq.settings.MaxBytes - sq.waiting.bytes - len(m.Text)}
}

func (sq *sinkQueue) hurry() {
	sq.mu.Lock()
	defer sq.mu.Unlock()
	sq.hurried = true
	sq.room.Broadcast()
}

// account notes that so much more waits, or less.
func (sq *sinkQueue) account(rule string, count, bytes int) {
	own := sq.byRule[rule]
	own.count, own.bytes = own.count+count, own.bytes+bytes
	sq.byRule[rule] = own
	if own.count == 0 {
		delete(sq.byRule, rule)
	}
	sq.waiting.count, sq.waiting.bytes = sq.waiting.count+count, sq.waiting.bytes+bytes
}

func (sq *sinkQueue) snapshot() SinkCounters {
	var disk *SpoolCounters
	if d, ok := sq.source.(*store); ok {
		disk = &SpoolCounters{sq.Spool.Counters(), d.lastErr()}
	} else if k, ok := sq.Sink.(spooler); ok {
		disk = k.SpoolCounters()
	}
	sq.mu.Lock()
	defer sq.mu.Unlock()
	c := SinkCounters{Name: sq.Name, SinkTotals: sq.totals, LastError: sq.last, Failing: sq.failing, Spool: disk}
	c.Waiting = sq.waiting.count
	if sq.Spool != nil {
		c.Restored = disk.Restored
	}
	return c
}

// shut takes no more.
func (sq *sinkQueue) closeInput() {
	sq.mu.Lock()
	defer sq.mu.Unlock()
	if !sq.closed {
		sq.closed = true
		close(sq.messages)
	}
}

// drain waits for the worker's end, or gives up when the context ends. A sinkQueue that never started has nothing to wait for.
func (sq *sinkQueue) drain(ctx context.Context) error {
	sq.begin.Do(func() {
		sq.abandon()
		sq.closeErr = sq.Sink.Close()
		close(sq.done)
	})
	select {
	case <-sq.done:
		return sq.closeErr
	case <-ctx.Done():
	}
	var err error
	if left := sq.abandon(); left > 0 || sq.Spool == nil {
		err = fmt.Errorf("write the last alerts to %s, %d left: %w", sq.Name, left, ctx.Err())
	}
	return errors.Join(err, sq.releaseSpool())
}

// spoolDeadline bounds the closing of a spool that the worker has not closed.
const spoolDeadline = time.Second

// releaseSpool closes the spool for the next one to have it, if the disk answers.
func (sq *sinkQueue) releaseSpool() error {
	if sq.Spool == nil {
		return nil
	}
	done := make(chan error, 1)
	go func() { done <- sq.Spool.Close() }()
	select {
	case err := <-done:
		return err
	case <-time.After(spoolDeadline):
		return fmt.Errorf("close the spool of %s: the disk does not answer", sq.Name)
	}
}

// abandon counts what was taken and neither written nor kept on disk as lost, for all times.
func (sq *sinkQueue) abandon() uint64 {
	sq.mu.Lock()
	defer sq.mu.Unlock()
	if !sq.abandoned {
		sq.abandoned = true
		sq.keepCount()
		all, gone := sq.totals.Queued+sq.totals.Restored, sq.totals.Written+sq.totals.Errors+sq.totals.Kept
		sq.totals.Lost = max(all, gone) - gone // what is just being written is counted twice for a moment
		close(sq.abort)
	}
	return sq.totals.Lost
}

// keepCount notes what stays on disk. The caller has the lock.
func (sq *sinkQueue) keepCount() {
	if sq.Spool != nil {
		c := sq.Spool.Counters()
		sq.totals.Restored, sq.totals.Kept = c.Restored, c.Records
	}
}

// work writes until the sinkQueue is closed and empty, or given up.
func (sq *sinkQueue) work() {
	defer close(sq.done)
	u := &unconfirmed{}
	for m, ok := sq.source.next(); ok; m, ok = sq.source.next() {
		err := sq.try(func() error { return sq.Sink.Write(m) })
		switch {
		case err == nil:
			u.count++
		case !errors.Is(err, errAborted):
			sq.record(0, 1, err)
		}
		if err == nil || !errors.Is(err, errAborted) {
			u.number = max(u.number, m.number)
			if sq.source.idle() || (sq.Spool != nil || sq.Batch > 0) && u.count >= uint64(max(sq.Batch, 1)) {
				err = sq.confirm(u)
			}
		}
		if errors.Is(err, errAborted) && sq.Spool != nil {
			break // the rest stays on disk
		}
	}
	sq.closeErr = sq.finish(u)
}

// unconfirmed is what Write took but Flush has not confirmed.
type unconfirmed struct{ count, number uint64 }

// errAborted: Close came before the sink took an alert. It is lost, or stays on disk.
var errAborted = errors.New("the alert is left")

// try calls a sink until it works, or says that it never will.
func (sq *sinkQueue) try(call func() error) error {
	for pause := sq.settings.RetryFirst; ; pause = min(2*pause, sq.settings.RetryMost) {
		err := call()
		if err == nil || !errors.Is(err, ErrAgain) {
			return err
		}
		sq.failed(err)
		var stored chan struct{} // there is no use in waiting for it at the end
		if d, ok := sq.source.(*store); ok {
			stored = d.stored
		}
		select {
		case <-sq.abort:
			return errAborted
		case <-stored:
			return errAborted
		case <-time.After(pause):
		}
	}
}

// confirm flushes the sink and counts what it had taken.
func (sq *sinkQueue) confirm(u *unconfirmed) error {
	err := sq.try(sq.Sink.Flush)
	if errors.Is(err, errAborted) {
		return err // counted by Close
	}
	sq.settle(u, err)
	return err
}

// finish closes the sink, and then the spool.
func (sq *sinkQueue) finish(u *unconfirmed) error {
	err := sq.Sink.Close()
	if sq.Spool != nil && errors.Is(err, ErrAgain) {
		err = nil // it stays on disk
	} else {
		sq.settle(u, err)
	}
	if err != nil {
		err = fmt.Errorf("write alerts to %s: %w", sq.Name, err)
	}
	if sq.Spool == nil {
		return err
	}
	sq.mu.Lock()
	if !sq.abandoned {
		sq.keepCount()
	}
	sq.mu.Unlock()
	return errors.Join(err, sq.Spool.Close())
}

// settle counts what the sink had taken.
func (sq *sinkQueue) settle(u *unconfirmed, err error) {
	if err != nil {
		sq.record(0, u.count, err)
	} else {
		sq.record(u.count, 0, nil)
	}
	sq.source.delivered(u.number)
	*u = unconfirmed{}
}

// failed notes a try that another one follows.
func (sq *sinkQueue) failed(err error) {
	sq.mu.Lock()
	defer sq.mu.Unlock()
	sq.last, sq.failing = err, true
	sq.totals.Retries++
}

func (sq *sinkQueue) record(written, failed uint64, err error) {
	sq.mu.Lock()
	defer sq.mu.Unlock()
	if err != nil {
		sq.last = err
	}
	if written+failed > 0 {
		sq.failing = failed > 0
	}
	if sq.abandoned {
		return // counted as lost
	}
	sq.totals.Written += written
	sq.totals.Errors += failed
}

// memory is the source of a sinkQueue without a spool.
type memorySource struct{ *sinkQueue }

func (m memorySource) next() (Message, bool) {
	for msg := range m.messages {
		if !m.taken(msg) {
			return msg, true
		}
	}
	return Message{}, false
}

func (m memorySource) idle() bool { return len(m.messages) == 0 }

func (memorySource) delivered(uint64) {}

// taken notes that a message left the memory, and tells whether it was given up.
func (sq *sinkQueue) taken(m Message) bool {
	sq.mu.Lock()
	defer sq.mu.Unlock()
	sq.account(m.Rule, -1, -len(m.Text))
	sq.room.Broadcast()
	return sq.abandoned
}
