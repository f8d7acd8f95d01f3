package probe

import (
	"os/exec"
	"testing"

	"github.com/saker-sensor/saker/internal/event"
)

func TestFlooder(t *testing.T) {
	a, b, c := event.Key{Tgid: 1, Start: 5}, event.Key{Tgid: 2, Start: 5}, event.Key{Tgid: 1, Start: 6}
	for _, tt := range []struct {
		name   string
		losers []Loser
		after  uint64
		want   event.Key
		votes  uint64
	}{
		{"nobody", nil, 0, event.Key{}, 0},
		{"most votes", []Loser{{Key: a, Votes: 3, Time: 10}, {Key: b, Votes: 4, Time: 10}}, 0, b, 4},
		{"on two processors together", []Loser{{Key: a, Votes: 3, Time: 10}, {Key: b, Votes: 4, Time: 10}, {Key: a, Votes: 2, Time: 10}}, 0, a, 5},
		{"the pid alone is another process", []Loser{{Key: a, Votes: 3, Time: 10}, {Key: b, Votes: 4, Time: 10}, {Key: c, Votes: 2, Time: 10}}, 0, b, 4},
		{"an earlier flood", []Loser{{Key: a, Votes: 300, Time: 10}, {Key: b, Votes: 1, Time: 20}}, 10, b, 1},
		{"only an earlier flood", []Loser{{Key: a, Votes: 300, Time: 10}}, 10, event.Key{}, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			k := Counters{Losers: tt.losers}
			l := k.Flooder(tt.after)
			if l == nil {
				l = &Loser{}
			}
			if l.Key != tt.want || l.Votes != tt.votes {
				t.Errorf("got %+v, want %+v with %d votes", l, tt.want, tt.votes)
			}
		})
	}
}

// Who comes last is not who flooded.
func TestFloodIsNotTheBystanders(t *testing.T) {
	p := loaded(t, Settings{BulkBytes: 4096})
	if err := p.Attach(); err != nil {
		t.Fatal(err)
	}
	run := func(opens string) *exec.Cmd {
		cmd := child("open", opens)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		return cmd
	}
	flood := run("20000")
	for range 5 {
		run("10")
	}
	k, err := p.Counters()
	if err != nil {
		t.Fatal(err)
	}
	if l := k.Flooder(0); l == nil || int(l.Key.Tgid) != flood.Process.Pid {
		t.Errorf("the flood is laid at the door of %+v; it was %d's", l, flood.Process.Pid)
	}
}
