package filter

import (
	"github.com/saker-sensor/saker/internal/event"
	"github.com/saker-sensor/saker/internal/field"
)

// Filter is a compiled condition. It does not change and may be used by several goroutines at once.
type Filter struct {
	// Warnings are doubts that the compiler had, in the order of the text.
	Warnings []Warning

	root   node
	fields []field.Ref
}

// Fields lists every field that the condition reads, on either side, each once.
func (f *Filter) Fields() []field.Ref { return f.fields }

// Match tells whether the condition holds for an event. It does not allocate, unless the condition uses transformers
// or a field whose value has to be built.
func (f *Filter) Match(ev *event.Event, s *Scratch) bool {
	s.used = 0
	return f.root.eval(ev, s)
}

// Scratch is the working memory of one goroutine's matching; any filter may use it.
type Scratch struct {
	values []*field.Value
	used   int
	// text holds a value whose bad UTF-8 was replaced.
	text []byte
}

// NewScratch returns working memory for [Filter.Match].
func NewScratch() *Scratch { return &Scratch{} }

// take lends a value until the next drop; the two nest like a stack.
func (s *Scratch) take() *field.Value {
	if s.used == len(s.values) {
		s.values = append(s.values, new(field.Value))
	}
	s.used++
	return s.values[s.used-1]
}

func (s *Scratch) drop() { s.used-- }

// node is a part of a compiled condition. Logic has two values only: a comparison with something missing is false.
type node interface {
	eval(ev *event.Event, s *Scratch) bool
	// cost orders the parts of and/or, cheap ones first; a plain load and a comparison cost 1.
	cost() int
}

type constNode bool

func (n constNode) eval(*event.Event, *Scratch) bool { return bool(n) }
func (constNode) cost() int                          { return 0 }

type andNode []node

func (n andNode) eval(ev *event.Event, s *Scratch) bool {
	for _, p := range n {
		if !p.eval(ev, s) {
			return false
		}
	}
	return true
}

func (n andNode) cost() int { return sumCost(n) }

type orNode []node

func (n orNode) eval(ev *event.Event, s *Scratch) bool {
	for _, p := range n {
		if p.eval(ev, s) {
			return true
		}
	}
	return false
}

func (n orNode) cost() int { return sumCost(n) }

func sumCost(nodes []node) int {
	sum := 0
	for _, n := range nodes {
		sum += n.cost()
	}
	return sum
}

type notNode struct{ part node }

func (n notNode) eval(ev *event.Event, s *Scratch) bool { return !n.part.eval(ev, s) }
func (n notNode) cost() int                             { return n.part.cost() }

// existsNode is true if its source yields something.
type existsNode struct{ src *source }

func (n existsNode) eval(ev *event.Event, s *Scratch) bool {
	v := s.take()
	ok := n.src.get(ev, s, v)
	s.drop()
	return ok
}

func (n existsNode) cost() int { return n.src.cost }

// testNode applies a test to one side's value or values.
type testNode struct {
	src  *source
	mode testMode
	pred pred
}

// testMode says which of a source's values have to pass.
type testMode uint8

const (
	// testOne: the single value.
	testOne testMode = iota
	// testAny: at least one of the list.
	testAny
	// testAll: each of the list; an empty one passes.
	testAll
)

func (n *testNode) eval(ev *event.Event, s *Scratch) bool {
	v := s.take()
	ok := n.src.get(ev, s, v) && n.test(v, s)
	s.drop()
	return ok
}

func (n *testNode) test(v *field.Value, s *Scratch) bool {
	switch n.mode {
	case testOne:
		return n.pred.test(v, s)
	case testAny:
		for i := range v.List {
			if n.pred.test(&v.List[i], s) {
				return true
			}
		}
		return false
	default:
		for i := range v.List {
			if !n.pred.test(&v.List[i], s) {
				return false
			}
		}
		return true
	}
}

func (n *testNode) cost() int { return n.src.cost + n.pred.cost() }

// pairNode compares the values of two sources of the same type.
type pairNode struct {
	left, right *source
	op          Op
	holds       func(op Op, a, b *field.Value) bool
}

func (n *pairNode) eval(ev *event.Event, s *Scratch) bool {
	a, b := s.take(), s.take()
	ok := n.left.get(ev, s, a) && n.right.get(ev, s, b) && n.test(a, b)
	s.drop()
	s.drop()
	return ok
}

func (n *pairNode) test(a, b *field.Value) bool {
	if !n.left.list {
		return n.holds(n.op, a, b)
	}
	every := n.op == OpIn
	for i := range a.List {
		member := false
		for j := range b.List {
			if n.holds(OpEq, &a.List[i], &b.List[j]) {
				member = true
				break
			}
		}
		if member != every {
			return member
		}
	}
	return every
}

func (n *pairNode) cost() int { return n.left.cost + n.right.cost + 2 }
