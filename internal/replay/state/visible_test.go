package state_test

import (
	"testing"

	"github.com/saker-sensor/saker/internal/event"
	"github.com/saker-sensor/saker/internal/replay/scap"
	"github.com/saker-sensor/saker/internal/replay/scap/schema"
	"github.com/saker-sensor/saker/internal/replay/state"
)

// Rules see neither the begin of a call, nor what a recorder's filter left out, nor notices in front of all other events; all of them
// change the state and count.
func TestVisible(t *testing.T) {
	user := [][]byte{little(1000, 4), little(1000, 4), []byte("u\x00"), []byte("/\x00"), []byte("sh\x00"), {0}}
	open := [][]byte{little(3, 8), []byte("/a\x00"), little(1, 4), little(0, 4), little(0, 4), little(0, 8)}
	s := state.New(state.Settings{})
	var ev event.Event
	for i, step := range []struct {
		in      scap.Event
		visible bool
	}{
		{scap.Event{Code: schema.UserAddedE, Params: user}, false},
		{scap.Event{Code: schema.OpenE, Params: [][]byte{[]byte("/a\x00"), little(1, 4), little(0, 4)}}, false},
		{scap.Event{Code: schema.OpenX, Params: open}, true},
		{scap.Event{Code: schema.OpenX, Params: open, Flags: 1}, false},
		{scap.Event{Code: schema.UserAddedE, Params: user}, true},
	} {
		in := step.in
		in.Tid, in.Time = 5, uint64(i+1)
		if got := s.Apply(&in, &ev); got != step.visible {
			t.Errorf("event %d: visible is %v", i, got)
		}
		if step.visible && ev.Num != uint64(i+1) {
			t.Errorf("event %d has number %d", i, ev.Num)
		}
	}
}
