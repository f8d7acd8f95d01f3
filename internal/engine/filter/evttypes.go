package filter

import (
	"strconv"

	"github.com/saker-sensor/saker/internal/event"
)

// EventTypes returns the event types for which a condition can be true, out of all: never too few. It looks at
// comparisons of evt.type with literals and at those of evt.num that can't hold (events are counted from 1); every
// other check may go either way.
func EventTypes(e Expr, all event.TypeSet, byName func(string) (event.Type, bool)) event.TypeSet {
	r := typeResolver{all: all, byName: byName}
	return r.resolve(e).yes
}

// outcome are the types for which a condition can be true, and those for which it can be false.
type outcome struct{ yes, no event.TypeSet }

type typeResolver struct {
	all    event.TypeSet
	byName func(string) (event.Type, bool)
}

func (r *typeResolver) resolve(e Expr) outcome {
	switch e := e.(type) {
	case *And:
		o := outcome{yes: r.all}
		for _, p := range e.Parts {
			po := r.resolve(p)
			o.yes = intersect(o.yes, po.yes)
			o.no.Union(&po.no)
		}
		return o
	case *Or:
		o := outcome{no: r.all}
		for _, p := range e.Parts {
			po := r.resolve(p)
			o.yes.Union(&po.yes)
			o.no = intersect(o.no, po.no)
		}
		return o
	case *Not:
		o := r.resolve(e.Part)
		return outcome{yes: o.no, no: o.yes}
	case *Check:
		if f, ok := e.Left.(*Field); ok && !f.HasArg {
			switch f.Name {
			case fieldEventType:
				return r.eventType(e)
			case fieldEventNumber:
				return r.eventNum(e)
			}
		}
	}
	return outcome{yes: r.all, no: r.all}
}

func (r *typeResolver) eventType(c *Check) outcome {
	if c.Op == OpExists {
		return outcome{yes: r.all}
	}
	values, ok := literals(c.Right)
	if !ok {
		return outcome{yes: r.all, no: r.all}
	}
	counts := map[event.Type]int{}
	for _, v := range values {
		if t, ok := r.byName(v.Text); ok && r.all.Has(t) {
			counts[t]++
		}
	}
	holds := func(equal int) bool { return equal > 0 }
	switch c.Op {
	case OpEq, OpEq2, OpIn, OpIntersects:
		if c.Mod != "" {
			holds = func(equal int) bool { return modifierHolds(c.Mod, equal, len(values)) }
		}
	case OpNe:
		holds = func(equal int) bool { return equal == 0 }
		if c.Mod != "" {
			holds = func(equal int) bool { return modifierHolds(c.Mod, len(values)-equal, len(values)) }
		}
	default:
		return outcome{yes: r.all, no: r.all}
	}
	var o outcome
	for t := range event.Type(event.MaxTypes) {
		switch {
		case !r.all.Has(t):
		case holds(counts[t]):
			o.yes.Add(t)
		default:
			o.no.Add(t)
		}
	}
	return o
}

// eventNum knows that an event's number is at least 1. Literals other than plain decimal numbers say nothing.
func (r *typeResolver) eventNum(c *Check) outcome {
	never, always, open := outcome{no: r.all}, outcome{yes: r.all}, outcome{yes: r.all, no: r.all}
	values, ok := literals(c.Right)
	if !ok || c.Mod != "" {
		return open
	}
	nums := make([]uint64, len(values))
	for i, v := range values {
		n, err := strconv.ParseUint(v.Text, 10, 64)
		if err != nil {
			return open
		}
		nums[i] = n
	}
	switch c.Op {
	case OpIn, OpIntersects:
		for _, n := range nums {
			if n != 0 {
				return open
			}
		}
		return never
	}
	if len(nums) != 1 {
		return open
	}
	switch c.Op {
	case OpEq, OpEq2:
		if nums[0] == 0 {
			return never
		}
	case OpNe, OpGt:
		if nums[0] == 0 {
			return always
		}
	case OpGe:
		if nums[0] <= 1 {
			return always
		}
	case OpLt:
		if nums[0] <= 1 {
			return never
		}
	case OpLe:
		if nums[0] == 0 {
			return never
		}
	}
	return open
}

func intersect(a, b event.TypeSet) event.TypeSet {
	for i := range a {
		a[i] &= b[i]
	}
	return a
}

// modifierHolds tells whether n elements out of total satisfy oneof, anyof or allof.
func modifierHolds(mod string, n, total int) bool {
	switch mod {
	case "oneof":
		return n == 1
	case "anyof":
		return n > 0
	default:
		return n == total && total > 0
	}
}
