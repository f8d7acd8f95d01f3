package engine

import (
	"slices"
	"strings"
	"sync/atomic"

	"github.com/saker-sensor/saker/internal/engine/filter"
	"github.com/saker-sensor/saker/internal/event"
)

// Rule is a compiled rule. It does not change, but for its counter.
type Rule struct {
	Name, Desc, Source string
	// Condition is the text as the files have it, with what was appended.
	Condition string
	// Output is the template, without fields that are no more.
	Output   string
	Priority Priority
	// Tags are sorted, each once.
	Tags    []string
	Enabled bool
	// Types are the event types for which the condition can be true.
	Types event.TypeSet
	// NeedsContainer: the condition reads metadata that may come later than the event; see [NeedsContainer].
	NeedsContainer bool
	// Capture and CaptureDuration (in ms) ask for a capture file on a match.
	Capture         bool
	CaptureDuration uint32

	expr    filter.Expr
	filter  *filter.Filter
	matches atomic.Uint64

	macros, lists []string
	// def is what the rule was made of.
	def *rule
}

// Expr is the condition without macros, lists and exceptions. It must not be changed.
func (r *Rule) Expr() filter.Expr { return r.expr }

// Matches counts the events that the rule matched since it was loaded.
func (r *Rule) Matches() uint64 { return r.matches.Load() }

// Reads lists the fields of the condition.
func (r *Rule) Reads() []string {
	var names []string
	for _, f := range r.filter.Fields() {
		names = append(names, f.Name)
	}
	return names
}

func newRule(r *rule, e filter.Expr, f *filter.Filter, types event.TypeSet, output string, macros, lists []string) *Rule {
	out := &Rule{
		Name:            r.name,
		Desc:            strings.TrimSpace(r.desc),
		Source:          r.source,
		Condition:       conditionText(r.cond),
		Output:          output,
		Priority:        r.priority,
		Tags:            sortedOnce(r.tags),
		Enabled:         r.enabled,
		Types:           types,
		Capture:         r.capture,
		CaptureDuration: r.captureDuration,
		expr:            e,
		filter:          f,
		macros:          sortedOnce(macros),
		lists:           sortedOnce(lists),
		def:             r,
	}
	out.NeedsContainer = NeedsContainer(out.Reads()...)
	return out
}

func conditionText(cond []*node) string {
	parts := make([]string, len(cond))
	for i, n := range cond {
		parts[i] = strings.TrimSpace(n.text)
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
