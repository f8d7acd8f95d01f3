package recording

import (
	"bytes"
	"testing"
)

// TestHistory: the latest events are kept, whole, within both bounds.
func TestHistory(t *testing.T) {
	all := events(t, 3000, 9)
	const maxBytes = 100 * 700
	h := NewHistory(maxBytes, 200)
	for i, ev := range all {
		raw := bytes.Clone(ev.Raw)
		passed := *ev
		passed.Raw = raw
		h.Add(&passed)
		clear(raw) // as the ring's memory, which is written over
		if h.Bytes() > maxBytes {
			t.Fatalf("%d bytes", h.Bytes())
		}
		if i%500 != 499 {
			continue
		}
		var got []Entry
		h.Each(func(e *Entry) { got = append(got, *e) })
		if len(got) < 50 || len(got) > 201 {
			t.Fatalf("%d events", len(got))
		}
		for n := range got {
			want := all[i+1-len(got)+n]
			g := got[n]
			if !bytes.Equal(g.Raw, want.Raw) || g.Process != want.Process || g.Place.ContainerID != want.ContainerID ||
				g.Source != want.File.Source || want.Time < ev.Time-200 {
				t.Fatalf("event %d of %d is another one", n, len(got))
			}
		}
	}
	if n := testing.AllocsPerRun(100, func() { h.Add(all[1]) }); n > 0 {
		t.Errorf("%v allocations an event", n)
	}
	none := NewHistory(0, 1)
	none.Add(all[0])
	none.Each(func(*Entry) { t.Error("kept") })
}
