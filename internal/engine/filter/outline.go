package filter

import (
	"fmt"

	"github.com/saker-sensor/saker/internal/event"
)

// Outline answers whether a condition may be true of events of which only a part is known. It errs on the side of
// yes: what is not known counts as "perhaps". Safe for several goroutines at once.
type Outline struct{ root outlineNode }

// NewOutline prepares a condition without macros.
func NewOutline(e Expr, opt CompileOptions) (*Outline, error) {
	root, err := outlineOf(e, opt)
	if err != nil {
		return nil, fmt.Errorf("outline a condition: %w", err)
	}
	return &Outline{root}, nil
}

// May tells whether the condition may be true of an event like ev, of which known says which checks it answers.
func (o *Outline) May(ev *event.Event, known func(*Check) bool, s *Scratch) bool {
	return o.root.eval(&outlineEvent{ev, known, s}) != triNo
}

type outlineEvent struct {
	*event.Event
	known   func(*Check) bool
	scratch *Scratch
}

// tri is the logic of three values; the order makes "and" the least and "or" the greatest.
type tri uint8

const (
	triNo tri = iota
	triPerhaps
	triYes
)

type outlineNode interface{ eval(*outlineEvent) tri }

type (
	outlineAnd   []outlineNode
	outlineOr    []outlineNode
	outlineNot   struct{ part outlineNode }
	outlineCheck struct {
		check  *Check
		filter *Filter
	}
)

func outlineOf(e Expr, opt CompileOptions) (outlineNode, error) {
	parts := func(es []Expr) ([]outlineNode, error) {
		out := make([]outlineNode, len(es))
		for i, e := range es {
			var err error
			if out[i], err = outlineOf(e, opt); err != nil {
				return nil, err
			}
		}
		return out, nil
	}
	switch e := e.(type) {
	case *And:
		p, err := parts(e.Parts)
		return outlineAnd(p), err
	case *Or:
		p, err := parts(e.Parts)
		return outlineOr(p), err
	case *Not:
		p, err := outlineOf(e.Part, opt)
		return outlineNot{p}, err
	case *Check:
		f, err := Compile(e, opt)
		return outlineCheck{e, f}, err
	default:
		return nil, fmt.Errorf("macro at %d is not resolved", e.Position().Offset)
	}
}

func (n outlineAnd) eval(ev *outlineEvent) tri {
	least := triYes
	for _, p := range n {
		if least = min(least, p.eval(ev)); least == triNo {
			break
		}
	}
	return least
}

func (n outlineOr) eval(ev *outlineEvent) tri {
	greatest := triNo
	for _, p := range n {
		if greatest = max(greatest, p.eval(ev)); greatest == triYes {
			break
		}
	}
	return greatest
}

func (n outlineNot) eval(ev *outlineEvent) tri { return triYes - n.part.eval(ev) }

func (n outlineCheck) eval(ev *outlineEvent) tri {
	switch {
	case !ev.known(n.check):
		return triPerhaps
	case n.filter.Match(ev.Event, ev.scratch):
		return triYes
	default:
		return triNo
	}
}
