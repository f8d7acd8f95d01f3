package recording

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fxamacker/cbor/v2"

	"github.com/saker-sensor/saker/internal/event"
)

// Settings of a [Recorder].
type Settings struct {
	// Path is the file. With Files, older ones are Path.1, Path.2, …: the newest is Path.1.
	Path   string
	Header Header
	// MaxBytes and MaxAge end a file; 0 is no limit. The block that is being filled still goes into it.
	MaxBytes int64
	MaxAge   time.Duration
	// Files is how many files are kept, Path among them. 0: there is one, and the recording ends with it.
	Files int
	// Blocks is how many blocks of 2 MiB may wait for the disk; 0 is 4.
	Blocks int
	// Failed is told of what could not be written, once. From then on events are counted as lost.
	Failed func(error)
}

// Counters of a recorder.
type Counters struct {
	// Recorded events were handed over to be written, Lost ones were not: the disk was too slow, or refused.
	Recorded, Lost uint64
	// Bytes is what was written, in all files.
	Bytes int64
}

// waitingBlocks is the number of full blocks that may wait for the disk, unless the settings say another.
const waitingBlocks = 4

// flushAfter is how long an event waits at most for its block to be full.
const flushAfter = 5 * time.Second

// Recorder writes events to files in a goroutine of its own. Record, Tick and Close are for one goroutine, the event loop's.
type Recorder struct {
	settings Settings
	mode     cbor.EncMode
	now      *block
	begun    time.Time
	entry    Entry
	free     chan *block
	full     chan *block
	done     sync.WaitGroup

	recorded, lost atomic.Uint64
	bytes          atomic.Int64
	// over: the only file has reached a limit.
	over atomic.Bool
	err  error
}

// NewRecorder opens the file and starts the goroutine.
func NewRecorder(s Settings) (*Recorder, error) {
	mode, err := encoding()
	if err != nil {
		return nil, err
	}
	if s.Blocks == 0 {
		s.Blocks = waitingBlocks
	}
	r := &Recorder{settings: s, mode: mode, free: make(chan *block, s.Blocks+1), full: make(chan *block, s.Blocks)}
	f, err := r.open()
	if err != nil {
		return nil, err
	}
	r.now = newBlock(mode)
	for range s.Blocks {
		r.free <- nil // made when it is needed
	}
	r.done.Go(func() { r.err = r.run(f) })
	return r, nil
}

// Record takes an event that has its Raw record. It does not block.
func (r *Recorder) Record(ev *event.Event) {
	r.entry = EntryOf(ev)
	r.RecordEntry(&r.entry)
}

// RecordEntry takes one of a [History].
func (r *Recorder) RecordEntry(e *Entry) {
	if r.now == nil && !r.next() || r.over.Load() {
		r.lost.Add(1)
		return
	}
	if r.now.count == 0 {
		r.begun = time.Now()
	}
	if err := r.now.add(e); err != nil {
		r.lost.Add(1)
		return
	}
	r.recorded.Add(1)
	if r.now.full() {
		r.handOver()
	}
}

// Tick comes about once a second: what has waited long enough is written.
func (r *Recorder) Tick(now time.Time) {
	if r.now != nil && r.now.count > 0 && now.Sub(r.begun) >= flushAfter {
		r.handOver()
	}
}

// handOver gives the block to the goroutine. There is room: blocks that wait, and the one at hand, are one more than may wait.
func (r *Recorder) handOver() {
	r.full <- r.now
	r.now = nil
	r.next()
}

// next takes an empty block, if the disk has left one.
func (r *Recorder) next() bool {
	select {
	case b := <-r.free:
		if b == nil {
			b = newBlock(r.mode)
		}
		r.now = b
		return true
	default:
		return false
	}
}

// Over tells whether the recording has reached its limit.
func (r *Recorder) Over() bool { return r.over.Load() }

// Counters may be asked from any goroutine.
func (r *Recorder) Counters() Counters {
	return Counters{Recorded: r.recorded.Load(), Lost: r.lost.Load(), Bytes: r.bytes.Load()}
}

// Close writes what is left and closes the file.
func (r *Recorder) Close() error {
	if r.now != nil && r.now.count > 0 {
		r.full <- r.now
	}
	close(r.full)
	r.done.Wait()
	return r.err
}

// output is the file that is being written.
type output struct {
	*os.File
	*Writer
	opened time.Time
}

func (r *Recorder) open() (*output, error) {
	f, err := os.OpenFile(r.settings.Path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, fmt.Errorf("record events: %w", err)
	}
	w, err := NewWriter(f, r.settings.Header)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	r.bytes.Add(w.written)
	return &output{f, w, time.Now()}, nil
}

// run writes blocks until there are no more. After an error it goes on to take them, and counts their events as lost.
func (r *Recorder) run(out *output) error {
	var failed error
	for b := range r.full {
		taken := failed == nil && !r.over.Load()
		if taken {
			if failed = r.write(&out, b); failed != nil && r.settings.Failed != nil {
				r.settings.Failed(failed)
			}
		}
		if !taken || failed != nil {
			r.lost.Add(uint64(b.count))
			r.recorded.Add(-uint64(b.count))
		}
		b.reset()
		r.free <- b
	}
	if out == nil {
		return failed
	}
	return errors.Join(failed, out.Close())
}

// write puts a block into the file, and goes on to the next file where a limit says so. It leaves nil where there is none.
func (r *Recorder) write(out **output, b *block) error {
	o, s := *out, &r.settings
	before := o.written
	err := o.block(b)
	r.bytes.Add(o.written - before)
	if err != nil {
		return err
	}
	if !(s.MaxBytes > 0 && o.written >= s.MaxBytes) && !(s.MaxAge > 0 && time.Since(o.opened) >= s.MaxAge) {
		return nil
	}
	if err := o.Close(); err != nil {
		return fmt.Errorf("record events: %w", err)
	}
	*out = nil
	if s.Files == 0 {
		r.over.Store(true)
		return nil
	}
	if err := r.rotate(); err != nil {
		return err
	}
	*out, err = r.open()
	return err
}

// rotate renames the files, the oldest first.
func (r *Recorder) rotate() error {
	path := r.settings.Path
	name := func(n int) string {
		if n == 0 {
			return path
		}
		return path + "." + strconv.Itoa(n)
	}
	if r.settings.Files == 1 {
		return nil // written over
	}
	for n := r.settings.Files - 2; n >= 0; n-- {
		if err := os.Rename(name(n), name(n+1)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("record events: %w", err)
		}
	}
	return nil
}
