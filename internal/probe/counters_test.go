package probe

import (
	"testing"

	"github.com/saker-sensor/saker/internal/event"
)

// Votes of several processors are added up, whatever order they come in.
func TestFlooder(t *testing.T) {
	a, b := event.Key{Tgid: 1, Start: 10}, event.Key{Tgid: 2, Start: 20}
	c := Counters{Losers: []Loser{
		{Key: a, Votes: 3, Time: 500}, {Key: b, Votes: 5, Time: 200}, {Key: a, Votes: 4, Time: 300},
	}}
	for _, tt := range []struct {
		after, votes, time uint64
		key                event.Key
	}{
		{0, 7, 500, a},
		{250, 7, 500, a},
		{300, 3, 500, a},
	} {
		f := c.Flooder(tt.after)
		if f == nil || f.Key != tt.key || f.Votes != tt.votes || f.Time != tt.time {
			t.Errorf("after %d: %+v, want %+v", tt.after, f, tt)
		}
	}
	if f := c.Flooder(500); f != nil {
		t.Errorf("after the last loss: %+v", f)
	}
}
