package field

import (
	"maps"
	"slices"

	"github.com/saker-sensor/saker/internal/event"
)

// staticFields are the constants of the configuration (Falco's static_fields), sorted by name.
func staticFields(values map[string]string) []Info {
	var out []Info
	for _, name := range slices.Sorted(maps.Keys(values)) {
		value := values[name]
		out = append(out, text("static."+name, "Constant of the configuration.", func(*event.Event) (string, bool) {
			return value, true
		}).with(Suggested))
	}
	return out
}
