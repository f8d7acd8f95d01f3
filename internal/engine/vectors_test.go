package engine_test

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/saker-sensor/saker/internal/engine"
	"github.com/saker-sensor/saker/internal/engine/filter"
	"github.com/saker-sensor/saker/internal/engine/inspect"
	"github.com/saker-sensor/saker/internal/engine/rulefile"
	"github.com/saker-sensor/saker/internal/testutil"
)

type vectorCase struct {
	Test, Source string
	Steps        []vectorStep
}

type vectorStep struct {
	Step, Name, Content, Rule, Text, Code, Status, Ruleset, Condition string
	OK                                                                bool
	Expect                                                            bool
	Satisfied                                                         bool
	Value                                                             any
	Path                                                              []string
	Args                                                              []any
	LoadedPlugins                                                     []struct{ Name, Version string } `json:"loaded_plugins"`
}

// notOurs are cases of internal/output/render, which appends to outputs and has a test of them.
var notOurs = []string{"extra_format_all", "extra_fields_all"}

func TestLoaderVectors(t *testing.T) {
	raw, err := os.ReadFile(testutil.Shared(t, "vectors/loader.json"))
	if err != nil {
		t.Fatal(err)
	}
	var cases []vectorCase
	if err := json.Unmarshal(raw, &cases); err != nil {
		t.Fatal(err)
	}
	cases = slices.DeleteFunc(cases, func(c vectorCase) bool { return slices.Contains(notOurs, c.Test) })
	for _, c := range cases {
		t.Run(c.Test, func(t *testing.T) {
			v := vectorRun{t: t, selections: map[string][]engine.Selector{}}
			for _, s := range c.Steps {
				v.step(s)
			}
		})
	}
}

// vectorRun carries what one case's steps share.
type vectorRun struct {
	t       *testing.T
	source  rulefile.Source
	rs      *engine.Ruleset
	results rulefile.Results
	// selections are the switches of each named rule set, all of whose rules are off at first.
	selections map[string][]engine.Selector
}

func (v *vectorRun) step(s vectorStep) {
	t := v.t
	t.Helper()
	switch s.Step {
	case "load":
		v.source = rulefile.Source{Name: s.Name, Content: []byte(s.Content)}
		v.rs, v.results = engine.Load([]rulefile.Source{v.source}, engine.TestOptions())
		if v.results.Successful() != s.OK {
			t.Fatalf("successful = %v, want %v\n%s", v.results.Successful(), s.OK, v.results.Text(true))
		}
	case "schema_validation":
		if got := v.results.Files[0].Schema; (got == rulefile.SchemaValid) != (s.Status == "ok") {
			t.Errorf("schema = %v, want %s: %v", got, s.Status, v.results.Files[0].SchemaWarnings)
		}
	case "warning_contains":
		v.contains(s, v.results.Files[0].Warnings)
	case "error_contains":
		v.contains(s, v.results.Files[0].Errors)
	case "has_warnings":
		if got := len(v.results.Files[0].Warnings) > 0; got != s.Expect {
			t.Errorf("has warnings = %v, want %v\n%s", got, s.Expect, v.results.Text(true))
		}
	case "compiled_condition":
		r, ok := v.rs.Rule(s.Rule)
		if !ok {
			t.Fatalf("no rule %q", s.Rule)
		}
		if diff := cmp.Diff(s.Value, filter.Print(r.Expr())); diff != "" {
			t.Errorf("compiled condition (-want +got):\n%s", diff)
		}
	case "describe_rule":
		v.describe(s)
	case "num_enabled_rules":
		if got := v.enabled(s.Ruleset); float64(got) != s.Value {
			t.Errorf("%d rules enabled in %s, want %v", got, s.Ruleset, s.Value)
		}
	case "enable_rule_by_tag", "enable_rule_wildcard":
		v.enable(s)
	case "plugin_requirements":
		v.plugins(s)
	case "condition_warns":
		e, err := filter.Parse(s.Condition, filter.ParseOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if got := len(engine.Doubts(e)) > 0; got != s.Expect {
			t.Errorf("%q warns = %v, want %v", s.Condition, got, s.Expect)
		}
	case "raw_assert":
		v.snippet()
	default:
		t.Fatalf("unknown step %q", s.Step)
	}
}

func (v *vectorRun) contains(s vectorStep, ps []rulefile.Problem) {
	v.t.Helper()
	found := false
	for _, p := range ps {
		found = found || string(p.Code) == s.Code && strings.Contains(p.Message, s.Text)
	}
	if found != s.Expect {
		v.t.Errorf("%s %q found = %v, want %v\n%s", s.Code, s.Text, found, s.Expect, v.results.Text(true))
	}
}

// describe compares one value, or a list's length, of the description; of a list of details each value is tried.
func (v *vectorRun) describe(s vectorStep) {
	t := v.t
	t.Helper()
	raw, _, err := inspect.DescribeJSON(v.rs, "")
	if err != nil {
		t.Fatal(err)
	}
	var at any
	if err := json.Unmarshal(raw, &at); err != nil {
		t.Fatal(err)
	}
	for i, key := range s.Path {
		if l, ok := at.([]any); ok && i > 0 {
			at = l[0]
		}
		at = at.(map[string]any)[key]
	}
	want := strings.TrimSuffix(fmt.Sprint(s.Value), "u")
	if l, ok := at.([]any); ok {
		for _, e := range l {
			if e == want {
				return
			}
		}
		at = float64(len(l))
	}
	if got := fmt.Sprint(at); got != want {
		t.Errorf("%v = %s, want %s", s.Path, got, want)
	}
}

func (v *vectorRun) enabled(ruleset string) int {
	opt := engine.TestOptions()
	if ruleset != "falco-default-ruleset" {
		opt.Selection = append([]engine.Selector{{Rule: "*"}}, v.selections[ruleset]...)
	}
	rs, _ := engine.Load([]rulefile.Source{v.source}, opt)
	n := 0
	for _, r := range rs.Rules() {
		if r.Enabled {
			n++
		}
	}
	return n
}

func (v *vectorRun) enable(s vectorStep) {
	what, name := fmt.Sprint(s.Args[0]), fmt.Sprint(s.Args[2])
	sel := engine.Selector{Enable: s.Args[1] == "true"}
	if s.Step == "enable_rule_by_tag" {
		// The case names a variable that holds the one tag.
		sel.Tag = strings.TrimSuffix(what, "_tags")
	} else {
		sel.Rule = what
	}
	v.selections[name] = append(v.selections[name], sel)
}

func (v *vectorRun) plugins(s vectorStep) {
	opt := engine.TestOptions()
	opt.Plugins = map[string]string{}
	for _, p := range s.LoadedPlugins {
		opt.Plugins[p.Name] = p.Version
	}
	_, results := engine.Load([]rulefile.Source{{Name: "rules.yaml", Content: []byte(s.Content)}}, opt)
	if got := results.Successful(); got != s.Satisfied {
		v.t.Errorf("satisfied = %v, want %v: %v\n%s", got, s.Satisfied, results.Err, results.Text(true))
	}
}

// snippet: the warning about evt.dir shows the line that holds it, not the block's header.
func (v *vectorRun) snippet() {
	for _, w := range v.results.Files[0].Warnings {
		if w.DeprecatedField == "evt.dir" {
			if strings.Contains(w.Snippet, "condition: >") || !strings.Contains(w.Snippet, "evt.dir") {
				v.t.Errorf("snippet is off:\n%s", w.Snippet)
			}
			return
		}
	}
	v.t.Error("no warning about evt.dir")
}
