package engine

import (
	"errors"
	"fmt"
	"strings"

	"github.com/saker-sensor/saker/internal/engine/filter"
	"github.com/saker-sensor/saker/internal/engine/rulefile"
	"github.com/saker-sensor/saker/internal/event"
	"github.com/saker-sensor/saker/internal/field"
	"github.com/saker-sensor/saker/internal/suggest"
	"github.com/saker-sensor/saker/internal/yamltree"
)

// compiler compiles definitions to rules. Lists, macros and exceptions are expanded to one condition a rule.
type compiler struct {
	sources     []Source
	minPriority rulefile.Priority

	// source is that of the rule at hand.
	source *Source

	col      *rulefile.Collector
	rep      *rulefile.Report
	codes    codeCounter
	lists    []*list
	expander *expander
	macros   map[string]*macroState
	builtins map[string]*macroState
	order    []*macroState

	// placed are all texts that were parsed. Their offsets are consecutive: an offset in a condition tells its text.
	placed []placedText
	nodes  int
}

// compile makes rules of all that was collected. Rules of an unknown source are left out; those below
// the minimum priority are checked, and left out then.
func (c *compiler) compile(builtin *rulefile.Collector) []*Rule {
	c.codes = newCodeCounter()
	if builtin != nil {
		c.builtins = c.readMacros(builtin, true)
	}
	if !c.rep.Try(func() { c.lists = compileLists(c.col.Lists.All) }) {
		return nil
	}
	c.macros = c.readMacros(c.col, false)
	for _, m := range c.order {
		c.expandMacro(m)
	}
	var rules []*Rule
	for _, r := range c.col.Rules.All {
		if r.UnknownSource {
			continue
		}
		c.source = findSource(c.sources, r.Source)
		c.rep.Try(func() {
			if compiled := c.rule(r); compiled != nil && r.Priority <= c.minPriority {
				rules = append(rules, compiled)
			}
		})
	}
	for _, m := range c.order {
		if !m.builtin && !m.used {
			c.rep.Warn(m.Where.Problem(rulefile.WarnUnusedMacro, "Macro not referred to by any other rule/macro"))
		}
	}
	for _, l := range c.lists {
		if !l.used {
			c.rep.Warn(l.Where.Problem(rulefile.WarnUnusedList, "List not referred to by any other rule/macro"))
		}
	}
	return rules
}

// readMacros parses the macros of a collector, in their order.
func (c *compiler) readMacros(col *rulefile.Collector, builtin bool) map[string]*macroState {
	lists := c.lists
	if builtin {
		lists = compileLists(col.Lists.All)
	}
	x := newExpander(lists)
	if !builtin {
		c.expander = x
	}
	byName := make(map[string]*macroState, len(col.Macros.All))
	for _, m := range col.Macros.All {
		s := &macroState{Macro: m, builtin: builtin, broken: true}
		c.rep.Try(func() {
			s.text = x.expand(joinNodes(m.Condition), m.Where)
			s.lists = x.used
			s.parsed = c.parse(s.text, m.Where.With("macro condition", "", m.Condition[0]))
			s.broken = false
		})
		byName[m.Name] = s
		c.order = append(c.order, s)
	}
	return byName
}

// parse parses a text. The offsets of its parts are made unique among all texts.
func (c *compiler) parse(t *text, where rulefile.Trail) filter.Expr {
	base := 0
	if n := len(c.placed); n > 0 {
		base = c.placed[n-1].base + len(c.placed[n-1].buf) + 1
	}
	c.placed = append(c.placed, placedText{base, where.Macro(), t})
	e, err := filter.Parse(t.String(), filter.ParseOptions{MaxDepth: maxDepth, Lists: t.literals()})
	if inlined := t.inlined(); err != nil && inlined != nil {
		// A large list that stands elsewhere than among a list's items is text like any other.
		t = inlined
		c.placed[len(c.placed)-1].text = t
		e, err = filter.Parse(t.String(), filter.ParseOptions{MaxDepth: maxDepth})
	}
	var pe *filter.ParseError
	switch {
	case errors.As(err, &pe):
		message, hint := syntaxMessage(t.String(), pe)
		rulefile.RefuseHint(c.conditionTrail(where, base+pe.Pos.Offset), rulefile.ErrCompileCondition, hint, "%s", message)
	case err != nil:
		rulefile.Refuse(where, rulefile.ErrCompileCondition, "%s", err)
	}
	shift(e, base)
	return e
}

// conditionTrail leads to a byte of a condition: to the line of the file that the byte came from.
func (c *compiler) conditionTrail(where rulefile.Trail, off int) rulefile.Trail {
	p := findPlaced(c.placed, off)
	if p == nil {
		return where
	}
	src, at := p.place(off - p.base)
	if src == nil {
		return where
	}
	return where.At("condition expression", src, at)
}

// rule compiles one rule; nil if it is to be skipped or was found wrong.
func (c *compiler) rule(r *rulefile.Rule) *Rule {
	var text *text
	where := r.Where
	whole := !r.Incomplete
	if len(r.Condition) > 0 {
		where = where.With("rule condition", "", r.Condition[0])
		whole = c.rep.Try(func() { text = withExceptions(joinNodes(r.Condition), r.Exceptions) }) && whole
	}
	// Both output and condition are checked, so that a user sees the mistakes of both.
	out := newRule(r)
	if len(r.Output) > 0 {
		verdict := c.output(r, out)
		if verdict == skipped {
			return nil
		}
		whole = whole && verdict == compiled
	}
	if text == nil || !c.condition(r, text, where, out) || !whole {
		return nil
	}
	return out
}

// verdict about a part of a rule.
type verdict uint8

const (
	compiled verdict = iota
	refused
	// skipped: the part names what is unknown, and the rule asks to be left out then.
	skipped
)

// condition compiles a rule's condition; false if the rule is to be skipped or was found wrong.
func (c *compiler) condition(r *rulefile.Rule, t *text, where rulefile.Trail, out *Rule) bool {
	t = c.expander.expand(t, where)
	out.lists = sortedOnce(c.expander.used)
	parsed := c.parse(t, where)
	s := &scope{visibility: 1 << 62, where: where}
	x := c.inline(parsed, s)
	out.macros = sortedOnce(s.used)
	if s.broken {
		return false
	}
	if c.nodes += x.nodes; c.nodes > maxTotalNodes {
		rulefile.Refuse(where, rulefile.ErrValidate, "All conditions together have more than %d parts", maxTotalNodes)
	}
	c.warnDoubts(x.expr, where)
	f := c.filter(r, where, x.expr)
	if f == nil {
		return false
	}
	out.expr, out.filter = x.expr, f
	out.Types = filter.EventTypes(x.expr, c.source.Types, event.TypeByName)
	out.NeedsContainer = NeedsContainer(out.Reads()...)
	c.warnFilter(r, f, &out.Types, where)
	return true
}

// filter compiles a condition against the fields.
func (c *compiler) filter(r *rulefile.Rule, where rulefile.Trail, e filter.Expr) *filter.Filter {
	f, err := filter.Compile(e, filter.CompileOptions{Dictionary: c.source.Dictionary, TypeByName: event.TypeByName})
	if err == nil {
		return f
	}
	var ce *filter.CompileError
	if !errors.As(err, &ce) {
		rulefile.Refuse(where, rulefile.ErrCompileCondition, "%s", err)
	}
	p := c.compileProblem(where, e, ce)
	if r.SkipIfUnknownFilter && (ce.UnknownField || ce.UnknownEventType) {
		p.Code = rulefile.WarnUnknownFilter
		c.rep.Warn(p)
		return nil
	}
	c.rep.Error(p)
	// The compiler stops at the first unknown name; the user wants all.
	filter.WalkOperands(e, func(o filter.Operand) {
		if f, ok := o.(*filter.Field); ok && f.Pos.Offset != ce.Pos.Offset {
			var fe *field.Error
			if _, err := c.source.Dictionary.Lookup(f.Name, f.Arg, f.HasArg); errors.As(err, &fe) && fe.Unknown {
				c.rep.Error(c.compileProblem(where, e, &filter.CompileError{Pos: f.Pos, UnknownField: true}))
			}
		}
	})
	return nil
}

// compileProblem says what is wrong with a condition in Falco's words, and what may be meant.
func (c *compiler) compileProblem(where rulefile.Trail, e filter.Expr, ce *filter.CompileError) rulefile.Problem {
	message, hint := ce.Msg, ""
	trail := c.conditionTrail(where, ce.Pos.Offset)
	filter.WalkOperands(e, func(o filter.Operand) {
		if o.Position().Offset != ce.Pos.Offset {
			return
		}
		switch o := o.(type) {
		case *filter.Field:
			if ce.UnknownField {
				message = "filter_check called with nonexistent field " + o.String()
				hint = c.fieldHint(o)
			}
		case *filter.Mention:
			if i, ok := c.expander.byName[o.Name]; ok && ce.Item > 0 {
				n := c.expander.lists[i].compiled[ce.Item-1].n
				trail = where.At("list item", n.File, n.Offset)
			}
		case *filter.Value:
			if ce.UnknownEventType {
				message = "unknown event type " + o.Text
				hint = suggest.Hint(o.Text, typeNames())
			}
		}
	})
	p := trail.Problem(rulefile.ErrCompileCondition, message)
	p.Hint = hint
	return p
}

// fieldHint says what a field that does not exist may be meant as, or what is wrong with its argument.
func (c *compiler) fieldHint(f *filter.Field) string {
	var fe *field.Error
	if _, err := c.source.Dictionary.Lookup(f.Name, f.Arg, f.HasArg); errors.As(err, &fe) && fe.WrongArg {
		return fe.Reason
	}
	return suggest.Hint(f.Name, fieldNames(c.source.Dictionary))
}

// output puts a rule's template together and checks it.
func (c *compiler) output(r *rulefile.Rule, out *Rule) verdict {
	parts := make([]string, len(r.Output))
	for i, n := range r.Output {
		parts[i] = strings.TrimSpace(n.Text)
	}
	output := strings.Join(parts, " ")
	where := r.Where.With("rule output", "", r.Output[0])
	if strings.Contains(output, "%container.info") {
		c.rep.Warn(where.Problem(rulefile.WarnDeprecated, "%container.info is deprecated and is left out of the output. "+
			"The fields that it stood for are added to every output by append_output's suggested_output."))
		output = strings.ReplaceAll(output, "%container.info", "")
	}
	if c.source.CheckOutput != nil {
		if err := c.source.CheckOutput(output); err != nil {
			return c.refuseOutput(r, where, err)
		}
	}
	for _, name := range deprecatedFields {
		if strings.Contains(output, name) {
			p := where.Problem(rulefile.WarnDeprecated,
				fmt.Sprintf("usage of deprecated field '%s' has been detected in the rule output", name))
			p.DeprecatedField = name
			c.rep.Warn(p)
		}
	}
	out.Output, out.prints = output, templateFields(output, c.source.Dictionary)
	return compiled
}

func (c *compiler) refuseOutput(r *rulefile.Rule, where rulefile.Trail, err error) verdict {
	var fe *field.Error
	errors.As(err, &fe)
	p := outputTrail(where, r.Output, fe).Problem(rulefile.ErrCompileOutput, err.Error())
	p.Hint = c.outputHint(fe)
	if r.SkipIfUnknownFilter && (fe == nil || fe.Unknown) {
		p.Code = rulefile.WarnUnknownFilter
		c.rep.Warn(p)
		return skipped
	}
	c.rep.Error(p)
	return refused
}

// outputTrail leads to the field of a template that is to blame.
func outputTrail(where rulefile.Trail, output []*yamltree.Node, fe *field.Error) rulefile.Trail {
	if fe == nil {
		return where
	}
	for _, n := range output {
		if i := strings.Index(n.Text, "%"+fe.Field); i >= 0 {
			return where.At("output field", n.File, n.Place(i+1))
		}
	}
	return where
}

func (c *compiler) outputHint(fe *field.Error) string {
	if fe == nil || !fe.Unknown || fe.WrongArg {
		return ""
	}
	return suggest.Hint(fe.Field, fieldNames(c.source.Dictionary))
}

func typeNames() []string {
	var names []string
	for _, t := range event.AllTypes() {
		names = append(names, t.String())
	}
	return names
}
