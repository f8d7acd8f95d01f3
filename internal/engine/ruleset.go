package engine

import (
	"fmt"
	"math/bits"
	"slices"
	"strings"

	"github.com/saker-sensor/saker/internal/engine/filter"
	"github.com/saker-sensor/saker/internal/event"
	"github.com/saker-sensor/saker/internal/suggest"
)

// Scratch is the working memory of one goroutine's matching.
type Scratch = filter.Scratch

// NewScratch returns working memory for [Ruleset.Match].
func NewScratch() *Scratch { return filter.NewScratch() }

// Ruleset holds compiled rules of one source, ready to match. It may be used by several goroutines at once, each with its own
// Scratch.
type Ruleset struct {
	source   string
	siblings []*Ruleset
	rules    []*Rule
	matchAll bool
	byType   [event.MaxTypes][]*group
	types    event.TypeSet
	catalog  *Catalog
}

// group is a run of rules that are tried on the same event types, in the order of their definition.
type group struct {
	rules  []*Rule
	bundle *filter.Bundle
}

// newRulesets makes a set a source, and returns the first.
func newRulesets(sources []Source, rules []*Rule, matchAll bool, catalog *Catalog) *Ruleset {
	all := make([]*Ruleset, len(sources))
	for i := range sources {
		var own []*Rule
		for _, r := range rules {
			if r.Source == sources[i].Name {
				own = append(own, r)
			}
		}
		all[i] = newRuleset(own, matchAll)
		all[i].source, all[i].catalog = sources[i].Name, catalog
	}
	for _, rs := range all {
		rs.siblings = all
	}
	return all[0]
}

func newRuleset(rules []*Rule, matchAll bool) *Ruleset {
	rs := &Ruleset{rules: rules, matchAll: matchAll}
	rs.siblings = []*Ruleset{rs}
	var byType [event.MaxTypes][]*Rule
	for _, r := range rules {
		if !r.Enabled {
			continue
		}
		rs.types.Union(&r.Types)
		for _, t := range r.Types.Types() {
			byType[t] = append(byType[t], r)
		}
	}
	done := event.TypeSet{}
	all := rs.types.Types()
	for i, t := range all {
		if done.Has(t) {
			continue
		}
		// Types with the same rules share their groups.
		var same []event.Type
		for _, o := range all[i:] {
			if slices.Equal(byType[o], byType[t]) {
				same = append(same, o)
				done.Add(o)
			}
		}
		groups := newGroups(byType[t], same)
		for _, o := range same {
			rs.byType[o] = groups
		}
	}
	return rs
}

func newGroups(rules []*Rule, types []event.Type) []*group {
	var groups []*group
	for part := range slices.Chunk(rules, filter.BundleSize) {
		filters := make([]*filter.Filter, len(part))
		for i, r := range part {
			filters[i] = r.filter
		}
		groups = append(groups, &group{rules: part, bundle: filter.NewBundle(filters, types, readsFileName)})
	}
	return groups
}

// Catalog is what the rules were made of.
func (rs *Ruleset) Catalog() *Catalog { return rs.catalog }

// MatchAll tells whether an event yields all rules that it matches; otherwise it yields the first.
func (rs *Ruleset) MatchAll() bool { return rs.matchAll }

// Rules lists all rules of the source in the order of their definition, disabled ones too.
func (rs *Ruleset) Rules() []*Rule { return rs.rules }

// Source names the source that the rules are about.
func (rs *Ruleset) Source() string { return rs.source }

// Sources are the rule sets of one loading, one a source, that of syscall first.
func (rs *Ruleset) Sources() []*Ruleset { return rs.siblings }

// Of is the rule set of another source of the same loading; nil if there is none.
func (rs *Ruleset) Of(source string) *Ruleset {
	for _, s := range rs.siblings {
		if s.source == source {
			return s
		}
	}
	return nil
}

// All lists the rules of all sources, those of syscall first, disabled ones too.
func (rs *Ruleset) All() []*Rule {
	if len(rs.siblings) == 1 {
		return rs.rules
	}
	var all []*Rule
	for _, s := range rs.siblings {
		all = append(all, s.rules...)
	}
	return all
}

// Rule finds a rule by its name.
func (rs *Ruleset) Rule(name string) (*Rule, bool) {
	for _, r := range rs.All() {
		if r.Name == name {
			return r, true
		}
	}
	return nil, false
}

// Nearest is a hint at the rule that a misspelt name may mean; empty if none is near.
func (rs *Ruleset) Nearest(name string) string {
	all := rs.All()
	names := make([]string, len(all))
	for i, r := range all {
		if strings.EqualFold(r.Name, name) {
			return fmt.Sprintf("did you mean '%s'?", r.Name)
		}
		names[i] = r.Name
	}
	return suggest.Hint(name, names)
}

// Defines tells whether the selector fits a rule of the files, loaded or left out for its priority or its source. If it
// fits none, hint is the nearest name or tag; it may be empty.
func (rs *Ruleset) Defines(s Selector) (ok bool, hint string) {
	var names, tags []string
	for _, r := range rs.catalog.Rules {
		if s.Fits(&Rule{Name: r.Name, Tags: r.Tags}) {
			return true, ""
		}
		names, tags = append(names, r.Name), append(tags, r.Tags...)
	}
	if s.Rule != "" {
		return false, suggest.Hint(s.Rule, names)
	}
	return false, suggest.Hint(s.Tag, tags)
}

// Types are the event types for which an enabled rule can match.
func (rs *Ruleset) Types() event.TypeSet { return rs.types }

// MayMatch tells whether an enabled rule can match events of a type.
func (rs *Ruleset) MayMatch(t event.Type) bool { return rs.types.Has(t) }

// Match yields the rules that match an event: the first in the order of definition, or all. A rule matches if it does
// under one of the names of the event's file; ev.Matched says which while yield runs, and is the given name before and
// after. It does not allocate.
func (rs *Ruleset) Match(ev *event.Event, s *Scratch, yield func(*Rule)) {
	if ev.Type >= event.MaxTypes {
		return
	}
	ev.Matched = event.NameGiven
	for _, g := range rs.byType[ev.Type] {
		found := g.bundle.Candidates(ev, s)
		for due := found.All(); due != 0; due &= due - 1 {
			i := bits.TrailingZeros64(due)
			if !g.match(i, ev, s, &found) {
				continue
			}
			g.rules[i].matches.Add(1)
			yield(g.rules[i])
			ev.Matched = event.NameGiven
			if !rs.matchAll {
				return
			}
		}
	}
}

// match finishes a candidate. The name by which it matches is left shown.
func (g *group) match(i int, ev *event.Event, s *Scratch, found *filter.Candidates) bool {
	for name, some := range found {
		if some>>i&1 == 0 {
			continue
		}
		ev.Matched = event.Name(name)
		if g.bundle.Rest(i, ev, s) {
			return true
		}
	}
	ev.Matched = event.NameGiven
	return false
}
