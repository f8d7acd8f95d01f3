package output

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

// dedupFixture notes what a table has let through, and what it has emitted, by key.
type dedupFixture struct {
	t              *testing.T
	d              *Dedup
	passed, counts map[string]uint64
	emitted        []string
}

func newDedupFixture(t *testing.T, s DedupSettings) *dedupFixture {
	w := &dedupFixture{t: t, passed: map[string]uint64{}, counts: map[string]uint64{}}
	s.Emit = func(h Held) {
		key, last, _ := strings.Cut(string(h.Text), " ")
		if h.Count == 0 || h.Rule != "r" || h.Priority != "Notice" || !strings.HasSuffix(last, fmt.Sprintf(" count=%d", h.Count)) ||
			string(h.JSON) != fmt.Sprintf(`{"%s":%d}`, key, h.Count) {
			t.Errorf("emitted %+v", h)
		}
		w.counts[key] += h.Count
		w.emitted = append(w.emitted, string(h.Text))
	}
	w.d = NewDedup(s)
	return w
}

// match is one at a time in ms; the number tells it from others. It reports whether it passed.
func (w *dedupFixture) match(key string, window time.Duration, at, number int) bool {
	file := []byte(key) // as if it aliased a ring
	held := w.d.Hold(DedupKey{Rule: "r", File: string(file)}, "Notice", window, time.UnixMilli(int64(at)),
		func(text, json []byte, n uint64) ([]byte, []byte) {
			return fmt.Appendf(text, "%s match %d count=%d", key, number, n), fmt.Appendf(json, `{"%s":%d}`, key, n)
		})
	if !held {
		w.passed[key]++
	}
	return !held
}

func TestDedupWindow(t *testing.T) {
	w := newDedupFixture(t, DedupSettings{})
	const window = time.Second
	for i, step := range []struct {
		at   int
		pass bool
	}{{0, true}, {1, false}, {999, false}, {1000, true}, {1500, false}} {
		if got := w.match("a", window, step.at, i); got != step.pass {
			t.Errorf("at %d ms: passed %v", step.at, got)
		}
	}
	w.d.Expire(time.UnixMilli(1999))
	w.d.Flush()
	w.match("a", window, 1999, 5)
	w.d.Expire(time.UnixMilli(2000))
	w.d.Expire(time.UnixMilli(9000))
	want := []string{"a match 2 count=2", "a match 4 count=1", "a match 5 count=1"}
	if strings.Join(w.emitted, ",") != strings.Join(want, ",") {
		t.Errorf("emitted %q, want %q", w.emitted, want)
	}
	if c := w.d.Counters(); c != (DedupCounters{Suppressed: 4, Emitted: 3}) {
		t.Errorf("counters: %+v", c)
	}
	if w.d.bytes != 0 {
		t.Errorf("%d bytes are left", w.d.bytes)
	}
}

// TestDedupTellsAll: whatever comes when, and however small the table: what passes and what the alerts tell is what matched.
func TestDedupTellsAll(t *testing.T) {
	for seed := range uint64(50) {
		rnd := rand.New(rand.NewPCG(seed, seed))
		w := newDedupFixture(t, DedupSettings{Entries: 1 + rnd.IntN(6), MaxBytes: 150 + rnd.IntN(200)})
		matched := map[string]uint64{}
		now := 0
		for i := range 2000 {
			now += rnd.IntN(30)
			key := strings.Repeat("k", 1+rnd.IntN(8))
			matched[key]++
			w.match(key, time.Duration(100+100*rnd.IntN(3))*time.Millisecond, now, i)
			switch rnd.IntN(40) {
			case 0:
				w.d.Expire(time.UnixMilli(int64(now)))
			case 1:
				w.d.Flush()
			}
			if c := w.d.Counters(); c.Open > w.d.settings.Entries || w.d.bytes > w.d.settings.MaxBytes {
				t.Fatalf("seed %d: %d windows with %d bytes are more than %+v", seed, c.Open, w.d.bytes, w.d.settings)
			}
		}
		w.d.Flush()
		var sum uint64
		for key, n := range matched {
			if got := w.passed[key] + w.counts[key]; got != n {
				t.Errorf("seed %d: %s: %d passed and %d emitted, of %d", seed, key, w.passed[key], w.counts[key], n)
			}
			sum += w.counts[key]
		}
		c := w.d.Counters()
		if c.Suppressed != sum || c.Suppressed == 0 || c.Overflow == 0 {
			t.Errorf("seed %d: %d were emitted, counters: %+v", seed, sum, c)
		}
		w.d.Expire(time.UnixMilli(int64(now + 1000)))
		if w.d.bytes != 0 || len(w.d.windows) != 0 {
			t.Errorf("seed %d: %d windows with %d bytes are left", seed, len(w.d.windows), w.d.bytes)
		}
	}
}
