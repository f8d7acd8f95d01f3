package engine

import (
	"slices"
	"sort"

	"github.com/saker-sensor/saker/internal/engine/filter"
	"github.com/saker-sensor/saker/internal/engine/rulefile"
	"github.com/saker-sensor/saker/internal/field"
	"github.com/saker-sensor/saker/internal/yamltree"
)

// Catalog is what a rule set was made of, for those who describe it. It must not be changed.
type Catalog struct {
	// Dictionary is that of the source syscall.
	Dictionary *field.Dictionary
	// Engine is the highest version that a file requires, Plugins what files require of plugins.
	Engine  rulefile.SemVer
	Plugins []rulefile.PluginNeed
	// Rules are those of the files, also what is not loaded because of its priority or its source.
	Rules []*rulefile.Rule
	// Lists and Macros are those of the files, Builtins our own macros, used or not.
	Lists            []ListInfo
	Macros, Builtins []MacroInfo

	placed []placedText
}

// ListInfo is a list and what loading made of it.
type ListInfo struct {
	*rulefile.List
	Used bool
	// Lists are the names of other lists among its items; Values its items with theirs in place of the names.
	Lists, Values []string
}

// MacroInfo is a macro and what loading made of it.
type MacroInfo struct {
	*rulefile.Macro
	Used bool
	// Expr is the condition without other macros and lists; nil if it has a mistake.
	Expr filter.Expr
	// Macros and Lists are the names that the condition mentions itself.
	Macros, Lists []string
}

// Origin is where a byte of a condition came from.
type Origin struct {
	Location rulefile.Location
	// Macro is the macro whose condition the byte stands in, "" if it is the rule's own.
	Macro string
	// Node is the value of the file that it belongs to.
	Node *yamltree.Node
	// File and Offset are the byte's own place.
	File   *yamltree.File
	Offset int
}

// Origin finds where the offset of a part of a rule's condition came from; ok is false for an unknown offset.
func (c *Catalog) Origin(off int) (o Origin, ok bool) {
	p := findPlaced(c.placed, off)
	if p == nil || len(p.spans) == 0 {
		return Origin{}, false
	}
	o = Origin{Macro: p.macro, Node: p.spans[p.span(off-p.base)].n}
	o.File, o.Offset = p.place(off - p.base)
	line, col := o.File.Position(o.Offset)
	o.Location = rulefile.Location{File: o.File.Name, Line: line, Column: col, Offset: o.Offset}
	return o, true
}

// placedText is a text that was parsed; its first byte has the offset base among all texts.
type placedText struct {
	base int
	// macro is the macro that the text is the condition of, empty for a rule's.
	macro string
	*text
}

// findPlaced finds the text that a condition's offset lies in.
func findPlaced(placed []placedText, off int) *placedText {
	i := sort.Search(len(placed), func(i int) bool { return placed[i].base > off }) - 1
	if i < 0 {
		return nil
	}
	return &placed[i]
}

func newCatalog(c *compiler) *Catalog {
	cat := &Catalog{
		Dictionary: c.sources[0].Dictionary, Engine: c.col.Engine, Plugins: c.col.Plugins, Rules: c.col.Rules.All, placed: c.placed,
	}
	for _, l := range c.lists {
		info := ListInfo{List: l.List, Used: l.used, Lists: l.uses, Values: make([]string, 0, len(l.compiled))}
		for _, it := range l.compiled {
			info.Values = append(info.Values, it.n.Text)
		}
		cat.Lists = append(cat.Lists, info)
	}
	for _, m := range c.order {
		info := MacroInfo{Macro: m.Macro, Used: m.used, Macros: m.macros, Lists: m.lists}
		if m.done != nil {
			info.Expr = m.done.expr
		}
		if m.builtin {
			cat.Builtins = append(cat.Builtins, info)
		} else {
			cat.Macros = append(cat.Macros, info)
		}
	}
	return cat
}

// AllMacros lists the files' macros, then the built-in ones that no file defines.
func (c *Catalog) AllMacros() []MacroInfo {
	all := slices.Clone(c.Macros)
	for _, b := range c.Builtins {
		if !slices.ContainsFunc(c.Macros, func(m MacroInfo) bool { return m.Name == b.Name }) {
			all = append(all, b)
		}
	}
	return all
}
