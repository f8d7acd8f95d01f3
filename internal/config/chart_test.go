package config

import (
	"bytes"
	"encoding/json"
	"os"
	"slices"
	"testing"

	"github.com/goccy/go-yaml"
)

// chartFolder is the Helm chart's.
const chartFolder = "../../deploy/helm/saker/"

// TestChartSchema: the Helm chart knows the keys of falco.yaml as values falco.*, and what Helm itself checks is generated from
// its own schema and values.
func TestChartSchema(t *testing.T) {
	var values map[string]any
	if err := json.Unmarshal(readChart(t, "files/schema.json"), &values); err != nil {
		t.Fatal(err)
	}
	schema, err := Schema()
	if err != nil {
		t.Fatal(err)
	}
	var own map[string]any
	if err := json.Unmarshal(schema, &own); err != nil {
		t.Fatal(err)
	}
	delete(own, "$schema")
	delete(own, "title")
	values["properties"].(map[string]any)["falco"] = own
	chartGolden(t, "files/schema.json", values)

	properties := values["properties"].(map[string]any)
	for name, p := range properties {
		accept(p, name == "falco")
	}
	delete(values, "additionalProperties")
	chartGolden(t, "values.schema.json", values)

	var defaults map[string]any
	if err := yaml.Unmarshal(readChart(t, "values.yaml"), &defaults); err != nil {
		t.Fatal(err)
	}
	chartGolden(t, "files/defaults.json", defaults)
}

// accept makes a schema one that Helm's users can live with: it takes unknown keys, which the chart's templates tell of, and null,
// which stands for the default. In falco it takes a text for a switch or a number, and the other way round, as the sensor does.
func accept(schema any, falco bool) {
	s, ok := schema.(map[string]any)
	if !ok {
		return
	}
	if s["additionalProperties"] == false {
		delete(s, "additionalProperties")
	}
	types, _ := s["type"].([]any)
	if one, ok := s["type"].(string); ok {
		types = []any{one}
	}
	_, enum := s["enum"]
	_, pattern := s["pattern"]
	switch typ := s["type"]; {
	case typ == "string" && !enum && !pattern:
		types = append(types, "number")
		if falco {
			types = append(types, "boolean")
		}
	case falco && typ == "boolean":
		types = append(types, "string")
		s["pattern"] = "^([Tt]rue|TRUE|[Ff]alse|FALSE|[Yy](es)?|YES|[Nn]o?|NO|[Oo]n|ON|[Oo]ff|OFF|)$"
	case falco && (typ == "integer" || typ == "number"):
		types = append(types, "string")
		s["pattern"] = `^(-?[0-9]*\.?[0-9]+|)$`
	case falco && typ == "array":
		types = append(types, "string", "object")
	}
	if enum {
		s["enum"] = append(s["enum"].([]any), nil)
	}
	if len(types) > 0 && !slices.Contains(types, any("null")) {
		types = append(slices.Clone(types), "null")
	}
	if len(types) > 0 {
		s["type"] = types
	}
	properties, _ := s["properties"].(map[string]any)
	for _, p := range properties {
		accept(p, falco)
	}
	accept(s["items"], falco)
	if falco {
		accept(s["additionalProperties"], falco)
	}
	for _, one := range asList(s["anyOf"]) {
		accept(one, falco)
	}
}

func asList(v any) []any {
	l, _ := v.([]any)
	return l
}

func readChart(t *testing.T, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(chartFolder + name)
	if err != nil {
		if *update {
			return nil
		}
		t.Fatal(err)
	}
	return text
}

// chartGolden compares a file of the chart with a value as JSON.
func chartGolden(t *testing.T, name string, value any) {
	t.Helper()
	var want bytes.Buffer
	e := json.NewEncoder(&want)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(value); err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(chartFolder+name, want.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if !bytes.Equal(want.Bytes(), readChart(t, name)) {
		t.Errorf("%s of the chart is not what it is generated from; run make update", name)
	}
}
