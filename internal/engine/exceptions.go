package engine

import (
	"fmt"
	"slices"
	"strings"

	"github.com/saker-sensor/saker/internal/engine/filter"
	"github.com/saker-sensor/saker/internal/engine/rulefile"
	"github.com/saker-sensor/saker/internal/field"
	"github.com/saker-sensor/saker/internal/suggest"
	"github.com/saker-sensor/saker/internal/yamltree"
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
	return slices.Contains(textOps, op) || slices.Contains(listOps, op) || slices.Contains(numberOps, op) || op == "exists" || modified(op)
}

// exceptionCheck returns the check of an exception's shape, operators and fields against the dictionary of the rule's source.
func exceptionCheck(sources []Source) rulefile.ExceptionCheck {
	return func(e *rulefile.Exception, of string) {
		if e.Fields == nil {
			rulefile.Refuse(e.Where, rulefile.ErrValidate, "Rule exception item must have fields property with a list of fields")
		}
		checkComps(e)
		for i, op := range e.Operators() {
			checkOperator(e, i, op)
		}
		source := findSource(sources, of)
		if source == nil {
			return
		}
		dict := source.Dictionary
		fields := []*yamltree.Node{e.Fields}
		if e.Fields.Kind == yamltree.Sequence {
			fields = e.Fields.Items
		}
		for _, f := range fields {
			if bad, known := unknownField(f.Text, dict); !known {
				rulefile.RefuseHint(e.Where.With("fields", "", f), rulefile.ErrValidate, suggest.Hint(bad, fieldNames(dict)),
					"'%s' is not a supported filter field", f.Text)
			}
		}
	}
}

func checkOperator(e *rulefile.Exception, i int, op string) {
	if e.Fields.Kind == yamltree.Sequence {
		if !isOperator(op) {
			rulefile.RefuseHint(e.Where.With("comps", "", e.Comps.Items[i]), rulefile.ErrValidate,
				suggest.Hint(op, slices.Concat(textOps, listOps)), "'%s' is not a supported comparison operator", op)
		}
	} else if !takesList(op) {
		rulefile.Refuse(e.Where.With("comps", "", e.Comps), rulefile.ErrValidate,
			"When fields is a single value, comps must be one of (%s) or an operator with a modifier (%s)",
			strings.Join(listOps, ", "), strings.Join(modifiers, ", "))
	}
}

// checkComps refuses operators that are not as many as the fields.
func checkComps(e *rulefile.Exception) {
	switch {
	case e.Comps == nil:
	case e.Fields.Kind != yamltree.Sequence && e.Comps.Kind == yamltree.Sequence:
		rulefile.Refuse(e.Where, rulefile.ErrValidate, "Fields and comps must both be strings")
	case e.Fields.Kind == yamltree.Sequence && e.Comps.Kind != yamltree.Sequence:
		rulefile.Refuse(e.Where, rulefile.ErrValidate, "Fields and comps must both be lists")
	case len(e.Fields.Items) != len(e.Comps.Items):
		rulefile.Refuse(e.Where, rulefile.ErrValidate, "Fields and comps lists must have equal length")
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
func withExceptions(cond *text, all []*rulefile.Exception) *text {
	wrapped := false
	for _, e := range all {
		if len(e.Values) == 0 {
			continue
		}
		if e.Fields == nil {
			rulefile.Refuse(e.Where, rulefile.ErrValidate, "Rule exception must have fields property with a list of fields")
		}
		checkComps(e)
		if !wrapped {
			inner := cond
			cond = &text{}
			cond.put("(", e.Fields)
			cond.from(inner, 0, len(inner.buf))
			cond.put(")", e.Fields)
			wrapped = true
		}
		cond.put(" and not ", e.Values[0])
		if e.Fields.Kind == yamltree.Sequence {
			putRows(cond, e)
		} else {
			putValues(cond, e)
		}
	}
	return cond
}

// putValues writes the single field's comparison with all values.
func putValues(t *text, e *rulefile.Exception) {
	op := "in"
	if e.Comps != nil {
		op = rulefile.Operator(e.Comps.Text)
	}
	t.put(fmt.Sprintf("(%s %s (", e.Fields.Text, op), e.Fields)
	for i, v := range e.Values {
		if v.Kind == yamltree.Sequence {
			rulefile.Refuse(e.Where.With("exception value", "", v), rulefile.ErrValidate, "Expected values array to contain a list of strings")
		}
		if i > 0 {
			t.put(", ", v)
		}
		t.put(quoteBlanks(v.Text), v)
	}
	t.put("))", e.Fields)
}

// putRows writes one alternative a row, each of which compares all fields.
func putRows(t *text, e *rulefile.Exception) {
	for i, row := range e.Values {
		if len(row.Items) != len(e.Fields.Items) {
			rulefile.Refuse(e.Where.With("exception value", "", row), rulefile.ErrValidate, "Fields and values lists must have equal length")
		}
		if i == 0 {
			t.put("(", row)
		} else {
			t.put(" or ", row)
		}
		t.put("(", row)
		for k, v := range row.Items {
			op := "="
			if e.Comps != nil {
				op = rulefile.Operator(e.Comps.Items[k].Text)
			}
			if k > 0 {
				t.put(" and ", v)
			}
			t.put(e.Fields.Items[k].Text+" "+op+" ", e.Fields.Items[k])
			t.put(valueText(v, op), v)
		}
		t.put(")", row)
	}
	t.put(")", e.Fields)
}

// valueText is an exception's value as its condition writes it. One text for an operator that takes a list is the inside of
// the list, and is not quoted: "(a, b)" and "a, b" are lists of two, and the name of a list stands for its items.
func valueText(v *yamltree.Node, op string) string {
	switch {
	case v.Kind == yamltree.Sequence:
	case !takesList(op):
		return quoteBlanks(v.Text)
	case strings.HasPrefix(v.Text, "("):
		return v.Text
	default:
		return "(" + v.Text + ")"
	}
	items := make([]string, len(v.Items))
	for i, n := range v.Items {
		items[i] = quoteBlanks(n.Text)
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
