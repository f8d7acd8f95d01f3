package config

import (
	"fmt"
	"strings"
)

// node is a value of the tree that files and overrides build. A value that an alias names stands in several places, so
// a node is never changed once it is in a tree: set copies the way to what it changes.
type node struct {
	kind  nodeKind
	text  string // of a scalar
	items []*node
	pairs []pair
	from  origin
}

type nodeKind uint8

const (
	null nodeKind = iota
	scalar
	list
	mapping
)

func (k nodeKind) String() string {
	return [...]string{"nothing", "a text", "a list", "a map of keys"}[k]
}

// pair is a key with its value, in the order of the file.
type pair struct {
	key   string
	at    origin
	value *node
}

// origin is where a value was written.
type origin struct {
	// file, with line and column from 1; or option, "-o key=value" or "-r".
	file      string
	line, col int
	option    string
	// env: ${…} was expanded in it.
	env bool
}

func (o origin) String() string {
	if o.option != "" {
		return "option " + o.option
	}
	return fmt.Sprintf("%s:%d:%d", o.file, o.line, o.col)
}

// get finds the value of a key, nil if there is none.
func (n *node) get(name string) *node {
	if n == nil {
		return nil
	}
	for i := range n.pairs {
		if n.pairs[i].key == name {
			return n.pairs[i].value
		}
	}
	return nil
}

// place is where the key of this name, "a.b", was written.
func (n *node) place(name string) origin {
	first, rest, more := strings.Cut(name, ".")
	for _, p := range n.pairs {
		if p.key == first && more {
			return p.value.place(rest)
		}
		if p.key == first {
			return p.at
		}
	}
	return n.from
}

// with is a copy of a map in which a key, written at this place, has this value.
func (n *node) with(name string, at origin, v *node) *node {
	c := *n
	c.kind = mapping
	c.pairs = append([]pair(nil), n.pairs...)
	for i := range c.pairs {
		if c.pairs[i].key == name {
			c.pairs[i].at, c.pairs[i].value = at, v
			return &c
		}
	}
	c.pairs = append(c.pairs, pair{name, at, v})
	return &c
}

// elements are the items of a list; a single text or map is a list of one.
func (n *node) elements() []*node {
	switch {
	case n == nil || n.empty():
		return nil
	case n.kind == list:
		return n.items
	}
	return []*node{n}
}

// entries are the keys of a map, with their values.
func (n *node) entries() []pair {
	if n == nil {
		return nil
	}
	return n.pairs
}

// empty tells whether a value says nothing: Falco takes the default then.
func (n *node) empty() bool { return n.kind == null || n.kind == scalar && n.text == "" }
