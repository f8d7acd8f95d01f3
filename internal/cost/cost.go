// Package cost counts on recorded events what each rule has the kernel send, and says what would make that less.
package cost

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/saker-sensor/saker/internal/engine"
	"github.com/saker-sensor/saker/internal/engine/filter"
	"github.com/saker-sensor/saker/internal/event"
	"github.com/saker-sensor/saker/internal/narrow"
)

// Source yields events; see replay.Source.
type Source interface {
	Next() (*event.Event, error)
}

// Rule is a rule with what narrowing knows of it.
type Rule struct {
	*engine.Rule
	Narrow narrow.Rule
}

// Report is what was found, the dearest rule first. Times are ns since the epoch.
type Report struct {
	Events uint64 `json:"events"`
	// Always are of types that are always sent: no rule makes them more.
	Always uint64  `json:"always_sent"`
	First  int64   `json:"first"`
	Last   int64   `json:"last"`
	Rules  []*Cost `json:"rules"`
}

// Cost of a rule, in events that are not always sent: those of its types, what is left of them by result and file name, and what is sent
// once the process was judged, too. Alone are those of Sent that no other rule asks for.
type Cost struct {
	Rule    string `json:"rule"`
	OfTypes uint64 `json:"of_its_types"`
	Named   uint64 `json:"with_result_and_name"`
	Sent    uint64 `json:"sent"`
	Failed  uint64 `json:"sent_failed"`
	Alone   uint64 `json:"sent_for_it_alone"`
	Matched uint64 `json:"matched"`
	// Most are the commonest of Sent.
	Most Most `json:"most"`
	// Narrower says what would have the kernel send less.
	Narrower []string `json:"narrower"`
}

// Most is how many events a type and a program have.
type Most struct {
	Type    string `json:"type"`
	Program string `json:"program"`
	Count   uint64 `json:"count"`
}

// meter measures a rule.
type meter struct {
	*Cost
	rule    *engine.Rule
	classes *narrow.Classes
	judge   *engine.Judge
	names   map[event.Type]nameNeed
	seen    map[place]uint64
}

type nameNeed struct {
	parts []filter.NamePart
	any   bool
}

type place struct {
	typ     event.Type
	program string
}

// maxPlaces bounds what is counted apart for a rule.
const maxPlaces = 4096

func newMeter(r *Rule) *meter {
	m := &meter{
		Cost: &Cost{Rule: r.Name, Narrower: []string{}}, rule: r.Rule, classes: narrow.NewClasses(&r.Narrow),
		judge: engine.NewJudge([]*engine.Rule{r.Rule}, []uint64{1}), names: map[event.Type]nameNeed{}, seen: map[place]uint64{},
	}
	for _, t := range r.Types.Types() {
		if event.IsOpen(t) {
			parts, any := r.NameParts(t)
			m.names[t] = nameNeed{parts, any}
		}
	}
	return m
}

// Run measures enabled rules; set matches all of them.
func Run(set *engine.Ruleset, rules []Rule, source Source) (*Report, error) {
	report := &Report{}
	var meters []*meter
	of := map[*engine.Rule]*meter{}
	for i := range rules {
		m := newMeter(&rules[i])
		meters, of[m.rule] = append(meters, m), m
		report.Rules = append(report.Rules, m.Cost)
	}
	scratch := engine.NewScratch()
	for {
		ev, err := source.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		if report.Events++; report.Events == 1 {
			report.First = ev.Time
		}
		report.Last = max(report.Last, ev.Time)
		set.Match(ev, scratch, func(r *engine.Rule) { of[r].Matched++ })
		if !narrow.Narrowed(ev.Type) {
			report.Always++
			continue
		}
		var alone *meter
		sent := 0
		for _, m := range meters {
			if m.take(ev) {
				alone = m
				sent++
			}
		}
		if sent == 1 {
			alone.Alone++
		}
	}
	for _, m := range meters {
		m.finish()
	}
	slices.SortStableFunc(report.Rules, func(a, b *Cost) int {
		return cmp.Or(cmp.Compare(b.Sent, a.Sent), cmp.Compare(b.Alone, a.Alone), cmp.Compare(b.OfTypes, a.OfTypes))
	})
	return report, nil
}

// take counts an event and tells whether the kernel sends it for the rule.
func (m *meter) take(ev *event.Event) bool {
	if !m.rule.Types.Has(ev.Type) {
		return false
	}
	m.OfTypes++
	if !m.classes.Let(ev) || !m.named(ev) {
		return false
	}
	m.Named++
	if m.judge.Mask(ev) == 0 {
		return false
	}
	m.Sent++
	if ev.Failed() {
		m.Failed++
	}
	p := place{ev.Type, ev.Process.ExePath}
	if len(m.seen) < maxPlaces || m.seen[p] > 0 {
		m.seen[p]++
	}
	return true
}

// named tells whether a name of an opened file has one of the parts that the rule needs. A name that is not in its normal form may be any,
// and so may a relative one of an open that failed: the kernel did not look for its directory.
func (m *meter) named(ev *event.Event) bool {
	need, opens := m.names[ev.Type]
	if !opens || need.any {
		return true
	}
	f := &ev.File
	absolute := f.Raw == "" || f.Raw[0] == '/'
	if !filter.Normal(f.Given) || absolute && f.Raw != "" && !filter.Normal(f.Raw) || !absolute && ev.Failed() {
		return true
	}
	for _, name := range [...]string{ev.File.Given, ev.File.Resolved, ev.File.Source} {
		if filter.Normal(name) && slices.ContainsFunc(need.parts, func(p filter.NamePart) bool { return p.Fits(name) }) {
			return true
		}
	}
	return false
}

// finish says what is known once all events were seen.
func (m *meter) finish() {
	for p, n := range m.seen {
		// Of equal ones the one whose words come first.
		if name := p.typ.String(); n > m.Most.Count ||
			n == m.Most.Count && cmp.Or(cmp.Compare(name, m.Most.Type), cmp.Compare(p.program, m.Most.Program)) < 0 {
			m.Most = Most{name, p.program, n}
		}
	}
	m.Narrower = append(m.Narrower, m.narrower()...)
}

// narrower is what the condition does not say and the kernel could decide by.
func (m *meter) narrower() (hints []string) {
	if m.Sent == 0 {
		return nil
	}
	if m.rule.Types == event.FullSet() {
		hints = append(hints, "name event types: evt.type in (…), or a macro that has some")
	}
	anyName := false
	for p := range m.seen {
		anyName = anyName || m.names[p.typ].any
	}
	if anyName {
		hints = append(hints, "compare the opened file's name with whole names, folders or ends (fd.name in, startswith, endswith); "+
			"each side of an or needs one")
	}
	if len(m.rule.JudgedBy()) == 0 {
		hints = append(hints, "say something of the process or container alone (proc.name, proc.pname, container.id, …); "+
			"each side of an or needs it")
	}
	if 2*m.Failed >= m.Sent {
		hints = append(hints, fmt.Sprintf("leave out calls that fail, if they don't matter (evt.failed = false): %d of %d", m.Failed, m.Sent))
	}
	if len(hints) == 0 && m.Most.Count*2 >= m.Sent && m.Sent > m.Matched {
		hints = append(hints, fmt.Sprintf("leave out %s, if it is known to be harmless: %d of %d", shown(m.Most.Program), m.Most.Count, m.Sent))
	}
	return hints
}

func shown(program string) string {
	if program == "" {
		return "kernel threads"
	}
	return "proc.exepath = " + program
}
