package engine

import (
	"fmt"

	"github.com/saker-sensor/saker/internal/engine/filter"
	"github.com/saker-sensor/saker/internal/event"
)

// Codes of what [Ruleset.Lint] finds; Falco has no such check.
const (
	LintShadowed  Code = "LINT_SHADOWED"
	LintNeverTrue Code = "LINT_NEVER_TRUE"
)

// Lint looks for rules that load but do not do what they seem to: conditions that can't be true, and, where an event
// yields its first match only, rules that an earlier one always comes before. It reports what it is sure of.
func (rs *Ruleset) Lint() []Problem {
	var out []Problem
	never := map[*Rule]bool{}
	for _, r := range rs.rules {
		if why, off := rs.never(r); why != "" {
			never[r] = true
			p := rs.catalog.trail(r, off).problem(LintNeverTrue, "The condition can't be true: "+why)
			p.Hint = "see what it expands to: sensor rules explain"
			out = append(out, p)
		}
	}
	if rs.matchAll {
		return out
	}
	prover := newProver(rs.catalog.dict)
	for i, r := range rs.rules {
		if !r.Enabled || never[r] {
			continue
		}
		for _, before := range rs.rules[:i] {
			if before.Enabled && subset(&r.Types, &before.Types) && prover.implies(conjunction(r.expr), before.expr, maxCases) {
				p := r.def.where.problem(LintShadowed, fmt.Sprintf(
					"The rule never fires: rule '%s' (%s) comes before it and matches all that it would match", before.Name, placeOf(before.def.where)))
				p.Hint = "move it up, narrow the other rule, or set rule_matching=all"
				out = append(out, p)
				break
			}
		}
	}
	return out
}

// never says why a rule's condition can't be true, and which byte of it is to blame.
func (rs *Ruleset) never(r *Rule) (why string, off int) {
	off = r.expr.Position().Offset
	types := r.Types.Types()
	if len(types) == 0 {
		for _, part := range conjunction(r.expr) {
			if filter.EventTypes(part, allTypes(), event.TypeByName) == (event.TypeSet{}) {
				return fmt.Sprintf("'%s' is never true", filter.Print(part)), part.Position().Offset
			}
		}
		return "what it asks of evt.type contradicts itself", off
	}
	said := map[string]bool{}
	for _, part := range conjunction(r.expr) {
		text, negated := filter.Print(part), false
		if not, ok := part.(*filter.Not); ok {
			text, negated = filter.Print(not.Part), true
		}
		if before, ok := said[text]; ok && before != negated {
			return fmt.Sprintf("it asks for both '%s' and its opposite", text), part.Position().Offset
		}
		said[text] = negated
	}
	return r.filter.NeverTrue(types), off
}

// trail leads to a byte of a rule's condition, or to the whole of it if the byte is a macro's.
func (c *catalog) trail(r *Rule, off int) trail {
	where := r.def.where.with("rule condition", "", r.def.cond[0])
	p := findPlaced(c.placed, off)
	if p == nil || p.macro != "" || len(p.spans) == 0 {
		return where
	}
	src, at := p.place(off - p.base)
	return where.at("condition expression", src, at)
}

// conjunction lists what must hold for a condition to be true.
func conjunction(e filter.Expr) []filter.Expr {
	and, ok := e.(*filter.And)
	if !ok {
		return []filter.Expr{e}
	}
	var out []filter.Expr
	for _, p := range and.Parts {
		out = append(out, conjunction(p)...)
	}
	return out
}

func subset(a, b *event.TypeSet) bool {
	for i := range a {
		if a[i]&^b[i] != 0 {
			return false
		}
	}
	return true
}
