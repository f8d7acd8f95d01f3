package config

import (
	"encoding/json"
	"fmt"
)

// Schema is the JSON schema of configuration files, as --config-schema prints it.
func Schema() ([]byte, error) {
	t := newTable()
	doc := t.object("")
	doc["$schema"] = "http://json-schema.org/draft-06/schema#"
	doc["title"] = "SakerConfig"
	out, err := json.MarshalIndent(doc, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encode the configuration schema: %w", err)
	}
	return append(out, '\n'), nil
}

func typed(name string) map[string]any { return map[string]any{"type": name} }

// object is the schema of a map with the keys of a section, "" for the root.
func (t *table) object(name string) map[string]any {
	properties := map[string]any{}
	for i := range t.keys {
		if k := &t.keys[i]; parent(k.name) == name {
			properties[last(k.name)] = t.schema(k)
		}
	}
	out := typed("object")
	out["additionalProperties"], out["properties"] = false, properties
	return out
}

func (t *table) schema(k *key) map[string]any {
	var out map[string]any
	switch k.typ {
	case section:
		out = t.object(k.name)
	case sections:
		out = typed("array")
		out["items"] = t.object(k.name)
	case boolean:
		out = typed("boolean")
	case integer, number:
		out = typed(map[keyType]string{integer: "integer", number: "number"}[k.typ])
		if k.most != 0 {
			out["minimum"], out["maximum"] = k.least, k.most
		}
	case texts:
		out = typed("array")
		out["items"] = withAllowed(typed("string"), k.allowed)
	case textMap:
		out = typed("object")
		out["additionalProperties"] = typed("string")
	case mixed:
		item := t.object(k.name)
		if len(t.below(k.name)) == 0 {
			item = typed("object")
			item["additionalProperties"] = typed("string")
		}
		out = typed("array")
		out["items"] = map[string]any{"anyOf": []any{typed("string"), item}}
	case anything:
		out = map[string]any{}
	default:
		out = withAllowed(typed("string"), k.allowed)
	}
	out["description"] = k.doc
	return out
}

func withAllowed(schema map[string]any, allowed []string) map[string]any {
	if len(allowed) > 0 {
		schema["enum"] = allowed
	}
	return schema
}
