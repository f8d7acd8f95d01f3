package filter

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/saker-sensor/saker/internal/event"
)

func allTypes() event.TypeSet {
	var s event.TypeSet
	for _, t := range event.AllTypes() {
		s.Add(t)
	}
	return s
}

func typesOf(t *testing.T, text string) event.TypeSet {
	t.Helper()
	e, err := Parse(text, ParseOptions{})
	if err != nil {
		t.Fatalf("parse %s: %v", text, err)
	}
	return EventTypes(e, allTypes(), event.TypeByName)
}

func namesOf(s event.TypeSet) []string {
	var names []string
	for _, t := range s.Types() {
		names = append(names, t.String())
	}
	return names
}

func only(names ...string) event.TypeSet {
	var s event.TypeSet
	for _, n := range names {
		t, ok := event.TypeByName(n)
		if !ok {
			panic("unknown event type " + n)
		}
		s.Add(t)
	}
	return s
}

func without(names ...string) event.TypeSet {
	s, out := allTypes(), only(names...)
	for i := range s {
		s[i] &^= out[i]
	}
	return s
}

func TestEventTypesVectors(t *testing.T) {
	sets := map[string]event.TypeSet{
		"openat_only":       only("openat"),
		"close_only":        only("close"),
		"not_openat":        without("openat"),
		"not_close":         without("close"),
		"openat_close_only": only("openat", "close"),
		"not_openat_close":  without("openat", "close"),
		"all_events":        allTypes(),
		"no_events":         {},
	}
	type vector struct{ A, B, Set, Source string }
	for _, v := range readVectors[vector](t, "evttypes.json")[1:] {
		got := typesOf(t, v.A)
		want, ok := sets[v.Set]
		if v.B != "" {
			want, ok = typesOf(t, v.B), true
		}
		if !ok {
			t.Errorf("%s: unknown set %q", v.Source, v.Set)
			continue
		}
		if d := cmp.Diff(namesOf(want), namesOf(got)); d != "" {
			t.Errorf("%s: %s (-want +got):\n%s", v.Source, v.A, d)
		}
	}
}

func TestEventTypes(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		want       event.TypeSet
	}{
		{"macro", "m", allTypes()},
		{"anyof", "evt.type = anyof (open, close)", only("open", "close")},
		{"oneof with a repeated name", "evt.type = oneof (open, close, close)", only("open")},
		{"allof", "evt.type = allof (open, open)", only("open")},
		{"differs from all", "evt.type != allof (open, close)", without("open", "close")},
		{"differs from any", "evt.type != anyof (open, close)", allTypes()},
		{"intersects", "evt.type intersects (open)", only("open")},
		{"unknown name", "evt.type = nosuch", event.TypeSet{}},
		{"other operator", "evt.type startswith open", allTypes()},
		{"other field", "syscall.type = open", allTypes()},
		{"transformer", "tolower(evt.type) = open", allTypes()},
		{"against a field", "evt.type = val(proc.name)", allTypes()},
		{"number below one", "evt.num < 1", event.TypeSet{}},
		{"list of zeros", "evt.num in (0, 0)", event.TypeSet{}},
		{"list with a one", "evt.num in (0, 1)", allTypes()},
		{"hex number", "evt.num = 0x0", allTypes()},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if d := cmp.Diff(namesOf(tt.want), namesOf(typesOf(t, tt.text))); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}
