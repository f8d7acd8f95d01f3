package engine

import (
	"sort"

	"github.com/saker-sensor/saker/internal/engine/filter"
	"github.com/saker-sensor/saker/internal/yamltree"
)

// text is a condition under construction. It remembers for each of its bytes where in the files it came from.
type text struct {
	buf   []byte
	spans []span
	// mentions are the names of large lists that stand in the text, in its order.
	mentions []mention
}

// mention is a list's name at a byte of a text.
type mention struct {
	at int
	l  *list
}

// span begins at the byte at of a text. Its bytes are those of the node from off on; or, where fixed is set, they were
// made for that node and have no place of their own.
type span struct {
	at    int
	n     *yamltree.Node
	off   int
	fixed bool
}

func (t *text) String() string { return string(t.buf) }

// copy appends a node's own text.
func (t *text) copy(n *yamltree.Node) {
	t.spans = append(t.spans, span{at: len(t.buf), n: n})
	t.buf = append(t.buf, n.Text...)
}

// put appends a text that was made because of a node.
func (t *text) put(s string, n *yamltree.Node) {
	if len(s) > 0 {
		t.spans = append(t.spans, span{at: len(t.buf), n: n, fixed: true})
		t.buf = append(t.buf, s...)
	}
}

// from appends the bytes [start, end) of another text.
func (t *text) from(o *text, start, end int) {
	if start >= end {
		return
	}
	i := o.span(start)
	for at := start; at < end; i++ {
		s := o.spans[i]
		if !s.fixed {
			s.off += at - s.at
		}
		s.at = len(t.buf) + at - start
		t.spans = append(t.spans, s)
		at = end
		if i+1 < len(o.spans) {
			at = min(end, o.spans[i+1].at)
		}
	}
	for _, m := range o.mentions {
		if start <= m.at && m.at < end {
			t.mentions = append(t.mentions, mention{m.at - start + len(t.buf), m.l})
		}
	}
	t.buf = append(t.buf, o.buf[start:end]...)
}

// literals are the large lists by the offset of their mention.
func (t *text) literals() map[int]*filter.Literals {
	if len(t.mentions) == 0 {
		return nil
	}
	all := make(map[int]*filter.Literals, len(t.mentions))
	for _, m := range t.mentions {
		all[m.at] = m.l.literals
	}
	return all
}

// inlined is the text with the items of large lists in place of their names; nil if there are none, or if it would be
// longer than a text may be.
func (t *text) inlined() *text {
	size := len(t.buf)
	for _, m := range t.mentions {
		for _, it := range m.l.compiled {
			size += len(", ") + len(it.text)
		}
	}
	if len(t.mentions) == 0 || size > maxText {
		return nil
	}
	plain := &text{buf: t.buf, spans: t.spans}
	out := &text{}
	done := 0
	for _, m := range t.mentions {
		out.from(plain, done, m.at)
		out.items(m.l)
		done = m.at + len(m.l.Name)
	}
	out.from(plain, done, len(t.buf))
	return out
}

// span finds the span of a byte.
func (t *text) span(at int) int {
	return max(sort.Search(len(t.spans), func(i int) bool { return t.spans[i].at > at })-1, 0)
}

// place gives the file and the offset of a byte.
func (t *text) place(at int) (*yamltree.File, int) {
	if len(t.spans) == 0 {
		return nil, 0
	}
	s := t.spans[t.span(at)]
	if s.fixed {
		return s.n.File, s.n.Offset
	}
	return s.n.File, s.n.Place(s.off + at - s.at)
}

// joinNodes builds a text of pieces with a blank between them.
func joinNodes(pieces []*yamltree.Node) *text {
	t := &text{}
	for i, n := range pieces {
		if i > 0 {
			t.put(" ", n)
		}
		t.copy(n)
	}
	return t
}
