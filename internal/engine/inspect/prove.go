package inspect

import (
	"slices"
	"strings"

	"github.com/saker-sensor/saker/internal/engine/filter"
	"github.com/saker-sensor/saker/internal/field"
)

// maxCases bounds the depth of case distinctions: how many or-conditions are split at once.
const maxCases = 2

// prover checks whether a condition follows from others. It is sound, but not complete: it may miss that one follows.
type prover struct {
	dict  *field.Dictionary
	texts map[filter.Expr]string
	atoms map[filter.Expr]*atom
}

func newProver(dict *field.Dictionary) *prover {
	return &prover{dict: dict, texts: map[filter.Expr]string{}, atoms: map[filter.Expr]*atom{}}
}

// implies tells whether the goal holds wherever all facts do.
func (p *prover) implies(facts []filter.Expr, goal filter.Expr, cases int) bool {
	switch g := goal.(type) {
	case *filter.And:
		for _, part := range g.Parts {
			if !p.implies(facts, part, cases) {
				return false
			}
		}
		return true
	case *filter.Or:
		for _, part := range g.Parts {
			if p.implies(facts, part, 0) {
				return true
			}
		}
	}
	for _, f := range facts {
		if p.follows(f, goal) {
			return true
		}
	}
	if cases == 0 {
		return false
	}
	for i, f := range facts {
		if or, ok := f.(*filter.Or); ok && p.eachCase(facts, i, or, goal, cases-1) {
			return true
		}
	}
	return false
}

// eachCase tells whether the goal holds whichever alternative of the i-th fact does.
func (p *prover) eachCase(facts []filter.Expr, i int, or *filter.Or, goal filter.Expr, cases int) bool {
	others := slices.Delete(slices.Clone(facts), i, i+1)
	for _, part := range or.Parts {
		if !p.implies(append(others[:len(others):len(others)], conjunction(part)...), goal, cases) {
			return false
		}
	}
	return true
}

// follows tells whether a goal follows from one fact.
func (p *prover) follows(fact, goal filter.Expr) bool {
	if p.text(fact) == p.text(goal) {
		return true
	}
	f, g := p.atom(fact), p.atom(goal)
	return f != nil && g != nil && f.left == g.left && f.implies(g)
}

func (p *prover) text(e filter.Expr) string {
	t, ok := p.texts[e]
	if !ok {
		t = filter.Print(e)
		p.texts[e] = t
	}
	return t
}

// atom is a comparison of a field of one value, in a form that can be compared with others of the same field.
type atom struct {
	left string
	kind atomKind
	// values of a set, or the text of startswith.
	values []string
}

type atomKind uint8

const (
	// oneOf: the value is there and one of values.
	oneOf atomKind = iota
	// noneOf: the value is missing or none of values.
	noneOf
	// other: the value is there and none of values.
	other
	// begins: the value is there and begins with values[0].
	begins
	// exists: the value is there.
	exists
)

func (p *prover) atom(e filter.Expr) *atom {
	a, ok := p.atoms[e]
	if !ok {
		a = p.newAtom(e)
		p.atoms[e] = a
	}
	return a
}

func (p *prover) newAtom(e filter.Expr) *atom {
	not, negated := e.(*filter.Not)
	if negated {
		e = not.Part
	}
	c, ok := e.(*filter.Check)
	if !ok || c.Mod != "" {
		return nil
	}
	f, ok := c.Left.(*filter.Field)
	if !ok {
		return nil
	}
	ref, err := p.dict.Lookup(f.Name, f.Arg, f.HasArg)
	if err != nil || ref.List || ref.Quantifier != field.One || ref.Kind.Group() != field.Text {
		return nil
	}
	a := &atom{left: ref.String()}
	switch {
	case c.Op == filter.OpExists && !negated:
		a.kind = exists
	case c.Op == filter.OpStartsWith && !negated:
		a.kind = begins
	case c.Op == filter.OpNe && !negated:
		a.kind = other
	case c.Op != filter.OpEq && c.Op != filter.OpEq2 && c.Op != filter.OpIn:
		return nil
	case negated:
		a.kind = noneOf
	}
	literal := true
	filter.WalkOperand(c.Right, func(o filter.Operand) {
		switch o := o.(type) {
		case *filter.Mention:
			a.values = append(a.values, o.Texts()...)
		case *filter.Value:
			a.values = append(a.values, o.Text)
		case *filter.List:
		default:
			literal = false
		}
	})
	if !literal {
		return nil
	}
	return a
}

// implies tells whether g, about the same field, holds wherever f does.
func (f *atom) implies(g *atom) bool {
	switch g.kind {
	case exists:
		return f.kind != noneOf
	case oneOf:
		return f.kind == oneOf && within(f.values, g.values)
	case begins:
		return (f.kind == oneOf || f.kind == begins) && !slices.ContainsFunc(f.values, func(v string) bool {
			return !strings.HasPrefix(v, g.values[0])
		})
	case noneOf, other:
		switch f.kind {
		case oneOf:
			return !slices.ContainsFunc(f.values, func(v string) bool { return slices.Contains(g.values, v) })
		case begins:
			return !slices.ContainsFunc(g.values, func(v string) bool { return strings.HasPrefix(v, f.values[0]) })
		case other:
			return within(g.values, f.values)
		case noneOf:
			return g.kind == noneOf && within(g.values, f.values)
		}
	}
	return false
}

// within tells whether all of a are among b.
func within(a, b []string) bool {
	return !slices.ContainsFunc(a, func(v string) bool { return !slices.Contains(b, v) })
}
