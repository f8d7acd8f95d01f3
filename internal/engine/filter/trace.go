package filter

import (
	"fmt"

	"github.com/saker-sensor/saker/internal/event"
	"github.com/saker-sensor/saker/internal/field"
)

// Trace is a condition, or a part of one, whose truth can be asked part by part. It is slow: it is for those who explain and test
// rules. Safe for several goroutines at once, each with its own [Scratch].
type Trace struct {
	// Expr is what the part was made of, Parts are those of an [*And], an [*Or] or a [*Not].
	Expr  Expr
	Parts []*Trace

	// check, left and right are a comparison's. right is nil if it compares with literals.
	check       *Filter
	left, right *source
}

// NewTrace prepares a condition without macros.
func NewTrace(e Expr, opt CompileOptions) (*Trace, error) {
	t := &Trace{Expr: e}
	var parts []Expr
	switch e := e.(type) {
	case *And:
		parts = e.Parts
	case *Or:
		parts = e.Parts
	case *Not:
		parts = []Expr{e.Part}
	case *Check:
		return t, t.compile(e, opt)
	default:
		return nil, fmt.Errorf("trace a condition: the macro at %d is not resolved", e.Position().Offset)
	}
	for _, p := range parts {
		part, err := NewTrace(p, opt)
		if err != nil {
			return nil, err
		}
		t.Parts = append(t.Parts, part)
	}
	return t, nil
}

func (t *Trace) compile(e *Check, opt CompileOptions) (err error) {
	if t.check, err = Compile(e, opt); err != nil {
		return fmt.Errorf("trace %s: %w", Print(e), err)
	}
	c := &compiler{opt: opt, seen: map[string]bool{}}
	if t.left, err = c.source(e.Left, false); err != nil {
		return fmt.Errorf("trace %s: %w", Print(e), err)
	}
	if tr, ok := e.Right.(*Transformer); ok {
		if t.right, err = c.source(tr, true); err != nil {
			return fmt.Errorf("trace %s: %w", Print(e), err)
		}
	}
	return nil
}

// Eval tells whether the condition holds for an event. The parts of "and" and "or" are looked at from left to right, as far as they
// decide; looked, if not nil, is called for each of them with its truth, parts before what they are part of.
func (t *Trace) Eval(ev *event.Event, s *Scratch, looked func(part *Trace, holds bool)) bool {
	holds := false
	switch t.Expr.(type) {
	case *And, *Or:
		_, either := t.Expr.(*Or)
		for _, p := range t.Parts {
			if holds = p.Eval(ev, s, looked); holds == either {
				break
			}
		}
	case *Not:
		holds = !t.Parts[0].Eval(ev, s, looked)
	default:
		holds = t.check.Match(ev, s)
	}
	if looked != nil {
		looked(t, holds)
	}
	return holds
}

// Side is one side of a comparison as an event has it.
type Side struct {
	// Name is the field or the transformer as it is written.
	Name string
	// Values are texts, several for a list or a field with several values. Missing: the event has none.
	Values  []string
	Missing bool
}

// Sides are the sides of a comparison that depend on the event: the left one, and the right one unless that has literals.
func (t *Trace) Sides(ev *event.Event, s *Scratch) []Side {
	var sides []Side
	for _, src := range []*source{t.left, t.right} {
		if src != nil {
			sides = append(sides, src.side(ev, s))
		}
	}
	return sides
}

func (o *source) side(ev *event.Event, s *Scratch) Side {
	s.used = 0
	v := s.take()
	defer s.drop()
	side := Side{Name: o.text}
	if !o.get(ev, s, v) {
		side.Missing = true
		return side
	}
	values := []field.Value{*v}
	if o.list || !o.single() {
		values = v.List
	}
	for i := range values {
		side.Values = append(side.Values, string(o.appendText(nil, &values[i])))
	}
	return side
}

// Distance is how many comparisons would have to turn out otherwise for the condition to be true of an event; 0 if it is. One about the
// event's type counts typeWeight times. The comparisons are those nearest to it.
func (t *Trace) Distance(ev *event.Event, s *Scratch) (int, []*Trace) { return t.distance(ev, s, true) }

// typeWeight: an event of another type is no near miss.
const typeWeight = 100

func (t *Trace) distance(ev *event.Event, s *Scratch, want bool) (int, []*Trace) {
	every := want
	switch t.Expr.(type) {
	case *Not:
		return t.Parts[0].distance(ev, s, !want)
	case *Or:
		every = !want
	case *Check:
		if t.check.Match(ev, s) == want {
			return 0, nil
		}
		if t.left.text == fieldEventType {
			return typeWeight, []*Trace{t}
		}
		return 1, []*Trace{t}
	}
	sum, best := 0, -1
	var all, nearest []*Trace
	for _, p := range t.Parts {
		n, turn := p.distance(ev, s, want)
		sum, all = sum+n, append(all, turn...)
		if best < 0 || n < best {
			best, nearest = n, turn
		}
	}
	if every {
		return sum, all
	}
	return best, nearest
}
