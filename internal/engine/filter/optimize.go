package filter

import (
	"cmp"
	"slices"
)

// newAnd, newOr and newNot build a condition's nodes in a cheap form of the same meaning: nested and/or are flattened,
// constants folded, tests of the same source joined so that it is read once, and parts sorted by cost. Sorting is free
// because a part has no effect but its result.

func newNot(n node) node {
	switch n := n.(type) {
	case constNode:
		return !n
	case notNode:
		return n.part
	}
	return notNode{n}
}

func newOr(parts []node) node {
	var flat []node
	for _, p := range parts {
		switch p := p.(type) {
		case constNode:
			if p {
				return p
			}
		case orNode:
			flat = append(flat, p...)
		default:
			flat = append(flat, p)
		}
	}
	flat = joinAny(flat)
	switch len(flat) {
	case 0:
		return constNode(false)
	case 1:
		return flat[0]
	}
	slices.SortStableFunc(flat, func(a, b node) int { return cmp.Compare(a.cost(), b.cost()) })
	return orNode(flat)
}

func newAnd(parts []node) node {
	var flat []node
	for _, p := range parts {
		switch p := p.(type) {
		case constNode:
			if !p {
				return p
			}
		case andNode:
			flat = append(flat, p...)
		default:
			flat = append(flat, p)
		}
	}
	flat = joinAll(flat)
	switch len(flat) {
	case 0:
		return constNode(true)
	case 1:
		return flat[0]
	}
	slices.SortStableFunc(flat, func(a, b node) int { return cmp.Compare(andCost(a), andCost(b)) })
	return andNode(flat)
}

// andCost is a part's cost inside an and, where a negation is an exception that seldom decides.
func andCost(n node) int {
	const seldom = 4
	switch n := n.(type) {
	case notNode:
		return seldom * n.cost()
	case *testNode:
		if _, ok := n.pred.(notPred); ok {
			return seldom * n.cost()
		}
	}
	return n.cost()
}

// sourceKey names what a test reads, and how.
type sourceKey struct {
	text string
	mode testMode
}

func keyOf(t *testNode) sourceKey { return sourceKey{t.src.text, t.mode} }

// joinAny joins the tests of an or: some value passes p, or some passes q, if and only if some passes p or q.
func joinAny(parts []node) []node {
	return joinTests(parts, func(n node) (*testNode, bool) {
		t, ok := n.(*testNode)
		return t, ok && t.mode != testAll
	}, func(t *testNode, preds []pred) node {
		return &testNode{src: t.src, mode: t.mode, pred: newAny(preds)}
	})
}

// joinAll joins the tests of an and. For tests under a not, the law of joinAny holds turned around. What is left of
// those joins a test of the same single value: where that is missing, the and is false anyway.
func joinAll(parts []node) []node {
	parts = joinTests(parts, func(n node) (*testNode, bool) {
		if not, ok := n.(notNode); ok {
			t, ok := not.part.(*testNode)
			return t, ok && t.mode != testAll
		}
		return nil, false
	}, func(t *testNode, preds []pred) node {
		return notNode{&testNode{src: t.src, mode: t.mode, pred: newAny(preds)}}
	})
	present := map[sourceKey]bool{}
	for _, p := range parts {
		if t, ok := p.(*testNode); ok && t.mode == testOne {
			present[keyOf(t)] = true
		}
	}
	for i, p := range parts {
		if not, ok := p.(notNode); ok {
			if t, ok := not.part.(*testNode); ok && present[keyOf(t)] {
				parts[i] = &testNode{src: t.src, mode: t.mode, pred: newNotPred(t.pred)}
			}
		}
	}
	return joinTests(parts, func(n node) (*testNode, bool) {
		t, ok := n.(*testNode)
		return t, ok && t.mode == testOne
	}, func(t *testNode, preds []pred) node {
		return &testNode{src: t.src, mode: t.mode, pred: newAll(preds)}
	})
}

// joinTests replaces the parts that pick accepts by one part for each key, at the place of the first.
func joinTests(parts []node, pick func(node) (*testNode, bool), join func(*testNode, []pred) node) []node {
	groups := map[sourceKey][]pred{}
	for _, p := range parts {
		if t, ok := pick(p); ok {
			groups[keyOf(t)] = append(groups[keyOf(t)], t.pred)
		}
	}
	out := parts[:0:0]
	for _, p := range parts {
		t, ok := pick(p)
		if !ok {
			out = append(out, p)
			continue
		}
		switch preds := groups[keyOf(t)]; len(preds) {
		case 0:
		case 1:
			out = append(out, p)
		default:
			out = append(out, join(t, preds))
			groups[keyOf(t)] = nil
		}
	}
	return out
}

func newNotPred(p pred) pred {
	if n, ok := p.(notPred); ok {
		return n.p
	}
	return notPred{p}
}

// modified combines the tests of a list's elements.
func modified(mod string, preds []pred) pred {
	switch mod {
	case "oneof":
		return onePred(preds)
	case "anyof":
		return newAny(preds)
	default:
		return newAll(preds)
	}
}

// largeSet is the number of values from which a set stays what it is: conditions share it, so it is not merged with
// others, nor looked up in a bundle's tables.
const largeSet = 1024

func isLarge(p pred) bool {
	switch p := p.(type) {
	case *textIn:
		return len(p.set.items) >= largeSet
	case *numIn:
		return len(p.set.items) >= largeSet
	case *textPath:
		return len(p.set.entries) >= largeSet
	case *addressIn:
		return p.size() >= largeSet
	}
	return false
}

// newAny passes what passes one of preds; those that are sets of the same kind become one set.
func newAny(preds []pred) pred {
	var rest anyPred
	var texts, prefixes, paths []string
	var nums []int64
	var addresses addressIn
	for _, p := range flattenAny(preds) {
		if isLarge(p) {
			rest = append(rest, p)
			continue
		}
		switch p := p.(type) {
		case truePred:
			return p
		case *textIn:
			texts = append(texts, p.set.items...)
		case *textPrefix:
			prefixes = append(prefixes, p.entries...)
		case *textPath:
			paths = append(paths, p.set.entries...)
		case *numIn:
			nums = append(nums, p.set.items...)
		case *addressIn:
			addresses.join(&p.addressSet)
		default:
			rest = append(rest, p)
		}
	}
	if texts != nil {
		rest = append(rest, &textIn{set: newSet(texts)})
	}
	if prefixes != nil {
		rest = append(rest, newTextPrefix(prefixes))
	}
	if paths != nil {
		rest = append(rest, &textPath{set: newPathSet(paths)})
	}
	if nums != nil {
		rest = append(rest, &numIn{set: newSet(nums)})
	}
	if addresses.size() > 0 {
		addresses.finish()
		rest = append(rest, &addresses)
	}
	if len(rest) == 1 {
		return rest[0]
	}
	sortPreds(rest)
	return rest
}

func flattenAny(preds []pred) []pred {
	var flat []pred
	for _, p := range preds {
		if a, ok := p.(anyPred); ok {
			flat = append(flat, flattenAny(a)...)
		} else {
			flat = append(flat, p)
		}
	}
	return flat
}

// newAll passes what passes each of preds.
func newAll(preds []pred) pred {
	var all allPred
	var none []pred
	for _, p := range preds {
		switch p := p.(type) {
		case truePred:
		case allPred:
			all = append(all, p...)
		case notPred:
			none = append(none, p.p)
		default:
			all = append(all, p)
		}
	}
	if len(none) > 0 {
		all = append(all, newNotPred(newAny(none)))
	}
	switch len(all) {
	case 0:
		return truePred{}
	case 1:
		return all[0]
	}
	sortPreds(all)
	return all
}

func sortPreds(preds []pred) {
	slices.SortStableFunc(preds, func(a, b pred) int { return cmp.Compare(a.cost(), b.cost()) })
}
