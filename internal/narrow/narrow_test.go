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

func TestTypes(t *testing.T) {
	connect, _ := event.TypeByName("connect")
	execs := Rule{Types: set(event.TypeExecve, event.TypeExecveat), Fields: []string{"proc.name"}}
	tests := []struct {
		name  string
		rules []Rule
		want  event.TypeSet
	}{
		{"no rule", nil, set()},
		{"exec rules attach no hook", []Rule{execs}, set()},
		{"an exec rule about results does", []Rule{{Types: execs.Types, Fields: []string{"evt.res"}}}, execs.Types},
		{"an open rule brings the failed execs along", []Rule{execs, {Types: set(event.TypeOpenat)}},
			set(event.TypeOpenat, event.TypeExecve, event.TypeExecveat)},
		{"an open rule alone", []Rule{{Types: set(event.TypeOpen)}}, set(event.TypeOpen)},
		{"exits attach no hook", []Rule{execs, {Types: set(event.TypeProcexit)}}, set(event.TypeProcexit)},
		{"neither do new rings", []Rule{execs, {Types: set(event.TypeIoUringSetup)}}, set(event.TypeIoUringSetup)},
		{"what is not captured is not asked for", []Rule{{Types: set(connect)}}, set()},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, Types(tt.rules)); diff != "" {
				t.Error(diff)
			}
		})
	}
}
