package filter

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/saker-sensor/saker/internal/field"
)

// pred is a test of one present value.
type pred interface {
	test(v *field.Value, s *Scratch) bool
	cost() int
}

// linearSet is the size up to which a list is searched from front to back.
const linearSet = 4

// set holds literals of one type.
type set[T comparable] struct {
	items []T
	index map[T]struct{}
}

func newSet[T comparable](items []T) set[T] {
	s := set[T]{items: make([]T, 0, len(items))}
	index := make(map[T]struct{}, len(items))
	for _, it := range items {
		if _, ok := index[it]; !ok {
			index[it] = struct{}{}
			s.items = append(s.items, it)
		}
	}
	if len(s.items) > linearSet {
		s.index = index
	}
	return s
}

func (s *set[T]) has(it T) bool {
	if s.index != nil {
		_, ok := s.index[it]
		return ok
	}
	return slices.Contains(s.items, it)
}

// truePred passes every present value.
type truePred struct{}

func (truePred) test(*field.Value, *Scratch) bool { return true }
func (truePred) cost() int                        { return 0 }

type notPred struct{ p pred }

func (p notPred) test(v *field.Value, s *Scratch) bool { return !p.p.test(v, s) }
func (p notPred) cost() int                            { return p.p.cost() }

type anyPred []pred

func (p anyPred) test(v *field.Value, s *Scratch) bool {
	for _, q := range p {
		if q.test(v, s) {
			return true
		}
	}
	return false
}

func (p anyPred) cost() int { return sumPredCost(p) }

type allPred []pred

func (p allPred) test(v *field.Value, s *Scratch) bool {
	for _, q := range p {
		if !q.test(v, s) {
			return false
		}
	}
	return true
}

func (p allPred) cost() int { return sumPredCost(p) }

func sumPredCost(preds []pred) int {
	sum := 0
	for _, p := range preds {
		sum += p.cost()
	}
	return sum
}

// onePred passes if exactly one of its tests does.
type onePred []pred

func (p onePred) test(v *field.Value, s *Scratch) bool {
	n := 0
	for _, q := range p {
		if q.test(v, s) {
			if n++; n > 1 {
				return false
			}
		}
	}
	return n == 1
}

func (p onePred) cost() int { return sumPredCost(p) }

// textIn is equality and membership of texts and bytes.
type textIn struct{ set set[string] }

func (p *textIn) test(v *field.Value, _ *Scratch) bool { return p.set.has(v.Str) }
func (p *textIn) cost() int                            { return 1 }

type textOrder struct {
	op  Op
	lit string
}

func (p *textOrder) test(v *field.Value, _ *Scratch) bool { return ordered(p.op, v.Str, p.lit) }
func (p *textOrder) cost() int                            { return 1 }

// ordered compares by =, !=, <, <=, > or >=.
func ordered[T cmp.Ordered](op Op, a, b T) bool {
	switch op {
	case OpLt:
		return a < b
	case OpLe:
		return a <= b
	case OpGt:
		return a > b
	case OpGe:
		return a >= b
	case OpNe:
		return a != b
	default:
		return a == b
	}
}

type textContains struct{ lit string }

func (p *textContains) test(v *field.Value, _ *Scratch) bool { return strings.Contains(v.Str, p.lit) }
func (p *textContains) cost() int                            { return 3 }

// textIContains ignores the case of ASCII letters; lit is in lower case.
type textIContains struct{ lit string }

func (p *textIContains) test(v *field.Value, _ *Scratch) bool { return containsFold(v.Str, p.lit) }
func (p *textIContains) cost() int                            { return 4 }

// containsFold looks for a text in lower case, ignoring the case of s.
func containsFold(s, lower string) bool {
	if lower == "" {
		return true
	}
	first, other := lower[0], upperByte(lower[0])
	// i and j are where the first letter stands next, in lower and in upper case.
	i, j := -1, -1
	for at := 0; at+len(lower) <= len(s); at++ {
		if i < at {
			i = indexFrom(s, first, at)
		}
		if j < at {
			j = indexFrom(s, other, at)
		}
		if at = min(i, j); at+len(lower) <= len(s) && equalFold(s[at:at+len(lower)], lower) {
			return true
		}
	}
	return false
}

// indexFrom finds a byte at or behind a place; the length of s means that there is none.
func indexFrom(s string, c byte, from int) int {
	if i := strings.IndexByte(s[from:], c); i >= 0 {
		return from + i
	}
	return len(s)
}

func equalFold(s, lower string) bool {
	for i := range len(lower) {
		if lowerByte(s[i]) != lower[i] {
			return false
		}
	}
	return true
}

// textPrefix passes what starts with one of its entries. They are sorted and none is a prefix of another, so only the
// greatest one that is not above the value can be its prefix.
type textPrefix struct{ entries []string }

func newTextPrefix(entries []string) *textPrefix {
	sorted := slices.Sorted(slices.Values(entries))
	p := &textPrefix{}
	for _, e := range sorted {
		if n := len(p.entries); n == 0 || !strings.HasPrefix(e, p.entries[n-1]) {
			p.entries = append(p.entries, e)
		}
	}
	return p
}

func (p *textPrefix) test(v *field.Value, _ *Scratch) bool {
	if len(p.entries) == 1 {
		return strings.HasPrefix(v.Str, p.entries[0])
	}
	i, found := slices.BinarySearch(p.entries, v.Str)
	return found || i > 0 && strings.HasPrefix(v.Str, p.entries[i-1])
}

func (p *textPrefix) cost() int { return 1 }

type textSuffix struct{ lit string }

func (p *textSuffix) test(v *field.Value, _ *Scratch) bool { return strings.HasSuffix(v.Str, p.lit) }
func (p *textSuffix) cost() int                            { return 1 }

type textGlob struct {
	pattern string
	fold    bool
}

func (p *textGlob) test(v *field.Value, _ *Scratch) bool { return matchGlob(p.pattern, v.Str, p.fold) }
func (p *textGlob) cost() int                            { return 6 }

type textRegex struct{ re *regexp.Regexp }

func (p *textRegex) test(v *field.Value, s *Scratch) bool {
	if utf8.ValidString(v.Str) {
		return p.re.MatchString(v.Str)
	}
	s.text = appendUTF8(s.text[:0], v.Str)
	return p.re.Match(s.text)
}

func (p *textRegex) cost() int { return 40 }

// textPath is pmatch.
type textPath struct{ set *pathSet }

func (p *textPath) test(v *field.Value, _ *Scratch) bool { return p.set.match(v.Str) }
func (p *textPath) cost() int                            { return 4 }

// numIn is equality and membership of numbers by their bits, and of bools.
type numIn struct{ set set[int64] }

func (p *numIn) test(v *field.Value, _ *Scratch) bool { return p.set.has(v.Num) }
func (p *numIn) cost() int                            { return 1 }

type signedOrder struct {
	op  Op
	lit int64
}

func (p *signedOrder) test(v *field.Value, _ *Scratch) bool { return ordered(p.op, v.Num, p.lit) }
func (p *signedOrder) cost() int                            { return 1 }

type unsignedOrder struct {
	op  Op
	lit uint64
}

func (p *unsignedOrder) test(v *field.Value, _ *Scratch) bool {
	return ordered(p.op, uint64(v.Num), p.lit)
}
func (p *unsignedOrder) cost() int { return 1 }

type floatOrder struct {
	op  Op
	lit float64
}

func (p *floatOrder) test(v *field.Value, _ *Scratch) bool { return ordered(p.op, v.Float, p.lit) }
func (p *floatOrder) cost() int                            { return 1 }

// addressIn passes an address that equals one of the addresses or lies in one of the networks. Another family is no match.
type addressIn struct {
	addressSet
}

func (p *addressIn) test(v *field.Value, _ *Scratch) bool {
	addr := v.Addr
	if v.Net.IsValid() {
		addr = v.Net.Addr()
	}
	return p.has(addr)
}

func (p *addressIn) cost() int { return 1 + p.steps() }

// pairHolds compares two present values of one type with an operator other than regex and pmatch.
func pairHolds(g field.Group) func(op Op, a, b *field.Value) bool {
	switch g {
	case field.Text, field.Bytes:
		return pairText
	case field.Float:
		return func(op Op, a, b *field.Value) bool { return ordered(op, a.Float, b.Float) }
	case field.Address:
		return func(op Op, a, b *field.Value) bool { return (a.Addr == b.Addr) == (op != OpNe) }
	case field.Unsigned:
		return func(op Op, a, b *field.Value) bool { return ordered(op, uint64(a.Num), uint64(b.Num)) }
	default:
		return func(op Op, a, b *field.Value) bool { return ordered(op, a.Num, b.Num) }
	}
}

func pairText(op Op, a, b *field.Value) bool {
	switch op {
	case OpContains, OpBContains:
		return strings.Contains(a.Str, b.Str)
	case OpIContains:
		return containsFold(a.Str, field.Lower(b.Str))
	case OpStartsWith, OpBStartsWith:
		return strings.HasPrefix(a.Str, b.Str)
	case OpEndsWith:
		return strings.HasSuffix(a.Str, b.Str)
	case OpGlob:
		return matchGlob(b.Str, a.Str, false)
	case OpIGlob:
		return matchGlob(b.Str, a.Str, true)
	default:
		return ordered(op, a.Str, b.Str)
	}
}

func lowerByte(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

func upperByte(c byte) byte {
	if 'a' <= c && c <= 'z' {
		return c - ('a' - 'A')
	}
	return c
}

// appendUTF8 appends s with each ill-formed sequence replaced by U+FFFD, one per maximal part of a character (Unicode
// standard, 3.9).
func appendUTF8(dst []byte, s string) []byte {
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && n == 1 {
			n = field.BrokenLen(s[i:])
		}
		dst = utf8.AppendRune(dst, r)
		i += n
	}
	return dst
}
