package engine

// readExceptions reads a rule's exceptions. In an appended rule they may be partial: a name and more values.
func readExceptions(n *node, where trail, partial bool) []*exception {
	v := n.get("exceptions")
	if v == nil || v.kind == kindNull {
		return nil
	}
	at := where.with("exceptions", "", v)
	if v.kind != kindSequence {
		refuse(at, ErrYAMLValidate, "Rule exceptions must be a sequence")
	}
	var out []*exception
	for _, e := range v.items {
		if e.kind != kindMapping {
			refuse(at.with("exception", "", e), ErrYAMLValidate, "Exception is not a map")
		}
		name := required(e, "name", at.with("exception", "", e))
		out = append(out, readException(e, name, where.with("exception", name, e), partial))
	}
	return out
}

func readException(n *node, name string, where trail, partial bool) *exception {
	e := &exception{name: name, where: where}
	if !partial || n.has("fields") {
		e.fields = entry(n, "fields", where)
	}
	if n.has("comps") {
		e.comps = entry(n, "comps", where)
	}
	if v := n.get("values"); v != nil && v.kind != kindNull {
		at := where.with("values", "", v)
		if v.kind != kindSequence {
			refuse(at, ErrYAMLValidate, "Rule exception values must be a sequence")
		}
		for _, row := range v.items {
			checkRow(row, at, 2)
		}
		e.values = v.items
	}
	return e
}

// entry reads fields or comps: one text, or a sequence of them.
func entry(n *node, key string, where trail) *node {
	v := n.get(key)
	if v == nil || v.kind != kindSequence {
		required(n, key, where)
		return v
	}
	scalars(n, key, where)
	return v
}

// checkRow refuses what is neither text nor a sequence of texts down to the given depth.
func checkRow(n *node, where trail, depth int) {
	switch {
	case n.kind == kindSequence && depth > 0:
		for _, i := range n.items {
			checkRow(i, where, depth-1)
		}
	case n.kind == kindSequence || n.kind == kindMapping:
		refuse(where.with("exception value", "", n), ErrYAMLValidate, "Exception values must be texts or lists of texts")
	}
}
