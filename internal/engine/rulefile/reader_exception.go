package rulefile

import (
	"github.com/saker-sensor/saker/internal/yamltree"
)

// readExceptions reads a rule's exceptions. In an appended rule they may be partial: a name and more values.
func readExceptions(n *yamltree.Node, where Trail, partial bool) []*Exception {
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
		out = append(out, readException(e, name, where.With("exception", name, e), partial))
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
	if v := n.Get("values"); v != nil && v.Kind != yamltree.Null {
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

// entry reads fields or comps: one text, or a sequence of them.
func entry(n *yamltree.Node, key string, where Trail) *yamltree.Node {
	v := n.Get(key)
	if v == nil || v.Kind != yamltree.Sequence {
		required(n, key, where)
		return v
	}
	scalars(n, key, where)
	return v
}

// checkRow refuses what is neither text nor a sequence of texts down to the given depth.
func checkRow(n *yamltree.Node, where Trail, depth int) {
	switch {
	case n.Kind == yamltree.Sequence && depth > 0:
		for _, i := range n.Items {
			checkRow(i, where, depth-1)
		}
	case n.Kind == yamltree.Sequence || n.Kind == yamltree.Mapping:
		Refuse(where.With("exception value", "", n), ErrYAMLValidate, "Exception values must be texts or lists of texts")
	}
}
