package inspect

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/saker-sensor/saker/internal/engine"
	"github.com/saker-sensor/saker/internal/engine/filter"
	"github.com/saker-sensor/saker/internal/engine/rulefile"
	"github.com/saker-sensor/saker/internal/event"
	"github.com/saker-sensor/saker/internal/yamltree"
)

// Explanation is a rule with its lists, macros and exceptions put in, and where each part came from.
type Explanation struct {
	Rule     string   `json:"rule"`
	Desc     string   `json:"description"`
	Source   string   `json:"source"`
	Priority string   `json:"priority"`
	Enabled  bool     `json:"enabled"`
	Tags     []string `json:"tags"`
	Output   string   `json:"output"`
	// Defined is the rule's item, Changed are the later items that changed it.
	Defined Place   `json:"defined"`
	Changed []Place `json:"changed,omitempty"`
	// Events are the event types for which the condition can be true; AllEvents means that it names none.
	Events    []string `json:"events"`
	AllEvents bool     `json:"all_events"`
	// NotCaptured are those of Events that the sensor does not produce yet; not listed with AllEvents.
	NotCaptured []string `json:"events_not_captured,omitempty"`
	// Kernel says what of the rule is decided before the kernel sends an event, a line each.
	Kernel    []string `json:"kernel"`
	Condition Part     `json:"condition"`
	// Lists and Macros are those that the condition uses, also through each other.
	Lists  []NamedPlace `json:"lists"`
	Macros []NamedPlace `json:"macros"`
}

// Place is a line of a file; both count from 1.
type Place struct {
	File   string `json:"file"`
	Line   int    `json:"line"`
	Column int    `json:"column"`
}

func (p Place) String() string { return fmt.Sprintf("%s:%d", p.File, p.Line) }

// NamedPlace is where a list or a macro was defined.
type NamedPlace struct {
	Name string `json:"name"`
	Place
}

// Part is a node of a condition.
type Part struct {
	// Op is "and", "or" or "not" for what has Parts, and empty for a comparison, whose text is Check.
	Op    string `json:"op,omitempty"`
	Check string `json:"check,omitempty"`
	Place
	// Macro is the macro and Exception the exception that the part came from, each empty if it came from none. Lists
	// are those whose items stand in the comparison.
	Macro     string   `json:"macro,omitempty"`
	Exception string   `json:"exception,omitempty"`
	Lists     []string `json:"lists,omitempty"`
	Parts     []Part   `json:"parts,omitempty"`
}

// Explain takes a rule apart; ok is false if there is no such rule.
func Explain(rs *engine.Ruleset, name string) (x Explanation, ok bool) {
	r, ok := rs.Rule(name)
	if !ok {
		return x, false
	}
	x = Explanation{
		Rule: r.Name, Desc: r.Desc, Source: r.Source, Priority: r.Priority.String(), Enabled: r.Enabled,
		Tags: append([]string{}, r.Tags...), Output: r.Output, Defined: placeOf(r.Definition().Where),
		Events: []string{}, Lists: []NamedPlace{}, Macros: []NamedPlace{}, Kernel: append([]string{}, inKernel(r)...),
	}
	for _, t := range r.Definition().Changes {
		x.Changed = append(x.Changed, placeOf(t))
	}
	types := r.Types.Types()
	x.AllEvents = r.Types == event.FullSet()
	for _, t := range types {
		x.Events = append(x.Events, t.String())
		if !t.Captured() && !x.AllEvents {
			x.NotCaptured = append(x.NotCaptured, t.String())
		}
	}
	e := newExplainer(rs.Catalog())
	x.Condition = e.condition(r)
	for _, l := range rs.Catalog().Lists {
		if slices.Contains(e.usedLists, l.Name) {
			x.Lists = append(x.Lists, NamedPlace{l.Name, placeOf(l.Where)})
		}
	}
	for _, m := range rs.Catalog().AllMacros() {
		if slices.Contains(e.usedMacros, m.Name) {
			x.Macros = append(x.Macros, NamedPlace{m.Name, placeOf(m.Where)})
		}
	}
	return x, true
}

func placeOf(t rulefile.Trail) Place { return placeAt(t.Location()) }

func placeAt(l rulefile.Location) Place { return Place{l.File, l.Line, l.Column} }

// explainer knows what the nodes of the files belong to.
type explainer struct {
	catalog               *engine.Catalog
	lists, exceptions     map[*yamltree.Node]string
	usedLists, usedMacros []string
}

func newExplainer(c *engine.Catalog) *explainer {
	e := &explainer{catalog: c, lists: map[*yamltree.Node]string{}, exceptions: map[*yamltree.Node]string{}}
	for _, l := range c.Lists {
		for _, n := range l.Items {
			e.lists[n] = l.Name
		}
	}
	return e
}

// condition takes a rule's condition apart.
func (e *explainer) condition(r *engine.Rule) Part {
	clear(e.exceptions)
	for _, ex := range r.Definition().Exceptions {
		e.note(ex.Name, ex.Fields, ex.Comps)
		e.note(ex.Name, ex.Values...)
	}
	return e.part(r.Expr())
}

// note remembers that nodes, and all below them, belong to an exception.
func (e *explainer) note(name string, nodes ...*yamltree.Node) {
	for _, n := range nodes {
		if n != nil {
			e.exceptions[n] = name
			e.note(name, n.Items...)
		}
	}
}

func (e *explainer) part(x filter.Expr) Part {
	origin, _ := e.catalog.Origin(x.Position().Offset)
	p := Part{Place: placeAt(origin.Location), Macro: origin.Macro, Exception: e.exceptions[origin.Node]}
	if p.Macro != "" && !slices.Contains(e.usedMacros, p.Macro) {
		e.usedMacros = append(e.usedMacros, p.Macro)
	}
	switch x := x.(type) {
	case *filter.And:
		p.Op, p.Parts = "and", e.parts(x.Parts)
	case *filter.Or:
		p.Op, p.Parts = "or", e.parts(x.Parts)
	case *filter.Not:
		p.Op, p.Parts = "not", e.parts([]filter.Expr{x.Part})
	case *filter.Check:
		p.Check = filter.Print(x)
		p.Lists = e.listsOf(x)
		if p.Exception != "" && x.Right != nil {
			// The field was named once for all values.
			value, _ := e.catalog.Origin(x.Right.Position().Offset)
			p.Place = placeAt(value.Location)
		}
	}
	if len(p.Parts) > 0 && p.Exception != "" {
		// The parentheses were made for the exception; what is in them tells where they belong.
		first := p.Parts[0]
		p.Place = first.Place
		for _, part := range p.Parts {
			if part.Exception != first.Exception {
				first.Exception = ""
			}
		}
		p.Exception = first.Exception
	}
	return p
}

func (e *explainer) parts(xs []filter.Expr) []Part {
	parts := make([]Part, len(xs))
	for i, x := range xs {
		parts[i] = e.part(x)
	}
	return parts
}

// listsOf names the lists whose items stand on the right of a comparison.
func (e *explainer) listsOf(c *filter.Check) []string {
	var names []string
	filter.WalkOperand(c.Right, func(o filter.Operand) {
		if m, ok := o.(*filter.Mention); ok {
			names = append(names, m.Name)
		}
		if _, ok := o.(*filter.Value); !ok {
			return
		}
		origin, _ := e.catalog.Origin(o.Position().Offset)
		name, ok := e.lists[origin.Node]
		if ok && !slices.Contains(names, name) {
			names = append(names, name)
		}
	})
	for _, name := range names {
		if !slices.Contains(e.usedLists, name) {
			e.usedLists = append(e.usedLists, name)
		}
	}
	return names
}

// Text is the form for people: what the rule is, then its condition as an outline with a place behind each line.
func (x *Explanation) Text() string {
	var b strings.Builder
	head := func(name, value string) {
		for i, l := range wrap(value, 100) {
			if i > 0 {
				name = ""
			}
			b.WriteString(strings.TrimRight(fmt.Sprintf("%-13s%s", name, l), " ") + "\n")
		}
	}
	defined := x.Defined.String()
	for _, p := range x.Changed {
		defined += ", changed at " + p.String()
	}
	state := "enabled"
	if !x.Enabled {
		state = "disabled"
	}
	events := strings.Join(x.Events, ", ")
	switch {
	case x.AllEvents:
		events = "all: the condition names no event type"
	case events == "":
		events = "none: the condition can't be true"
	case len(x.NotCaptured) == len(x.Events):
		events += " (none of them captured yet)"
	case len(x.NotCaptured) > 0:
		events += " (not captured yet: " + strings.Join(x.NotCaptured, ", ") + ")"
	}
	head("Rule", x.Rule)
	head("Description", x.Desc)
	head("Defined", defined)
	head("State", state+", priority "+x.Priority+", source "+x.Source)
	if len(x.Tags) > 0 {
		head("Tags", strings.Join(x.Tags, ", "))
	}
	head("Events", events)
	for i, line := range x.Kernel {
		head([]string{"In kernel", ""}[min(i, 1)], line)
	}
	head("Output", x.Output)
	b.WriteString("\nCondition\n")
	o := outline{b: &b}
	o.part(&x.Condition, "", 1)
	places := func(title string, all []NamedPlace) {
		if len(all) == 0 {
			return
		}
		b.WriteString("\n" + title + "\n")
		for _, p := range all {
			fmt.Fprintf(&b, "  %-40s %s\n", p.Name, p.Place)
		}
	}
	places("Macros", x.Macros)
	places("Lists", x.Lists)
	return b.String()
}

// outline writes a condition, a comparison a line.
type outline struct{ b *strings.Builder }

// words say what has to hold of the parts below; the key is the operator behind its negation.
var words = map[string]string{"and": "all of", "or": "any of", "not and": "not all of", "not or": "none of"}

func (o *outline) part(p *Part, not string, depth int) {
	switch {
	case p.Op == "not" && not == "":
		o.part(&p.Parts[0], "not ", depth)
	case p.Op == "not":
		o.part(&p.Parts[0], "", depth)
	case p.Op == "":
		o.line(depth, not+p.Check, p)
	default:
		o.line(depth, words[not+p.Op], p)
		for i := range p.Parts {
			o.part(&p.Parts[i], "", depth+1)
		}
	}
}

// line writes a text, broken where it is long, and on its last line where it came from.
func (o *outline) line(depth int, text string, p *Part) {
	const width, originColumn = 90, 72
	indent := strings.Repeat("  ", depth)
	lines := breakLines(text, max(width-len(indent), 40))
	for i, l := range lines {
		if i > 0 {
			l = "    " + l
		}
		l = indent + l
		if i == len(lines)-1 {
			l = fmt.Sprintf("%-*s  %s", originColumn, l, p.origin())
		}
		o.b.WriteString(l + "\n")
	}
}

// breakLines breaks a text behind commas into lines of about the width; nothing of it is lost.
func breakLines(text string, width int) []string {
	var lines []string
	for len(text) > width {
		i := strings.LastIndex(text[:width], ", ")
		if i < 0 {
			if i = strings.Index(text, ", "); i < 0 {
				break
			}
		}
		lines = append(lines, text[:i+1])
		text = text[i+2:]
	}
	return append(lines, text)
}

func (p *Part) origin() string {
	text := fmt.Sprintf("%s:%d", path.Base(p.File), p.Line)
	if p.Macro != "" {
		text += "  macro " + p.Macro
	}
	if p.Exception != "" {
		text += "  exception " + p.Exception
	}
	if len(p.Lists) > 0 {
		text += "  list " + strings.Join(p.Lists, ", ")
	}
	return text
}
