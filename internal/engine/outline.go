package engine

import (
	"github.com/saker-sensor/saker/internal/engine/filter"
	"github.com/saker-sensor/saker/internal/event"
	"github.com/saker-sensor/saker/internal/field"
)

// Outline prepares the rule's condition for questions about events of which only a part is known.
//
// The answer tells whether the condition may be true of an event like ev. known says whether ev answers a comparison of
// a field with a value; the value is empty if there is none, or more than one. Not safe for several goroutines at once.
func (r *Rule) Outline(dict *field.Dictionary) (func(ev *event.Event, known func(field, op, value string) bool) bool, error) {
	outline, err := filter.NewOutline(r.expr, filter.CompileOptions{Dictionary: dict, TypeByName: event.TypeByName})
	if err != nil {
		return nil, err
	}
	scratch := NewScratch()
	return func(ev *event.Event, known func(field, op, value string) bool) bool {
		return outline.May(ev, func(c *filter.Check) bool {
			f, ok := c.Left.(*filter.Field)
			if !ok || f.HasArg {
				return false
			}
			value := ""
			switch right := c.Right.(type) {
			case *filter.Value:
				value = right.Text
			case *filter.Transformer:
				return false // compares with another field
			}
			return known(f.Name, string(c.Op), value)
		}, scratch)
	}, nil
}
