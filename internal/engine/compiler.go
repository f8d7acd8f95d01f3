package engine

import (
	"errors"
	"fmt"
	"sort"
	"strings"

	"github.com/saker-sensor/saker/internal/engine/filter"
	"github.com/saker-sensor/saker/internal/event"
	"github.com/saker-sensor/saker/internal/field"
)

// compiler makes rules of definitions: lists, macros and exceptions become one condition a rule.
type compiler struct {
	dict        *field.Dictionary
	checkOutput func(string) error
	minPriority Priority

	col      *collector
	rep      *report
	expander *expander
	macros   map[string]*macroState
	builtins map[string]*macroState
	order    []*macroState

	// placed are all texts that were parsed, one behind the other: an offset in a condition leads to its text.
	placed []placedText
	nodes  int
}

type placedText struct {
	base int
	// macro is the macro that the text is the condition of, empty for a rule's.
	macro string
	*text
}

// compile makes rules of all that was collected. Foreign rules and those below the minimum priority are left out.
func (c *compiler) compile(builtin *collector) []*Rule {
	if builtin != nil {
		c.builtins = c.readMacros(builtin, true)
	}
	if !c.rep.try(func() { compileLists(c.col.lists.all) }) {
		return nil
	}
	c.macros = c.readMacros(c.col, false)
	for _, m := range c.order {
		c.expandMacro(m)
	}
	var rules []*Rule
	for _, r := range c.col.rules.all {
		if r.foreign || r.priority > c.minPriority {
			continue
		}
		c.rep.try(func() {
			if compiled := c.rule(r); compiled != nil {
				rules = append(rules, compiled)
			}
		})
	}
	for _, m := range c.col.macros.all {
		if !m.used {
			c.rep.warn(m.where.problem(WarnUnusedMacro, "Macro not referred to by any other rule/macro"))
		}
	}
	for _, l := range c.col.lists.all {
		if !l.used {
			c.rep.warn(l.where.problem(WarnUnusedList, "List not referred to by any other rule/macro"))
		}
	}
	return rules
}

// readMacros parses the macros of a collector, in their order.
func (c *compiler) readMacros(col *collector, builtin bool) map[string]*macroState {
	x := newExpander(col.lists.all)
	if builtin {
		compileLists(col.lists.all)
	} else {
		c.expander = x
	}
	byName := make(map[string]*macroState, len(col.macros.all))
	for _, m := range col.macros.all {
		s := &macroState{macro: m, builtin: builtin, broken: true}
		c.rep.try(func() {
			s.text = x.expand(joinNodes(m.cond), m.where)
			s.lists = x.used
			s.parsed = c.parse(s.text, m.where.with("macro condition", "", m.cond[0]))
			s.broken = false
		})
		byName[m.name] = s
		c.order = append(c.order, s)
	}
	return byName
}

// parse parses a text and gives its parts offsets of their own.
func (c *compiler) parse(t *text, where trail) filter.Expr {
	base := 0
	if n := len(c.placed); n > 0 {
		base = c.placed[n-1].base + len(c.placed[n-1].buf) + 1
	}
	c.placed = append(c.placed, placedText{base, where.macro(), t})
	e, err := filter.Parse(t.String(), filter.ParseOptions{MaxDepth: maxDepth})
	var pe *filter.ParseError
	switch {
	case errors.As(err, &pe):
		message, hint := syntaxMessage(t.String(), pe)
		refuseHint(c.conditionTrail(where, base+pe.Pos.Offset), ErrCompileCondition, hint, "%s", message)
	case err != nil:
		refuse(where, ErrCompileCondition, "%s", err)
	}
	shift(e, base)
	return e
}

// conditionTrail leads to a byte of a condition: to the line of the file that the byte came from.
func (c *compiler) conditionTrail(where trail, off int) trail {
	p := findPlaced(c.placed, off)
	if p == nil {
		return where
	}
	src, at := p.place(off - p.base)
	if src == nil {
		return where
	}
	return where.at("condition expression", src, at)
}

// findPlaced finds the text that a condition's offset lies in.
func findPlaced(placed []placedText, off int) *placedText {
	i := sort.Search(len(placed), func(i int) bool { return placed[i].base > off }) - 1
	if i < 0 {
		return nil
	}
	return &placed[i]
}

// rule compiles one rule; nil if it is to be skipped or was found wrong.
func (c *compiler) rule(r *rule) *Rule {
	where := r.where.with("rule condition", "", r.cond[0])
	t := c.expander.expand(withExceptions(joinNodes(r.cond), r.exceptions), where)
	lists := c.expander.used
	parsed := c.parse(t, where)
	s := &scope{visibility: 1 << 62, where: where}
	x := c.inline(parsed, s)
	if s.broken {
		return nil
	}
	if c.nodes += x.nodes; c.nodes > maxTotalNodes {
		refuse(where, ErrValidate, "All conditions together have more than %d parts", maxTotalNodes)
	}
	output, ok := c.output(r)
	if !ok {
		return nil
	}
	f := c.filter(r, where, x.expr)
	if f == nil {
		return nil
	}
	types := filter.EventTypes(x.expr, allTypes(), event.TypeByName)
	c.warnings(r, where, x.expr, f, types)
	return newRule(r, x.expr, f, types, output, s.used, lists)
}

// filter compiles a condition against the fields.
func (c *compiler) filter(r *rule, where trail, e filter.Expr) *filter.Filter {
	f, err := filter.Compile(e, filter.CompileOptions{Dictionary: c.dict, TypeByName: event.TypeByName})
	if err == nil {
		return f
	}
	var ce *filter.CompileError
	if !errors.As(err, &ce) {
		refuse(where, ErrCompileCondition, "%s", err)
	}
	p := c.compileProblem(where, e, ce)
	if r.skipUnknown && (ce.UnknownField || ce.UnknownEventType) {
		p.Code = WarnUnknownFilter
		c.rep.warn(p)
		return nil
	}
	c.rep.error(p)
	// The compiler stops at the first unknown name; the user wants all.
	walkOperands(e, func(o filter.Operand) {
		if f, ok := o.(*filter.Field); ok && f.Pos.Offset != ce.Pos.Offset {
			var fe *field.Error
			if _, err := c.dict.Lookup(f.Name, f.Arg, f.HasArg); errors.As(err, &fe) && fe.Unknown {
				c.rep.error(c.compileProblem(where, e, &filter.CompileError{Pos: f.Pos, UnknownField: true}))
			}
		}
	})
	return nil
}

// compileProblem says what is wrong with a condition in Falco's words, and what may be meant.
func (c *compiler) compileProblem(where trail, e filter.Expr, ce *filter.CompileError) Problem {
	message, hint := ce.Msg, ""
	walkOperands(e, func(o filter.Operand) {
		if o.Position().Offset != ce.Pos.Offset {
			return
		}
		switch o := o.(type) {
		case *filter.Field:
			if ce.UnknownField {
				message = "filter_check called with nonexistent field " + o.Name
				hint = didYouMean(o.Name, fieldNames(c.dict))
			}
		case *filter.Value:
			if ce.UnknownEventType {
				message = "unknown event type " + o.Text
				hint = didYouMean(o.Text, typeNames())
			}
		}
	})
	p := c.conditionTrail(where, ce.Pos.Offset).problem(ErrCompileCondition, message)
	p.Hint = hint
	return p
}

// output puts a rule's template together and checks it.
func (c *compiler) output(r *rule) (string, bool) {
	parts := make([]string, len(r.output))
	for i, n := range r.output {
		parts[i] = strings.TrimSpace(n.text)
	}
	output := strings.Join(parts, " ")
	where := r.where.with("rule output", "", r.output[0])
	if strings.Contains(output, "%container.info") {
		c.rep.warn(where.problem(WarnDeprecated, "%container.info is deprecated and is left out of the output. "+
			"The fields that it stood for are added to every output by append_output's suggested_output."))
		output = strings.ReplaceAll(output, "%container.info", "")
	}
	if c.checkOutput != nil {
		if err := c.checkOutput(output); err != nil {
			var fe *field.Error
			errors.As(err, &fe)
			p := outputTrail(where, r.output, fe).problem(ErrCompileOutput, err.Error())
			p.Hint = c.outputHint(fe)
			if r.skipUnknown && (fe == nil || fe.Unknown) {
				p.Code = WarnUnknownFilter
				c.rep.warn(p)
			} else {
				c.rep.error(p)
			}
			return "", false
		}
	}
	for _, f := range templateFields(output, c.dict) {
		if f.Flags&field.Deprecated != 0 {
			p := where.problem(WarnDeprecated,
				fmt.Sprintf("usage of deprecated field '%s' has been detected in the rule output", f.Name))
			p.DeprecatedField = f.Name
			c.rep.warn(p)
		}
	}
	return output, true
}

// outputTrail leads to the field of a template that is to blame.
func outputTrail(where trail, output []*node, fe *field.Error) trail {
	if fe == nil {
		return where
	}
	for _, n := range output {
		if i := strings.Index(n.text, "%"+fe.Field); i >= 0 {
			return where.at("output field", n.src, n.place(i+1))
		}
	}
	return where
}

func (c *compiler) outputHint(fe *field.Error) string {
	if fe == nil || !fe.Unknown {
		return ""
	}
	return didYouMean(fe.Field, fieldNames(c.dict))
}

func allTypes() event.TypeSet {
	var all event.TypeSet
	for _, t := range event.AllTypes() {
		all.Add(t)
	}
	return all
}

func typeNames() []string {
	var names []string
	for _, t := range event.AllTypes() {
		names = append(names, t.String())
	}
	return names
}
