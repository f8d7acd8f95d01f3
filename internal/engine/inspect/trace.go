package inspect

import (
	"fmt"
	"slices"
	"strings"

	"github.com/saker-sensor/saker/internal/engine"
	"github.com/saker-sensor/saker/internal/engine/filter"
	"github.com/saker-sensor/saker/internal/event"
	"github.com/saker-sensor/saker/internal/field"
)

// Verdict is a part of a condition as one event has it.
type Verdict struct {
	Part
	// State is "true", "false", or "missing" for a comparison that is false because the event has no such value.
	State string `json:"state"`
	// Values are what the sides of a comparison were.
	Values []Value   `json:"values,omitempty"`
	Parts  []Verdict `json:"parts,omitempty"`
}

// Value is what one side of a comparison was. Values is empty if it was missing.
type Value struct {
	Name   string   `json:"name"`
	Values []string `json:"values"`
}

// Finding is what a rule says of one event.
type Finding struct {
	Rule string `json:"rule"`
	// Event is the event's number, Summary the event in a line.
	Event   uint64 `json:"event"`
	Summary string `json:"summary"`
	// Holds: the condition is true. FileName says under which of the file's names, if not the given one.
	Holds    bool   `json:"holds"`
	FileName string `json:"file_name,omitempty"`
	// Notes say why there is no alert although the condition holds, or can't hold.
	Notes     []string `json:"notes,omitempty"`
	Condition Verdict  `json:"condition"`
	// Turn are the comparisons that would have to turn out otherwise for the condition to hold: as few as possible.
	Turn []Verdict `json:"turn,omitempty"`
	// Distance is how many there are, where one about the event's type counts 100.
	Distance int `json:"distance"`
}

// Tracer takes a rule's condition apart for events. Not safe for several goroutines at once.
type Tracer struct {
	rules   *engine.Ruleset
	rule    *engine.Rule
	trace   *filter.Trace
	part    Part
	scratch *engine.Scratch
}

// NewTracer prepares a rule. ok is false if there is none of the name.
func NewTracer(rs *engine.Ruleset, name string) (t *Tracer, ok bool, err error) {
	r, ok := rs.Rule(name)
	if !ok {
		return nil, false, nil
	}
	t = &Tracer{rules: rs, rule: r, part: newExplainer(rs.Catalog()).condition(r), scratch: engine.NewScratch()}
	t.trace, err = traceOf(rs, r)
	return t, true, err
}

func traceOf(rs *engine.Ruleset, r *engine.Rule) (*filter.Trace, error) {
	trace, err := filter.NewTrace(r.Expr(), filter.CompileOptions{Dictionary: rs.Catalog().Dictionary, TypeByName: event.TypeByName})
	if err != nil {
		return nil, fmt.Errorf("trace rule %q: %w", r.Name, err)
	}
	return trace, nil
}

// nearest shows the file's name to the event under which the condition is nearest to being true: the first of those.
func (t *Tracer) nearest(ev *event.Event) (distance int, turn []*filter.Trace) {
	best := event.NameGiven
	for i, name := range fileNames(ev) {
		ev.Matched = name
		n, parts := t.trace.Distance(ev, t.scratch)
		if i == 0 || n < distance {
			distance, turn, best = n, parts, name
		}
	}
	ev.Matched = best
	return distance, turn
}

// fileNames are the names under which rules are tried for an event.
func fileNames(ev *event.Event) []event.Name {
	names := []event.Name{event.NameGiven}
	for others := ev.OtherNames(); others != 0; others &= others - 1 {
		names = append(names, others.First())
	}
	return names
}

// Distance is how far the condition is from being true of an event; 0 if it is.
func (t *Tracer) Distance(ev *event.Event) int {
	n, _ := t.nearest(ev)
	ev.Matched = event.NameGiven
	return n
}

// Find says what the rule says of an event. Nothing of the event is kept.
func (t *Tracer) Find(ev *event.Event) Finding {
	distance, turn := t.nearest(ev)
	f := Finding{Rule: t.rule.Name, Event: ev.Num, Holds: distance == 0, Distance: distance}
	f.Condition = t.verdict(&t.part, t.trace, ev)
	for _, part := range turn {
		f.Turn = append(f.Turn, t.find(&t.part, t.trace, part, ev))
	}
	if ev.Matched != event.NameGiven {
		f.FileName = ev.Matched.String()
	}
	f.Summary = Summary(t.rules.Catalog().Dictionary, ev)
	ev.Matched = event.NameGiven
	f.Notes = t.notes(ev, f.Holds)
	return f
}

func (t *Tracer) notes(ev *event.Event, holds bool) (notes []string) {
	if !t.rule.Enabled {
		notes = append(notes, "the rule is disabled")
	}
	if !holds || t.rules.MatchAll() {
		return notes
	}
	t.rules.Match(ev, t.scratch, func(r *engine.Rule) {
		if r != t.rule && t.rule.Enabled {
			notes = append(notes, fmt.Sprintf("rule '%s' matches first, and rule_matching is first", r.Name))
		}
	})
	return notes
}

func (t *Tracer) verdict(p *Part, trace *filter.Trace, ev *event.Event) Verdict {
	v := Verdict{Part: *p, State: "false"}
	v.Part.Parts = nil
	holds := trace.Eval(ev, t.scratch, nil)
	if holds {
		v.State = "true"
	}
	for i, part := range trace.Parts {
		v.Parts = append(v.Parts, t.verdict(&p.Parts[i], part, ev))
	}
	if len(trace.Parts) > 0 {
		return v
	}
	for _, side := range trace.Sides(ev, t.scratch) {
		if side.Missing && !holds {
			v.State = "missing"
		}
		v.Values = append(v.Values, Value{side.Name, append([]string{}, side.Values...)})
	}
	return v
}

// find is the verdict of one part.
func (t *Tracer) find(p *Part, at, part *filter.Trace, ev *event.Event) (v Verdict) {
	if at == part {
		return t.verdict(p, at, ev)
	}
	for i := range at.Parts {
		if v = t.find(&p.Parts[i], at.Parts[i], part, ev); v.State != "" {
			return v
		}
	}
	return v
}

// maxShown bounds what is shown of a value, in bytes.
const maxShown = 160

func shorten(s string) string {
	if len(s) <= maxShown {
		return s
	}
	return strings.ToValidUTF8(s[:maxShown], "") + "…"
}

// Summary is an event in a line: its type, and what tells it from others.
func Summary(d *field.Dictionary, ev *event.Event) string {
	var b strings.Builder
	b.WriteString(ev.Type.String())
	for _, name := range []string{"evt.res", "fd.name", "proc.cmdline", "proc.pname", "container.id"} {
		ref, err := d.Lookup(name, "", false)
		var v field.Value
		if err != nil || !ref.GetPrint(ev, &v) {
			continue
		}
		if s := string(ref.AppendText(nil, &v, true)); s != "" && s != "SUCCESS" {
			fmt.Fprintf(&b, " %s=%s", name, field.AppendEscaped(nil, shorten(s)))
		}
	}
	return b.String()
}

// Sentence says what a comparison is, and what its sides were.
func (v *Verdict) Sentence() string {
	text := fmt.Sprintf("%s: %s is %t", v.Place, shorten(v.Check), v.State == "true")
	for _, value := range v.Values {
		text += "; " + value.Name + " " + value.said()
	}
	return text
}

// said is what the comparison's sides were; the left one has its name in the comparison.
func (v *Verdict) said() string {
	var all []string
	for i, value := range v.Values {
		said := value.said()
		if i > 0 {
			said = value.Name + " " + said
		}
		all = append(all, said)
	}
	return strings.Join(all, ", ")
}

func (v *Value) said() string {
	switch {
	case len(v.Values) == 0:
		return "is missing"
	case len(v.Values) == 1 && v.Values[0] == "":
		return "is empty"
	}
	return "is " + string(field.AppendEscaped(nil, shorten(strings.Join(v.Values, ", "))))
}

// Text is the form for people.
func (f *Finding) Text() string {
	var b strings.Builder
	result := "the condition is false"
	if f.Holds {
		result = "the condition is true"
	}
	if f.FileName != "" {
		result += " of the file's " + f.FileName + " name"
	}
	for _, line := range slices.Concat([]string{"Rule         " + f.Rule, fmt.Sprintf("Event        %d: %s", f.Event, f.Summary),
		"Result       " + result}, f.notes()) {
		b.WriteString(line + "\n")
	}
	if len(f.Turn) > 0 {
		b.WriteString("\nIn the way\n")
		for i := range f.Turn {
			fmt.Fprintf(&b, "  %s\n", f.Turn[i].Sentence())
		}
	}
	b.WriteString("\nCondition\n")
	f.Condition.write(&b, "", 0)
	return b.String()
}

func (f *Finding) notes() (lines []string) {
	for _, n := range f.Notes {
		lines = append(lines, "Note         "+n)
	}
	return lines
}

// write puts a part on a line, with its state in front and where it came from behind; below it stand its parts.
func (v *Verdict) write(b *strings.Builder, not string, depth int) {
	at, state := v, v.State
	for at.Op == "not" {
		if not = "not " + not; not == "not not " {
			not = ""
		}
		at = &at.Parts[0]
	}
	text := words[not+at.Op]
	if at.Op == "" {
		text = not + shorten(at.Check)
		if said := at.said(); said != "" {
			text += "  (" + said + ")"
		}
		if at.State == "missing" {
			state = "missing"
		}
	}
	const originColumn = 80
	fmt.Fprintf(b, "  %-9s%-*s  %s\n", state, originColumn-11, strings.Repeat("  ", depth)+text, at.origin())
	for i := range at.Parts {
		at.Parts[i].write(b, "", depth+1)
	}
}
