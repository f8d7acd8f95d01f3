package engine

import (
	"testing"

	"github.com/saker-sensor/saker/internal/event"
)

// TestAround: = of evt.around holds up to a distance in ms, on both sides.
func TestAround(t *testing.T) {
	const at = 1_404_996_934_793_590_564
	rs := mustLoad(t, "- rule: a"+tail+"  condition: evt.type = openat and evt.around[1404996934793590564] = 10\n")
	for distance, want := range map[int64]bool{
		0: true, 10_000_000: true, -10_000_000: true, 10_000_001: false, -10_000_001: false, at: false,
	} {
		ev := &event.Event{Num: 1, Type: event.TypeOpenat, Time: at - distance, Process: &event.Process{}}
		matched := false
		rs.Match(ev, NewScratch(), func(*Rule) { matched = true })
		if matched != want {
			t.Errorf("an event %d ns away: %v", distance, matched)
		}
	}
}
