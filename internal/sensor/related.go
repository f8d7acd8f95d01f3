package sensor

import (
	"slices"

	"github.com/saker-sensor/saker/internal/engine"
	"github.com/saker-sensor/saker/internal/pods"
	"github.com/saker-sensor/saker/internal/setup"
)

// relatedKinds are the kinds of objects that enabled rules and their alerts read of.
func relatedKinds(rules *engine.Ruleset, alerts *rendering) (kinds [pods.Kinds]bool) {
	for _, r := range rules.Rules() {
		if !r.Enabled {
			continue
		}
		names := r.Reads()
		f := alerts.byRule[r]
		for _, ref := range f.line.Fields() {
			names = append(names, ref.Name)
		}
		if f.whole != nil {
			for _, ref := range f.whole.Fields() {
				names = append(names, ref.Name)
			}
		}
		for kind, fields := range setup.RelatedFields() {
			kinds[kind] = kinds[kind] || slices.ContainsFunc(names, func(name string) bool { return slices.Contains(fields, name) })
		}
	}
	return kinds
}
