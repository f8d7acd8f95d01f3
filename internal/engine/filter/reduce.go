package filter

import "github.com/saker-sensor/saker/internal/field"

// Reduce gives a condition that asks only about fields that known tells, and that is true wherever this one is. What asks about other
// fields counts as true where that makes the condition true, and as false below a not.
func (f *Filter) Reduce(known func(*field.Ref) bool) *Filter {
	r := reducer{known}
	reduced := &Filter{root: r.node(f.root, true)}
	for _, ref := range f.fields {
		if known(&ref) {
			reduced.fields = append(reduced.fields, ref)
		}
	}
	return reduced
}

// Always tells whether the condition is true of every event.
func (f *Filter) Always() bool { return f.root == constNode(true) }

type reducer struct{ known func(*field.Ref) bool }

// node reduces a part of a condition; more says on which side of it the reduced one errs.
func (r *reducer) node(n node, more bool) node {
	switch n := n.(type) {
	case constNode:
		return n
	case andNode:
		return newAnd(r.nodes(n, more))
	case orNode:
		return newOr(r.nodes(n, more))
	case notNode:
		return newNot(r.node(n.part, !more))
	case *testNode:
		if r.source(n.src) {
			return n
		}
	case existsNode:
		if r.source(n.src) {
			return n
		}
	case *pairNode:
		if r.source(n.left) && r.source(n.right) {
			return n
		}
	}
	return constNode(more)
}

func (r *reducer) nodes(nodes []node, more bool) []node {
	reduced := make([]node, len(nodes))
	for i, n := range nodes {
		reduced[i] = r.node(n, more)
	}
	return reduced
}

// source tells whether all fields that a side reads are known.
func (r *reducer) source(o *source) bool {
	switch {
	case o.ref != nil:
		return r.known(o.ref)
	case o.tr != nil:
		for _, a := range o.tr.args {
			if !r.source(a) {
				return false
			}
		}
	}
	return true
}
