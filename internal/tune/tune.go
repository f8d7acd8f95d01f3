// Package tune finds the groups of alerts that a rule makes most of on recorded events, and for each an exception that silences this
// group and nothing else. What an exception does is tried on the same events before it is shown.
package tune

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/saker-sensor/saker/internal/engine"
	"github.com/saker-sensor/saker/internal/engine/rulefile"
	"github.com/saker-sensor/saker/internal/event"
	"github.com/saker-sensor/saker/internal/field"
)

// Source yields events; see replay.Source.
type Source interface {
	Next() (*event.Event, error)
	Close() error
}

// Settings say what is tuned.
type Settings struct {
	// Sources are the rule files, Load makes a rule set of them.
	Sources []rulefile.Source
	Load    func([]rulefile.Source) (*engine.Ruleset, error)
	// Dictionary has the fields by which alerts are grouped.
	Dictionary *field.Dictionary
	// Open opens the events, once for each pass over them.
	Open func() (Source, error)
	// Rule is the only rule to look at; empty for all.
	Rule string
	// Groups bounds the groups that get a proposal. Severe has rules of priority Critical and above get some, too.
	Groups int
	Severe bool
}

// Report is what was found. Times are ns since the epoch.
type Report struct {
	Events, Alerts uint64
	First, Last    int64
	// Rules are those with alerts, the noisiest first.
	Rules []RuleCount
	// Groups are the noisiest, at most as many as were asked for; Others is the number of groups beside them, Ungrouped that of alerts
	// for which there was no room.
	Groups    []*Group
	Others    int
	Ungrouped uint64
}

// RuleCount is a rule with its alerts.
type RuleCount struct {
	Rule, Priority string
	Count          uint64
	Times          Timeline
}

// Part is a field of a group with the value that all its alerts have.
type Part struct{ Field, Value string }

// Group is the alerts of a rule that have the same parts.
type Group struct {
	Rule, Priority string
	Parts          []Part
	Count          uint64
	First, Last    int64
	Times          Timeline
	// Exception is nil where there is none; Why says the reason.
	Exception *Exception
	Why       string
}

// Exception silences a group.
type Exception struct {
	// YAML is a definition for a local rules file.
	YAML string
	// Gone alerts of the rule do not come any more, Stay ones do. New are alerts of other rules about the same events, which come in
	// their place where an event has one alert alone.
	Gone, Stay, New uint64
}

// Value is that of a field of the group's; empty if it has none.
func (g *Group) Value(fields ...string) string {
	for _, p := range g.Parts {
		if slices.Contains(fields, p.Field) {
			return p.Value
		}
	}
	return ""
}

// Run reads the events twice: to count, and to try the exceptions.
func Run(s Settings) (*Report, error) {
	rules, err := s.Load(s.Sources)
	if err != nil {
		return nil, err
	}
	if _, ok := rules.Rule(s.Rule); s.Rule != "" && !ok {
		err := fmt.Errorf("tune rule %q: there is no such rule", s.Rule)
		if hint := rules.Nearest(s.Rule); hint != "" {
			err = fmt.Errorf("%w; %s", err, hint)
		}
		return nil, err
	}
	keys, err := newKeys(s.Dictionary)
	if err != nil {
		return nil, err
	}
	c := newCounter(keys)
	if err := s.each(rules, nil, func(r *engine.Rule, ev *event.Event) { c.add(r, ev) }, c.seen); err != nil {
		return nil, err
	}
	report, groups := c.report(s.Groups)
	if err := s.try(rules, keys, groups); err != nil {
		return nil, err
	}
	return report, nil
}

// each walks the events once, and yields each match of the rule that is looked at, or of all. seen may be nil.
func (s *Settings) each(rules *engine.Ruleset, wanted map[string]bool, yield func(*engine.Rule, *event.Event),
	seen func(*event.Event)) error {
	source, err := s.Open()
	if err != nil {
		return err
	}
	scratch := engine.NewScratch()
	var ev *event.Event
	onMatch := func(r *engine.Rule) {
		if (s.Rule == "" || r.Name == s.Rule) && (wanted == nil || wanted[r.Name]) {
			yield(r, ev)
		}
	}
	for {
		if ev, err = source.Next(); err != nil {
			break
		}
		if seen != nil {
			seen(ev)
		}
		if rules.MayMatch(ev.Type) {
			rules.Match(ev, scratch, onMatch)
		}
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return errors.Join(err, source.Close())
}

// trial is a group's rule set with its exception.
type trial struct {
	*Group
	rules *engine.Ruleset
	// wrong: an alert of another group was silenced, or one of this group was not.
	wrong bool
}

// try reads the events again, and keeps the exceptions that do what they should.
func (s *Settings) try(rules *engine.Ruleset, keys *keys, groups map[key]*Group) error {
	trials, byRule := map[*Group]*trial{}, map[string][]*trial{}
	wanted := map[string]bool{}
	for _, g := range groups {
		if g.Why = unfit(g, s.Severe); g.Why != "" || trials[g] != nil {
			continue
		}
		t := &trial{Group: g}
		g.Exception = &Exception{YAML: exceptionYAML(g)}
		var err error
		own := rulefile.Source{Name: "exception", Content: []byte(g.Exception.YAML)}
		if t.rules, err = s.Load(append(slices.Clone(s.Sources), own)); err != nil {
			g.Exception, g.Why = nil, fmt.Sprintf("the rule takes no such exception: %v", err)
			continue
		}
		trials[g], wanted[g.Rule] = t, true
		byRule[g.Rule] = append(byRule[g.Rule], t)
	}
	if len(trials) == 0 {
		return nil
	}
	scratch := engine.NewScratch()
	err := s.each(rules, wanted, func(r *engine.Rule, ev *event.Event) {
		own, matched := groups[keys.of(r, ev)], ev.Matched
		for _, t := range byRule[r.Name] {
			t.see(ev, own, scratch)
		}
		ev.Matched = matched
	}, nil)
	for _, t := range trials {
		if t.wrong {
			t.Exception, t.Why = nil, "no exception of these fields silences this group alone"
		}
	}
	return err
}

// see gives an event to the rule set with the exception. own is the event's group.
func (t *trial) see(ev *event.Event, own *Group, scratch *engine.Scratch) {
	stays := false
	t.rules.Match(ev, scratch, func(r *engine.Rule) {
		if r.Name == t.Rule {
			stays = true
		} else if !t.rules.MatchAll() {
			t.Exception.New++
		}
	})
	if stays {
		t.Exception.Stay++
	} else {
		t.Exception.Gone++
	}
	if stays == (own == t.Group) {
		t.wrong = true
	}
}

// unfit says why a group gets no exception; empty if it does.
func unfit(g *Group, severe bool) string {
	if p, ok := rulefile.ParsePriority(g.Priority); ok && p <= rulefile.Critical && !severe {
		return "the rule's priority is " + g.Priority + "; --force proposes one all the same"
	}
	if len(g.Parts) == 0 {
		return "its alerts have nothing in common that an exception could name"
	}
	for _, p := range g.Parts {
		if !plain(p.Value) {
			return "the value of " + p.Field + " has bytes that a rules file can't hold"
		}
	}
	return ""
}

// report orders what was counted. The groups are also returned by the keys of their alerts.
func (c *counter) report(most int) (*Report, map[key]*Group) {
	r := &Report{Events: c.events, Alerts: c.alerts, First: c.first, Last: c.last, Ungrouped: c.ungrouped}
	for _, n := range c.rules {
		r.Rules = append(r.Rules, *n)
	}
	slices.SortFunc(r.Rules, func(a, b RuleCount) int { return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Rule, b.Rule)) })
	groups := c.merge()
	seen := map[*Group]bool{}
	for _, g := range groups {
		if !seen[g] {
			seen[g] = true
			r.Groups = append(r.Groups, g)
		}
	}
	slices.SortFunc(r.Groups, func(a, b *Group) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Rule, b.Rule), slices.CompareFunc(a.Parts, b.Parts, func(x, y Part) int {
			return cmp.Or(cmp.Compare(x.Field, y.Field), cmp.Compare(x.Value, y.Value))
		}))
	})
	if most > 0 && len(r.Groups) > most {
		r.Others = len(r.Groups) - most
		r.Groups = r.Groups[:most]
	}
	kept := map[*Group]bool{}
	for _, g := range r.Groups {
		kept[g] = true
	}
	for k, g := range groups {
		if !kept[g] {
			delete(groups, k)
		}
	}
	return r, groups
}
