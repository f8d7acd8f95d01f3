package setup

import (
	"fmt"

	"github.com/saker-sensor/saker/internal/config"
	"github.com/saker-sensor/saker/internal/engine"
)

// UnknownNames tells of the entries of the configuration that name a rule or a tag which no rule file has: a line each,
// with the place and the nearest name.
func UnknownNames(cfg *config.Config, set *engine.Ruleset) []string {
	var lines []string
	check := func(place, key, rule string, tags ...string) {
		selectors := []engine.Selector{{Rule: rule}}
		for _, t := range tags {
			selectors = append(selectors, engine.Selector{Tag: t})
		}
		for _, s := range selectors {
			if s.Rule == "" && s.Tag == "" {
				continue
			}
			ok, hint := set.Defines(s)
			if ok {
				continue
			}
			line := fmt.Sprintf("%s: %s: no rule has the tag %q", place, key, s.Tag)
			if s.Rule != "" {
				line = fmt.Sprintf("%s: %s: there is no rule %q", place, key, s.Rule)
			}
			if hint != "" {
				line += "; " + hint
			}
			lines = append(lines, line)
		}
	}
	for _, r := range cfg.Rules {
		for _, m := range []*config.RuleMatch{r.Enable, r.Disable} {
			if m != nil {
				check(r.Place, "rules", m.Rule, m.Tag)
			}
		}
	}
	for _, d := range cfg.Deduplication.Rules {
		check(d.Place, "deduplication.rules", d.Rule, d.Tag)
	}
	for _, a := range cfg.AppendOutput {
		check(a.Place, "append_output", a.Match.Rule, a.Match.Tags...)
	}
	return lines
}
