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

// depot is the supply of a lane with a spool. One goroutine takes what waits in memory to the disk, the lane's worker gets it
// from there. What the disk does not take waits in memory, and goes to the worker from there once it has read the disk to
// its end: so the order stays.
type depot struct {
	lane  *lane
	spool *spool.Spool
	// wake is for the worker, emptied for keep: something may have changed.
	wake, emptied chan struct{}
	// safe is closed when nothing more will come, and all of it is on disk.
	safe chan struct{}
	// tried is when the disk last refused; only keep has it.
	tried time.Time
	// trouble is why it did, a nil error if the latest alert is kept.
	trouble atomic.Pointer[error]

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
	depotCount = 256
	depotBytes = 1 << 20
	depotPause = time.Second
)

func newDepot(l *lane) *depot {
	return &depot{lane: l, spool: l.Spool, wake: make(chan struct{}, 1), emptied: make(chan struct{}, 1), safe: make(chan struct{})}
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// keep takes alerts to the disk until the lane is shut and empty, or given up.
func (d *depot) keep() {
	_ = d.open() // the first alert tries again
	for m := range d.lane.messages {
		if !d.store(d.gather(m)) {
			return
		}
	}
	d.mu.Lock()
	d.ended = true
	d.mu.Unlock()
	close(d.safe)
	signal(d.wake)
}

// gather adds what waits already.
func (d *depot) gather(m Message) []Message {
	batch, bytes := []Message{m}, len(m.Text)
	for len(batch) < depotCount && bytes < depotBytes {
		select {
		case m, ok := <-d.lane.messages:
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
// lane is given up.
func (d *depot) store(batch []Message) bool {
	for {
		if time.Since(d.tried) >= depotPause {
			batch = d.write(batch)
		}
		if len(batch) == 0 {
			return true
		}
		d.offer(batch)
		select {
		case <-d.emptied:
		case <-time.After(depotPause):
		case <-d.lane.hurry:
			return false
		}
		d.mu.Lock()
		batch, d.offered = d.pending, false
		d.mu.Unlock()
	}
}

// write writes what the disk takes of a batch, and returns the rest.
func (d *depot) write(batch []Message) []Message {
	err := d.open()
	n := 0
	if err == nil {
		records := make([][]byte, 0, len(batch))
		for _, m := range batch {
			records = append(records, encode(m))
		}
		_, last := d.spool.Ends()
		n, err = d.spool.Append(last+1, records)
	}
	for _, m := range batch[:n] {
		d.lane.taken(m)
	}
	if err != nil {
		d.tried = time.Now()
	}
	d.trouble.Store(&err)
	signal(d.wake)
	return batch[n:]
}

func (d *depot) offer(batch []Message) {
	d.mu.Lock()
	d.pending, d.offered = batch, true
	d.mu.Unlock()
	signal(d.wake)
}

// open opens the spool, unless it is open.
func (d *depot) open() error {
	err := d.spool.Open()
	d.trouble.Store(&err)
	d.mu.Lock()
	defer d.mu.Unlock()
	if err != nil || d.reader != nil {
		return err
	}
	d.read = d.spool.Position()
	d.reader = d.spool.Reader(d.read)
	signal(d.wake)
	return nil
}

// next implements [supply].
func (d *depot) next() (Message, bool) {
	for {
		select {
		case <-d.lane.hurry:
			return Message{}, d.leave()
		default:
		}
		m, ok, end := d.take()
		if ok {
			return m, true
		}
		if end {
			return Message{}, d.leave()
		}
		select {
		case <-d.wake:
		case <-d.lane.hurry:
		case <-time.After(depotPause): // the disk may answer again
		}
	}
}

// leave is at the worker's end; it returns false.
func (d *depot) leave() bool {
	if d.reader != nil {
		_ = d.reader.Close()
	}
	return false
}

// take takes the oldest alert: from the disk, or else one that the disk did not take. end: there will be none.
func (d *depot) take() (m Message, ok, end bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	m, ok, err := d.fromDisk()
	if ok || err != nil {
		return m, ok, false
	}
	if !d.offered || len(d.pending) == 0 {
		return Message{}, false, d.ended
	}
	m, d.pending = d.pending[0], d.pending[1:]
	if len(d.pending) == 0 {
		signal(d.emptied)
	}
	d.lane.taken(m)
	return m, true, false
}

// fromDisk counts what is damaged as lost. After an error it is to be called again, later.
func (d *depot) fromDisk() (Message, bool, error) {
	for d.reader != nil {
		r, ok, err := d.reader.Next()
		if err != nil {
			d.lane.record(0, 0, err)
			return Message{}, false, err
		}
		if !ok {
			break
		}
		if missing := r.Number - d.read - 1; missing > 0 {
			d.lane.record(0, missing, errors.New("read the spool: records are damaged"))
		}
		d.read = r.Number
		m, err := decode(r.Data)
		if err != nil {
			d.lane.record(0, 1, fmt.Errorf("read the spool, record %d: %w", r.Number, err))
			continue
		}
		m.number = r.Number
		return m, true, nil
	}
	return Message{}, false, nil
}

// idle implements [supply].
func (d *depot) idle() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	_, last := d.spool.Ends()
	return d.read >= last && (!d.offered || len(d.pending) == 0)
}

// delivered implements [supply].
func (d *depot) delivered(number uint64) {
	if number == 0 {
		return
	}
	if err := d.spool.Done(number); err != nil {
		d.lane.record(0, 0, err) // at worst it is delivered again
	}
}

// troubled waits for no disk.
func (d *depot) troubled() error {
	if err := d.trouble.Load(); err != nil {
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
