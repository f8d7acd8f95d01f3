package narrow

import (
	"slices"

	"github.com/saker-sensor/saker/internal/event"
)

// Losing names the rules that events from records of these kinds may match: those that lose coverage where the kernel
// does not send them.
func Losing(rules []Rule, kinds []event.Kind) []string {
	var names []string
	for i := range rules {
		if slices.ContainsFunc(kinds, rules[i].needs) {
			names = append(names, rules[i].Name)
		}
	}
	return names
}

// needs tells whether a rule is about events of a kind. A failed exec is what a rule is about only if it asks for the
// result, as in [Types].
func (r *Rule) needs(kind event.Kind) bool {
	return slices.ContainsFunc(r.Types.Types(), func(t event.Type) bool {
		switch {
		case !t.Captured():
			return false
		case t == event.TypeExecve || t == event.TypeExecveat:
			return kind == event.KindExec || kind == event.KindExecFailed && readsResult(r.Fields)
		case t == event.TypeProcexit:
			return kind == event.KindExit
		case t == event.TypeIoUringSetup:
			return kind == event.KindUring
		}
		if event.IsOpen(t) {
			return kind == event.KindOpen
		}
		return kind == event.KindCall
	})
}
