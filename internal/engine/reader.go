package engine

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// reader turns a file's YAML into definitions and hands them to the collector. What is wrong with one item is
// reported, and the next one is read: so a user sees all mistakes of a file at once.
type reader struct {
	src *source
	col *collector
	rep *report
	// root is the trail of the file itself.
	root trail
}

// refusal unwinds the reading of an item. It carries no problem where that has been reported before.
type refusal struct{ problem *Problem }

// refuse ends the item's reading. The recover is in read.
func refuse(where trail, code Code, format string, args ...any) {
	refuseHint(where, code, "", format, args...)
}

func refuseHint(where trail, code Code, hint, format string, args ...any) {
	p := where.problem(code, fmt.Sprintf(format, args...))
	p.Hint = hint
	panic(refusal{&p})
}

// try runs one step and reports what it refuses; it tells whether the step came to its end.
func (rep *report) try(step func()) (ok bool) {
	defer func() {
		if r := recover(); r != nil {
			refused, is := r.(refusal)
			if !is {
				panic(r)
			}
			if refused.problem != nil {
				rep.error(*refused.problem)
			}
		}
	}()
	step()
	return true
}

func (r *reader) read(docs []*node) {
	for _, doc := range docs {
		switch doc.kind {
		case kindScalar:
			r.rep.error(r.root.problem(ErrYAMLValidate, "Rules content is not yaml"))
		case kindMapping:
			r.rep.error(r.root.problem(ErrYAMLValidate, "Rules content is not yaml array of objects"))
		default:
			for _, item := range doc.items {
				if item.kind != kindNull {
					r.rep.try(func() { r.item(item) })
				}
			}
		}
	}
}

// itemKinds are the keys that say what an item is, in the order in which they count.
var itemKinds = []string{"required_engine_version", "required_plugin_versions", "list", "macro", "rule"}

func (r *reader) item(n *node) {
	if n.kind != kindMapping {
		refuse(r.root.with("rules content item", "", n), ErrYAMLValidate,
			"Unexpected element type. Each element should be a yaml associative array.")
	}
	switch {
	case n.has("required_engine_version"):
		r.engineVersion(n)
	case n.has("required_plugin_versions"):
		r.pluginVersions(n)
	case n.has("list"):
		r.list(n)
	case n.has("macro"):
		r.macro(n)
	case n.has("rule"):
		r.rule(n)
	default:
		p := r.root.with("rules content item", "", n).problem(WarnUnknownItem, "Unknown top level item")
		if len(n.pairs) > 0 {
			p.Hint = didYouMean(n.pairs[0].key.text, itemKinds)
		}
		r.rep.warn(p)
	}
}

func (r *reader) engineVersion(n *node) {
	where := r.root.with("required_engine_version", "", n)
	r.unknownKeys(n, where, "required_engine_version")
	text := scalarOf(n.get("required_engine_version"), where.with("value for", "required_engine_version", n))
	v, ok := parseVersion(text)
	if i, err := strconv.ParseUint(text, 10, 32); err == nil {
		// A lone number is the minor version of the time before 0.33.
		v, ok = version{0, uint32(i), 0}, true
	}
	if !ok {
		refuse(where, ErrYAMLValidate, "Unable to parse engine version '%s' as a semver string. "+
			"Expected \"x.y.z\" semver format.", text)
	}
	own, _ := parseVersion(Version)
	if !own.satisfies(v) {
		refuse(where, ErrValidate, "Rules require engine version %s, but engine version is %s", v, own)
	}
	if r.col.engine.less(v) {
		r.col.engine = v
	}
}

func (r *reader) pluginVersions(n *node) {
	where := r.root.with("required_plugin_versions", "", n)
	r.unknownKeys(n, where, "required_plugin_versions")
	seq := n.get("required_plugin_versions")
	if seq.kind != kindSequence {
		refuse(where.with("value for", "required_plugin_versions", seq), ErrYAMLValidate, "Value is not a sequence")
	}
	for _, entry := range seq.items {
		at := where.with("plugin version requirement", "", entry)
		need := pluginNeed{r.pluginVersion(entry, at, "name", "version", "alternatives")}
		if alt := entry.get("alternatives"); alt != nil && alt.kind == kindSequence {
			for _, a := range alt.items {
				need = append(need, r.pluginVersion(a, at.with("alternative", "", a), "name", "version"))
			}
		} else if alt != nil && alt.kind != kindNull {
			refuse(at.with("value for", "alternatives", alt), ErrYAMLValidate, "Value is not a sequence")
		}
		for i, v := range need {
			for _, w := range need[:i] {
				if v.name == w.name {
					refuse(at, ErrValidate, "Plugin '%s' is named twice in one requirement", v.name)
				}
			}
		}
		r.col.plugins = append(r.col.plugins, need)
	}
}

func (r *reader) pluginVersion(n *node, where trail, keys ...string) pluginVersion {
	if n.kind != kindMapping {
		refuse(where, ErrYAMLValidate, "Plugin version requirement is not a map of name and version")
	}
	r.unknownKeys(n, where, keys...)
	name, text := required(n, "name", where), required(n, "version", where)
	v, ok := parseVersion(text)
	if !ok {
		refuse(where, ErrValidate, "Unable to parse plugin version '%s' of '%s'. Expected \"x.y.z\" semver format.", text, name)
	}
	return pluginVersion{name, v}
}

var (
	macroName = regexp.MustCompile(`^[a-zA-Z]+[a-zA-Z0-9_]*$`)
	listName  = regexp.MustCompile(`^[^()"'[:space:]=,]+$`)
)

func (r *reader) macro(n *node) {
	name := required(n, "macro", r.root.with("macro", "", n))
	where := r.root.with("macro", name, n)
	defer r.col.poisonOnRefusal("macro", name)
	r.unknownKeys(n, where, "macro", "condition", "append", "override")
	if !macroName.MatchString(name) {
		r.rep.warn(where.problem(WarnMacroName, "Macro has an invalid name. Macro names should match a regular "+
			"expression: ([a-zA-Z]+[a-zA-Z0-9_]*)"))
	}
	add := r.appends(n, where, overridable{add: []string{"condition"}, replace: []string{"condition"}})
	required(n, "condition", where)
	m := &macro{name: name, cond: []*node{n.get("condition")}, where: where}
	if add {
		r.col.appendMacro(m)
		return
	}
	r.col.defineMacro(m)
}

func (r *reader) list(n *node) {
	name := required(n, "list", r.root.with("list", "", n))
	where := r.root.with("list", name, n)
	defer r.col.poisonOnRefusal("list", name)
	r.unknownKeys(n, where, "list", "items", "append", "override")
	if !listName.MatchString(name) {
		r.rep.warn(where.problem(WarnListName, "List has an invalid name. List names should match a regular "+
			`expression: ([^()"'[:space:]=,]+)`))
	}
	add := r.appends(n, where, overridable{add: []string{"items"}, replace: []string{"items"}})
	l := &list{name: name, items: scalars(n, "items", where), where: where}
	if add {
		r.col.appendList(l)
		return
	}
	r.col.defineList(l)
}

// appends reads append and override of a macro or a list, whose only part is the one that may be overridden.
func (r *reader) appends(n *node, where trail, may overridable) bool {
	add := r.appendKey(n, where)
	o := r.override(n, where, may, add)
	return add || len(o.add) > 0
}

func (r *reader) appendKey(n *node, where trail) bool {
	add := boolean(n, "append", where, false)
	if add {
		r.rep.warn(where.problem(WarnDeprecated, "'append' key is deprecated. Add an 'append' entry "+
			"(e.g. 'condition: append') under 'override' instead."))
	}
	return add
}

func (r *reader) unknownKeys(n *node, where trail, known ...string) {
	for _, p := range n.pairs {
		if contains(known, p.key.text) {
			continue
		}
		w := where.with("key", p.key.text, p.key).problem(WarnUnknownKey,
			"Unknown key '"+p.key.text+"'. The key will be ignored.")
		w.Hint = didYouMean(p.key.text, known)
		r.rep.warn(w)
	}
}

// scalarOf reads a value that must be text.
func scalarOf(n *node, where trail) string {
	switch {
	case n.kind == kindNull:
		refuse(where[:len(where)-1], ErrYAMLValidate, "Mapping for key '%s' is empty", where[len(where)-1].name)
	case n.kind != kindScalar:
		refuse(where, ErrYAMLValidate, "Value is not a scalar value")
	}
	return n.text
}

// required reads a text that must be there and not be empty.
func required(n *node, key string, where trail) string {
	v := n.get(key)
	if v == nil {
		refuseHint(where, ErrYAMLValidate, misspeltKey(n, key), "Item has no mapping for key '%s'", key)
	}
	at := where.with("value for", key, v)
	text := scalarOf(v, at)
	if text == "" {
		refuse(at, ErrYAMLValidate, "Value must be non-empty")
	}
	return text
}

// misspeltKey looks for a key of the item that may be meant for a missing one.
func misspeltKey(n *node, missing string) string {
	for _, p := range n.pairs {
		if k := p.key.text; k != missing && nearest(k, []string{missing}) != "" {
			return fmt.Sprintf("'%s' may be meant as '%s'", k, missing)
		}
	}
	return ""
}

// optional reads a text that may be absent.
func optional(n *node, key string, where trail) string {
	v := n.get(key)
	if v == nil || v.kind == kindNull {
		return ""
	}
	return scalarOf(v, where.with("value for", key, v))
}

func boolean(n *node, key string, where trail, otherwise bool) bool {
	v := n.get(key)
	if v == nil {
		return otherwise
	}
	at := where.with("value for", key, v)
	b, ok := parseBool(scalarOf(v, at))
	if !ok {
		refuse(at, ErrYAMLValidate, "Can't decode YAML scalar value: '%s' is neither true nor false", v.text)
	}
	return b
}

// parseBool knows the words of YAML 1.1, as Falco's parser does.
func parseBool(s string) (value, ok bool) {
	if s != strings.ToLower(s) && s != strings.ToUpper(s) && s != strings.ToUpper(s[:1])+strings.ToLower(s[1:]) {
		return false, false
	}
	switch strings.ToLower(s) {
	case "y", "yes", "true", "on":
		return true, true
	case "n", "no", "false", "off":
		return false, true
	}
	return false, false
}

// scalars reads a sequence of texts that must be there.
func scalars(n *node, key string, where trail) []*node {
	v := n.get(key)
	if v == nil {
		refuseHint(where, ErrYAMLValidate, misspeltKey(n, key), "Item has no mapping for key '%s'", key)
	}
	at := where.with("value for", key, v)
	switch v.kind {
	case kindNull:
		refuse(where, ErrYAMLValidate, "Mapping for key '%s' is empty", key)
	case kindScalar, kindMapping:
		refuse(at, ErrYAMLValidate, "Value is not a sequence")
	}
	for _, i := range v.items {
		if i.kind == kindSequence || i.kind == kindMapping {
			refuse(at.with("list item", "", i), ErrYAMLValidate, "Value is not a scalar value")
		}
	}
	return v.items
}

func contains(words []string, w string) bool {
	for _, k := range words {
		if k == w {
			return true
		}
	}
	return false
}
