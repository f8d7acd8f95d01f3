package config

import "strings"

// key is one line of the table: what a key of falco.yaml holds and does.
type key struct {
	// name is the path of the key: "http_output.url". "[]" goes to the items of a list: "rules[].enable.tag".
	name string
	typ  keyType
	doc  string
	// allowed are the values of a text, in any case; none allows all.
	allowed []string
	// least and most bound a number, where most is not 0.
	least, most float64
	// zero: a duration may be 0, which switches off.
	zero   bool
	effect effect
	// why the key has no effect; parts of a section take the section's.
	why string
}

// keyType is what a key holds.
type keyType uint8

const (
	// section is a map of the keys below it, sections a list of such maps.
	section keyType = iota
	sections
	boolean
	integer
	number
	text
	// texts is a list of texts; one text stands for a list of one.
	texts
	// textMap is a map of texts.
	textMap
	// duration is a text such as 1h or 30s.
	duration
	// mixed is a list of texts and maps.
	mixed
	// anything is not looked at.
	anything
)

func (t keyType) String() string {
	return [...]string{"section", "list of sections", "true or false", "whole number", "number", "text", "list of texts", "map of texts",
		"duration", "list of texts or maps", "anything"}[t]
}

// effect says what became of a key.
type effect uint8

const (
	// effective keys do what they do in Falco.
	effective effect = iota
	// notYet: the feature is to come.
	notYet
	// inapplicable: Saker has nothing that the key could set.
	inapplicable
)

// table finds keys by name. It is built once per load.
type table struct {
	keys   []key
	byName map[string]*key
}

func newTable() *table {
	t := &table{keys: keys(), byName: map[string]*key{}}
	for i := range t.keys {
		k := &t.keys[i]
		if above := t.byName[parent(k.name)]; above != nil && k.effect == effective {
			k.effect, k.why = above.effect, above.why
		}
		t.byName[k.name] = k
	}
	return t
}

// below lists the names of the keys of a section, "" for the root.
func (t *table) below(name string) []string {
	var out []string
	for i := range t.keys {
		if k := &t.keys[i]; parent(k.name) == name {
			out = append(out, last(k.name))
		}
	}
	return out
}

// parent is the name of the section that a key is in: "rules" of "rules[].enable".
func parent(name string) string {
	i := strings.LastIndexByte(name, '.')
	return strings.TrimSuffix(name[:max(i, 0)], "[]")
}

// last is a key's own name.
func last(name string) string { return name[strings.LastIndexByte(name, '.')+1:] }

// child is the table's name of a key in a section.
func (k *key) child(name string) string {
	switch {
	case k == nil:
		return name
	case k.typ == sections || k.typ == mixed:
		return k.name + "[]." + name
	}
	return k.name + "." + name
}
