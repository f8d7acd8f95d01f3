package filter

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/saker-sensor/saker/internal/event"
)

// BundleSize is how many conditions a bundle holds at most: one bit each of a mask.
const BundleSize = 64

// Bundle holds conditions that are tried on the same events. Most of them test the same few fields for membership in
// sets: a bundle reads such a field once and looks up which conditions its value allows. What can't be looked up is
// left for [Bundle.Rest], which few conditions reach. A bundle does not change and is safe for several goroutines.
type Bundle struct {
	// steady tables read nothing that depends on which of a file's names is shown, named ones do.
	steady, named []*table
	rest          []node
	// all are the conditions that can be true, readsName those that read a name of the event's file.
	all, readsName uint64
}

// NewBundle combines up to [BundleSize] conditions for events of the given types. named tells whether a field depends
// on which name of a file is shown.
func NewBundle(filters []*Filter, types []event.Type, named func(field string) bool) *Bundle {
	b := &Bundle{rest: make([]node, len(filters))}
	f := folder{types: types}
	tables := map[tableKey]*table{}
	for i, flt := range filters {
		for _, ref := range flt.fields {
			if named(ref.Name) {
				b.readsName |= 1 << i
			}
		}
		var rest []node
		for _, part := range conjuncts(f.fold(flt.root)) {
			exact, left := split(part)
			for _, d := range append(exact, implied(left)...) {
				key := tableKey{d.src.text, len(d.starts) > 0}
				if tables[key] == nil {
					tables[key] = &table{src: d.src}
				}
				d.bit = 1 << i
				tables[key].demands = append(tables[key].demands, d)
			}
			if left != nil {
				rest = append(rest, left)
			}
		}
		b.rest[i] = newAnd(rest)
		if b.rest[i] != constNode(false) {
			b.all |= 1 << i
		}
	}
	for _, t := range tables {
		t.build()
		if named(t.src.ref.Name) {
			b.named = append(b.named, t)
		} else {
			b.steady = append(b.steady, t)
		}
	}
	sortTables(b.steady)
	sortTables(b.named)
	return b
}

// sortTables puts first what rules out most conditions.
func sortTables(tables []*table) {
	slices.SortFunc(tables, func(a, b *table) int {
		return cmp.Or(cmp.Compare(b.strict, a.strict), cmp.Compare(a.src.cost, b.src.cost), cmp.Compare(a.src.text, b.src.text))
	})
}

// Candidates are conditions, a bit each, by the name of the event's file under which they may hold.
type Candidates [event.Names]uint64

// All are the candidates of all names.
func (c *Candidates) All() uint64 {
	var all uint64
	for _, some := range c {
		all |= some
	}
	return all
}

// Candidates finds the conditions that an event may satisfy as far as tables tell. ev.Matched must be, and is left as, the
// given name.
func (b *Bundle) Candidates(ev *event.Event, s *Scratch) (c Candidates) {
	s.used = 0
	alive := narrow(b.steady, ev, s, b.all)
	if alive == 0 {
		return c
	}
	c[event.NameGiven] = narrow(b.named, ev, s, alive)
	if alive &= b.readsName; alive == 0 {
		return c
	}
	for others := ev.OtherNames(); others != 0; others &= others - 1 {
		ev.Matched = others.First()
		c[ev.Matched] = narrow(b.named, ev, s, alive)
	}
	ev.Matched = event.NameGiven
	return c
}

func narrow(tables []*table, ev *event.Event, s *Scratch, alive uint64) uint64 {
	for _, t := range tables {
		if alive&t.members == 0 {
			continue
		}
		if alive &^= t.members &^ t.allowed(ev, s); alive == 0 {
			return 0
		}
	}
	return alive
}

// Rest tells whether a candidate's condition holds.
func (b *Bundle) Rest(i int, ev *event.Event, s *Scratch) bool {
	s.used = 0
	return b.rest[i].eval(ev, s)
}

// tableKey: tests of membership and tests of prefixes of one field have a table each.
type tableKey struct {
	field  string
	starts bool
}

// table knows which conditions allow which value of one field.
type table struct {
	src     *source
	demands []demand
	// strict counts the demands for one of a few values.
	strict int
	// members are the conditions with a demand; the other masks are subsets: what allows a missing value, and a value
	// that no demand names.
	members, missing, other uint64
	texts                   masks[string]
	nums                    masks[int64]
	starts                  []start
}

func (t *table) allowed(ev *event.Event, s *Scratch) uint64 {
	v := s.take()
	defer s.drop()
	switch {
	case !t.src.ref.Get(ev, v):
		return t.missing
	case t.starts != nil:
		return startsOf(t.starts, v.Str)
	case isText(t.src):
		return t.texts.get(v.Str, t.other)
	default:
		return t.nums.get(v.Num, t.other)
	}
}

func (t *table) build() {
	t.missing, t.other = ^uint64(0), ^uint64(0)
	var texts []string
	var nums []int64
	for _, d := range t.demands {
		t.members |= d.bit
		if !d.missing {
			t.missing &^= d.bit
		}
		if d.in {
			t.strict++
			t.other &^= d.bit
		}
		texts, nums = append(texts, d.texts...), append(nums, d.nums...)
	}
	if len(t.demands[0].starts) > 0 {
		t.starts = newStarts(t.demands)
		t.demands = nil
		return
	}
	t.texts = newMasks(texts, func(x string) uint64 {
		return t.mask(func(d *demand) bool { return slices.Contains(d.texts, x) })
	})
	t.nums = newMasks(nums, func(x int64) uint64 {
		return t.mask(func(d *demand) bool { return slices.Contains(d.nums, x) })
	})
	t.demands = nil
}

// mask gives the conditions all of whose demands allow a value.
func (t *table) mask(names func(*demand) bool) uint64 {
	m := t.members
	for i := range t.demands {
		if d := &t.demands[i]; names(d) != d.in {
			m &^= d.bit
		}
	}
	return m
}

// masks map values to masks.
type masks[T comparable] struct {
	few  []valueMask[T]
	many map[T]uint64
}

type valueMask[T comparable] struct {
	value T
	mask  uint64
}

func newMasks[T comparable](values []T, mask func(T) uint64) masks[T] {
	many := make(map[T]uint64, len(values))
	for _, v := range values {
		if _, ok := many[v]; !ok {
			many[v] = mask(v)
		}
	}
	if len(many) > linearSet {
		return masks[T]{many: many}
	}
	var m masks[T]
	for v, mask := range many {
		m.few = append(m.few, valueMask[T]{v, mask})
	}
	return m
}

func (m *masks[T]) get(v T, other uint64) uint64 {
	if m.many != nil {
		if mask, ok := m.many[v]; ok {
			return mask
		}
		return other
	}
	for i := range m.few {
		if m.few[i].value == v {
			return m.few[i].mask
		}
	}
	return other
}

// start is a prefix in a sorted list.
type start struct {
	text string
	// mask are the conditions that want this prefix or one that begins it.
	mask uint64
	// shorter is the longest entry that begins this one, -1 if there is none.
	shorter int
}

// newStarts sorts the prefixes and the texts of all demands, of which each condition has at most one that counts.
func newStarts(demands []demand) []start {
	all := map[string]uint64{}
	var taken uint64
	for _, d := range demands {
		if taken&d.bit != 0 {
			continue
		}
		taken |= d.bit
		for _, text := range slices.Concat(d.starts, d.texts) {
			all[text] |= d.bit
		}
	}
	out := make([]start, 0, len(all))
	for _, text := range slices.Sorted(maps.Keys(all)) {
		e := start{text: text, mask: all[text], shorter: len(out) - 1}
		for e.shorter >= 0 && !strings.HasPrefix(text, out[e.shorter].text) {
			e.shorter = out[e.shorter].shorter
		}
		if e.shorter >= 0 {
			e.mask |= out[e.shorter].mask
		}
		out = append(out, e)
	}
	return out
}

// startsOf gives the conditions that want a prefix of s. Whatever begins s sorts before it, and begins what stands
// between.
func startsOf(starts []start, s string) uint64 {
	lo, hi := 0, len(starts)
	for lo < hi {
		if mid := (lo + hi) / 2; starts[mid].text <= s {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	for i := lo - 1; i >= 0; i = starts[i].shorter {
		if strings.HasPrefix(s, starts[i].text) {
			return starts[i].mask
		}
	}
	return 0
}
