package spool

import (
	"errors"
	"os"
)

// Reader reads the records behind a number, and then what is appended. It is for one goroutine.
type Reader struct {
	spool *Spool
	// after is the number of the last record that was read, or passed over.
	after uint64
	// first is that of the segment that the cursor is in, 0 for none.
	first  uint64
	cursor cursor
}

// Reader reads from behind a number.
func (s *Spool) Reader(after uint64) *Reader { return &Reader{spool: s, after: after} }

// Record is what a reader found.
type Record struct {
	Number uint64
	// Data is valid until the reader's next call.
	Data []byte
}

// Next returns the next record; ok is false if there is none now. A record that is damaged or was removed is passed over, so
// its number is missing. A segment that can't be read is passed over, too, with an error; one that can't be opened is tried again
// by the next call.
func (r *Reader) Next() (Record, bool, error) {
	for {
		more, err := r.aim()
		if err != nil || !more {
			return Record{}, false, err
		}
		before := r.cursor.damaged
		rec, ok, err := r.cursor.next()
		r.spool.damage(r.cursor.damaged - before)
		if err != nil {
			r.cursor.offset = r.cursor.limit
			r.spool.damage(1)
			return Record{}, false, err
		}
		if ok && rec.number > r.after {
			r.after = rec.number
			return Record{rec.number, rec.data}, true, nil
		}
	}
}

// aim has the cursor in a segment with something left to read; false if there is none.
func (r *Reader) aim() (bool, error) {
	for {
		here, next := r.spool.around(r.first, r.after)
		if r.first != 0 {
			if here.first == r.first {
				r.cursor.limit = here.size
			}
			if r.cursor.offset < r.cursor.limit {
				return true, nil
			}
			here = next
		}
		if here.first == 0 {
			return false, nil
		}
		if err := r.enter(here); err != nil {
			return false, err
		}
	}
}

// enter goes to the start of a segment. One that was removed meanwhile is passed over.
func (r *Reader) enter(seg segment) error {
	_ = r.Close()
	f, err := os.Open(r.spool.path(nameOf(seg.first)))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	r.first, r.cursor = seg.first, cursor{buffer: r.cursor.buffer, limit: seg.size, file: f}
	if err != nil {
		r.cursor.file, r.cursor.offset = nil, seg.size
		r.spool.damage(1)
	}
	return nil
}

// Close gives the file back. The reader can go on.
func (r *Reader) Close() error {
	f := r.cursor.file
	r.first, r.cursor.file = 0, nil
	if f == nil {
		return nil
	}
	return f.Close()
}

// around finds a segment by its first number, or, if that is 0, by the number that a record in it comes after; and the segment
// behind it. What is not there has the first number 0. If there is a next one, nothing is added to this one any more.
func (s *Spool) around(first, after uint64) (here, next segment) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, seg := range s.segments {
		switch {
		case first != 0 && seg.first > first, first == 0 && here.first != 0 && seg.first > after+1:
			return here, seg
		case first == 0 || seg.first == first:
			here = seg
		}
	}
	return here, segment{}
}

func (s *Spool) damage(n uint64) {
	if n == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counters.Damaged += n
	s.show()
}
