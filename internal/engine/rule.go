package engine

import (
	"slices"
	"strings"
	"sync/atomic"

	"github.com/saker-sensor/saker/internal/engine/filter"
	"github.com/saker-sensor/saker/internal/engine/rulefile"
	"github.com/saker-sensor/saker/internal/event"
	"github.com/saker-sensor/saker/internal/field"
	"github.com/saker-sensor/saker/internal/yamltree"
)

// Rule is a compiled rule. It does not change, but for its counter.
type Rule struct {
	Name, Desc, Source string
	// Condition is the text as the files have it, with what was appended.
	Condition string
	// Output is the template, without fields that are no more.
	Output   string
	Priority rulefile.Priority
	// Tags are sorted, each once.
	Tags    []string
	Enabled bool
	// Types are the event types for which the condition can be true.
	Types event.TypeSet
	// NeedsContainer: the condition reads metadata that may come later than the event; see [NeedsContainer].
	NeedsContainer bool
	// Capture asks for a capture file on a match, with the limits that the rule has of its own.
	Capture       bool
	CaptureLimits rulefile.CaptureLimits

	expr    filter.Expr
	filter  *filter.Filter
	matches atomic.Uint64

	prints        []field.Ref
	macros, lists []string
	definition    *rulefile.Rule
}

// Definition is what the files say of the rule. It must not be changed.
func (r *Rule) Definition() *rulefile.Rule { return r.definition }

// Prints lists the fields of the output, each as often as it is there.
func (r *Rule) Prints() []field.Ref { return r.prints }

// Macros and Lists are the names that the condition mentions itself, sorted, each once.
func (r *Rule) Macros() []string { return r.macros }

// Lists: see [Rule.Macros].
func (r *Rule) Lists() []string { return r.lists }

// NeverTrue says why the condition can't be true for any of its event types; it is empty if that is not known.
func (r *Rule) NeverTrue() string { return r.filter.NeverTrue(r.Types.Types()) }

// Expr is the condition without macros, lists and exceptions. It must not be changed.
func (r *Rule) Expr() filter.Expr { return r.expr }

// Matches counts the events that the rule matched since it was loaded.
func (r *Rule) Matches() uint64 { return r.matches.Load() }

// Uses lists the fields of the condition with their arguments.
func (r *Rule) Uses() []field.Ref { return r.filter.Fields() }

// Reads lists the fields of the condition.
func (r *Rule) Reads() []string {
	var names []string
	for _, f := range r.Uses() {
		names = append(names, f.Name)
	}
	return names
}

func newRule(r *rulefile.Rule) *Rule {
	return &Rule{
		Name:          r.Name,
		Desc:          strings.TrimSpace(r.Desc),
		Source:        r.Source,
		Condition:     ConditionText(r.Condition),
		Priority:      r.Priority,
		Tags:          sortedOnce(r.Tags),
		Enabled:       r.Enabled,
		Capture:       r.Capture,
		CaptureLimits: r.CaptureLimits,
		definition:    r,
	}
}

// ConditionText joins the pieces of a condition by blanks.
func ConditionText(cond []*yamltree.Node) string {
	parts := make([]string, len(cond))
	for i, n := range cond {
		parts[i] = strings.TrimSpace(n.Text)
	}
	return strings.Join(parts, " ")
}

func sortedOnce(words []string) []string {
	out := slices.Clone(words)
	slices.Sort(out)
	return slices.Compact(out)
}

// readsFileName tells whether a field's value depends on which of a file's names is shown.
func readsFileName(name string) bool {
	switch name {
	case "fd.name", "fd.directory", "fd.filename", "fd.containername", "fd.containerdirectory",
		"evt.arg", "evt.args", "evt.rawarg", "evt.info":
		return true
	}
	return strings.HasPrefix(name, "fs.path.")
}

// NeedsContainer tells whether one of the fields, without arguments, is metadata of a container, a pod or an account:
// what a runtime knows, and may tell only after the event. Ids are known with the event.
func NeedsContainer(fields ...string) bool {
	return slices.ContainsFunc(fields, func(name string) bool {
		switch name {
		case "container.id", "container.full_id":
			return false
		case "user.name", "user.homedir", "user.shell", "user.loginname", "group.name":
			return true
		}
		return strings.HasPrefix(name, "container.") || strings.HasPrefix(name, "k8s.") ||
			strings.HasPrefix(name, "proc.is_container_")
	})
}
