package engine

import (
	"fmt"

	"github.com/saker-sensor/saker/internal/engine/filter"
	"github.com/saker-sensor/saker/internal/engine/rulefile"
	"github.com/saker-sensor/saker/internal/suggest"
)

// Bounds of one condition after its macros were put in. Known rules stay below a hundredth of them.
const (
	maxDepth      = 1000
	maxExpanded   = 1 << 18
	maxTotalNodes = 1 << 22
)

// expansion is a condition without macros. Parts are shared between the conditions that use a macro: none is changed.
type expansion struct {
	expr filter.Expr
	// nodes and depth of the tree; shared parts count each time.
	nodes, depth int
}

// macroState is a macro on its way to an expansion.
type macroState struct {
	*rulefile.Macro
	builtin bool
	// used: a rule or another macro mentions the macro.
	used   bool
	parsed filter.Expr
	done   *expansion
	// broken: a mistake was reported; what uses the macro keeps quiet about it.
	broken, expanding bool
	// macros and lists are the names that the condition mentions itself.
	macros, lists []string
	text          *text
}

// scope is what a condition sees of macros: those whose index is below its visibility.
type scope struct {
	visibility int
	builtin    bool
	where      rulefile.Trail
	// broken is set when an undefined or a broken macro was met; used takes the names met.
	broken bool
	used   []string
}

// find gives the macro that a name means in a scope. A built-in one counts where no file defines the name.
func (c *compiler) find(name string, s *scope) *macroState {
	m, ok := c.macros[name]
	if s.builtin || !ok {
		return c.builtins[name]
	}
	if m.Index >= s.visibility {
		return nil
	}
	m.used = true
	return m
}

// inline replaces the macros of a condition.
func (c *compiler) inline(e filter.Expr, s *scope) expansion {
	out := expansion{expr: e, nodes: 1, depth: 1}
	switch e := e.(type) {
	case *filter.And:
		parts := c.inlineParts(e.Parts, s, &out)
		out.expr = &filter.And{Pos: e.Pos, Parts: parts}
	case *filter.Or:
		parts := c.inlineParts(e.Parts, s, &out)
		out.expr = &filter.Or{Pos: e.Pos, Parts: parts}
	case *filter.Not:
		parts := c.inlineParts([]filter.Expr{e.Part}, s, &out)
		out.expr = &filter.Not{Pos: e.Pos, Part: parts[0]}
	case *filter.Macro:
		if x := c.use(e, s); x != nil {
			out = *x
		}
	case *filter.Check:
		out.nodes += operandSize(e.Left) + operandSize(e.Right)
	}
	if out.nodes > maxExpanded {
		rulefile.Refuse(s.where, rulefile.ErrValidate, "The condition has more than %d parts after the expansion of its macros", maxExpanded)
	}
	if out.depth > maxDepth {
		rulefile.Refuse(s.where, rulefile.ErrValidate, "The condition is nested deeper than %d after the expansion of its macros", maxDepth)
	}
	return out
}

func (c *compiler) inlineParts(parts []filter.Expr, s *scope, out *expansion) []filter.Expr {
	exprs := make([]filter.Expr, len(parts))
	for i, p := range parts {
		x := c.inline(p, s)
		exprs[i] = x.expr
		out.nodes += x.nodes
		out.depth = max(out.depth, x.depth+1)
		if out.nodes > maxExpanded {
			rulefile.Refuse(s.where, rulefile.ErrValidate, "The condition has more than %d parts after the expansion of its macros", maxExpanded)
		}
	}
	return exprs
}

// use finds a macro's expansion; nil if it has none, which has been reported then.
func (c *compiler) use(e *filter.Macro, s *scope) *expansion {
	m := c.find(e.Name, s)
	if m == nil {
		s.broken = true
		if !c.col.Refused("macro", e.Name) {
			p := c.conditionTrail(s.where, e.Pos.Offset).Problem(rulefile.ErrValidate,
				fmt.Sprintf("Undefined macro '%s' used in filter.", e.Name))
			p.Hint = c.macroHint(e.Name, s)
			c.rep.Error(p)
		}
		return nil
	}
	s.used = append(s.used, e.Name)
	if m.expanding {
		s.broken = true
		c.rep.Error(c.conditionTrail(s.where, e.Pos.Offset).Problem(rulefile.ErrValidate,
			fmt.Sprintf("Macro '%s' is used inside of itself.", e.Name)))
		return nil
	}
	c.expandMacro(m)
	if m.done == nil {
		s.broken = true
	}
	return m.done
}

// expandMacro makes a macro's expansion once.
func (c *compiler) expandMacro(m *macroState) {
	if m.done != nil || m.broken {
		return
	}
	m.expanding = true
	s := &scope{visibility: m.Visibility, builtin: m.builtin, where: m.Where}
	ok := c.rep.Try(func() {
		x := c.inline(m.parsed, s)
		m.done = &x
	})
	m.expanding = false
	m.macros = s.used
	if !ok || s.broken {
		m.done, m.broken = nil, true
	}
}

// macroHint says what an undefined macro may be meant as.
func (c *compiler) macroHint(name string, s *scope) string {
	if m, ok := c.macros[name]; ok && m.Index >= s.visibility {
		return "the macro is defined further down; move its definition up"
	}
	known := c.col.Macros.Names()
	for n := range c.builtins {
		known = append(known, n)
	}
	return suggest.Hint(name, known)
}

// operandSize counts the values of an operand.
func operandSize(o filter.Operand) int {
	n := 0
	switch o := o.(type) {
	case *filter.List:
		for _, i := range o.Items {
			n += operandSize(i)
		}
	case *filter.Transformer:
		for _, a := range o.Args {
			n += operandSize(a)
		}
	}
	return n + 1
}

// shift moves the offsets of a freshly parsed condition, so that those of all conditions differ.
func shift(e filter.Expr, by int) {
	filter.Walk(e, func(e filter.Expr) bool {
		switch e := e.(type) {
		case *filter.And:
			e.Pos.Offset += by
		case *filter.Or:
			e.Pos.Offset += by
		case *filter.Not:
			e.Pos.Offset += by
		case *filter.Macro:
			e.Pos.Offset += by
		case *filter.Check:
			e.Pos.Offset += by
			e.OpPos.Offset += by
		}
		return true
	})
	filter.WalkOperands(e, func(o filter.Operand) {
		switch o := o.(type) {
		case *filter.Field:
			o.Pos.Offset += by
		case *filter.Value:
			o.Pos.Offset += by
		case *filter.List:
			o.Pos.Offset += by
		case *filter.Mention:
			o.Pos.Offset += by
		case *filter.Transformer:
			o.Pos.Offset += by
		}
	})
}
