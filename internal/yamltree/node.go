// Package yamltree reads YAML into a tree whose nodes know their place in the file.
//
// Scalars stay text, as they were written: YAML's types are for the caller to decide. All problems of the library
// underneath (its panics too) are errors with a place.
package yamltree

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Kind of a node.
type Kind uint8

// Kinds of nodes.
const (
	Null Kind = iota
	Scalar
	Sequence
	Mapping
)

// Style of a scalar, which decides how its text maps to the bytes of the file.
type Style uint8

// Styles of scalars.
const (
	Plain Style = iota
	SingleQuoted
	DoubleQuoted
	Block
)

// Node is a YAML value that knows its place. An alias is the node that it names: one node may stand in several places of
// the tree, which must not be changed therefore.
type Node struct {
	Kind  Kind
	Style Style
	File  *File
	// Offset is the value's first byte in the file.
	Offset int
	// Text of a scalar, without quotes and escapes.
	Text  string
	Items []*Node
	// Pairs of a mapping, in the order of the file. A key may be there several times.
	Pairs []Pair
	// body is the first byte of a scalar's text, behind quotes or the header of a block.
	body int
}

// Pair is a key of a mapping and its value, never nil.
type Pair struct{ Key, Value *Node }

// Get finds a key's value; the first of several counts, as in yaml-cpp. It is nil if there is none.
func (n *Node) Get(key string) *Node {
	for _, p := range n.Pairs {
		if p.Key.Text == key {
			return p.Value
		}
	}
	return nil
}

// Has tells whether a key is there.
func (n *Node) Has(key string) bool { return n.Get(key) != nil }

// Defined tells whether a key is there and not null.
func (n *Node) Defined(key string) bool {
	v := n.Get(key)
	return v != nil && v.Kind != Null
}

// Errorf is an [*Error] with the node's place.
func (n *Node) Errorf(format string, args ...any) error {
	return &Error{File: n.File, Offset: n.Offset, Message: fmt.Sprintf(format, args...)}
}

// Place finds the byte of the file that the o-th byte of a scalar's text came from. It walks both side by side: a run
// of blanks in the text stands for one in the file (folding), any other byte for itself or for an escape.
func (n *Node) Place(o int) int {
	src, j := n.File.text, n.body
	if n.Style != DoubleQuoted && (n.Text == "" || !isBlank(n.Text[0])) {
		j = skipBlanks(src, j)
	}
	for i := 0; i < len(n.Text) && i <= o; {
		if run := blanks(n.Text[i:]); run > 0 {
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
		di, dj := n.step(n.Text[i:], src[j:])
		if di == 0 {
			return n.body
		}
		i, j = i+di, j+dj
	}
	return min(j, len(src))
}

// step says how many bytes of the text and of the file the next character takes; 0 if they don't agree.
func (n *Node) step(text string, src string) (int, int) {
	switch {
	case n.Style == DoubleQuoted && src[0] == '\\' && len(src) > 1:
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
	case n.Style == SingleQuoted && text[0] == '\'' && src[0] == '\'':
		return 1, min(2, len(src))
	case text[0] == src[0]:
		return 1, 1
	}
	return 0, 0
}

// skipFolded skips what a run of blanks was written as.
func (n *Node) skipFolded(j int) int {
	src := n.File.text
	for j < len(src) {
		if isBlank(src[j]) {
			j++
			continue
		}
		if n.Style != DoubleQuoted || src[j] != '\\' || j+1 >= len(src) || !strings.ContainsRune("ntr \n\t", rune(src[j+1])) {
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

func skipBlanks(src string, j int) int {
	for j < len(src) && isBlank(src[j]) {
		j++
	}
	return j
}
