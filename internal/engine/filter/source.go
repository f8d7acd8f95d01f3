package filter

import (
	"net/netip"

	"github.com/saker-sensor/saker/internal/event"
	"github.com/saker-sensor/saker/internal/field"
)

// source yields the value of one side: a field, a transformer or a constant, with its type.
type source struct {
	ref *field.Ref
	tr  *transform
	// value is a constant's; only its part that the type names counts.
	value *field.Value

	kind field.Type
	list bool
	cost int
	// pos is the place in the text, text the operand as it is written.
	pos  Pos
	text string
	// noRef: one of its fields can't be compared with another field.
	noRef  bool
	format field.Format
	// whole is the field that begins with this one, nil if there is none; see [field.Info.Begins].
	whole *source
}

// get sets v and tells whether there is a value.
func (o *source) get(ev *event.Event, s *Scratch, v *field.Value) bool {
	switch {
	case o.ref != nil:
		if o.kind == field.IPNet || o.kind == field.IPAddr {
			// An extractor may set the address alone, and v has held another field's value.
			v.Net = netip.Prefix{}
		}
		return o.ref.Get(ev, v) && (o.single() || len(v.List) > 0)
	case o.tr != nil:
		return o.tr.get(ev, s, v)
	default:
		// The list keeps its own memory, which the next user of v overwrites.
		list := append(v.List[:0], o.value.List...)
		*v = *o.value
		v.List = list
		return true
	}
}

// constant tells whether the source yields the same for every event.
func (o *source) constant() bool { return o.value != nil }

// mode says how a test with an operator has to treat the source's values.
func (o *source) mode(op Op) testMode {
	switch {
	case o.list && op == OpIn:
		return testAll
	case o.list:
		return testAny
	case o.single():
		return testOne
	case o.ref.Quantifier == field.Either && op == OpNe:
		return testAll
	default:
		return testAny
	}
}

// single: there is one value, or a list that counts as one.
func (o *source) single() bool { return o.ref == nil || o.ref.Quantifier == field.One }

// appendText writes a value, or an element of a list, as templates show it.
func (o *source) appendText(dst []byte, v *field.Value) []byte {
	return field.AppendValue(dst, o.kind, o.format, v)
}

// constantSource folds a source that reads no field.
func constantSource(o *source) *source {
	v := new(field.Value)
	if !o.get(&event.Event{}, NewScratch(), v) {
		return o
	}
	return &source{value: v, kind: o.kind, list: o.list, format: o.format, pos: o.pos, text: o.text}
}
