package filter

import (
	"fmt"
	"slices"

	"github.com/saker-sensor/saker/internal/event"
	"github.com/saker-sensor/saker/internal/field"
)

// NeverTrue says why a condition can't be true for events of the given types; empty means that it may be. It finds what
// contradicts itself about one field; it does not prove that the others can be true.
func (f *Filter) NeverTrue(types []event.Type) string {
	fold := folder{types: types}
	return never(fold.fold(f.root))
}

func never(n node) string {
	switch n := n.(type) {
	case constNode:
		if !n {
			return "a comparison with an empty list, or of constants, is always false"
		}
	case andNode:
		return neverAll(n)
	case orNode:
		why := ""
		for _, p := range n {
			if why = never(p); why == "" {
				return ""
			}
		}
		return why
	case *testNode:
		if n.mode == testOne && contradicts(n.pred) {
			return fmt.Sprintf("no value of %s satisfies all that is asked of it", n.src.text)
		}
	}
	return ""
}

// neverAll looks at each part, then for a field that must be missing and must not.
func neverAll(parts []node) string {
	var present, missing []string
	for _, p := range parts {
		if why := never(p); why != "" {
			return why
		}
		switch p := p.(type) {
		case *testNode:
			present = append(present, p.src.text)
		case existsNode:
			present = append(present, p.src.text)
		case notNode:
			if e, ok := p.part.(existsNode); ok {
				missing = append(missing, e.src.text)
			}
		}
	}
	for _, m := range missing {
		if slices.Contains(present, m) {
			return fmt.Sprintf("%s must be missing and must have a value", m)
		}
	}
	return ""
}

// contradicts tells whether no value passes a test: each that it names is tried, and for numbers their neighbours.
func contradicts(p pred) bool {
	all, ok := p.(allPred)
	if !ok {
		in, ok := p.(*textIn)
		return ok && len(in.set.items) == 0
	}
	candidates, complete := candidatesOf(all)
	if !complete {
		return false
	}
	s := NewScratch()
	for i := range candidates {
		if all.test(&candidates[i], s) {
			return false
		}
	}
	return true
}

// candidatesOf gives values of which one passes if any value does; complete is false if there is no such list.
func candidatesOf(all allPred) (values []field.Value, complete bool) {
	number := func(n int64) { values = append(values, field.Value{Num: n}) }
	ordered, prefixes := 0, 0
	for _, p := range all {
		switch p := p.(type) {
		case *textIn:
			return textValues(p.set.items), true
		case *numIn:
			values = nil
			for _, n := range p.set.items {
				number(n)
			}
			return values, true
		case *signedOrder:
			ordered++
			number(p.lit - 1)
			number(p.lit)
			number(p.lit + 1)
		case *unsignedOrder:
			ordered++
			number(int64(p.lit - 1))
			number(int64(p.lit))
			number(int64(p.lit + 1))
		case *textPrefix:
			prefixes++
			values = append(values, textValues(p.entries)...)
		}
	}
	return values, ordered == len(all) || prefixes == len(all)
}

func textValues(texts []string) []field.Value {
	values := make([]field.Value, len(texts))
	for i, t := range texts {
		values[i].Str = t
	}
	return values
}
