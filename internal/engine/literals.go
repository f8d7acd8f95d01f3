package engine

import (
	"slices"

	"github.com/saker-sensor/saker/internal/engine/filter"
)

// Literals are the values with which the condition compares a field for being the same: of =, == and in, wherever they
// stand. Beginnings, patterns and transformed values are not among them.
func (r *Rule) Literals(field string) []string {
	return r.literals(field, filter.OpEq, filter.OpEq2, filter.OpIn)
}

// AllLiterals are those of != and intersects as well.
func (r *Rule) AllLiterals(field string) []string {
	return r.literals(field, filter.OpEq, filter.OpEq2, filter.OpIn, filter.OpNe, filter.OpIntersects)
}

func (r *Rule) literals(field string, ops ...filter.Op) []string {
	var texts []string
	filter.Walk(r.expr, func(e filter.Expr) bool {
		c, ok := e.(*filter.Check)
		if !ok {
			return true
		}
		f, ok := c.Left.(*filter.Field)
		if !ok || f.Name != field || f.HasArg {
			return true
		}
		if slices.Contains(ops, c.Op) {
			texts = append(texts, valuesOf(c.Right)...)
		}
		return true
	})
	return texts
}

// valuesOf are the literals of an operand.
func valuesOf(o filter.Operand) []string {
	switch o := o.(type) {
	case *filter.Value:
		return []string{o.Text}
	case *filter.Mention:
		return o.Texts()
	case *filter.List:
		var texts []string
		for _, item := range o.Items {
			texts = append(texts, valuesOf(item)...)
		}
		return texts
	}
	return nil
}
