package filter

import (
	"cmp"
	"slices"
	"strings"

	"github.com/saker-sensor/saker/internal/event"
	"github.com/saker-sensor/saker/internal/field"
)

// demand is what a condition wants of one field's value: to be among some values, or not to be.
type demand struct {
	bit uint64
	src *source
	// missing: a missing value will do.
	missing bool
	in      bool
	texts   []string
	nums    []int64
	// starts: a value that begins with one of these will do too. Such demands have a table of their own.
	starts []string
}

// demandCost bounds the fields whose demands are looked up: a table reads its field before the other tests run.
const demandCost = 2 * fieldCost

// demanding tells whether a test of the source can be looked up.
func demanding(t *testNode) bool {
	return t.mode == testOne && t.src.ref != nil && !t.src.list && t.src.cost < demandCost
}

func isText(o *source) bool { g := o.kind.Group(); return g == field.Text || g == field.Bytes }

// conjuncts are the parts all of which must hold.
func conjuncts(n node) []node {
	if and, ok := n.(andNode); ok {
		return and
	}
	return []node{n}
}

// split takes out of a part what can be looked up; left is nil if that is all of it.
func split(n node) (exact []demand, left node) {
	switch n := n.(type) {
	case constNode:
		if n {
			return nil, nil
		}
	case *testNode:
		if demanding(n) {
			return splitTest(n)
		}
	case existsNode:
		if t := (&testNode{src: n.src, mode: testOne}); demanding(t) && n.src.single() {
			return []demand{{src: n.src}}, nil
		}
	case notNode:
		switch part := n.part.(type) {
		case *testNode:
			if demanding(part) {
				return splitNot(part)
			}
		case existsNode:
			if t := (&testNode{src: part.src, mode: testOne}); demanding(t) && part.src.single() {
				return []demand{{src: part.src, missing: true, in: true}}, nil
			}
		}
	}
	return nil, n
}

// splitTest splits the test of a value that must be there.
func splitTest(t *testNode) (exact []demand, left node) {
	preds := []pred{t.pred}
	if all, ok := t.pred.(allPred); ok {
		preds = all
	}
	var rest []pred
	for _, p := range preds {
		if not, ok := p.(notPred); ok {
			none, others := sets(t.src, not.p)
			exact = append(exact, none...)
			if len(others) > 0 {
				rest = append(rest, newNotPred(newAny(others)))
			}
		} else if d, ok := asSet(t.src, p); ok {
			d.in = true
			exact = append(exact, d)
		} else {
			rest = append(rest, p)
		}
	}
	if len(rest) > 0 {
		left = &testNode{src: t.src, mode: t.mode, pred: newAll(rest)}
	}
	return exact, left
}

// splitNot splits not t: the value may be missing.
func splitNot(t *testNode) (exact []demand, left node) {
	exact, others := sets(t.src, t.pred)
	for i := range exact {
		exact[i].missing = true
	}
	if len(others) > 0 {
		left = notNode{&testNode{src: t.src, mode: t.mode, pred: newAny(others)}}
	}
	return exact, left
}

// sets splits an or of tests that must not pass into its small sets and the others. A large set is an exception's, as
// a rule: it seldom decides, and is cheaper where few conditions reach it.
func sets(src *source, p pred) (found []demand, others []pred) {
	for _, p := range flattenAny([]pred{p}) {
		if d, ok := asSet(src, p); ok && d.size() <= linearSet {
			found = append(found, d)
		} else {
			others = append(others, p)
		}
	}
	return found, others
}

func asSet(src *source, p pred) (demand, bool) {
	if isLarge(p) {
		return demand{}, false
	}
	switch p := p.(type) {
	case *textIn:
		return demand{src: src, texts: p.set.items}, true
	case *numIn:
		return demand{src: src, nums: p.set.items}, true
	}
	return demand{}, false
}

// implied gives what must hold for a part that can't be looked up itself: an or each of whose alternatives wants one
// of some values, or prefixes, of the same field wants one of all of them.
func implied(n node) []demand {
	var out []demand
	for _, d := range wanted(n) {
		out = append(out, d)
	}
	slices.SortFunc(out, func(a, b demand) int { return cmp.Compare(a.src.text, b.src.text) })
	return out
}

// wanted gives for each field the values, or their prefixes, one of which the node needs.
func wanted(n node) map[string]demand {
	switch n := n.(type) {
	case andNode:
		all := map[string]demand{}
		for _, p := range n {
			for key, d := range wanted(p) {
				if have, ok := all[key]; !ok || d.size() < have.size() {
					all[key] = d
				}
			}
		}
		return all
	case orNode:
		common := wanted(n[0])
		for _, p := range n[1:] {
			wants := wanted(p)
			for key, have := range common {
				d, ok := wants[key]
				if !ok {
					delete(common, key)
					continue
				}
				common[key] = have.or(d)
			}
		}
		return common
	case *testNode:
		if demanding(n) {
			if d, ok := wantedTest(n.src, n.pred); ok {
				return d.byField()
			}
		}
	}
	return nil
}

// byField adds what a demand means for the field that begins with its own.
func (d demand) byField() map[string]demand {
	m := map[string]demand{d.src.text: d}
	if d.src.whole != nil {
		whole := demand{src: d.src.whole, in: true}
		for _, text := range slices.Concat(d.texts, d.starts) {
			whole.starts = append(whole.starts, strings.TrimSuffix(text, "/"))
		}
		m[whole.src.text] = whole
	}
	return m
}

// wantedTest gives the values or prefixes that pass a test, or more than those.
func wantedTest(src *source, p pred) (demand, bool) {
	if d, ok := asSet(src, p); ok {
		d.in = true
		return d, true
	}
	switch p := p.(type) {
	case *textPrefix:
		return demand{src: src, in: true, starts: p.entries}, true
	case *textGlob:
		if head := globHead(p); head != "" {
			return demand{src: src, in: true, starts: []string{head}}, true
		}
	case allPred:
		for _, q := range p {
			if d, ok := wantedTest(src, q); ok {
				return d, true
			}
		}
	case anyPred:
		var all demand
		for i, q := range p {
			d, ok := wantedTest(src, q)
			if !ok {
				return demand{}, false
			}
			if i == 0 {
				all = d
			} else {
				all = all.or(d)
			}
		}
		return all, len(p) > 0
	}
	return demand{}, false
}

// globHead is the text that everything that matches a pattern begins with.
func globHead(p *textGlob) string {
	if p.fold {
		return ""
	}
	return p.pattern[:strings.IndexAny(p.pattern, `*?[\`)]
}

func (d demand) size() int { return len(d.texts) + len(d.nums) + len(d.starts) }

func (d demand) or(o demand) demand {
	d.texts = slices.Concat(d.texts, o.texts)
	d.nums = slices.Concat(d.nums, o.nums)
	d.starts = slices.Concat(d.starts, o.starts)
	return d
}

// folder replaces what is the same for all events of some types.
type folder struct{ types []event.Type }

func (f *folder) fold(n node) node {
	switch n := n.(type) {
	case andNode:
		return newAnd(f.parts(n))
	case orNode:
		return newOr(f.parts(n))
	case notNode:
		return newNot(f.fold(n.part))
	case *testNode:
		if n.mode == testOne && n.src.ref != nil {
			return f.test(n)
		}
	}
	return n
}

func (f *folder) parts(nodes []node) []node {
	folded := make([]node, len(nodes))
	for i, n := range nodes {
		folded[i] = f.fold(n)
	}
	return folded
}

// test folds the test of an event's type where all types agree, and of the number 0, which no event has.
func (f *folder) test(t *testNode) node {
	switch t.src.ref.Name {
	case fieldEventType:
		yes := 0
		for _, ty := range f.types {
			if t.pred.test(&field.Value{Str: ty.String()}, NewScratch()) {
				yes++
			}
		}
		if yes == 0 || yes == len(f.types) {
			return constNode(yes > 0)
		}
	case fieldEventNumber:
		if in, ok := t.pred.(*numIn); ok && !slices.ContainsFunc(in.set.items, func(n int64) bool { return n != 0 }) {
			return constNode(false)
		}
	}
	return t
}
