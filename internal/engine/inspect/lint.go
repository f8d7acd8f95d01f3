package inspect

import (
	"fmt"

	"github.com/saker-sensor/saker/internal/engine"
	"github.com/saker-sensor/saker/internal/engine/filter"
	"github.com/saker-sensor/saker/internal/engine/rulefile"
	"github.com/saker-sensor/saker/internal/event"
)

// Lint looks for rules that load but do not do what they seem to: conditions that can't be true, and, where an event
// yields its first match only, rules that an earlier one always comes before. It has no false positives, but misses some. It also
// names the lists that Falco reads otherwise.
func Lint(rs *engine.Ruleset) []rulefile.Problem {
	out := deepLists(rs.Catalog())
	never := map[*engine.Rule]bool{}
	for _, r := range rs.All() {
		if why, off := neverTrue(r); why != "" {
			never[r] = true
			p := conditionTrail(rs.Catalog(), r, off).Problem(rulefile.LintNeverTrue, "The condition can't be true: "+why)
			p.Hint = "see what it expands to: sensor rules explain"
			out = append(out, p)
		}
	}
	if rs.MatchAll() {
		return out
	}
	prover := newProver(rs.Catalog().Dictionary)
	for i, r := range rs.All() {
		if !r.Enabled || never[r] {
			continue
		}
		for _, before := range rs.All()[:i] {
			if before.Enabled && subset(&r.Types, &before.Types) && prover.implies(conjunction(r.Expr()), before.Expr(), maxCases) {
				p := r.Definition().Where.Problem(rulefile.LintShadowed, fmt.Sprintf(
					"The rule never fires: rule '%s' (%s) comes before it and matches all that it would match",
					before.Name, placeOf(before.Definition().Where)))
				p.Hint = "move it up, narrow the other rule, or set rule_matching=all"
				out = append(out, p)
				break
			}
		}
	}
	return out
}

// deepLists finds the items of used lists that name a list which names another in turn: Falco puts in the items of one level
// of lists, and leaves the name of the innermost list as a text.
func deepLists(c *engine.Catalog) []rulefile.Problem {
	byName := make(map[string]*engine.ListInfo, len(c.Lists))
	for i := range c.Lists {
		byName[c.Lists[i].Name] = &c.Lists[i]
	}
	var out []rulefile.Problem
	for _, l := range c.Lists {
		if !l.Used {
			continue
		}
		for _, name := range l.Lists {
			inner := byName[name]
			if inner == nil || len(inner.Lists) == 0 {
				continue
			}
			where := l.Where
			for _, item := range l.Items {
				if item.Text == name {
					where = where.With("list item", name, item)
					break
				}
			}
			p := where.Problem(rulefile.LintListDepth, fmt.Sprintf(
				"List '%s' names list '%s', which names list '%s': Saker puts in its items, Falco leaves the text '%[3]s'",
				l.Name, name, inner.Lists[0]))
			p.Hint = "if Falco reads this file too, write the items of the innermost list into list '" + name + "'"
			out = append(out, p)
		}
	}
	return out
}

// neverTrue says why a rule's condition can't be true, and which byte of it is to blame.
func neverTrue(r *engine.Rule) (why string, off int) {
	off = r.Expr().Position().Offset
	types := r.Types.Types()
	if len(types) == 0 {
		for _, part := range conjunction(r.Expr()) {
			if filter.EventTypes(part, event.FullSet(), event.TypeByName) == (event.TypeSet{}) {
				return fmt.Sprintf("'%s' is never true", filter.Print(part)), part.Position().Offset
			}
		}
		return "what it asks of evt.type contradicts itself", off
	}
	said := map[string]bool{}
	for _, part := range conjunction(r.Expr()) {
		text, negated := filter.Print(part), false
		if not, ok := part.(*filter.Not); ok {
			text, negated = filter.Print(not.Part), true
		}
		if before, ok := said[text]; ok && before != negated {
			return fmt.Sprintf("it asks for both '%s' and its opposite", text), part.Position().Offset
		}
		said[text] = negated
	}
	return r.NeverTrue(), off
}

// conditionTrail leads to a byte of a rule's condition, or to the whole of it if the byte is a macro's.
func conditionTrail(c *engine.Catalog, r *engine.Rule, off int) rulefile.Trail {
	where := r.Definition().Where.With("rule condition", "", r.Definition().Condition[0])
	origin, ok := c.Origin(off)
	if !ok || origin.Macro != "" {
		return where
	}
	return where.At("condition expression", origin.File, origin.Offset)
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
