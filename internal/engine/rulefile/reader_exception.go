package rulefile

import (
	"fmt"
	"slices"

	"github.com/saker-sensor/saker/internal/yamltree"
)

// readExceptions reads a rule's exceptions. In what is appended they may be partial: a name and more values.
func (r *reader) readExceptions(n *yamltree.Node, where Trail, partial bool) []*Exception {
	v := n.Get("exceptions")
	if v == nil || v.Kind == yamltree.Null {
		return nil
	}
	at := where.With("exceptions", "", v)
	if v.Kind != yamltree.Sequence {
		Refuse(at, ErrYAMLValidate, "Rule exceptions must be a sequence")
	}
	var out []*Exception
	for _, e := range v.Items {
		if e.Kind != yamltree.Mapping {
			Refuse(at.With("exception", "", e), ErrYAMLValidate, "Exception is not a map")
		}
		name := required(e, "name", at.With("exception", "", e))
		in := where.With("exception", name, e)
		if slices.ContainsFunc(out, func(before *Exception) bool { return before.Name == name }) {
			r.rep.Warn(in.Problem(WarnExceptionName, fmt.Sprintf("Multiple definitions of exception '%s' in the same rule", name)))
		}
		out = append(out, readException(e, name, in, partial))
		if partial && !e.Has("values") {
			r.rep.Warn(in.Problem(WarnAppendNoValues, "Overriding/appending exception with no values"))
		}
	}
	return out
}

func readException(n *yamltree.Node, name string, where Trail, partial bool) *Exception {
	e := &Exception{Name: name, Where: where}
	if !partial || n.Has("fields") {
		e.Fields = entry(n, "fields", where)
	}
	if n.Has("comps") {
		e.Comps = entry(n, "comps", where)
	}
	if v := n.Get("values"); v != nil {
		at := where.With("values", "", v)
		if v.Kind != yamltree.Sequence {
			Refuse(at, ErrYAMLValidate, "Rule exception values must be a sequence")
		}
		for _, row := range v.Items {
			checkRow(row, at, 2)
		}
		e.Values = v.Items
	}
	return e
}

// entry reads fields or comps: one text, or a sequence of them. What holds nothing (null, [] or a map) counts as not given.
func entry(n *yamltree.Node, key string, where Trail) *yamltree.Node {
	switch v := n.Get(key); {
	case v == nil:
		RefuseHint(where, ErrYAMLValidate, misspeltKey(n, key), "Item has no mapping for key '%s'", key)
		return nil
	case v.Kind == yamltree.Sequence && len(v.Items) > 0:
		scalars(n, key, where)
		return v
	case v.Kind == yamltree.Scalar:
		required(n, key, where)
		return v
	}
	return nil
}

// checkRow refuses what has an empty text in it or nests deeper. Null and maps count as no text, as in Falco: what comes
// of them is for the condition to refuse.
func checkRow(n *yamltree.Node, where Trail, depth int) {
	switch {
	case n.Kind == yamltree.Sequence && depth > 0:
		for _, i := range n.Items {
			checkRow(i, where, depth-1)
		}
	case n.Kind == yamltree.Sequence:
		Refuse(where.With("exception value", "", n), ErrYAMLValidate, "Exception values must be texts or lists of texts")
	case n.Kind == yamltree.Scalar && n.Text == "":
		Refuse(where.With("exception value", "", n), ErrYAMLValidate, "Value must be non-empty")
	}
}
