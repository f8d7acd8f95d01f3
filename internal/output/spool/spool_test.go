package spool

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

func open(t *testing.T, s Settings) *Spool {
	t.Helper()
	sp := New(s)
	if err := sp.Open(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := sp.Close(); err != nil {
			t.Error(err)
		}
	})
	return sp
}

func settings(t *testing.T) Settings {
	return Settings{Dir: filepath.Join(t.TempDir(), "spool"), MaxBytes: 1 << 20, SegmentBytes: 200}
}

// fill appends the records from one number to another, with their numbers in it.
func fill(t *testing.T, s *Spool, from, to int) {
	t.Helper()
	var records [][]byte
	for i := from; i <= to; i++ {
		records = append(records, fmt.Appendf(nil, "record %d", i))
	}
	if n, err := s.Append(uint64(from), records); err != nil || n != len(records) {
		t.Fatalf("appended %d of %d: %v", n, len(records), err)
	}
}

// rest reads what is there, and checks that each record is what its number says.
func rest(t *testing.T, r *Reader) []uint64 {
	t.Helper()
	var numbers []uint64
	for {
		rec, ok, err := r.Next()
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			return numbers
		}
		if want := fmt.Sprintf("record %d", rec.Number); string(rec.Data) != want {
			t.Fatalf("record %d is %q", rec.Number, rec.Data)
		}
		numbers = append(numbers, rec.Number)
	}
}

func wantRange(t *testing.T, what string, got []uint64, from, to uint64) {
	t.Helper()
	var want []uint64
	for i := from; i <= to; i++ {
		want = append(want, i)
	}
	if !slices.Equal(got, want) {
		t.Errorf("%s: got %v, want %d to %d", what, got, from, to)
	}
}

func segmentFiles(t *testing.T, dir string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.alerts"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no segments in %s: %v", dir, err)
	}
	return files
}

// A reader gets everything in order, also what comes while it reads, over many segments; what is done goes away.
func TestInOrder(t *testing.T) {
	s := open(t, settings(t))
	r := s.Reader(0)
	defer r.Close()
	fill(t, s, 1, 50)
	wantRange(t, "first", rest(t, r), 1, 50)
	fill(t, s, 51, 53)
	wantRange(t, "then", rest(t, r), 51, 53)
	before := len(segmentFiles(t, s.settings.Dir))
	if err := s.Done(50); err != nil {
		t.Fatal(err)
	}
	if after := len(segmentFiles(t, s.settings.Dir)); before < 5 || after > 2 {
		t.Errorf("%d segments, %d when 50 of 53 records are done", before, after)
	}
	wantRange(t, "behind what is done", rest(t, s.Reader(s.Position())), 51, 53)
	if c := s.Counters(); c.Records != 3 || c.Damaged != 0 || c.Bytes <= 0 || c.Bytes > 400 {
		t.Errorf("got %+v", c)
	}
}

// What was appended and not done is there for the next process; the numbers go on.
func TestReopen(t *testing.T) {
	for _, proper := range []bool{true, false} {
		t.Run(fmt.Sprint("closed ", proper), func(t *testing.T) {
			set := settings(t)
			s := New(set)
			if err := s.Open(); err != nil {
				t.Fatal(err)
			}
			identity := s.Identity()
			fill(t, s, 1, 20)
			if err := s.Done(7); err != nil {
				t.Fatal(err)
			}
			if proper {
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
			} else if err := s.release(); err != nil { // as the kernel does when the process is killed
				t.Fatal(err)
			}
			s = open(t, set)
			wantRange(t, "left", rest(t, s.Reader(s.Position())), 8, 20)
			if c := s.Counters(); c.Restored != 13 || c.Damaged != 0 {
				t.Errorf("got %+v", c)
			}
			if s.Identity() != identity {
				t.Error("the identity has changed")
			}
			fill(t, s, 21, 21)
			wantRange(t, "with a new one", rest(t, s.Reader(7)), 8, 21)
		})
	}
}

// After a boot without a closing, what readers have seen may be gone: the identity changes.
// A torn end, at any byte, costs the torn record alone, is counted once, and the next record goes behind the last whole one.
// Damage in the middle costs the records that it hits; all others are read, whatever was changed.
// A segment that is gone costs its records, and is counted.
func TestBound(t *testing.T) {
	set := settings(t)
	set.MaxBytes = 1000
	s := open(t, set)
	n := uint64(0)
	var err error
	for err == nil {
		if _, err = s.Append(n+1, [][]byte{fmt.Appendf(nil, "record %d", n+1)}); err == nil {
			n++
		}
	}
	if !errors.Is(err, ErrFull) || s.Counters().Bytes > 1000 || n < 30 {
		t.Errorf("after %d records, %d bytes: %v", n, s.Counters().Bytes, err)
	}
	wantRange(t, "kept", rest(t, s.Reader(0)), 1, n)
	if err := s.Done(n / 2); err != nil {
		t.Fatal(err)
	}
	fill(t, s, int(n)+1, int(n)+3) // there is room again
	wantRange(t, "then", rest(t, s.Reader(n/2)), n/2+1, n+3)
}

// What is done makes room at once, also of a spool that is one segment.
func TestDoneMakesRoom(t *testing.T) {
	set := settings(t)
	set.MaxBytes, set.SegmentBytes = 300, 300
	s := open(t, set)
	r := s.Reader(0)
	for first := 1; first < 100; first += 5 {
		fill(t, s, first, first+4)
		wantRange(t, "a round", rest(t, r), uint64(first), uint64(first+4))
		if err := s.Done(uint64(first + 4)); err != nil {
			t.Fatal(err)
		}
	}
	if c := s.Counters(); c.Bytes > 300 || c.Records != 0 || c.Damaged != 0 {
		t.Errorf("got %+v", c)
	}
}

func TestDropOldest(t *testing.T) {
	set := settings(t)
	set.MaxBytes, set.DropOldest = 1000, true
	s := open(t, set)
	early := s.Reader(0)
	fill(t, s, 1, 5)
	wantRange(t, "before", rest(t, early), 1, 5)
	fill(t, s, 6, 500)
	before, last := s.Ends()
	if before < 400 || last != 500 || s.Counters().Bytes > 1000 {
		t.Errorf("%d to %d are there, %d bytes", before+1, last, s.Counters().Bytes)
	}
	wantRange(t, "what is left", rest(t, s.Reader(0)), before+1, 500)
	got := rest(t, early)
	if got[len(got)-1] != 500 || got[0] > before+1 {
		t.Errorf("a reader that was slow gets %d to %d", got[0], got[len(got)-1])
	}
}

// Numbers may be left out, and never go back.
func TestNumbers(t *testing.T) {
	s := open(t, settings(t))
	fill(t, s, 1, 2)
	fill(t, s, 100, 101)
	if got := rest(t, s.Reader(0)); !slices.Equal(got, []uint64{1, 2, 100, 101}) {
		t.Errorf("got %v", got)
	}
	if _, err := s.Append(101, [][]byte{nil}); err == nil {
		t.Error("a number is taken twice")
	}
}

func TestOneProcess(t *testing.T) {
	set := settings(t)
	open(t, set)
	second := New(set)
	if err := second.Open(); err == nil || !strings.Contains(err.Error(), "another process has it") {
		t.Errorf("got %v", err)
	}
	if _, err := second.Append(1, [][]byte{nil}); !errors.Is(err, os.ErrClosed) {
		t.Errorf("append: %v", err)
	}
}

// The position survives one torn slot.
func TestConcurrently(t *testing.T) {
	set := settings(t)
	s := open(t, set)
	const n = 2000
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := 1; i <= n; i++ {
			if _, err := s.Append(uint64(i), [][]byte{fmt.Appendf(nil, "record %d", i)}); err != nil {
				t.Error(err)
				return
			}
		}
	})
	wg.Go(func() {
		r := s.Reader(0)
		defer r.Close()
		for want := uint64(1); want <= n; {
			rec, ok, err := r.Next()
			if err != nil || ok && rec.Number != want {
				t.Errorf("got %d, want %d: %v", rec.Number, want, err)
				return
			}
			if ok {
				want++
				if err := s.Done(rec.Number); err != nil {
					t.Error(err)
				}
			}
		}
	})
	wg.Wait()
	if c := s.Counters(); c.Records != 0 || c.Damaged != 0 {
		t.Errorf("got %+v", c)
	}
}

// Whoever watches a spool waits for no disk: what it tells of itself needs no lock that a write holds.
func TestHungDisk(t *testing.T) {
	s := open(t, settings(t))
	fill(t, s, 1, 3)
	s.mu.Lock() // as a write that hangs
	defer s.mu.Unlock()
	counted := make(chan Counters)
	go func() {
		s.Ends()
		s.Position()
		s.Identity()
		counted <- s.Counters()
	}()
	select {
	case c := <-counted:
		if c.Records != 3 {
			t.Errorf("got %+v", c)
		}
	case <-time.After(time.Minute):
		t.Error("it waits")
	}
}

// A segment that can't be opened now is not given up: it is read as soon as it can be.
