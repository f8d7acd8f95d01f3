package stream

import (
	"slices"

	"github.com/saker-sensor/saker/internal/output/falcopb/outputs"
	"github.com/saker-sensor/saker/internal/output/falcopb/schema"
)

// filter chooses alerts; the zero one takes them all.
type filter struct {
	min                  *schema.Priority
	rules, sources, tags []string
}

func newFilter(r *outputs.Request) filter {
	return filter{min: r.MinPriority, rules: r.Rules, sources: r.Sources, tags: r.Tags}
}

// empty tells whether the filter asks for nothing.
func (f *filter) empty() bool {
	return f.min == nil && len(f.rules)+len(f.sources)+len(f.tags) == 0
}

func (f *filter) fits(alert *outputs.Response) bool {
	if f.min != nil && alert.Priority > *f.min { // the most severe is 0
		return false
	}
	for _, tag := range f.tags {
		if !slices.Contains(alert.Tags, tag) {
			return false
		}
	}
	return (len(f.rules) == 0 || slices.Contains(f.rules, alert.Rule)) && (len(f.sources) == 0 || slices.Contains(f.sources, alert.Source))
}
