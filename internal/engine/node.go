package engine

import (
	"strings"
	"unicode/utf8"
)

// kind of a YAML node.
type kind uint8

const (
	kindNull kind = iota
	kindScalar
	kindSequence
	kindMapping
)

// style of a scalar, which decides how its text maps to the file.
type style uint8

const (
	stylePlain style = iota
	styleSingle
	styleDouble
	styleBlock
)

// node is a YAML value that knows its place. Aliases share the node that they name.
type node struct {
	kind  kind
	style style
	src   *source
	// off is the value's first byte in the file; body that of a scalar's text, behind quotes or a block's header.
	off, body int
	// text of a scalar, as it was written: rule files know text, and read numbers from it where one is due.
	text  string
	items []*node
	pairs []pair
}

type pair struct{ key, value *node }

// get finds a key's value; the first of several counts, as for Falco.
func (n *node) get(key string) *node {
	for _, p := range n.pairs {
		if p.key.text == key {
			return p.value
		}
	}
	return nil
}

func (n *node) has(key string) bool { return n.get(key) != nil }

// defined tells whether a key is there and not null.
func (n *node) defined(key string) bool {
	v := n.get(key)
	return v != nil && v.kind != kindNull
}

// place finds the byte of the file that the o-th byte of a scalar's text came from. It walks both side by side: a run
// of blanks in the text stands for one in the file (folding), any other byte for itself or for an escape.
func (n *node) place(o int) int {
	src, j := n.src.text, n.body
	if n.style != styleDouble && (n.text == "" || !isBlank(n.text[0])) {
		j = skipBlanks(src, j)
	}
	for i := 0; i < len(n.text) && i <= o; {
		if run := blanks(n.text[i:]); run > 0 {
			end := n.skipFolded(j)
			if o < i+run {
				return min(j+o-i, max(end-1, j))
			}
			i, j = i+run, end
			continue
		}
		if i == o || j >= len(src) {
			break
		}
		di, dj := n.step(n.text[i:], src[j:])
		if di == 0 {
			return n.body
		}
		i, j = i+di, j+dj
	}
	return min(j, len(src))
}

// step says how many bytes of the text and of the file the next character takes; 0 if they don't agree.
func (n *node) step(text string, src []byte) (int, int) {
	switch {
	case n.style == styleDouble && src[0] == '\\' && len(src) > 1:
		_, size := utf8.DecodeRuneInString(text)
		switch src[1] {
		case 'x':
			return size, min(4, len(src))
		case 'u':
			return size, min(6, len(src))
		case 'U':
			return size, min(10, len(src))
		}
		return size, 2
	case n.style == styleSingle && text[0] == '\'' && src[0] == '\'':
		return 1, min(2, len(src))
	case text[0] == src[0]:
		return 1, 1
	}
	return 0, 0
}

// skipFolded skips what a run of blanks was written as.
func (n *node) skipFolded(j int) int {
	src := n.src.text
	for j < len(src) {
		if isBlank(src[j]) {
			j++
			continue
		}
		if n.style != styleDouble || src[j] != '\\' || j+1 >= len(src) || !strings.ContainsRune("ntr \n\t", rune(src[j+1])) {
			break
		}
		j += 2
	}
	return j
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

func blanks(s string) int {
	i := 0
	for i < len(s) && isBlank(s[i]) {
		i++
	}
	return i
}

func skipBlanks(src []byte, j int) int {
	for j < len(src) && isBlank(src[j]) {
		j++
	}
	return j
}
