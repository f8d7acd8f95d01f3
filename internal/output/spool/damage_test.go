package spool

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestIdentityAfterPowerCut(t *testing.T) {
	set := settings(t)
	s := open(t, set)
	first := s.Identity()
	if err := s.release(); err != nil {
		t.Fatal(err)
	}
	if err := writeIdentity(filepath.Join(set.Dir, "identity"), first, "another boot"); err != nil {
		t.Fatal(err)
	}
	if second := open(t, set).Identity(); second == first || second == "" {
		t.Errorf("%q, then %q", first, second)
	}
}

func TestTornEnd(t *testing.T) {
	set := settings(t)
	set.SegmentBytes = 1 << 16
	s := open(t, set)
	fill(t, s, 1, 3)
	whole := s.Counters().Bytes
	fill(t, s, 4, 4)
	if err := s.release(); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(segmentFiles(t, set.Dir)[0])
	if err != nil {
		t.Fatal(err)
	}
	for cut := whole; cut < int64(len(text)); cut++ {
		dir := filepath.Join(t.TempDir(), "spool")
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, nameOf(1)), text[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		torn := open(t, Settings{Dir: dir, MaxBytes: 1 << 20})
		wantDamaged := uint64(1)
		if cut == whole {
			wantDamaged = 0
		}
		if c := torn.Counters(); c.Damaged != wantDamaged || c.Restored != 3 {
			t.Errorf("cut at %d of %d: %+v", cut, len(text), c)
		}
		fill(t, torn, 4, 5)
		wantRange(t, fmt.Sprintf("cut at %d", cut), rest(t, torn.Reader(0)), 1, 5)
	}
}

func TestDamage(t *testing.T) {
	set := settings(t)
	set.SegmentBytes = 1 << 16
	s := open(t, set)
	fill(t, s, 1, 9)
	file := segmentFiles(t, set.Dir)[0]
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	record := int64(len(text)) / 9
	for at := 4 * record; at < 5*record; at++ {
		changed := slices.Clone(text)
		changed[at] ^= byte(1 + rand.N(255))
		if err := os.WriteFile(file, changed, 0o600); err != nil {
			t.Fatal(err)
		}
		before := s.Counters().Damaged
		got := rest(t, s.Reader(0))
		if want := []uint64{1, 2, 3, 4, 6, 7, 8, 9}; !slices.Equal(got, want) {
			t.Errorf("byte %d changed: got %v", at, got)
		}
		if n := s.Counters().Damaged - before; n != 1 {
			t.Errorf("byte %d changed: %d places count as damaged", at, n)
		}
	}
}

func TestSegmentGone(t *testing.T) {
	s := open(t, settings(t))
	fill(t, s, 1, 50)
	files := segmentFiles(t, s.settings.Dir)
	if err := os.Remove(files[1]); err != nil {
		t.Fatal(err)
	}
	got := rest(t, s.Reader(0))
	var second, third uint64
	if _, err := fmt.Sscanf(filepath.Base(files[1])+" "+filepath.Base(files[2]), segmentName+" "+segmentName, &second, &third); err != nil {
		t.Fatal(err)
	}
	if len(got) != 50-int(third-second) || slices.Contains(got, second) || s.Counters().Damaged != 1 {
		t.Errorf("got %v, %+v", got, s.Counters())
	}
	// All of it: what comes afterwards is kept again.
	if err := os.RemoveAll(s.settings.Dir); err != nil {
		t.Fatal(err)
	}
	fill(t, s, 51, 52)
	r := s.Reader(50)
	for {
		_, ok, err := r.Next()
		if err != nil {
			continue
		}
		if !ok {
			t.Error("what came after the folder was removed is not there")
		}
		break
	}
}

func TestPosition(t *testing.T) {
	set := settings(t)
	s := open(t, set)
	fill(t, s, 1, 9)
	for _, n := range []uint64{3, 6} {
		if err := s.Done(n); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.release(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(set.Dir, "position")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	text[slotBytes] ^= 0xff // the newest: 6
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := open(t, set).Position(); got != 3 {
		t.Errorf("got %d", got)
	}
}

func FuzzCursor(f *testing.F) {
	f.Add([]byte(nil))
	f.Add(appendRecord(appendRecord(nil, 1, []byte("a")), 2, []byte("b")))
	f.Fuzz(func(t *testing.T, text []byte) {
		path := filepath.Join(t.TempDir(), nameOf(1))
		tail := appendRecord(nil, 7, []byte("tail"))
		if err := os.WriteFile(path, append(slices.Clone(text), tail...), 0o600); err != nil {
			t.Fatal(err)
		}
		file, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		c := cursor{file: file, limit: int64(len(text) + len(tail))}
		found := false
		for {
			r, ok, err := c.next()
			if err != nil {
				t.Fatal(err)
			}
			if !ok {
				break
			}
			found = found || r.number == 7 && string(r.data) == "tail"
		}
		if !found && !strings.Contains(string(text), string(mark())) {
			t.Error("the record behind damage is not found")
		}
	})
}

func TestUnreadableForAWhile(t *testing.T) {
	s := open(t, settings(t))
	fill(t, s, 1, 30)
	file := segmentFiles(t, s.settings.Dir)[1]
	if err := os.Rename(file, file+".away"); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Base(file), file); err != nil { // a loop
		t.Fatal(err)
	}
	r := s.Reader(0)
	var numbers []uint64
	failed := 0
	for failed < 3 {
		rec, ok, err := r.Next()
		if err != nil {
			failed++
		} else if ok {
			numbers = append(numbers, rec.Number)
		} else {
			t.Fatal("it goes on without the segment")
		}
	}
	if err := os.Rename(file+".away", file); err != nil {
		t.Fatal(err)
	}
	wantRange(t, "all", append(numbers, rest(t, r)...), 1, 30)
	if c := s.Counters(); c.Damaged != 0 {
		t.Errorf("got %+v", c)
	}
}
