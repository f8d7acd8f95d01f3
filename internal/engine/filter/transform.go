package filter

import (
	"strings"

	"github.com/saker-sensor/saker/internal/event"
	"github.com/saker-sensor/saker/internal/field"
)

// transform computes a value from others. Something missing among its arguments makes the result missing.
type transform struct {
	args []*source
	// apply sets v and tells whether there is a value.
	apply func(t *transform, ev *event.Event, s *Scratch, v *field.Value) bool
	// each maps the text of a value, or of each element of a list.
	each func(string) (string, bool)
	// option is getopt's selector, "" if there is none.
	option string
}

func (t *transform) get(ev *event.Event, s *Scratch, v *field.Value) bool {
	return t.apply(t, ev, s, v)
}

func applyEach(t *transform, ev *event.Event, s *Scratch, v *field.Value) bool {
	if !t.args[0].get(ev, s, v) {
		return false
	}
	var ok bool
	if !t.args[0].list {
		v.Str, ok = t.each(v.Str)
		return ok
	}
	for i := range v.List {
		if v.List[i].Str, ok = t.each(v.List[i].Str); !ok {
			return false
		}
	}
	return true
}

func eachLower(s string) (string, bool) { return field.Lower(s), true }
func eachUpper(s string) (string, bool) { return field.Upper(s), true }
func eachBase(s string) (string, bool)  { return field.Basename(s), true }

func applyLen(t *transform, ev *event.Event, s *Scratch, v *field.Value) bool {
	if !t.args[0].get(ev, s, v) {
		return false
	}
	v.Num = int64(len(v.Str))
	if t.args[0].list {
		v.Num = int64(len(v.List))
	}
	return true
}

// applyList makes a list of texts from its arguments.
func applyList(t *transform, ev *event.Event, s *Scratch, v *field.Value) bool {
	v.List = v.List[:0]
	e := s.take()
	defer s.drop()
	for _, a := range t.args {
		if !a.get(ev, s, e) {
			return false
		}
		v.List = append(v.List, field.Value{Str: string(a.appendText(nil, e))})
	}
	return true
}

func applyConcat(t *transform, ev *event.Event, s *Scratch, v *field.Value) bool {
	var text []byte
	for _, a := range t.args {
		if !a.get(ev, s, v) {
			return false
		}
		text = append(text, v.Str...)
	}
	v.Str = string(text)
	return true
}

func applyJoin(t *transform, ev *event.Event, s *Scratch, v *field.Value) bool {
	if !t.args[0].get(ev, s, v) {
		return false
	}
	sep := strings.Clone(v.Str) // the next value overwrites a text that v built
	if !t.args[1].get(ev, s, v) {
		return false
	}
	var text []byte
	for i := range v.List {
		if i > 0 {
			text = append(text, sep...)
		}
		text = t.args[1].appendText(text, &v.List[i])
	}
	v.Str = string(text)
	return true
}

func applyGetopt(t *transform, ev *event.Event, s *Scratch, v *field.Value) bool {
	if !t.args[1].get(ev, s, v) {
		return false
	}
	options := strings.Clone(v.Str)
	if !t.args[0].get(ev, s, v) {
		return false
	}
	if t.option != "" {
		var ok bool
		v.Str, ok = field.GetoptOne(v.List, options, t.option)
		return ok
	}
	found := field.Getopt(v.List, options)
	v.List = v.List[:0]
	for _, text := range found {
		v.List = append(v.List, field.Value{Str: text})
	}
	return true
}
