// Package spool keeps records on disk, in order, so that they outlive the process: a queue of what is still to be delivered, or
// a history of what was. Its files are segments of checksummed records, one that says how far the records are done with, and
// one with the identity of the whole.
//
// What Append has taken is there after a kill -9. After a power cut the last second may be missing; what is torn is cut off
// and counted.
package spool

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"
)

// ErrFull means that a record would exceed the bound, and that nothing may make room for it.
var ErrFull = errors.New("the spool is full")

// Settings of a spool.
type Settings struct {
	// Dir is its folder, made with mode 0700 if need be. One process at a time has it.
	Dir string
	// MaxBytes bounds the sum of the segments' sizes. SegmentBytes is the size from which a new segment begins; 0 takes a
	// sixteenth of MaxBytes, at most 8 MiB.
	MaxBytes, SegmentBytes int64
	// DropOldest makes room by removing the oldest segment: the spool is a history, and Done is not for it. Otherwise only what
	// is done makes room.
	DropOldest bool
}

const (
	mostSegmentBytes = 8 << 20
	// syncAfter is the time within which records are safe from a power cut, too.
	syncAfter = time.Second

	folderMode = 0o700
	fileMode   = 0o600
)

// Counters of a spool since it was made; Records and Bytes are what it holds now.
type Counters struct {
	// Records are those that are not done; numbers that were left out count.
	Records uint64
	// Bytes are those of the segments, also of records that are done and share a segment with others.
	Bytes int64
	// Restored are the records that an earlier process had left.
	Restored uint64
	// Damaged places held no whole record: a torn end, which is cut off, or what a failing disk has changed.
	Damaged uint64
}

// Spool is safe for several goroutines. It does nothing before Open. What it tells of itself waits for no disk.
type Spool struct {
	settings Settings
	// shown is the state after the latest change.
	shown atomic.Pointer[state]

	mu sync.Mutex
	// lock is the file whose lock keeps others out, nil while the spool is not open.
	lock     *os.File
	place    *place
	identity string
	// segments are in order. The last one is active, if there is a file for it.
	segments []segment
	active   *os.File
	bytes    int64
	// last is the number of the latest record, done that of the latest which is not needed any more.
	last, done uint64
	// dirty: sync is under way. closed: Close has come.
	dirty, closed bool
	counters      Counters
}

// state is what a spool tells of itself.
type state struct {
	before, last, done uint64
	identity           string
	counters           Counters
}

// segment is a file of records; size is what is known to be whole.
type segment struct {
	first uint64
	size  int64
}

// New makes a spool that is not open.
func New(s Settings) *Spool {
	if s.SegmentBytes <= 0 {
		s.SegmentBytes = max(min(s.MaxBytes/16, mostSegmentBytes), 1)
	}
	sp := &Spool{settings: s}
	sp.show()
	return sp
}

// show tells of a change; the caller has the lock.
func (s *Spool) show() {
	st := &state{before: s.last, last: s.last, done: s.done, identity: s.identity, counters: s.counters}
	if len(s.segments) > 0 {
		st.before = s.segments[0].first - 1
	}
	st.counters.Records, st.counters.Bytes = s.last-s.done, s.bytes
	s.shown.Store(st)
}

func (s *Spool) path(name string) string { return filepath.Join(s.settings.Dir, name) }

// Append writes records behind the others, numbered from first up, which is above the last number. It returns how many are
// written; with an error the others are not, and the spool stays as it is.
func (s *Spool) Append(first uint64, records [][]byte) (n int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lock == nil {
		return 0, os.ErrClosed
	}
	if first <= s.last {
		return 0, fmt.Errorf("append to the spool: record %d comes after %d", first, s.last)
	}
	defer s.show()
	s.leaveRemoved()
	for n < len(records) && err == nil {
		var took int
		took, err = s.write(first+uint64(n), records[n:])
		n += took
	}
	if n > 0 && !s.dirty {
		s.dirty = true
		time.AfterFunc(syncAfter, s.sync)
	}
	if err != nil {
		return n, fmt.Errorf("append to the spool %s: %w", s.settings.Dir, err)
	}
	return n, nil
}

// write writes one record at least, on a full disk at the cost of what is not needed.
func (s *Spool) write(first uint64, records [][]byte) (int, error) {
	n, err := s.fill(first, records)
	if err != nil && s.free() {
		return s.fill(first, records)
	}
	return n, err
}

// free gives room back: that of the active segment if all of it is done, or of a history's oldest.
func (s *Spool) free() bool {
	if s.settings.DropOldest {
		return len(s.segments) > 1 && s.remove() == nil
	}
	if s.done < s.last || s.bytes == 0 {
		return false
	}
	if s.active != nil {
		_ = s.active.Close()
		s.active = nil
	}
	for len(s.segments) > 0 {
		if s.remove() != nil {
			return false
		}
	}
	return true
}

// fill writes what fits into the active segment, or begins a new one.
func (s *Spool) fill(first uint64, records [][]byte) (int, error) {
	if s.active == nil || s.segments[len(s.segments)-1].size >= s.settings.SegmentBytes {
		if err := s.rotate(first); err != nil {
			return 0, err
		}
	}
	end := &s.segments[len(s.segments)-1]
	var text []byte
	n := 0
	for n < len(records) && (n == 0 || end.size+int64(len(text)) < s.settings.SegmentBytes) {
		grown := appendRecord(text, first+uint64(n), records[n])
		if !s.room(int64(len(grown))) {
			break
		}
		text = grown
		n++
	}
	if n == 0 {
		return 0, ErrFull
	}
	if _, err := s.active.WriteAt(text, end.size); err != nil {
		// What was written of it must not stand before the next record.
		if cut := s.active.Truncate(end.size); cut != nil {
			_ = s.active.Close()
			s.active = nil
		}
		return 0, err
	}
	end.size += int64(len(text))
	s.bytes += int64(len(text))
	s.last = first + uint64(n) - 1
	return n, nil
}

// room tells whether so many bytes more may be written, and makes room if it may.
func (s *Spool) room(more int64) bool {
	for s.bytes+more > s.settings.MaxBytes {
		if !s.settings.DropOldest || len(s.segments) < 2 || s.remove() != nil {
			return false
		}
	}
	return true
}

// leaveRemoved goes on with a new segment if somebody has removed the active one.
func (s *Spool) leaveRemoved() {
	if s.active == nil {
		return
	}
	mine, err := s.active.Stat()
	if err != nil {
		return
	}
	there, err := os.Stat(s.active.Name())
	if err != nil && !errors.Is(err, os.ErrNotExist) || err == nil && os.SameFile(mine, there) {
		return
	}
	_ = s.active.Close()
	s.active = nil
}

// rotate begins a segment.
func (s *Spool) rotate(first uint64) error {
	if err := os.MkdirAll(s.settings.Dir, folderMode); err != nil {
		return err
	}
	f, err := os.OpenFile(s.path(nameOf(first)), os.O_CREATE|os.O_TRUNC|os.O_RDWR, fileMode)
	if err != nil {
		return err
	}
	if s.active != nil {
		_ = s.active.Sync() // of a failing disk the reader tells
		_ = s.active.Close()
	}
	s.active = f
	s.segments = append(s.segments, segment{first: first})
	syncFolder(s.settings.Dir)
	if s.settings.DropOldest {
		return nil
	}
	return s.forget()
}

// Used says that a history's numbers up to this one are known to others, though their records may be missing here: they are not
// given again after a restart.
func (s *Spool) Used(number uint64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lock == nil {
		return os.ErrClosed
	}
	return s.place.put(number)
}

// Done says that records up to a number are not needed any more.
func (s *Spool) Done(number uint64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lock == nil {
		return os.ErrClosed
	}
	defer s.show()
	s.done = min(max(s.done, number), s.last)
	return errors.Join(s.place.put(s.done), s.forget())
}

// forget removes the segments that are done, but for the active one.
func (s *Spool) forget() error {
	for len(s.segments) > 1 && s.segments[1].first <= s.done+1 {
		if err := s.remove(); err != nil {
			return err
		}
	}
	return nil
}

// remove removes the oldest segment. A reader that is in it goes on to its end.
func (s *Spool) remove() error {
	oldest := s.segments[0]
	if err := os.Remove(s.path(nameOf(oldest.first))); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("remove a segment of the spool: %w", err)
	}
	s.segments = s.segments[1:]
	s.bytes -= oldest.size
	if len(s.segments) > 0 {
		s.done = max(s.done, s.segments[0].first-1)
	}
	return nil
}

// sync saves the active segment from a power cut. Others are saved when the next one begins.
func (s *Spool) sync() {
	s.mu.Lock()
	f := s.active
	s.dirty = false
	s.mu.Unlock()
	if f != nil {
		_ = f.Sync() // a segment that ends meanwhile is saved there
	}
}

// Ends are the numbers before the oldest record that is there, and of the latest.
func (s *Spool) Ends() (before, last uint64) {
	st := s.shown.Load()
	return st.before, st.last
}

// Position is the number of the latest record that is done.
func (s *Spool) Position() uint64 { return s.shown.Load().done }

// Identity is a text that stays with the records and their numbers; another one says that numbers given before may stand for
// other records now. It is empty before Open.
func (s *Spool) Identity() string { return s.shown.Load().identity }

// Rename gives another identity to a spool that has no records.
func (s *Spool) Rename(identity string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lock == nil {
		return os.ErrClosed
	}
	if err := renameIdentity(s.path("identity"), identity); err != nil {
		return fmt.Errorf("name the spool: %w", err)
	}
	s.identity = identity
	s.show()
	return nil
}

// Counters returns a copy.
func (s *Spool) Counters() Counters { return s.shown.Load().counters }
