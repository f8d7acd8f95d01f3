package engine

import (
	"github.com/saker-sensor/saker/internal/engine/filter"
	"github.com/saker-sensor/saker/internal/event"
)

// Scratch is the working memory of one goroutine's matching.
type Scratch = filter.Scratch

// NewScratch returns working memory for [Ruleset.Match].
func NewScratch() *Scratch { return filter.NewScratch() }

// Ruleset holds compiled rules, ready to match. It may be used by several goroutines at once, each with its own
// Scratch.
type Ruleset struct {
	rules    []*Rule
	matchAll bool
	byType   [event.MaxTypes][]*Rule
	types    event.TypeSet
	catalog  catalog
}

func newRuleset(rules []*Rule, matchAll bool) *Ruleset {
	rs := &Ruleset{rules: rules, matchAll: matchAll}
	for _, r := range rules {
		if !r.Enabled {
			continue
		}
		rs.types.Union(&r.Types)
		for _, t := range r.Types.Types() {
			rs.byType[t] = append(rs.byType[t], r)
		}
	}
	return rs
}

// Rules lists all rules in the order of their definition, disabled ones too.
func (rs *Ruleset) Rules() []*Rule { return rs.rules }

// Rule finds a rule by its name.
func (rs *Ruleset) Rule(name string) (*Rule, bool) {
	for _, r := range rs.rules {
		if r.Name == name {
			return r, true
		}
	}
	return nil, false
}

// Types are the event types for which an enabled rule can match.
func (rs *Ruleset) Types() event.TypeSet { return rs.types }

// MayMatch tells whether an enabled rule can match events of a type.
func (rs *Ruleset) MayMatch(t event.Type) bool { return rs.types.Has(t) }

// Match yields the rules that match an event: the first in the order of definition, or all. A rule matches if it does
// under either name of the event's file; ev.File.Matched says which while yield runs, and is the given name before and
// after. It does not allocate.
func (rs *Ruleset) Match(ev *event.Event, s *Scratch, yield func(*Rule)) {
	if ev.Type >= event.MaxTypes {
		return
	}
	ev.File.Matched = event.NameGiven
	for _, r := range rs.byType[ev.Type] {
		if !r.match(ev, s) {
			continue
		}
		r.matches.Add(1)
		yield(r)
		ev.File.Matched = event.NameGiven
		if !rs.matchAll {
			return
		}
	}
}
