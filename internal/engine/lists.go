package engine

import (
	"slices"
	"sort"
	"strings"

	"github.com/saker-sensor/saker/internal/engine/filter"
	"github.com/saker-sensor/saker/internal/engine/rulefile"
	"github.com/saker-sensor/saker/internal/yamltree"
)

const (
	// maxText bounds a condition's text after the expansion of its lists, in bytes; a large list counts with its name only.
	maxText = 1 << 20
	// maxItems bounds a list's items, those of the lists in it among them.
	maxItems = 1 << 20
	// largeList is the number of items from which a list is large: conditions mention it, and share its values.
	largeList = 1024
)

// item is a list's item as it stands in a condition, with quotes where it needs them.
type item struct {
	text string
	n    *yamltree.Node
}

// list is a list on its way into conditions.
type list struct {
	*rulefile.List
	// used: a condition or another list mentions the list.
	used bool
	// compiled are the items with other lists' items in place of their names, uses the names of those lists.
	compiled []item
	uses     []string
	// literals are the values of a large list that conditions may share; searched tells whether they were asked for.
	literals *filter.Literals
	searched bool
}

// compileLists puts the items of earlier lists in place of their names, once.
func compileLists(definitions []*rulefile.List) []*list {
	lists := make([]*list, len(definitions))
	byName := make(map[string]*list, len(definitions))
	for i, definition := range definitions {
		l := &list{List: definition, compiled: make([]item, 0, len(definition.Items))}
		lists[i] = l
		for _, n := range l.Items {
			if n.Text == l.Name && l.Index < l.Visibility {
				l.used = true // by itself, as in Falco
			}
			if o := byName[n.Text]; o != nil && o.Index < l.Visibility {
				o.used = true
				l.uses = append(l.uses, o.Name)
				l.compiled = append(l.compiled, o.compiled...)
			} else {
				l.compiled = append(l.compiled, item{quoteBlanks(n.Text), n})
			}
			if len(l.compiled) > maxItems {
				rulefile.Refuse(l.Where, rulefile.ErrValidate, "List expands to more than %d items; split it", maxItems)
			}
		}
		byName[l.Name] = l
	}
	return lists
}

// shared gives the values of a large list; nil if its text must stand in each condition: it is small, an item is no value
// by itself, or names a list that is replaced later.
func (x *expander) shared(number int) *filter.Literals {
	l := x.lists[number]
	if l.searched || len(l.compiled) < largeList || len(x.delimited) > 0 {
		return l.literals
	}
	l.searched = true
	later := map[int]bool{}
	texts := make([]string, len(l.compiled))
	for i, it := range l.compiled {
		texts[i] = it.text
		x.mark(later, it.text, number)
	}
	if len(later) > 0 {
		return nil
	}
	if literals, ok := filter.NewLiterals(l.Name, texts); ok {
		l.literals = literals
	}
	return l.literals
}

// quoteBlanks puts a text with blanks between quotes, unless it begins with one.
func quoteBlanks(s string) string {
	if !strings.Contains(s, " ") || s[0] == '"' || s[0] == '\'' {
		return s
	}
	return `"` + s + `"`
}

// isDelimiter tells whether a list's name may end before the byte.
func isDelimiter(c byte) bool {
	switch c {
	case ' ', '\t', '\n', '\r', '(', ')', ',', '=':
		return true
	}
	return false
}

// expander replaces the names of lists in conditions.
type expander struct {
	lists []*list
	// byName finds a list's number; delimited are those whose names hold delimiters.
	byName    map[string]int
	delimited []int
	// used takes the names that were replaced in the last text.
	used []string
}

func newExpander(lists []*list) *expander {
	x := &expander{lists: lists, byName: map[string]int{}}
	for i, l := range lists {
		x.byName[l.Name] = i
		if strings.ContainsFunc(l.Name, func(r rune) bool { return r < 0x80 && isDelimiter(byte(r)) }) {
			x.delimited = append(x.delimited, i)
		}
	}
	return x
}

// expand replaces lists in the order of their definition: an item that names a later list is replaced in turn.
func (x *expander) expand(t *text, where rulefile.Trail) *text {
	x.used = nil
	due := map[int]bool{}
	for _, i := range x.delimited {
		due[i] = true
	}
	x.mark(due, t.String(), -1)
	for len(due) > 0 {
		next := -1
		for i := range due {
			if next < 0 || i < next {
				next = i
			}
		}
		delete(due, next)
		l := x.lists[next]
		shared := x.shared(next)
		longer, found := substitute(t, l, shared != nil, where)
		if !found {
			continue
		}
		t = longer
		l.used = true
		x.used = append(x.used, l.Name)
		if shared != nil {
			continue
		}
		for _, it := range l.compiled {
			x.mark(due, it.text, next)
		}
	}
	sort.Strings(x.used)
	return t
}

// mark notes the lists behind number after that a text names.
func (x *expander) mark(due map[int]bool, s string, after int) {
	for _, w := range strings.FieldsFunc(s, func(r rune) bool { return r < 0x80 && isDelimiter(byte(r)) }) {
		if i, ok := x.byName[w]; ok && i > after {
			due[i] = true
		}
	}
}

// substitute replaces every mention of one list by its items, or notes the mentions if the list is shared.
func substitute(t *text, l *list, shared bool, where rulefile.Trail) (*text, bool) {
	s := t.String()
	out := &text{}
	done := 0
	for pos := 0; l.Name != ""; {
		i := strings.Index(s[pos:], l.Name)
		if i < 0 {
			break
		}
		start := pos + i
		end := start + len(l.Name)
		if start > 0 && !isDelimiter(s[start-1]) || end < len(s) && !isDelimiter(s[end]) {
			pos = start + 1
			continue
		}
		pos = end
		if shared {
			out.from(t, done, start)
			out.mentions = append(out.mentions, mention{len(out.buf), l})
			out.from(t, start, end)
			done = end
			continue
		}
		if l.empty() {
			start, end = withComma(s, start, end, done)
			pos = end
		}
		out.from(t, done, start)
		if !out.items(l) {
			rulefile.Refuse(where, rulefile.ErrValidate, "The condition is longer than %d bytes after the expansion of list '%s'",
				maxText, l.Name)
		}
		done = end
	}
	if done == 0 {
		return t, false
	}
	out.from(t, done, len(s))
	return out, true
}

// blanks may stand between the items of a list.
const blanks = " \t\r\n"

// empty tells whether nothing is left of a list in a condition: as in Falco, empty items in front are dropped.
func (l *list) empty() bool {
	return !slices.ContainsFunc(l.compiled, func(it item) bool { return it.text != "" })
}

// items appends a list's items; it reports false if the text grows longer than a text may be. As in Falco, no comma stands behind
// those that are empty and in front.
func (t *text) items(l *list) (ok bool) {
	begun := false
	for _, it := range l.compiled {
		if begun {
			t.put(", ", it.n)
		}
		begun = begun || it.text != ""
		t.put(it.text, it.n)
		if len(t.buf) > maxText {
			return false
		}
	}
	return true
}

// withComma widens the place of an empty list by one comma next to it.
func withComma(s string, start, end, floor int) (int, int) {
	for i := start - 1; i >= floor; i-- {
		if s[i] == ',' {
			return i, end
		}
		if !strings.ContainsRune(blanks, rune(s[i])) {
			break
		}
	}
	for i := end; i < len(s); i++ {
		if s[i] == ',' {
			return start, i + 1
		}
		if !strings.ContainsRune(blanks, rune(s[i])) {
			break
		}
	}
	return start, end
}
