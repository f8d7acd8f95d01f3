package hostile

import (
	"os"
	"testing"
	"time"

	"github.com/saker-sensor/saker/internal/decode"
	"github.com/saker-sensor/saker/internal/event"
	"github.com/saker-sensor/saker/internal/probe"
	"github.com/saker-sensor/saker/internal/process"
)

// begin is the path that each thread of the caller opens before its first call: what it did before is no fact.
const begin = "/begin"

// reader is an attached probe with the rooms behind it, in the order in which the sensor has them.
type reader struct {
	t     *testing.T
	probe *probe.Probe
	dec   decode.Decoder
	rec   event.Record
	table *process.Table
	// exe is the test binary, as which the caller and its FUSE server run.
	exe    string
	caller int32
	// queues are the records of each thread of the caller, and of its children, that are not compared yet.
	queues map[int32][]*seen
	begun  map[int32]bool
	// rows takes the records of calls of the table's rows; nil if no such are made.
	rows *rowRecords
	// last are the sequence numbers by ring and processor.
	last [2]map[uint16]uint64
	gaps uint64
}

func newReader(t *testing.T) *reader {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("needs root: the kernel tests load BPF programs")
	}
	var types event.TypeSet
	for _, typ := range event.AllTypes() {
		if typ.Captured() {
			types.Add(typ)
		}
	}
	p, err := probe.Load(probe.Settings{Types: types, BulkBytes: 64 << 20, CriticalBytes: 16 << 20})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	for _, m := range p.Missing() {
		t.Fatalf("the kernel refuses a program: %+v", m)
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	r := &reader{
		t: t, probe: p, exe: exe, table: process.NewTable(process.Settings{}), queues: map[int32][]*seen{}, begun: map[int32]bool{},
		last: [2]map[uint16]uint64{{}, {}},
	}
	if err := p.Attach(); err != nil {
		t.Fatal(err)
	}
	err = p.Tasks(func(raw []byte) error {
		if err := r.dec.Decode(raw, &r.rec); err != nil {
			return err
		}
		r.table.Apply(&r.rec)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	r.table.Link()
	return r
}

// next returns the next record of a thread, nil if none comes.
func (r *reader) next(tid int32) *seen {
	for end := time.Now().Add(deadline); len(r.queues[tid]) == 0; {
		if r.drain() > 0 {
			continue
		}
		// A record that another processor is still writing hides the ones behind it.
		if time.Now().After(end) {
			return nil
		}
		if err := r.probe.Wait(time.Millisecond); err != nil {
			r.t.Fatal(err)
		}
	}
	q := r.queues[tid]
	s := q[0]
	if r.queues[tid] = q[1:]; len(q) == 1 {
		delete(r.queues, tid)
	}
	return s
}

// drain reads both rings to the end, the critical one first, and returns how many records there were.
func (r *reader) drain() int {
	n := r.critical()
	for raw, ok := r.probe.Bulk().Next(); ok; raw, ok = r.probe.Bulk().Next() {
		n++
		r.decode(1, raw)
		if r.table.Apply(&r.rec) == process.Ahead {
			// What it is ahead of has come by now; the record is decoded again because critical used the same one.
			n += r.critical()
			if err := r.dec.Decode(raw, &r.rec); err != nil {
				r.t.Fatal(err)
			}
			if r.table.Apply(&r.rec) == process.Ahead {
				r.table.Repair(&r.rec)
			}
		}
		r.keep()
		if n%256 == 0 {
			r.probe.Bulk().Release()
		}
	}
	r.probe.Bulk().Release()
	return n
}

func (r *reader) critical() (n int) {
	for raw, ok := r.probe.Critical().Next(); ok; raw, ok = r.probe.Critical().Next() {
		n++
		r.decode(0, raw)
		if r.table.Apply(&r.rec) == process.Ahead {
			r.table.Repair(&r.rec)
		}
		r.keep()
	}
	r.probe.Critical().Release()
	return n
}

// decode decodes a record of a ring, which it counts.
func (r *reader) decode(ring int, raw []byte) {
	if err := r.dec.Decode(raw, &r.rec); err != nil {
		r.t.Fatalf("decode a record of %d bytes: %v", len(raw), err)
	}
	last := r.last[ring]
	r.gaps += r.rec.Seq - last[r.rec.CPU] - 1
	last[r.rec.CPU] = r.rec.Seq
}

// keep copies what the caller or a child of it did.
func (r *reader) keep() {
	rec := &r.rec
	ev := &rec.Event
	switch {
	case r.rows != nil:
		if ev.Tgid == r.caller {
			r.rows.keep(rec)
		}
		return
	case ev.Tgid == r.caller && (rec.Kind == event.KindOpen || rec.Kind == event.KindExecFailed):
		if !r.begun[ev.Tid] {
			if ev.File.Raw == begin {
				r.begun[ev.Tid] = true
			}
			return
		}
	case rec.Ppid == r.caller && (rec.Kind == event.KindExec || rec.Kind == event.KindExecFailed) && rec.Image.ExePath != r.exe:
	default:
		return
	}
	s := &seen{kind: rec.Kind, ev: ev.Clone()}
	if rec.Kind == event.KindExec {
		i := rec.Image
		s.args, s.env = []byte(rec.Args), []byte(rec.Env)
		s.exePath, s.interp, s.cwd = string([]byte(i.ExePath)), string([]byte(i.Interp)), string([]byte(i.Cwd))
	}
	r.queues[ev.Tid] = append(r.queues[ev.Tid], s)
}

// checkLoss: nothing is lost, and by both counts.
func (r *reader) checkLoss() {
	r.t.Helper()
	k, err := r.probe.Counters()
	if err != nil {
		r.t.Fatal(err)
	}
	if k.Lost() != 0 || r.gaps != 0 {
		r.t.Errorf("records were lost: %d are missing by sequence, %d by the kernel's count", r.gaps, k.Lost())
	}
	if k.Oversize != 0 {
		r.t.Errorf("%d records were too large", k.Oversize)
	}
}

// checkRest: there are no records without a call.
func (r *reader) checkRest() {
	r.t.Helper()
	for tid, q := range r.queues {
		r.t.Errorf("thread %d: %d records without a call; the first: %+v", tid, len(q), q[0].ev)
	}
}
