package state_test

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/saker-sensor/saker/internal/event"
	"github.com/saker-sensor/saker/internal/field"
	"github.com/saker-sensor/saker/internal/replay/scap"
	"github.com/saker-sensor/saker/internal/replay/scap/schema"
	"github.com/saker-sensor/saker/internal/replay/state"
)

// Each event that recorders make today shows all its parameters, in their order: nothing of Falco's table is missing in the dictionary.
func TestEveryEventShowsItsParameters(t *testing.T) {
	d := field.Syscall()
	ref, err := d.Lookup("evt.args", "", false)
	if err != nil {
		t.Fatal(err)
	}
	tried := 0
	for code := range uint16(schema.Count()) {
		e := schema.Lookup(code)
		exit := !schema.IsEnter(code)
		if e.Flags&(schema.OldVersion|schema.Unused) != 0 || code == schema.GenericX || e.Category&schema.CategorySyscall != 0 && !exit ||
			e.Category&schema.CategoryIter != 0 {
			continue
		}
		rng := rand.New(rand.NewPCG(1, uint64(code)))
		s := state.New(state.Settings{})
		in := &scap.Event{Tid: 7, Time: 1, Code: code}
		var names []string
		for _, p := range e.Params {
			names = append(names, p.Name)
			b := plausible(rng, p.Type)
			for p.Type.Size() > 0 && len(b) == 0 {
				b = plausible(rng, p.Type)
			}
			in.Params = append(in.Params, b)
		}
		var ev event.Event
		s.Apply(&scap.Event{Tid: 7, Code: schema.GetsocknameX}, &ev) // a notice in front of all events is not shown
		if !s.Apply(in, &ev) {
			t.Errorf("%s (%d) is not shown", e.Name, code)
			continue
		}
		tried++
		var v field.Value
		ref.GetPrint(&ev, &v)
		rest := " " + v.Str
		for _, name := range names {
			before, after, ok := strings.Cut(rest, " "+name+"=")
			if !ok {
				t.Errorf("%s (%d): %q has no %s behind %q", e.Name, code, v.Str, name, before)
				break
			}
			rest = after
		}
		if ev.Type.String() == "" {
			t.Errorf("%s (%d) has no type", e.Name, code)
		}
	}
	if tried < 150 {
		t.Errorf("only %d events were tried", tried)
	}
}
