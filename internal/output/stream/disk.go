package stream

import (
	"errors"
	"fmt"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/saker-sensor/saker/internal/output"
	"github.com/saker-sensor/saker/internal/output/falcopb/outputs"
	"github.com/saker-sensor/saker/internal/output/spool"
)

// disk keeps the history over the end of the process, and more of it than memory does. Only the writer saves; the rest is for
// readers, too.
type disk struct {
	spool *spool.Spool
	// tried is when the disk last refused.
	tried time.Time
}

// diskPause is the time before a disk that has refused is tried again.
const diskPause = time.Second

// errOlder: the folder could not be had at the start, and holds what this run can't number its alerts behind.
var errOlder = errors.New("alerts of an earlier run are there, behind which this one can't go on; they are served again after the next " +
	"start")

// open opens the spool before the first alert. Numbers go on from those on disk, under the identity that they have.
func (h *history) open(s *spool.Spool) {
	h.disk = &disk{spool: s}
	if h.fail(s.Open()) {
		return
	}
	_, h.last = s.Ends()
	h.run = s.Identity()
}

// save takes an alert to the disk, and before it those in memory that the disk has refused.
func (h *history) save(alert *outputs.Response) {
	d := h.disk
	if time.Since(d.tried) < diskPause || h.fail(h.saveAll(alert)) {
		if h.onDisk() {
			// Consumers will know the number: it must not be given to another alert after a restart.
			_ = d.spool.Used(alert.Cursor)
		}
	}
}

// onDisk tells whether the numbers on disk are those of this history.
func (h *history) onDisk() bool { return h.disk != nil && h.disk.spool.Identity() == h.run }

// saveAll appends an alert behind those that are in memory alone.
func (h *history) saveAll(alert *outputs.Response) error {
	d := h.disk
	if d.spool.Identity() == "" { // it has never been open
		if err := d.spool.Open(); err != nil {
			return err
		}
	}
	if !h.onDisk() {
		if _, last := d.spool.Ends(); last > 0 {
			return errOlder
		}
		if err := d.spool.Rename(h.run); err != nil {
			return err
		}
	}
	_, last := d.spool.Ends()
	for _, k := range h.kept { // only the writer changes them
		if k.alert.Cursor > last {
			if err := d.write(k.alert); err != nil {
				return err
			}
		}
	}
	return d.write(alert)
}

func (d *disk) write(alert *outputs.Response) error {
	text, err := proto.Marshal(alert)
	if err != nil {
		return fmt.Errorf("encode an alert: %w", err)
	}
	_, err = d.spool.Append(alert.Cursor, [][]byte{text})
	return err
}

// fail notes whether the disk refuses, and tells it.
func (h *history) fail(err error) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.trouble = err
	if err != nil {
		h.disk.tried = time.Now()
	}
	return err != nil
}

// counters are nil without a disk.
func (h *history) counters() *output.SpoolCounters {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.disk == nil {
		return nil
	}
	return &output.SpoolCounters{Counters: h.disk.spool.Counters(), Err: h.trouble}
}

// past reads for a consumer what is not in memory any more.
type past struct {
	reader *spool.Reader
	// at is the position behind what the reader gave.
	at uint64
}

// read looks behind a position on disk; false if memory has what comes, or the disk has nothing. An error may pass.
func (p *past) read(h *history, position uint64, buffer []*outputs.Response) (view, bool, error) {
	if !h.onDisk() || position >= h.beforeMemory() {
		p.close()
		return view{}, false, nil
	}
	if p.reader == nil || p.at != position {
		p.close()
		p.reader = h.disk.spool.Reader(position)
	}
	v := view{alerts: buffer[:0], next: position}
	for len(v.alerts) < batch {
		r, ok, err := p.reader.Next()
		if err != nil && len(v.alerts) == 0 {
			return view{}, false, err
		}
		if err != nil || !ok {
			break
		}
		alert := &outputs.Response{}
		if err := proto.Unmarshal(r.Data, alert); err != nil {
			continue
		}
		if r.Number != v.next+1 {
			if len(v.alerts) > 0 {
				p.close() // what is missing is told before the next one
				break
			}
			v.missed = r.Number - 1 - position
		}
		alert.Cursor, alert.Run = r.Number, h.run
		v.alerts = append(v.alerts, alert)
		v.next = r.Number
	}
	p.at = v.next
	return v, len(v.alerts) > 0, nil
}

func (p *past) close() {
	if p.reader != nil {
		_ = p.reader.Close()
		p.reader = nil
	}
}
