package engine

import (
	"fmt"
	"strconv"
	"strings"
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

func (r *reader) rule(n *node) {
	name := required(n, "rule", r.root.with("rule", "", n))
	where := r.root.with("rule", name, n)
	defer r.col.poisonOnRefusal("rule", name)
	r.unknownKeys(n, where, ruleKeys...)
	add := r.appendKey(n, where)
	o := r.override(n, where, ruleOverrides, add)
	switch {
	case add:
		r.appendRule(n, name, where)
	case o.any():
		r.overrideRule(n, name, where, o)
	case !n.defined("condition") && !n.defined("output") && !n.defined("desc") && !n.defined("priority"):
		r.enableRule(n, name, where)
	default:
		r.defineRule(n, name, where)
	}
}

func (r *reader) defineRule(n *node, name string, where trail) {
	whole := true
	for _, key := range []string{"condition", "output", "desc", "priority"} {
		whole = r.rep.try(func() { required(n, key, where) }) && whole
	}
	if !whole {
		r.col.poison("rule", name)
		return
	}
	v := &rule{name: name, where: where, enabled: true, warnEvttypes: true, source: optional(n, "source", where)}
	for _, key := range ruleOverrides.replace {
		if n.has(key) {
			readKey(v, n, key, where, false)
		}
	}
	r.col.defineRule(v, r.rep)
}

func (r *reader) enableRule(n *node, name string, where trail) {
	if !n.has("enabled") {
		hint := ""
		for _, key := range []string{"condition", "output", "desc", "priority"} {
			if hint == "" {
				hint = misspeltKey(n, key)
			}
		}
		refuseHint(where, ErrYAMLValidate, hint, "Item has no mapping for key 'enabled'")
	}
	on := boolean(n, "enabled", where, true)
	r.rep.warn(where.problem(WarnDeprecated, "The standalone 'enabled' key usage is deprecated. The correct approach "+
		"requires also a 'replace' entry under the 'override' key (i.e. 'enabled: replace')."))
	r.col.enableRule(name, on, where)
}

// appendRule reads what append: true adds. Other keys of the item are read over, as Falco does.
func (r *reader) appendRule(n *node, name string, where trail) {
	v := &rule{name: name, where: where, source: optional(n, "source", where)}
	o := newOverride()
	for _, key := range []string{"condition", "exceptions"} {
		if n.defined(key) {
			readKey(v, n, key, where, true)
			o.add[key] = true
		}
	}
	prev := r.col.previousRule(v, noRuleToAppend)
	if !o.any() {
		refuse(where, ErrValidate, "Appended rule must have exceptions or condition property")
	}
	r.col.overrideRule(prev, v, o, r.rep)
}

func (r *reader) overrideRule(n *node, name string, where trail, o override) {
	v := &rule{name: name, where: where, source: optional(n, "source", where)}
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
func readKey(v *rule, n *node, key string, where trail, partial bool) {
	switch key {
	case "condition":
		required(n, key, where)
		v.cond = []*node{n.get(key)}
	case "output":
		required(n, key, where)
		v.output = []*node{n.get(key)}
	case "desc":
		v.desc = required(n, key, where)
	case "priority":
		v.priority = readPriority(n, where)
	case "enabled":
		v.enabled = boolean(n, key, where, true)
	case "warn_evttypes":
		v.warnEvttypes = boolean(n, key, where, true)
	case "skip-if-unknown-filter":
		v.skipUnknown = boolean(n, key, where, false)
	case "capture":
		v.capture = boolean(n, key, where, false)
	case "capture_duration":
		v.captureDuration = readDuration(n, where)
	case "tags":
		v.tags = readTags(n, where)
	case "exceptions":
		v.exceptions = readExceptions(n, where, partial)
	}
}

// override reads an item's override and holds it against the item's other keys.
func (r *reader) override(n *node, where trail, may overridable, add bool) override {
	o := newOverride()
	v := n.get("override")
	if v == nil || v.kind == kindNull {
		return o
	}
	at := where.with("value for", "override", v)
	if v.kind != kindMapping {
		refuse(at, ErrYAMLValidate, "Value is not a map of keys to 'append' or 'replace'")
	}
	if add {
		refuse(where, ErrYAMLValidate, "Keys 'override' and 'append: true' cannot be used together. Add an 'append' "+
			"entry (e.g. 'condition: append') under 'override' instead.")
	}
	for _, p := range v.pairs {
		r.overrideKey(n, p, at, may, o)
	}
	if !o.any() {
		return o
	}
	for _, p := range n.pairs {
		key := p.key.text
		if contains(may.replace, key) && !o.add[key] && !o.replace[key] {
			refuse(where.with("key", key, p.key), ErrYAMLValidate,
				"Unexpected key '%s': no corresponding entry under 'override' is defined.", key)
		}
	}
	return o
}

func (r *reader) overrideKey(n *node, p pair, where trail, may overridable, o override) {
	key := p.key.text
	at := where.with("key", key, p.key)
	switch op := scalarOf(p.value, where.with("value for", key, p.value)); {
	case op == "append" && contains(may.add, key):
		o.add[key] = true
	case op == "replace" && contains(may.replace, key):
		o.replace[key] = true
	case op != "append" && op != "replace":
		refuseHint(at, ErrYAMLValidate, didYouMean(op, []string{"append", "replace"}),
			"Invalid override operation '%s' for key '%s': must be 'append' or 'replace'", op, key)
	case contains(may.replace, key):
		refuse(at, ErrYAMLValidate, "Key '%s' cannot be appended to, use 'replace' instead", key)
	default:
		refuseHint(at, ErrYAMLValidate, didYouMean(key, may.replace), "Key '%s' cannot be overridden", key)
	}
	if !n.has(key) {
		verb := "A replace"
		if o.add[key] {
			verb = "An append"
		}
		refuse(at, ErrYAMLValidate, "%s override for '%s' was specified but '%s' is not defined", verb, key, key)
	}
}

func readPriority(n *node, where trail) Priority {
	text := required(n, "priority", where)
	p, ok := ParsePriority(text)
	if !ok {
		refuseHint(where.with("rule priority", "", n.get("priority")), ErrYAMLValidate, priorityHint(text), "Invalid priority")
	}
	return p
}

func priorityHint(text string) string {
	upper := make([]string, 0, len(priorityNames))
	for _, p := range priorityNames[1:] {
		upper = append(upper, strings.ToUpper(p))
	}
	if hint := didYouMean(strings.ToUpper(text), upper); hint != "" {
		return hint
	}
	return fmt.Sprintf("use one of %s", strings.Join(upper, ", "))
}

func readTags(n *node, where trail) []string {
	if !n.has("tags") {
		return nil
	}
	var tags []string
	for _, t := range scalars(n, "tags", where) {
		tags = append(tags, t.text)
	}
	return tags
}

func readDuration(n *node, where trail) uint32 {
	text := optional(n, "capture_duration", where)
	if text == "" {
		return 0
	}
	d, err := strconv.ParseUint(text, 10, 32)
	if err != nil {
		refuse(where.with("value for", "capture_duration", n.get("capture_duration")), ErrYAMLValidate,
			"Can't decode YAML scalar value: '%s' is no number of milliseconds", text)
	}
	return uint32(d)
}
