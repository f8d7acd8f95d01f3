package rulefile

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/saker-sensor/saker/internal/suggest"
	"github.com/saker-sensor/saker/internal/yamltree"
)

// overridable are the keys that an item's override may name.
type overridable struct{ add, replace []string }

var ruleOverrides = overridable{
	add: []string{"condition", "output", "desc", "tags", "exceptions"},
	replace: []string{"condition", "output", "desc", "tags", "exceptions", "priority", "enabled", "capture",
		"capture_duration", "warn_evttypes", "skip-if-unknown-filter"},
}

var ruleKeys = []string{
	"rule", "condition", "output", "desc", "priority", "source", "enabled", "tags", "exceptions", "warn_evttypes",
	"skip-if-unknown-filter", "capture", "capture_duration", "append", "override",
}

func (r *reader) rule(n *yamltree.Node) {
	name := required(n, "rule", r.root.With("rule", "", n))
	where := r.root.With("rule", name, n)
	defer r.col.rememberRefusal("rule", name)
	r.unknownKeys(n, where, ruleKeys...)
	add := r.appendKey(n, where)
	o := r.override(n, where, ruleOverrides, add)
	switch {
	case add:
		r.appendRule(n, name, where)
	case o.any():
		r.overrideRule(n, name, where, o)
	case !n.Defined("condition") && !n.Defined("output") && !n.Defined("desc") && !n.Defined("priority"):
		r.enableRule(n, name, where)
	default:
		r.defineRule(n, name, where)
	}
}

func (r *reader) defineRule(n *yamltree.Node, name string, where Trail) {
	whole := true
	for _, key := range []string{"condition", "output", "desc", "priority"} {
		whole = r.rep.Try(func() { required(n, key, where) }) && whole
	}
	if !whole {
		r.col.refuse("rule", name)
		return
	}
	v := &Rule{Name: name, Where: where, Enabled: true, WarnEvttypes: true, Source: optional(n, "source", where)}
	for _, key := range ruleOverrides.replace {
		if n.Has(key) {
			readKey(v, n, key, where, false)
		}
	}
	r.col.defineRule(v, r.rep)
}

func (r *reader) enableRule(n *yamltree.Node, name string, where Trail) {
	if !n.Has("enabled") {
		hint := ""
		for _, key := range []string{"condition", "output", "desc", "priority"} {
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

// appendRule reads what append: true adds. Other keys of the item are read over, as Falco does.
func (r *reader) appendRule(n *yamltree.Node, name string, where Trail) {
	v := &Rule{Name: name, Where: where, Source: optional(n, "source", where)}
	o := newOverride()
	for _, key := range []string{"condition", "exceptions"} {
		if n.Defined(key) {
			readKey(v, n, key, where, true)
			o.add[key] = true
		}
	}
	prev := r.col.previousRule(v, noRuleToAppend)
	if !o.any() {
		Refuse(where, ErrValidate, "Appended rule must have exceptions or condition property")
	}
	r.col.overrideRule(prev, v, o, r.rep)
}

func (r *reader) overrideRule(n *yamltree.Node, name string, where Trail, o override) {
	v := &Rule{Name: name, Where: where, Source: optional(n, "source", where)}
	for _, key := range ruleOverrides.replace {
		if o.add[key] || o.replace[key] {
			readKey(v, n, key, where, o.add[key])
		}
	}
	none := noRuleToReplace
	if len(o.add) > 0 {
		none = noRuleToAppend
	}
	r.col.overrideRule(r.col.previousRule(v, none), v, o, r.rep)
}

// readKey reads one key of a rule. In what is appended, exceptions may be partial.
func readKey(v *Rule, n *yamltree.Node, key string, where Trail, partial bool) {
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
	case "enabled":
		v.Enabled = boolean(n, key, where, true)
	case "warn_evttypes":
		v.WarnEvttypes = boolean(n, key, where, true)
	case "skip-if-unknown-filter":
		v.SkipIfUnknownFilter = boolean(n, key, where, false)
	case "capture":
		v.Capture = boolean(n, key, where, false)
	case "capture_duration":
		v.CaptureDuration = readDuration(n, where)
	case "tags":
		v.Tags = readTags(n, where)
	case "exceptions":
		v.Exceptions = readExceptions(n, where, partial)
	}
}

// override reads an item's override and holds it against the item's other keys.
func (r *reader) override(n *yamltree.Node, where Trail, may overridable, add bool) override {
	o := newOverride()
	v := n.Get("override")
	if v == nil || v.Kind == yamltree.Null {
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
		if contains(may.replace, key) && !o.add[key] && !o.replace[key] {
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
	case op == "append" && contains(may.add, key):
		o.add[key] = true
	case op == "replace" && contains(may.replace, key):
		o.replace[key] = true
	case op != "append" && op != "replace":
		RefuseHint(at, ErrYAMLValidate, suggest.Hint(op, []string{"append", "replace"}),
			"Invalid override operation '%s' for key '%s': must be 'append' or 'replace'", op, key)
	case contains(may.replace, key):
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

func readDuration(n *yamltree.Node, where Trail) uint32 {
	text := optional(n, "capture_duration", where)
	if text == "" {
		return 0
	}
	d, err := strconv.ParseUint(text, 10, 32)
	if err != nil {
		Refuse(where.With("value for", "capture_duration", n.Get("capture_duration")), ErrYAMLValidate,
			"Can't decode YAML scalar value: '%s' is no number of milliseconds", text)
	}
	return uint32(d)
}
