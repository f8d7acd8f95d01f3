package output

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/saker-sensor/saker/internal/output/spool"
)

// store is the source of a sinkQueue with a spool. One goroutine takes what waits in memory to the disk, the sinkQueue's worker gets it
// from there. What the disk does not take waits in memory, and goes to the worker from there once it has read the disk to
// its end: so the order stays.
type store struct {
	queue *sinkQueue
	spool *spool.Spool
	// wake is for the worker, emptied for keep: something may have changed.
	wake, emptied chan struct{}
	// stored is closed when nothing more will come, and all of it is on disk.
	stored chan struct{}
	// tried is when the disk last refused; only keep has it.
	tried time.Time
	// failure is why it did, a nil error if the latest alert is on disk.
	failure atomic.Pointer[error]

	mu sync.Mutex
	// reader is nil until the spool is open.
	reader *spool.Reader
	read   uint64
	// pending left the queue and is not on disk yet. offered: the disk has refused it, and keep does not write now.
	pending []Message
	offered bool
	ended   bool
}

// Bounds of what is written at once, and the pause before the disk is tried again.
const (
	storeCount = 256
	storeBytes = 1 << 20
	storePause = time.Second
)

func newStore(sq *sinkQueue) *store {
	return &store{queue: sq, spool: sq.Spool, wake: make(chan struct{}, 1), emptied: make(chan struct{}, 1), stored: make(chan struct{})}
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// keep takes alerts to the disk until the sinkQueue is shut and empty, or given up.
func (st *store) run() {
	_ = st.open() // the first alert tries again
	for m := range st.queue.messages {
		if !st.save(st.gather(m)) {
			return
		}
	}
	st.mu.Lock()
	st.ended = true
	st.mu.Unlock()
	close(st.stored)
	signal(st.wake)
}

// gather adds what waits already.
func (st *store) gather(m Message) []Message {
	batch, bytes := []Message{m}, len(m.Text)
	for len(batch) < storeCount && bytes < storeBytes {
		select {
		case m, ok := <-st.queue.messages:
			if !ok {
				return batch
			}
			batch = append(batch, m)
			bytes += len(m.Text)
		default:
			return batch
		}
	}
	return batch
}

// store writes a batch, or leaves it to the worker; it returns when nothing of it is in memory. It reports false if the
// sinkQueue is given up.
func (st *store) save(batch []Message) bool {
	for {
		if time.Since(st.tried) >= storePause {
			batch = st.write(batch)
		}
		if len(batch) == 0 {
			return true
		}
		st.offer(batch)
		select {
		case <-st.emptied:
		case <-time.After(storePause):
		case <-st.queue.abort:
			return false
		}
		st.mu.Lock()
		batch, st.offered = st.pending, false
		st.mu.Unlock()
	}
}

// write writes what the disk takes of a batch, and returns the rest.
func (st *store) write(batch []Message) []Message {
	err := st.open()
	n := 0
	if err == nil {
		records := make([][]byte, 0, len(batch))
		for _, m := range batch {
			records = append(records, encode(m))
		}
		_, last := st.spool.Ends()
		n, err = st.spool.Append(last+1, records)
	}
	for _, m := range batch[:n] {
		st.queue.taken(m)
	}
	if err != nil {
		st.tried = time.Now()
	}
	st.failure.Store(&err)
	signal(st.wake)
	return batch[n:]
}

func (st *store) offer(batch []Message) {
	st.mu.Lock()
	st.pending, st.offered = batch, true
	st.mu.Unlock()
	signal(st.wake)
}

// open opens the spool, unless it is open.
func (st *store) open() error {
	err := st.spool.Open()
	st.failure.Store(&err)
	st.mu.Lock()
	defer st.mu.Unlock()
	if err != nil || st.reader != nil {
		return err
	}
	st.read = st.spool.Position()
	st.reader = st.spool.Reader(st.read)
	signal(st.wake)
	return nil
}

// next implements [source].
func (st *store) next() (Message, bool) {
	for {
		select {
		case <-st.queue.abort:
			return Message{}, st.leave()
		default:
		}
		m, ok, end := st.take()
		if ok {
			return m, true
		}
		if end {
			return Message{}, st.leave()
		}
		select {
		case <-st.wake:
		case <-st.queue.abort:
		case <-time.After(storePause): // the disk may answer again
		}
	}
}

// leave is at the worker's end; it returns false.
func (st *store) leave() bool {
	if st.reader != nil {
		_ = st.reader.Close()
	}
	return false
}

// take takes the oldest alert: from the disk, or else one that the disk did not take. end: there will be none.
func (st *store) take() (m Message, ok, end bool) {
	st.mu.Lock()
	defer st.mu.Unlock()
	m, ok, err := st.fromDisk()
	if ok || err != nil {
		return m, ok, false
	}
	if !st.offered || len(st.pending) == 0 {
		return Message{}, false, st.ended
	}
	m, st.pending = st.pending[0], st.pending[1:]
	if len(st.pending) == 0 {
		signal(st.emptied)
	}
	st.queue.taken(m)
	return m, true, false
}

// fromDisk counts what is damaged as lost. After an error it is to be called again, later.
func (st *store) fromDisk() (Message, bool, error) {
	for st.reader != nil {
		r, ok, err := st.reader.Next()
		if err != nil {
			st.queue.record(0, 0, err)
			return Message{}, false, err
		}
		if !ok {
			break
		}
		if missing := r.Number - st.read - 1; missing > 0 {
			st.queue.record(0, missing, errors.New("read the spool: records are damaged"))
		}
		st.read = r.Number
		m, err := decode(r.Data)
		if err != nil {
			st.queue.record(0, 1, fmt.Errorf("read the spool, record %d: %w", r.Number, err))
			continue
		}
		m.number = r.Number
		return m, true, nil
	}
	return Message{}, false, nil
}

// idle implements [source].
func (st *store) idle() bool {
	st.mu.Lock()
	defer st.mu.Unlock()
	_, last := st.spool.Ends()
	return st.read >= last && (!st.offered || len(st.pending) == 0)
}

// delivered implements [source].
func (st *store) delivered(number uint64) {
	if number == 0 {
		return
	}
	if err := st.spool.Done(number); err != nil {
		st.queue.record(0, 0, err) // at worst it is delivered again
	}
}

// troubled waits for no disk.
func (st *store) lastErr() error {
	if err := st.failure.Load(); err != nil {
		return *err
	}
	return nil
}

// encode makes a record of a message: id, priority and rule, each behind its length, then the text.
func encode(m Message) []byte {
	b := make([]byte, 0, len(m.ID)+len(m.Priority)+len(m.Rule)+len(m.Text)+3*binary.MaxVarintLen32)
	for _, s := range [...]string{m.ID, m.Priority, m.Rule} {
		b = append(binary.AppendUvarint(b, uint64(len(s))), s...)
	}
	return append(b, m.Text...)
}

func decode(b []byte) (Message, error) {
	var m Message
	for _, s := range [...]*string{&m.ID, &m.Priority, &m.Rule} {
		n, size := binary.Uvarint(b)
		if size <= 0 || n > uint64(len(b)-size) {
			return m, errors.New("it is no alert")
		}
		*s = string(b[size : size+int(n)])
		b = b[size+int(n):]
	}
	m.Text = append([]byte(nil), b...)
	return m, nil
}
