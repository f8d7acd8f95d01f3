package stream

import (
	"slices"
	"testing"

	"github.com/saker-sensor/saker/internal/output/falcopb/outputs"
)

func filled(maxCount, maxBytes, n int) *history {
	h := newHistory(maxCount, maxBytes)
	for range n {
		h.append(&outputs.Response{Rule: "r"})
	}
	return h
}

func cursors(alerts []*outputs.Response) []uint64 {
	var c []uint64
	for _, a := range alerts {
		c = append(c, a.Cursor)
	}
	return c
}

func TestHistoryAfter(t *testing.T) {
	one := memory(&outputs.Response{Rule: "r", Cursor: 1})
	tests := map[string]struct {
		h            *history
		position     uint64
		want         []uint64
		next, missed uint64
	}{
		"empty":           {filled(4, 1<<20, 0), 0, nil, 0, 0},
		"all":             {filled(4, 1<<20, 3), 0, []uint64{1, 2, 3}, 3, 0},
		"behind one":      {filled(4, 1<<20, 3), 2, []uint64{3}, 3, 0},
		"at the end":      {filled(4, 1<<20, 3), 3, nil, 3, 0},
		"fallen out":      {filled(4, 1<<20, 10), 2, []uint64{7, 8, 9, 10}, 10, 4},
		"just kept":       {filled(4, 1<<20, 10), 6, []uint64{7, 8, 9, 10}, 10, 0},
		"bound by bytes":  {filled(100, 2*one+one/2, 10), 8, []uint64{9, 10}, 10, 0},
		"larger than all": {filled(100, 1, 10), 0, []uint64{10}, 10, 9},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			v := tt.h.after(tt.position, make([]*outputs.Response, 0, batch))
			if got := cursors(v.alerts); !slices.Equal(got, tt.want) || v.next != tt.next || v.missed != tt.missed {
				t.Errorf("got %v, next %d, missed %d", got, v.next, v.missed)
			}
			if (v.more == nil) != (len(tt.want) > 0) {
				t.Error("a reader must wait if nothing is there, and only then")
			}
		})
	}
}

// TestHistoryWakes: whoever waits is woken by an alert, and by the end.
func TestHistoryWakes(t *testing.T) {
	h := filled(4, 1<<20, 1)
	first, second := h.after(1, nil), h.after(1, nil)
	h.append(&outputs.Response{})
	<-first.more
	<-second.more
	if v := h.after(1, nil); !slices.Equal(cursors(v.alerts), []uint64{2}) {
		t.Errorf("got %v", cursors(v.alerts))
	}
	last := h.after(2, nil)
	if last.end {
		t.Error("the end came too early")
	}
	h.close()
	<-last.more
	if !h.after(2, nil).end {
		t.Error("the end did not come")
	}
}

// TestHistoryMemory: what falls out is let go of.
func TestHistoryMemory(t *testing.T) {
	h := filled(10, 1<<20, 100000)
	bytes := 0
	for _, k := range h.kept {
		bytes += k.bytes
	}
	if len(h.kept) != 10 || cap(h.kept) > 100 || h.bytes != bytes || bytes == 0 {
		t.Errorf("%d kept in room for %d, %d bytes", len(h.kept), cap(h.kept), h.bytes)
	}
}
