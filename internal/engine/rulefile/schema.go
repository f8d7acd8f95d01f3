package rulefile

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"

	"github.com/saker-sensor/saker/internal/yamltree"
)

// schema is a node of the JSON schema of rule files (falco --rule-schema). Only the keywords that it uses are
// here. Findings are in the order of Falco's validator.
type schema struct {
	typ      string // "array", "object", "string", "boolean", "integer", "" for any
	scalar   bool   // any scalar will do
	item     *schema
	props    map[string]*schema
	required []string
	minProps int
	enum     []string
}

var (
	schemaText    = &schema{typ: "string"}
	schemaBool    = &schema{typ: "boolean"}
	schemaInteger = &schema{typ: "integer"}
	schemaAny     = &schema{}
	schemaOp      = &schema{typ: "string", enum: []string{"append", "replace"}}
)

var fileSchema = &schema{typ: "array", item: &schema{typ: "object", props: map[string]*schema{
	"required_engine_version": schemaText,
	"required_plugin_versions": {typ: "array", item: &schema{typ: "object", required: []string{"name", "version"},
		props: map[string]*schema{"name": schemaText, "version": schemaText,
			"alternatives": {typ: "array", item: &schema{typ: "object", required: []string{"name", "version"},
				props: map[string]*schema{"name": schemaText, "version": schemaText}}}}}},
	"macro": schemaText, "condition": schemaText, "list": schemaText, "rule": schemaText, "desc": schemaText,
	"items":   {typ: "array", item: &schema{scalar: true}},
	"enabled": schemaBool, "output": schemaText, "append": schemaBool,
	"priority": {typ: "string", enum: []string{"EMERGENCY", "ALERT", "CRITICAL", "ERROR", "WARNING", "NOTICE", "INFO",
		"INFORMATIONAL", "DEBUG"}},
	"capture": schemaBool, "capture_duration": schemaInteger, "capture_events": schemaInteger,
	"capture_filesize": schemaInteger, "source": schemaText,
	"exceptions": {typ: "array", item: &schema{typ: "object", required: []string{"name"},
		props: map[string]*schema{"name": schemaText, "fields": schemaAny, "comps": schemaAny, "values": schemaAny}}},
	"override": {typ: "object", minProps: 1, props: map[string]*schema{
		"items": schemaOp, "desc": schemaOp, "condition": schemaOp, "output": schemaOp, "priority": schemaOp,
		"enabled": schemaOp, "exceptions": schemaOp, "capture": schemaOp, "capture_duration": schemaOp,
		"capture_events": schemaOp, "capture_filesize": schemaOp, "tags": schemaOp,
		"warn_evttypes": schemaOp, "skip-if-unknown-filter": schemaOp}},
	"tags":          {typ: "array", item: schemaText},
	"warn_evttypes": schemaBool, "skip-if-unknown-filter": schemaBool,
}}}

// RuleSchema is the JSON schema of rule files, as --rule-schema prints it.
func RuleSchema() ([]byte, error) {
	doc := fileSchema.document()
	doc["$schema"] = "http://json-schema.org/draft-06/schema#"
	text, err := json.MarshalIndent(doc, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encode the rule schema: %w", err)
	}
	return append(text, '\n'), nil
}

// document is the schema in the words of JSON schema.
func (s *schema) document() map[string]any {
	doc := map[string]any{}
	if s.typ != "" {
		doc["type"] = s.typ
	}
	if s.scalar {
		doc["anyOf"] = []any{schemaInteger.document(), schemaText.document()}
	}
	if s.item != nil {
		doc["items"] = s.item.document()
	}
	if s.props != nil {
		props := map[string]any{}
		for name, p := range s.props {
			props[name] = p.document()
		}
		doc["properties"], doc["additionalProperties"] = props, false
	}
	if s.required != nil {
		doc["required"] = s.required
	}
	if s.minProps > 0 {
		doc["minProperties"] = s.minProps
	}
	if s.enum != nil {
		doc["enum"] = s.enum
	}
	return doc
}

// checkSchema validates all documents against the schema. Its findings are warnings; they do not stop a file from loading.
func checkSchema(docs []*yamltree.Node) (Schema, []string) {
	if len(docs) == 0 {
		return SchemaUnchecked, nil
	}
	var c schemaCheck
	valid := true
	for _, d := range docs {
		valid = c.check(fileSchema, d, "<root>") && valid
	}
	if valid {
		return SchemaValid, nil
	}
	return SchemaInvalid, c.found
}

type schemaCheck struct{ found []string }

func (c *schemaCheck) fail(path, format string, args ...any) bool {
	if len(c.found) < maxProblems {
		c.found = append(c.found, fmt.Sprintf("failed for %s: %s", path, fmt.Sprintf(format, args...)))
	}
	return false
}

func (c *schemaCheck) check(s *schema, n *yamltree.Node, path string) bool {
	ok := true
	if s.scalar && n.Kind != yamltree.Scalar {
		ok = c.fail(path, "Failed to validate against any child schemas allowed by anyOf constraint.")
	}
	if s.enum != nil && !slices.Contains(s.enum, n.Text) {
		ok = c.fail(path, "Failed to match against any enum values.")
	}
	if s.item != nil && n.Kind == yamltree.Sequence {
		var dry schemaCheck // so that no path is made of each item of a long list
		for i, item := range n.Items {
			if !dry.check(s.item, item, "") && !c.check(s.item, item, fmt.Sprintf("%s[%d]", path, i)) {
				ok = c.fail(path, "Failed to validate item #%d in array.", i)
			}
		}
	}
	if s.props != nil && n.Kind == yamltree.Mapping {
		ok = c.object(s, n, path) && ok
	}
	if !s.allows(n) {
		ok = c.fail(path, "Value type not permitted by 'type' constraint.")
	}
	return ok
}

func (c *schemaCheck) object(s *schema, n *yamltree.Node, path string) bool {
	ok := true
	if len(n.Pairs) < s.minProps {
		ok = c.fail(path, "Object should have no fewer than %d properties.", s.minProps)
	}
	unknown := ""
	keys := sortedKeys(n)
	for _, key := range keys {
		p, known := s.props[key]
		switch {
		case !known && unknown == "":
			unknown = key
		case known && !c.check(p, n.Get(key), path+"["+key+"]"):
			ok = c.fail(path, "Failed to validate against schema associated with property name '%s'.", key)
		}
	}
	// Falco's validator counts pairs: of a key that is there twice, one counts as unvalidated and has no name.
	if unknown != "" || len(keys) < len(n.Pairs) {
		ok = c.fail(path, "Object contains a property that could not be validated using 'properties' or "+
			"'additionalProperties' constraints: '%s'.", unknown)
	}
	for _, key := range s.required {
		if !n.Has(key) {
			ok = c.fail(path, "Missing required property '%s'.", key)
		}
	}
	return ok
}

func sortedKeys(n *yamltree.Node) []string {
	keys := make([]string, len(n.Pairs))
	for i, p := range n.Pairs {
		keys[i] = p.Key.Text
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

// allows tells whether a value has the schema's type. Scalars are read as the type asks for, as YAML has no types.
func (s *schema) allows(n *yamltree.Node) bool {
	switch s.typ {
	case "array":
		return n.Kind == yamltree.Sequence
	case "object":
		return n.Kind == yamltree.Mapping
	case "string":
		return n.Kind == yamltree.Scalar
	case "boolean":
		// What is quoted is a text, of which JSON's words pass for a boolean.
		if n.Style != yamltree.Plain {
			return n.Text == "true" || n.Text == "false"
		}
		_, ok := parseBool(n.Text)
		return n.Kind == yamltree.Scalar && ok
	case "integer":
		_, err := strconv.ParseInt(n.Text, 0, 64)
		return n.Kind == yamltree.Scalar && err == nil
	}
	return true
}
