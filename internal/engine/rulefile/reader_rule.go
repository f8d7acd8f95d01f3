package rulefile

import (
	"fmt"
	"slices"
	"strings"

	"github.com/saker-sensor/saker/internal/suggest"
	"github.com/saker-sensor/saker/internal/yamltree"
)

// overridable are the keys that an item's override may name to be appended to and to be replaced.
type overridable struct{ add, replace []string }

var ruleOverrides = overridable{
	add: []string{"condition", "output", "desc", "tags", "exceptions"},
	replace: []string{"condition", "output", "desc", "tags", "exceptions", "priority", "enabled", "capture",
		"capture_duration", "capture_events", "capture_filesize", "warn_evttypes", "skip-if-unknown-filter"},
}

var ruleKeys = []string{
	"rule", "condition", "output", "desc", "priority", "source", "enabled", "tags", "exceptions", "warn_evttypes",
	"skip-if-unknown-filter", "capture", "capture_duration", "capture_events", "capture_filesize", "append", "override",
}

// definedKeys are the keys of a whole rule, in the order in which Falco reads them; the first four must be there.
var definedKeys = []string{"condition", "output", "desc", "priority", "source", "enabled", "capture", "capture_duration",
	"capture_events", "capture_filesize", "warn_evttypes", "skip-if-unknown-filter", "tags", "exceptions"}

const requiredKeys = 4

func (r *reader) rule(n *yamltree.Node) {
	name := required(n, "rule", r.root.With("rule", "", n))
	where := r.root.With("rule", name, n)
	defer r.col.rememberRefusal("rule", name)
	add := r.appendKey(n, where)
	o := r.override(n, where, ruleOverrides, add)
	switch {
	case add:
		r.appendRule(n, name, where)
	case o.any():
		r.overrideRule(n, name, where, o)
	case !n.Has("condition") && !n.Has("output") && !n.Has("desc") && !n.Has("priority"):
		r.enableRule(n, name, where)
	default:
		r.defineRule(n, name, where)
	}
	r.unknownKeys(n, where, ruleKeys...)
}

// defineRule reads a whole rule. Where a key is refused, what is left is defined, so that all of its mistakes are found.
func (r *reader) defineRule(n *yamltree.Node, name string, where Trail) {
	v := &Rule{Name: name, Where: where, Enabled: true, WarnEvttypes: true, Source: SyscallSource}
	for i, key := range definedKeys {
		if i >= requiredKeys && !n.Has(key) {
			continue
		}
		if !r.rep.Try(func() { r.readKey(v, n, key, where, false) }) {
			v.Incomplete = true
		}
	}
	if v.Incomplete {
		r.col.refuse("rule", name)
	}
	r.col.defineRule(v, r.rep)
}

func (r *reader) enableRule(n *yamltree.Node, name string, where Trail) {
	if !n.Has("enabled") {
		hint := ""
		for _, key := range definedKeys[:requiredKeys] {
			if hint == "" {
				hint = misspeltKey(n, key)
			}
		}
		RefuseHint(where, ErrYAMLValidate, hint, "Item has no mapping for key 'enabled'")
	}
	on := boolean(n, "enabled", where, true)
	r.rep.Warn(where.Problem(WarnDeprecated, "The standalone 'enabled' key usage is deprecated. The correct approach "+
		"requires also a 'replace' entry under the 'override' key (i.e. 'enabled: replace')."))
	r.col.enableRule(name, on, where)
}

// appendRule reads what append: true adds. Other keys of the item are ignored, as in Falco.
func (r *reader) appendRule(n *yamltree.Node, name string, where Trail) {
	v := &Rule{Name: name, Where: where, Source: sourceOf(n, where)}
	o := newOverride()
	for _, key := range []string{"condition", "exceptions"} {
		if n.Has(key) {
			o.add[key] = true
		}
	}
	empty := !o.any()
	r.readKeys(v, n, where, o)
	prev := r.col.previousRule(v, noRuleToAppend)
	if empty {
		Refuse(where, ErrValidate, "Appended rule must have exceptions or condition property")
	}
	r.col.overrideRule(prev, v, o)
}

func (r *reader) overrideRule(n *yamltree.Node, name string, where Trail, o override) {
	v := &Rule{Name: name, Where: where}
	if o.add["condition"] || o.replace["condition"] {
		v.Source = sourceOf(n, where)
	}
	none := noRuleToReplace
	if len(o.add) > 0 {
		none = noRuleToAppend
	}
	r.readKeys(v, n, where, o)
	r.col.overrideRule(r.col.previousRule(v, none), v, o)
}

// readKeys reads the keys that an item overrides. One that is refused is taken out of the override.
func (r *reader) readKeys(v *Rule, n *yamltree.Node, where Trail, o override) {
	for _, key := range ruleOverrides.replace {
		if !o.add[key] && !o.replace[key] {
			continue
		}
		if !r.rep.Try(func() { r.readKey(v, n, key, where, o.add[key]) }) {
			delete(o.add, key)
			delete(o.replace, key)
		}
	}
}

// sourceOf reads the source of a rule that is changed; it may be empty there.
func sourceOf(n *yamltree.Node, where Trail) string {
	v := n.Get("source")
	if v == nil || v.Kind == yamltree.Null {
		return ""
	}
	return scalarOf(v, where.With("value for", "source", v))
}

// readKey reads one key of a rule. In what is appended, exceptions may be partial.
func (r *reader) readKey(v *Rule, n *yamltree.Node, key string, where Trail, partial bool) {
	switch key {
	case "condition":
		required(n, key, where)
		v.Condition = []*yamltree.Node{n.Get(key)}
	case "output":
		required(n, key, where)
		v.Output = []*yamltree.Node{n.Get(key)}
	case "desc":
		v.Desc = required(n, key, where)
	case "priority":
		v.Priority = readPriority(n, where)
	case "source":
		v.Source = required(n, key, where)
	case "enabled":
		v.Enabled = boolean(n, key, where, true)
	case "warn_evttypes":
		v.WarnEvttypes = boolean(n, key, where, true)
	case "skip-if-unknown-filter":
		v.SkipIfUnknownFilter = boolean(n, key, where, false)
	case "capture":
		v.Capture = boolean(n, key, where, false)
	case "capture_duration":
		v.CaptureLimits.Duration = readNumber(n, key, "milliseconds", where)
	case "capture_events":
		v.CaptureLimits.Events = readNumber(n, key, "events", where)
	case "capture_filesize":
		v.CaptureLimits.Filesize = readNumber(n, key, "kB", where)
	case "tags":
		v.Tags = readTags(n, where)
	case "exceptions":
		v.Exceptions = r.readExceptions(n, where, partial)
	}
}

// override reads an item's override. It refuses keys that are overridden but absent, and those that are there but not overridden.
func (r *reader) override(n *yamltree.Node, where Trail, may overridable, add bool) override {
	o := newOverride()
	v := n.Get("override")
	// A scalar, null and an empty sequence override nothing: Falco ignores them.
	if v == nil || v.Kind == yamltree.Null || v.Kind == yamltree.Scalar || v.Kind == yamltree.Sequence && len(v.Items) == 0 {
		return o
	}
	at := where.With("value for", "override", v)
	if v.Kind != yamltree.Mapping {
		Refuse(at, ErrYAMLValidate, "Value is not a map of keys to 'append' or 'replace'")
	}
	if add {
		Refuse(where, ErrYAMLValidate, "Keys 'override' and 'append: true' cannot be used together. Add an 'append' "+
			"entry (e.g. 'condition: append') under 'override' instead.")
	}
	for _, p := range v.Pairs {
		r.overrideKey(n, p, at, may, o)
	}
	if !o.any() {
		return o
	}
	for _, p := range n.Pairs {
		key := p.Key.Text
		if slices.Contains(may.replace, key) && !o.add[key] && !o.replace[key] {
			Refuse(where.With("key", key, p.Key), ErrYAMLValidate,
				"Unexpected key '%s': no corresponding entry under 'override' is defined.", key)
		}
	}
	return o
}

func (r *reader) overrideKey(n *yamltree.Node, p yamltree.Pair, where Trail, may overridable, o override) {
	key := p.Key.Text
	at := where.With("key", key, p.Key)
	switch op := scalarOf(p.Value, where.With("value for", key, p.Value)); {
	case op == "append" && slices.Contains(may.add, key):
		o.add[key] = true
	case op == "replace" && slices.Contains(may.replace, key):
		o.replace[key] = true
	case op != "append" && op != "replace":
		RefuseHint(at, ErrYAMLValidate, suggest.Hint(op, []string{"append", "replace"}),
			"Invalid override operation '%s' for key '%s': must be 'append' or 'replace'", op, key)
	case slices.Contains(may.replace, key):
		Refuse(at, ErrYAMLValidate, "Key '%s' cannot be appended to, use 'replace' instead", key)
	default:
		RefuseHint(at, ErrYAMLValidate, suggest.Hint(key, may.replace), "Key '%s' cannot be overridden", key)
	}
	if !n.Has(key) {
		verb := "A replace"
		if o.add[key] {
			verb = "An append"
		}
		Refuse(at, ErrYAMLValidate, "%s override for '%s' was specified but '%s' is not defined", verb, key, key)
	}
}

func readPriority(n *yamltree.Node, where Trail) Priority {
	text := required(n, "priority", where)
	p, ok := ParsePriority(text)
	if !ok {
		RefuseHint(where.With("rule priority", "", n.Get("priority")), ErrYAMLValidate, priorityHint(text), "Invalid priority")
	}
	return p
}

func priorityHint(text string) string {
	upper := make([]string, 0, len(priorityNames))
	for _, p := range priorityNames[1:] {
		upper = append(upper, strings.ToUpper(p))
	}
	if hint := suggest.Hint(strings.ToUpper(text), upper); hint != "" {
		return hint
	}
	return fmt.Sprintf("use one of %s", strings.Join(upper, ", "))
}

func readTags(n *yamltree.Node, where Trail) []string {
	if !n.Has("tags") {
		return nil
	}
	var tags []string
	for _, t := range scalars(n, "tags", where) {
		tags = append(tags, t.Text)
	}
	return tags
}

func readNumber(n *yamltree.Node, key, unit string, where Trail) uint32 {
	text := required(n, key, where)
	d, ok := parseUint(text)
	if !ok {
		Refuse(where.With("value for", key, n.Get(key)), ErrYAMLValidate, "Can't decode YAML scalar value: '%s' is no number of %s", text, unit)
	}
	return d
}
