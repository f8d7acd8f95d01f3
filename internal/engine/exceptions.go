package engine

import (
	"fmt"
	"slices"
	"strings"

	"github.com/saker-sensor/saker/internal/engine/filter"
	"github.com/saker-sensor/saker/internal/field"
)

// textOps take a modifier; listOps take a list.
var (
	textOps = []string{"=", "==", "!=", "glob", "iglob", "contains", "icontains", "bcontains", "startswith",
		"bstartswith", "endswith", "regex"}
	listOps   = []string{"in", "pmatch", "intersects"}
	numberOps = []string{"<", "<=", ">", ">="}
	modifiers = []string{"oneof", "anyof", "allof"}
)

// takesList tells whether the operator wants a list on its right.
func takesList(op string) bool { return slices.Contains(listOps, op) || modified(op) }

func modified(op string) bool {
	base, mod, ok := strings.Cut(op, " ")
	return ok && slices.Contains(textOps, base) && slices.Contains(modifiers, mod)
}

func isOperator(op string) bool {
	return slices.Contains(textOps, op) || slices.Contains(listOps, op) || slices.Contains(numberOps, op) || modified(op)
}

// comp is an exception's operator with single blanks.
func comp(n *node) string { return strings.Join(strings.Fields(n.text), " ") }

// exceptionCheck returns the check of an exception's fields and operators against a dictionary.
func exceptionCheck(dict *field.Dictionary) func(*exception) {
	names := fieldNames(dict)
	return func(e *exception) {
		fields := []*node{e.fields}
		switch {
		case e.fields.kind == kindSequence:
			fields = e.fields.items
			checkComps(e)
		case e.comps != nil && e.comps.kind == kindSequence:
			refuse(e.where, ErrValidate, "Fields and comps must both be strings")
		case e.comps != nil && !takesList(comp(e.comps)):
			refuse(e.where.with("comps", "", e.comps), ErrValidate,
				"When fields is a single value, comps must be one of (%s) or an operator with a modifier (%s)",
				strings.Join(listOps, ", "), strings.Join(modifiers, ", "))
		}
		for _, f := range fields {
			if bad, known := unknownField(f.text, dict); !known {
				refuseHint(e.where.with("fields", "", f), ErrValidate, didYouMean(bad, names),
					"'%s' is not a supported filter field", f.text)
			}
		}
	}
}

func checkComps(e *exception) {
	if e.comps == nil {
		return
	}
	if e.comps.kind != kindSequence {
		refuse(e.where, ErrValidate, "Fields and comps must both be lists")
	}
	if len(e.comps.items) != len(e.fields.items) {
		refuse(e.where, ErrValidate, "Fields and comps lists must have equal length")
	}
	for _, c := range e.comps.items {
		if op := comp(c); !isOperator(op) {
			refuseHint(e.where.with("comps", "", c), ErrValidate,
				didYouMean(op, slices.Concat(textOps, listOps)), "'%s' is not a supported comparison operator", op)
		}
	}
}

// unknownField tells whether a text is a field, or a transformer of fields, that the dictionary knows. If not, it gives
// the name that is to blame.
func unknownField(text string, dict *field.Dictionary) (bad string, known bool) {
	e, err := filter.Parse(text+" exists", filter.ParseOptions{})
	if err != nil {
		return text, false
	}
	c, ok := e.(*filter.Check)
	if !ok {
		return text, false
	}
	return unknownOperand(c.Left, dict)
}

func unknownOperand(o filter.Operand, dict *field.Dictionary) (bad string, known bool) {
	switch o := o.(type) {
	case *filter.Field:
		_, err := dict.Lookup(o.Name, o.Arg, o.HasArg)
		return o.Name, err == nil
	case *filter.Transformer:
		for _, a := range o.Args {
			if bad, known := unknownOperand(a, dict); !known {
				return bad, false
			}
		}
	}
	return "", true
}

// withExceptions adds what the exceptions take away from a condition: (condition) and not (…) and not (…).
func withExceptions(cond *text, all []*exception) *text {
	wrapped := false
	for _, e := range all {
		if len(e.values) == 0 {
			continue
		}
		if !wrapped {
			inner := cond
			cond = &text{}
			cond.put("(", e.fields)
			cond.from(inner, 0, len(inner.buf))
			cond.put(")", e.fields)
			wrapped = true
		}
		cond.put(" and not ", e.values[0])
		if e.fields.kind == kindSequence {
			e.putRows(cond)
		} else {
			e.putValues(cond)
		}
	}
	return cond
}

// putValues writes the single field's comparison with all values.
func (e *exception) putValues(t *text) {
	op := "in"
	if e.comps != nil {
		op = comp(e.comps)
	}
	t.put(fmt.Sprintf("(%s %s (", e.fields.text, op), e.fields)
	for i, v := range e.values {
		if v.kind == kindSequence {
			refuse(e.where.with("exception value", "", v), ErrValidate, "Expected values array to contain a list of strings")
		}
		if i > 0 {
			t.put(", ", v)
		}
		t.put(quoteBlanks(v.text), v)
	}
	t.put("))", e.fields)
}

// putRows writes one alternative a row, each of which compares all fields.
func (e *exception) putRows(t *text) {
	for i, row := range e.values {
		if len(row.items) != len(e.fields.items) {
			refuse(e.where.with("exception value", "", row), ErrValidate, "Fields and values lists must have equal length")
		}
		if i == 0 {
			t.put("(", row)
		} else {
			t.put(" or ", row)
		}
		t.put("(", row)
		for k, v := range row.items {
			op := "="
			if e.comps != nil {
				op = comp(e.comps.items[k])
			}
			if k > 0 {
				t.put(" and ", v)
			}
			t.put(e.fields.items[k].text+" "+op+" ", e.fields.items[k])
			t.put(valueText(v, op), v)
		}
		t.put(")", row)
	}
	t.put(")", e.fields)
}

func valueText(v *node, op string) string {
	if v.kind != kindSequence {
		s := quoteBlanks(v.text)
		if takesList(op) && !strings.HasPrefix(s, "(") {
			s = "(" + s + ")"
		}
		return s
	}
	items := make([]string, len(v.items))
	for i, n := range v.items {
		items[i] = quoteBlanks(n.text)
	}
	return "(" + strings.Join(items, ", ") + ")"
}

func fieldNames(dict *field.Dictionary) []string {
	var names []string
	for _, f := range dict.Fields() {
		names = append(names, f.Name)
	}
	return names
}
