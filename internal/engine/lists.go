package engine

import (
	"sort"
	"strings"
)

// maxText bounds a condition's text after the expansion of its lists, in bytes, and maxItems a list's items.
const (
	maxText  = 1 << 20
	maxItems = 1 << 17
)

// item is a list's item as it stands in a condition, with quotes where it needs them.
type item struct {
	text string
	n    *node
}

// compileLists puts the items of earlier lists in place of their names, once.
func compileLists(lists []*list) {
	byName := make(map[string]*list, len(lists))
	for _, l := range lists {
		l.compiled, l.uses = nil, nil
		for _, n := range l.items {
			if o := byName[n.text]; o != nil && o.index < l.visibility {
				o.used = true
				l.uses = append(l.uses, o.name)
				l.compiled = append(l.compiled, o.compiled...)
			} else {
				l.compiled = append(l.compiled, item{quoteBlanks(n.text), n})
			}
			if len(l.compiled) > maxItems {
				refuse(l.where, ErrValidate, "List expands to more than %d items", maxItems)
			}
		}
		byName[l.name] = l
	}
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
	// byName finds a list's number; odd are those whose names hold delimiters.
	byName map[string]int
	odd    []int
	// used takes the names that were replaced in the last text.
	used []string
}

func newExpander(lists []*list) *expander {
	x := &expander{lists: lists, byName: map[string]int{}}
	for i, l := range lists {
		x.byName[l.name] = i
		if strings.ContainsFunc(l.name, func(r rune) bool { return r < 0x80 && isDelimiter(byte(r)) }) {
			x.odd = append(x.odd, i)
		}
	}
	return x
}

// expand replaces lists in the order of their definition: an item that names a later list is replaced in turn.
func (x *expander) expand(t *text, where trail) *text {
	x.used = nil
	due := map[int]bool{}
	for _, i := range x.odd {
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
		longer, found := substitute(t, l, where)
		if !found {
			continue
		}
		t = longer
		l.used = true
		x.used = append(x.used, l.name)
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

// substitute replaces every mention of one list.
func substitute(t *text, l *list, where trail) (*text, bool) {
	s := t.String()
	out := &text{}
	done := 0
	for pos := 0; l.name != ""; {
		i := strings.Index(s[pos:], l.name)
		if i < 0 {
			break
		}
		start := pos + i
		end := start + len(l.name)
		if start > 0 && !isDelimiter(s[start-1]) || end < len(s) && !isDelimiter(s[end]) {
			pos = start + 1
			continue
		}
		pos = end
		if len(l.compiled) == 0 {
			start, end = withComma(s, start, end, done)
			pos = end
		}
		out.from(t, done, start)
		for k, it := range l.compiled {
			if k > 0 {
				out.put(", ", it.n)
			}
			out.put(it.text, it.n)
			if len(out.buf) > maxText {
				refuse(where, ErrValidate, "The condition is longer than %d bytes after the expansion of list '%s'",
					maxText, l.name)
			}
		}
		done = end
	}
	if done == 0 {
		return t, false
	}
	out.from(t, done, len(s))
	return out, true
}

// withComma widens the place of an empty list by one comma next to it.
func withComma(s string, start, end, floor int) (int, int) {
	for i := start - 1; i >= floor; i-- {
		if s[i] == ',' {
			return i, end
		}
		if !isBlank(s[i]) {
			break
		}
	}
	for i := end; i < len(s); i++ {
		if s[i] == ',' {
			return start, i + 1
		}
		if !isBlank(s[i]) {
			break
		}
	}
	return start, end
}
