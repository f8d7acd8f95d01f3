package sensor

import (
	"slices"

	"github.com/saker-sensor/saker/internal/engine"
	"github.com/saker-sensor/saker/internal/event"
	"github.com/saker-sensor/saker/internal/field"
	"github.com/saker-sensor/saker/internal/pods"
	"github.com/saker-sensor/saker/internal/setup"
)

// used are the fields of a rule's condition and of its alerts.
func used(r *engine.Rule, alerts *rendering) []field.Ref {
	f := alerts.byRule[r]
	refs := append(slices.Clone(r.Uses()), f.line.Fields()...)
	if f.whole != nil {
		refs = append(refs, f.whole.Fields()...)
	}
	return refs
}

// relatedKinds are the kinds of objects that enabled rules and their alerts read of.
func relatedKinds(rules *engine.Ruleset, alerts *rendering) (kinds [pods.Kinds]bool) {
	for _, r := range rules.Rules() {
		if !r.Enabled {
			continue
		}
		refs := used(r, alerts)
		for kind, fields := range setup.RelatedFields() {
			kinds[kind] = kinds[kind] || slices.ContainsFunc(refs, func(ref field.Ref) bool { return slices.Contains(fields, ref.Name) })
		}
	}
	return kinds
}

// callerParts are what enabled rules and their alerts ask of who causes an event, by the event's type.
func callerParts(rules *engine.Ruleset, alerts *rendering) map[event.Type]event.CallerParts {
	parts := map[event.Type]event.CallerParts{}
	for _, r := range rules.Rules() {
		if !r.Enabled {
			continue
		}
		refs := slices.DeleteFunc(used(r, alerts), func(ref field.Ref) bool { return ref.Caller == nil })
		for i := range refs {
			for _, typ := range r.Types.Types() {
				if asked := refs[i].Asks(typ); asked != 0 && typ.Captured() {
					parts[typ] |= asked
				}
			}
		}
	}
	return parts
}
