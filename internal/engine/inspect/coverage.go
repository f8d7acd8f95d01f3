package inspect

import (
	"github.com/saker-sensor/saker/internal/engine"
	"github.com/saker-sensor/saker/internal/engine/filter"
	"github.com/saker-sensor/saker/internal/event"
)

// Coverage counts what events make of each comparison of the enabled rules. A comparison is looked at where what stands before it leaves
// the answer open. Not safe for several goroutines at once.
type Coverage struct {
	rules   []*ruleCounts
	scratch *engine.Scratch
}

type ruleCounts struct {
	rule         *engine.Rule
	trace        *filter.Trace
	part         Part
	hits, misses uint64
	counts       map[*filter.Trace]*[2]uint64
}

// NewCoverage begins with nothing counted.
func NewCoverage(rs *engine.Ruleset) (*Coverage, error) {
	c := &Coverage{scratch: engine.NewScratch()}
	e := newExplainer(rs.Catalog())
	for _, r := range rs.Rules() {
		if !r.Enabled {
			continue
		}
		trace, err := traceOf(rs, r)
		if err != nil {
			return nil, err
		}
		c.rules = append(c.rules, &ruleCounts{rule: r, trace: trace, part: e.condition(r), counts: map[*filter.Trace]*[2]uint64{}})
	}
	return c, nil
}

// Add counts an event.
func (c *Coverage) Add(ev *event.Event) {
	for _, r := range c.rules {
		hit := false
		for _, name := range fileNames(ev) {
			ev.Matched = name
			hit = r.trace.Eval(ev, c.scratch, r.look) || hit
		}
		if hit {
			r.hits++
		} else if r.rule.Types.Has(ev.Type) {
			r.misses++
		}
	}
	ev.Matched = event.NameGiven
}

func (r *ruleCounts) look(part *filter.Trace, holds bool) {
	if len(part.Parts) > 0 {
		return
	}
	n := r.counts[part]
	if n == nil {
		n = new([2]uint64)
		r.counts[part] = n
	}
	if holds {
		n[1]++
	} else {
		n[0]++
	}
}

// CoverageReport is what was counted.
type CoverageReport struct {
	// Rules are the enabled ones, Fired those that an event matched, and Missed those that one of their own event types did not.
	Rules  int `json:"rules"`
	Fired  int `json:"rules_fired"`
	Missed int `json:"rules_missed"`
	// Parts are the comparisons of all rules, Both those that were true and false. Comparisons of the event's type are left out.
	Parts int            `json:"parts"`
	Both  int            `json:"parts_true_and_false"`
	List  []RuleCoverage `json:"gaps"`
}

// RuleCoverage is a rule of which something was not seen.
type RuleCoverage struct {
	Rule string `json:"rule"`
	Place
	// Hits are the events that the rule matched, Misses those of its event types that it did not.
	Hits   uint64 `json:"hits"`
	Misses uint64 `json:"misses"`
	Gaps   []Gap  `json:"gaps"`
}

// Gap is a comparison that was not seen to be both. Never is "true" or "false", or "looked at" for neither.
type Gap struct {
	Never string `json:"never"`
	Part
}

// Report sums up. Rules without gaps are not listed.
func (c *Coverage) Report() CoverageReport {
	report := CoverageReport{Rules: len(c.rules), List: []RuleCoverage{}}
	for _, r := range c.rules {
		rc := RuleCoverage{Rule: r.rule.Name, Place: placeOf(r.rule.Definition().Where), Hits: r.hits, Misses: r.misses, Gaps: []Gap{}}
		if r.hits > 0 {
			report.Fired++
		}
		if r.misses > 0 {
			report.Missed++
		}
		r.gaps(&r.part, r.trace, &rc, &report)
		if len(rc.Gaps) > 0 || r.hits == 0 || r.misses == 0 {
			report.List = append(report.List, rc)
		}
	}
	return report
}

func (r *ruleCounts) gaps(p *Part, t *filter.Trace, rc *RuleCoverage, report *CoverageReport) {
	for i := range t.Parts {
		r.gaps(&p.Parts[i], t.Parts[i], rc, report)
	}
	check, ok := t.Expr.(*filter.Check)
	if !ok {
		return
	}
	if f, ok := check.Left.(*filter.Field); ok && f.Name == "evt.type" {
		return
	}
	report.Parts++
	never := ""
	switch n := r.counts[t]; {
	case n == nil:
		never = "looked at"
	case n[0] == 0:
		never = "false"
	case n[1] == 0:
		never = "true"
	default:
		report.Both++
		return
	}
	rc.Gaps = append(rc.Gaps, Gap{Never: never, Part: *p})
}
