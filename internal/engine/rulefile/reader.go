package rulefile

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/saker-sensor/saker/internal/suggest"
	"github.com/saker-sensor/saker/internal/yamltree"
)

// Source is a rule file that was read.
type Source struct {
	Name    string
	Content []byte
	// Err, if set, says why there is no content; it is reported as the file's error.
	Err error
}

// Read reads a file's definitions into the collector. The result has no errors and warnings: they are in the report.
// readable is false if the file has no YAML.
//
// What is wrong with one item is reported, and the next one is read: so a user sees all mistakes of a file at once.
func Read(s Source, col *Collector, rep *Report) (res Result, readable bool) {
	res.Name = s.Name
	file := yamltree.NewFile(s.Name, s.Content)
	root := Trail{}.At("rules content", file, 0)
	if s.Err != nil {
		p := root.Problem(ErrFileRead, s.Err.Error())
		p.Snippet = "" // there is no line to show
		rep.Error(p)
		return res, false
	}
	docs, err := yamltree.Parse(file)
	if err != nil {
		line, col := file.Position(err.Offset)
		// Falco's users look for this prefix.
		rep.Error(root.At("value for", file, err.Offset).Problem(ErrYAMLParse,
			fmt.Sprintf("yaml-cpp: error at line %d, column %d: %s", line, col, err.Message)))
		return res, false
	}
	docs = slices.DeleteFunc(docs, func(n *yamltree.Node) bool { return n.Kind == yamltree.Null })
	res.Schema, res.SchemaWarnings = checkSchema(docs)
	r := &reader{col: col, rep: rep, root: root}
	r.read(docs)
	return res, true
}

// reader turns a file's YAML into definitions and hands them to the collector.
type reader struct {
	col *Collector
	rep *Report
	// root is the trail of the file's content.
	root Trail
}

func (r *reader) read(docs []*yamltree.Node) {
	for _, doc := range docs {
		switch doc.Kind {
		case yamltree.Scalar:
			r.rep.Error(r.root.Problem(ErrYAMLValidate, "Rules content is not yaml"))
		case yamltree.Mapping:
			r.rep.Error(r.root.Problem(ErrYAMLValidate, "Rules content is not yaml array of objects"))
		default:
			for _, item := range doc.Items {
				if item.Kind != yamltree.Null {
					r.rep.Try(func() { r.item(item) })
				}
			}
		}
	}
}

// itemKinds are the keys that tell what an item is. Of several, the first in this order decides.
var itemKinds = []string{"required_engine_version", "required_plugin_versions", "list", "macro", "rule"}

func (r *reader) item(n *yamltree.Node) {
	if n.Kind != yamltree.Mapping {
		Refuse(r.root.With("rules content item", "", n), ErrYAMLValidate,
			"Unexpected element type. Each element should be a yaml associative array.")
	}
	switch {
	case n.Has("required_engine_version"):
		r.engineVersion(n)
	case n.Has("required_plugin_versions"):
		r.pluginVersions(n)
	case n.Has("list"):
		r.list(n)
	case n.Has("macro"):
		r.macro(n)
	case n.Has("rule"):
		r.rule(n)
	default:
		p := r.root.With("rules content item", "", n).Problem(WarnUnknownItem, "Unknown top level item")
		if len(n.Pairs) > 0 {
			p.Hint = suggest.Hint(n.Pairs[0].Key.Text, itemKinds)
		}
		r.rep.Warn(p)
	}
}

func (r *reader) engineVersion(n *yamltree.Node) {
	where := r.root.With("required_engine_version", "", n)
	text := required(n, "required_engine_version", where)
	v, ok := ParseVersion(text)
	if minor, number := parseUint(text); number {
		// A lone number is the minor version of the time before 0.33.
		v, ok = SemVer{0, minor, 0}, true
	}
	if !ok {
		Refuse(where, ErrYAMLValidate, "Unable to parse engine version '%s' as a semver string. "+
			"Expected \"x.y.z\" semver format.", text)
	}
	own, _ := ParseVersion(Version)
	if !own.Satisfies(v) {
		Refuse(where, ErrValidate, "Rules require engine version %s, but engine version is %s", v, own)
	}
	if r.col.Engine.less(v) {
		r.col.Engine = v
	}
	r.unknownKeys(n, where, "required_engine_version")
}

func (r *reader) pluginVersions(n *yamltree.Node) {
	where := r.root.With("required_plugin_versions", "", n)
	seq := n.Get("required_plugin_versions")
	if seq.Kind != yamltree.Sequence {
		Refuse(where.With("value for", "required_plugin_versions", seq), ErrYAMLValidate, "Value is not a sequence")
	}
	for _, entry := range seq.Items {
		at := where.With("plugin version requirement", "", entry)
		need := PluginNeed{pluginVersion(entry, at)}
		if alt := entry.Get("alternatives"); alt != nil && alt.Kind == yamltree.Sequence {
			for _, a := range alt.Items {
				need = append(need, pluginVersion(a, at.With("alternative", "", a)))
			}
		} else if alt != nil {
			Refuse(at.With("value for", "alternatives", alt), ErrYAMLValidate, "Value is not a sequence")
		}
		for i, v := range need {
			for _, w := range need[:i] {
				if v.Name == w.Name {
					Refuse(at, ErrValidate, "Plugin '%s' is named twice in one requirement", v.Name)
				}
			}
		}
		r.col.Plugins = append(r.col.Plugins, need)
	}
	r.unknownKeys(n, where, "required_plugin_versions")
}

func pluginVersion(n *yamltree.Node, where Trail) PluginVersion {
	if n.Kind != yamltree.Mapping {
		Refuse(where, ErrYAMLValidate, "Plugin version requirement is not a map of name and version")
	}
	name, text := required(n, "name", where), required(n, "version", where)
	v, ok := ParseVersion(text)
	if !ok {
		Refuse(where, ErrValidate, "Unable to parse plugin version '%s' of '%s'. Expected \"x.y.z\" semver format.", text, name)
	}
	return PluginVersion{name, v}
}

var (
	macroName = regexp.MustCompile(`^[a-zA-Z]+[a-zA-Z0-9_]*$`)
	listName  = regexp.MustCompile(`^[^()"'[:space:]=,]+$`)
)

func (r *reader) macro(n *yamltree.Node) {
	name := required(n, "macro", r.root.With("macro", "", n))
	where := r.root.With("macro", name, n)
	defer r.col.rememberRefusal("macro", name)
	if !macroName.MatchString(name) {
		r.rep.Warn(where.Problem(WarnMacroName, "Macro has an invalid name. Macro names should match a regular "+
			"expression: ([a-zA-Z]+[a-zA-Z0-9_]*)"))
	}
	required(n, "condition", where)
	add := r.appends(n, where, overridable{add: []string{"condition"}, replace: []string{"condition"}})
	m := &Macro{Name: name, Condition: []*yamltree.Node{n.Get("condition")}, Where: where}
	if add {
		r.col.appendMacro(m)
	} else {
		r.col.defineMacro(m)
	}
	r.unknownKeys(n, where, "macro", "condition", "append", "override")
}

func (r *reader) list(n *yamltree.Node) {
	name := required(n, "list", r.root.With("list", "", n))
	where := r.root.With("list", name, n)
	defer r.col.rememberRefusal("list", name)
	if !listName.MatchString(name) {
		r.rep.Warn(where.Problem(WarnListName, "List has an invalid name. List names should match a regular "+
			`expression: ([^()"'[:space:]=,]+)`))
	}
	l := &List{Name: name, Items: scalars(n, "items", where), Where: where}
	add := r.appends(n, where, overridable{add: []string{"items"}, replace: []string{"items"}})
	if add {
		r.col.appendList(l)
	} else {
		r.col.defineList(l)
	}
	r.unknownKeys(n, where, "list", "items", "append", "override")
}

// appends reads the keys append and override of a macro or a list. Both have one key that may be overridden.
func (r *reader) appends(n *yamltree.Node, where Trail, may overridable) bool {
	add := r.appendKey(n, where)
	o := r.override(n, where, may, add)
	return add || len(o.add) > 0
}

func (r *reader) appendKey(n *yamltree.Node, where Trail) bool {
	add := boolean(n, "append", where, false)
	if add {
		r.rep.Warn(where.Problem(WarnDeprecated, "'append' key is deprecated. Add an 'append' entry "+
			"(e.g. 'condition: append') under 'override' instead."))
	}
	return add
}

func (r *reader) unknownKeys(n *yamltree.Node, where Trail, known ...string) {
	for _, p := range n.Pairs {
		if slices.Contains(known, p.Key.Text) {
			continue
		}
		w := where.With("key", p.Key.Text, p.Key).Problem(WarnUnknownKey,
			"Unknown key '"+p.Key.Text+"'. The key will be ignored.")
		w.Hint = suggest.Hint(p.Key.Text, known)
		r.rep.Warn(w)
	}
}

// scalarOf reads a value that must be text.
func scalarOf(n *yamltree.Node, where Trail) string {
	switch {
	case n.Kind == yamltree.Null:
		Refuse(where[:len(where)-1], ErrYAMLValidate, "Mapping for key '%s' is empty", where[len(where)-1].name)
	case n.Kind != yamltree.Scalar:
		Refuse(where, ErrYAMLValidate, "Value is not a scalar value")
	}
	return n.Text
}

// required reads a text that must be there and not be empty.
func required(n *yamltree.Node, key string, where Trail) string {
	v := n.Get(key)
	if v == nil {
		RefuseHint(where, ErrYAMLValidate, misspeltKey(n, key), "Item has no mapping for key '%s'", key)
	}
	at := where.With("value for", key, v)
	text := scalarOf(v, at)
	if text == "" {
		Refuse(at, ErrYAMLValidate, "Value must be non-empty")
	}
	return text
}

// misspeltKey looks for what in the item may be meant for a missing key.
func misspeltKey(n *yamltree.Node, missing string) string {
	if o := n.Get("override"); o != nil && o.Kind == yamltree.Scalar {
		return "write override as a map of keys to 'append' or 'replace', or the item counts as a whole one"
	}
	for _, p := range n.Pairs {
		if k := p.Key.Text; k != missing && suggest.Nearest(k, []string{missing}) != "" {
			return fmt.Sprintf("'%s' may be meant as '%s'", k, missing)
		}
	}
	return ""
}

func boolean(n *yamltree.Node, key string, where Trail, otherwise bool) bool {
	v := n.Get(key)
	if v == nil {
		return otherwise
	}
	b, ok := parseBool(required(n, key, where))
	if !ok {
		Refuse(where.With("value for", key, v), ErrYAMLValidate, "Can't decode YAML scalar value: '%s' is neither true nor false", v.Text)
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
func scalars(n *yamltree.Node, key string, where Trail) []*yamltree.Node {
	v := n.Get(key)
	if v == nil {
		RefuseHint(where, ErrYAMLValidate, misspeltKey(n, key), "Item has no mapping for key '%s'", key)
	}
	at := where.With("value for", key, v)
	if v.Kind != yamltree.Sequence {
		Refuse(at, ErrYAMLValidate, "Value is not a sequence")
	}
	for _, i := range v.Items {
		if i.Kind != yamltree.Scalar {
			Refuse(at.With("list item", "", i), ErrYAMLValidate, "Value is not a scalar value")
		}
	}
	return v.Items
}
