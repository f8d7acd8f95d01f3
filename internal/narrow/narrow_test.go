package narrow

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/saker-sensor/saker/internal/event"
)

func set(types ...event.Type) event.TypeSet {
	var s event.TypeSet
	for _, t := range types {
		s.Add(t)
	}
	return s
}

// An example of an open, or of a failed exec, that a rule may be about: reading the result says which.
func about(failed bool) func(*event.Event, Known) bool {
	return func(like *event.Event, known Known) bool {
		return !known("evt.failed", "=", "true") || like.Failed() == failed
	}
}

func TestEntryCopies(t *testing.T) {
	opens, execs := set(event.TypeOpenat, event.TypeCreat), set(event.TypeExecve, event.TypeExecveat)
	tests := []struct {
		name string
		rule Rule
		want bool
	}{
		{"opens that succeed", Rule{Types: opens, May: about(false)}, false},
		{"opens that fail", Rule{Types: opens, May: about(true)}, true},
		{"any open", Rule{Types: opens}, true},
		{"execs, whatever their result", Rule{Types: execs, Fields: []string{"proc.name"}}, false},
		{"execs that succeed", Rule{Types: execs, Fields: []string{"evt.failed"}, May: about(false)}, false},
		{"execs that fail", Rule{Types: execs, Fields: []string{"evt.failed"}, May: about(true)}, true},
		{"ends of processes", Rule{Types: set(event.TypeProcexit), Fields: []string{"evt.res"}}, false},
	}
	for _, tt := range tests {
		rules := []Rule{tt.rule}
		masks, _ := NewMasks(rules)
		if got := EntryCopies(rules, masks); got != tt.want {
			t.Errorf("%s: %v", tt.name, got)
		}
	}
}

// Reads and writes are for rules that name them, or for all.
func TestBulk(t *testing.T) {
	read, _ := event.TypeByName("read")
	var all event.TypeSet
	for _, typ := range event.AllTypes() {
		all.Add(typ)
	}
	for _, tt := range []struct {
		types      event.TypeSet
		everything bool
		want       bool
	}{{set(read), false, true}, {all, false, false}, {all, true, true}} {
		wanted := Types([]Rule{{Types: tt.types}}, tt.everything)
		if wanted.Has(read) != tt.want {
			t.Errorf("read is asked for: %v, want %v", wanted.Has(read), tt.want)
		}
	}
}

func TestTypes(t *testing.T) {
	connect, _ := event.TypeByName("connect")
	drop, _ := event.TypeByName("drop")
	execs := Rule{Types: set(event.TypeExecve, event.TypeExecveat), Fields: []string{"proc.name"}}
	tests := []struct {
		name  string
		rules []Rule
		want  event.TypeSet
	}{
		{"no rule", nil, set()},
		{"exec rules attach no hook", []Rule{execs}, set()},
		{"an exec rule about results does", []Rule{{Types: execs.Types, Fields: []string{"evt.res"}}}, execs.Types},
		{"one about success alone does not", []Rule{{Types: execs.Types, Fields: []string{"evt.failed"}, May: about(false)}}, set()},
		{"an open rule brings the failed execs along", []Rule{execs, {Types: set(event.TypeOpenat)}},
			set(event.TypeOpenat, event.TypeExecve, event.TypeExecveat)},
		{"an open rule alone", []Rule{{Types: set(event.TypeOpen)}}, set(event.TypeOpen)},
		{"exits attach no hook", []Rule{execs, {Types: set(event.TypeProcexit)}}, set(event.TypeProcexit)},
		{"neither do new rings", []Rule{execs, {Types: set(event.TypeIoUringSetup)}}, set(event.TypeIoUringSetup)},
		{"what is not captured is not asked for", []Rule{{Types: set(drop)}}, set()},
		{"any other call", []Rule{{Types: set(connect)}}, set(connect)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, Types(tt.rules, false)); diff != "" {
				t.Error(diff)
			}
		})
	}
}
