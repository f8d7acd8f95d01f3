// Package rulefile reads rule files: YAML becomes definitions of lists, macros and rules that know their place.
//
// The reader turns one file's items into definitions, the [Collector] puts those of all files together: define, append,
// replace, enable. What is wrong is a [Problem], gathered in a [Report]. What is accepted, the codes and the messages are
// Falco's (engine version [Version]); lines and columns are ours and count from 1, as editors do.
package rulefile

import (
	"strings"

	"github.com/saker-sensor/saker/internal/yamltree"
)

// Definitions are what the reader makes of the items of rule files. Texts stay nodes, so that every later problem can
// name its place.

// SyscallSource is the source of rules that name none.
const SyscallSource = "syscall"

// List is a named list of values.
type List struct {
	Name  string
	Items []*yamltree.Node
	Where Trail
	Order
}

// Macro is a named condition. Condition holds pieces, joined by blanks: what was defined and what was appended.
type Macro struct {
	Name      string
	Condition []*yamltree.Node
	Where     Trail
	Order
}

// Order says which definitions a definition sees.
type Order struct {
	// Index counts definitions; a redefinition keeps it. Visibility is the index of the last change: a macro or list sees
	// those whose Index is less.
	Index, Visibility int
}

// Rule is a rule as far as it has been put together. Condition and Output are pieces, joined by blanks.
type Rule struct {
	Name              string
	Condition, Output []*yamltree.Node
	Desc              string
	Priority          Priority
	Source            string
	Enabled           bool
	Tags              []string
	Exceptions        []*Exception
	WarnEvttypes      bool
	// SkipIfUnknownFilter: a field or event type that is not known drops the rule, not the file.
	SkipIfUnknownFilter bool
	Capture             bool
	// CaptureLimits are the ends of a capture that the rule asks for.
	CaptureLimits CaptureLimits
	// UnknownSource: the rule's source has no events here; the rule is kept by name only.
	UnknownSource bool
	// Incomplete: a part of the rule was refused, which has been reported; the rule is checked, but not used.
	Incomplete bool
	Where      Trail
	// Changes are the later items that changed the rule.
	Changes []Trail
	Order
}

// CaptureLimits end a capture of what comes after a match; 0 is none.
type CaptureLimits struct {
	// Duration is in ms, Events the number of events after the match, Filesize the file's size in kB.
	Duration, Events, Filesize uint32
}

// Exception is an entry of a rule's exceptions.
type Exception struct {
	Name string
	// Fields and Comps are a scalar or a sequence of scalars, nil where they were not given.
	Fields, Comps *yamltree.Node
	Values        []*yamltree.Node
	Where         Trail
}

// FieldNames are the fields that the exception compares.
func (e *Exception) FieldNames() []string { return texts(e.Fields) }

// Operators are the exception's comparison operators, with their defaults.
func (e *Exception) Operators() []string {
	switch {
	case e.Comps != nil:
		ops := texts(e.Comps)
		for i := range ops {
			ops[i] = Operator(ops[i])
		}
		return ops
	case e.Fields == nil:
		return nil
	case e.Fields.Kind == yamltree.Sequence:
		return []string{"="}
	}
	return []string{"in"}
}

// Operator is a comparison operator as conditions write it: its words with single blanks between them.
func Operator(text string) string { return strings.Join(strings.Fields(text), " ") }

// texts are the texts of a scalar or of a sequence of scalars.
func texts(n *yamltree.Node) []string {
	switch {
	case n == nil:
		return nil
	case n.Kind != yamltree.Sequence:
		return []string{n.Text}
	}
	out := make([]string, len(n.Items))
	for i, item := range n.Items {
		out[i] = item.Text
	}
	return out
}

// override says which keys of an item are appended and which replace.
type override struct{ add, replace map[string]bool }

func newOverride() override { return override{map[string]bool{}, map[string]bool{}} }

func (o *override) any() bool { return len(o.add)+len(o.replace) > 0 }

// PluginNeed is an entry of required_plugin_versions: one of the alternatives must be loaded.
type PluginNeed []PluginVersion

// PluginVersion is a plugin with the version that is needed.
type PluginVersion struct {
	Name    string
	Version SemVer
}
