package config

import (
	"bytes"
	"encoding/json"
	"os"
	"testing"
)

// TestChartSchema: the Helm chart checks its values falco.* as the sensor checks its configuration.
func TestChartSchema(t *testing.T) {
	const file = "../../deploy/helm/saker/values.schema.json"
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var values map[string]any
	if err := json.Unmarshal(text, &values); err != nil {
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
	var want bytes.Buffer
	e := json.NewEncoder(&want)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(values); err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(file, want.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if !bytes.Equal(want.Bytes(), text) {
		t.Errorf("falco in %s is not what sensor --config-schema prints; run make update", file)
	}
}
