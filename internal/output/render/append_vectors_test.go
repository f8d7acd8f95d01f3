package render

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/goccy/go-yaml"

	"github.com/saker-sensor/saker/internal/event"
	"github.com/saker-sensor/saker/internal/field"
	"github.com/saker-sensor/saker/internal/testutil"
)

// The loader's cases about what is appended to every rule's output: the engine's tests leave them to this package.
func TestAppendVectors(t *testing.T) {
	raw, err := os.ReadFile(testutil.Shared(t, "vectors/loader.json"))
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct {
		Test  string
		Steps []struct {
			Step, Content string
			Value         any
			Args          []any
		}
	}
	if err := json.Unmarshal(raw, &cases); err != nil {
		t.Fatal(err)
	}
	checked := 0
	for _, c := range cases {
		var more Append
		rule := Rule{Priority: "Informational", Source: SourceSyscall}
		for _, s := range c.Steps {
			switch s.Step {
			case "add_extra_output_format":
				more.Output = s.Args[0].(string)
			case "add_extra_output_formatted_field":
				more.Fields = []AppendField{{Key: s.Args[0].(string), Text: s.Args[1].(string)}}
			case "load":
				var rules []struct{ Rule, Output string }
				if more.Output == "" && more.Fields == nil {
					continue
				}
				if err := yaml.Unmarshal([]byte(s.Content), &rules); err != nil {
					t.Fatal(err)
				}
				rule.Name, rule.Output = rules[0].Rule, rules[0].Output
			case "compiled_output":
				if more.Output == "" {
					continue
				}
				want := rule
				want.Output = s.Value.(string)
				if got, want := alertOf(t, rule, more).Output, alertOf(t, want, Append{}).Output; got != want {
					t.Errorf("%s: %q, want %q", c.Test, got, want)
				}
				checked++
			case "extra_formatted_fields":
				// The case does not say how they look.
				for _, f := range more.Fields {
					if got := alertOf(t, rule, more).Fields[f.Key]; got != f.Text {
						t.Errorf("%s: %s is %v, want %q", c.Test, f.Key, got, f.Text)
					}
				}
				checked++
			}
		}
	}
	if checked != 2 {
		t.Errorf("%d cases, want 2", checked)
	}
}

type alertJSON struct {
	Output string
	Fields map[string]any `json:"output_fields"`
}

func alertOf(t *testing.T, rule Rule, more Append) (got alertJSON) {
	t.Helper()
	a, err := NewAlert(rule, field.Syscall(), Options{JSON: true, IncludeOutput: true, IncludeOutputFields: true, Append: []Append{more}})
	if err != nil {
		t.Fatal(err)
	}
	ev := &event.Event{Num: 1, Type: event.TypeOpen, Process: &event.Process{Comm: "sh"}, File: event.File{Present: true, Given: "/f"}}
	if err := json.Unmarshal(a.Append(nil, ev), &got); err != nil {
		t.Fatal(err)
	}
	return got
}
