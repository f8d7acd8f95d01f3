package narrow

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/saker-sensor/saker/internal/event"
)

func TestLosing(t *testing.T) {
	rules := []Rule{
		{Name: "exec", Types: set(event.TypeExecve, event.TypeExecveat), Fields: []string{"proc.name"}},
		{Name: "exec result", Types: set(event.TypeExecve), Fields: []string{"evt.res"}},
		{Name: "open", Types: set(event.TypeOpenat)},
		{Name: "exit", Types: set(event.TypeProcexit)},
		{Name: "any", Types: set(event.AllTypes()...)},
	}
	for _, tt := range []struct {
		name  string
		kinds []event.Kind
		want  []string
	}{
		{"exec", []event.Kind{event.KindExec}, []string{"exec", "exec result", "any"}},
		{"failed exec", []event.Kind{event.KindExecFailed}, []string{"exec result"}},
		{"system calls", []event.Kind{event.KindOpen, event.KindExecFailed}, []string{"exec result", "open", "any"}},
		{"exit", []event.Kind{event.KindExit}, []string{"exit", "any"}},
		{"fork", []event.Kind{event.KindFork}, nil},
		{"cgroup", []event.Kind{event.KindCgroupMade, event.KindCgroupRemoved}, nil},
		{"nothing", nil, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, Losing(rules, tt.kinds)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	drop, _ := event.TypeByName("drop")
	if got := Losing([]Rule{{Name: "drop", Types: set(drop)}},
		[]event.Kind{event.KindOpen}); got != nil {
		t.Errorf("a rule that can't match anyway loses events: %v", got)
	}
}
