package engine

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/saker-sensor/saker/internal/engine/rulefile"
	"github.com/saker-sensor/saker/internal/testutil"
)

// falcoResult is what Falco printed with json_output, as far as it is compared.
type falcoResult struct {
	Errors, Warnings []falcoProblem
	Name             string
	SchemaValid      *bool    `json:"schema_valid"`
	SchemaWarnings   []string `json:"schema_warnings"`
	Successful       bool
}

type falcoProblem struct {
	Code, CodeDesc, Message string
	DeprecatedField         string `json:"deprecated_field"`
	Context                 struct {
		Locations []struct {
			ItemName string `json:"item_name"`
			ItemType string `json:"item_type"`
		}
		Snippet string
	}
}

// ownWords are messages that say more than Falco's, or say what its version 0.44.1 could not know.
var ownWords = map[string]string{
	"08_unknown_field_output": "Falco's message is cut off; the text is the output room's",
	"18_engine_version":       "engine 0.63, not 0.62",
	"40_bad_int":              "the filter's own words",
}

func TestFalcoSamples(t *testing.T) {
	dir := testutil.Shared(t, "falco-samples/validate")
	files, err := filepath.Glob(filepath.Join(dir, "*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no samples: %v", err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".yaml")
		t.Run(name, func(t *testing.T) {
			content := read(t, file)
			rc := strings.TrimSpace(string(read(t, strings.TrimSuffix(file, ".yaml")+".rc")))
			_, results := Load([]rulefile.Source{{Name: "cases/" + name + ".yaml", Content: content}}, testOptions())
			if got := results.Successful(); got != (rc == "0") {
				t.Fatalf("successful = %v, exit code was %s\n%s", got, rc, results.Text(true))
			}
			want := read(t, strings.TrimSuffix(file, ".yaml")+".json")
			if len(strings.TrimSpace(string(want))) == 0 {
				if results.Err == nil {
					t.Error("Falco printed no results: want an error of no file")
				}
				return
			}
			compareJSON(t, name, want, results)
			compareText(t, name, read(t, strings.TrimSuffix(file, ".yaml")+".txt"), results)
		})
	}
}

func compareJSON(t *testing.T, name string, want []byte, results rulefile.Results) {
	t.Helper()
	own, err := results.JSON()
	if err != nil {
		t.Fatal(err)
	}
	var a, b struct {
		R []falcoResult `json:"falco_load_results"`
	}
	if err := json.Unmarshal(want, &a); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(own, &b); err != nil {
		t.Fatal(err)
	}
	strip := func(r *falcoResult) {
		for _, ps := range [][]falcoProblem{r.Errors, r.Warnings} {
			for i := range ps {
				ps[i].Context.Snippet = ""
				ps[i].Context.Locations = ps[i].Context.Locations[:min(2, len(ps[i].Context.Locations))]
				if _, own := ownWords[name]; own {
					ps[i].Message = ""
				}
				ps[i].Message = yamlAt.ReplaceAllString(ps[i].Message, "line _, column _")
			}
		}
	}
	strip(&a.R[0])
	strip(&b.R[0])
	if diff := cmp.Diff(a.R, b.R); diff != "" {
		t.Errorf("results (-falco +ours):\n%s", diff)
	}
}

var (
	yamlAt    = regexp.MustCompile(`line \d+, column \d+`)
	place     = regexp.MustCompile(`\("?[^()]*:\d+:\d+\)`)
	hintLine  = regexp.MustCompile(`(?m)^Hint: .*\n`)
	snippets  = regexp.MustCompile(`(?ms)^------\n.*?\n *\^\n------\n`)
	deepPlace = regexp.MustCompile(
		`(?m)^    (value for|rule condition|macro condition|condition expression|key|exception value|fields|output field)\b.*:\d+:\d+\)\n`)
	schemaBlock = regexp.MustCompile(`(?s)(\d+ Schema warnings:\n.*?------\n\n)(\d+ Errors:\n.*)`)
	errorText   = regexp.MustCompile(`(?m)^(LOAD_\w+ \([^)]*\)): .*`)
)

// compareText compares the shape: places, snippets and the innermost locations are ours.
func compareText(t *testing.T, name string, want []byte, results rulefile.Results) {
	t.Helper()
	normal := func(s string) string {
		s = hintLine.ReplaceAllString(s, "")
		s = deepPlace.ReplaceAllString(s, "")
		s = place.ReplaceAllString(s, "(PLACE)")
		s = snippets.ReplaceAllString(s, "SNIPPET\n")
		s = yamlAt.ReplaceAllString(s, "line _, column _")
		if _, own := ownWords[name]; own {
			s = errorText.ReplaceAllString(s, "$1")
		}
		return s
	}
	for i := range results.Files {
		// Falco stops at the first error.
		results.Files[i].Errors = results.Files[i].Errors[:min(1, len(results.Files[i].Errors))]
	}
	// What Falco says of the schema comes first there, and behind the errors here.
	want = schemaBlock.ReplaceAll(want, []byte("$2$1"))
	if diff := cmp.Diff(normal(string(want)), normal(results.Text(false))); diff != "" {
		t.Errorf("text (-falco +ours):\n%s", diff)
	}
}

func read(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestUpstreamRulesLoad(t *testing.T) {
	var sources []rulefile.Source
	for _, name := range []string{"falco_rules.yaml", "falco-incubating_rules.yaml", "falco-sandbox_rules.yaml"} {
		sources = append(sources, rulefile.Source{Name: name, Content: read(t, testutil.Shared(t, "upstream-rules/"+name))})
	}
	for _, s := range append([][]rulefile.Source{sources}, sources[:1], sources[1:2], sources[2:]) {
		rs, results := Load(s, testOptions())
		if !results.Successful() {
			t.Fatalf("upstream rules are refused: %v\n%s", results.Err, results.Text(true))
		}
		for _, f := range results.Files {
			for _, w := range f.Warnings {
				// Falco warns of names that only other files use, and of nothing else.
				if w.Code != rulefile.WarnUnusedList && w.Code != rulefile.WarnUnusedMacro {
					t.Errorf("%s:%d: %s %s", w.At().File, w.At().Line, w.Code, w.Message)
				}
			}
			if f.Schema != rulefile.SchemaValid {
				t.Errorf("%s: %v", f.Name, f.SchemaWarnings)
			}
		}
		if len(rs.Rules()) == 0 {
			t.Error("no rules")
		}
	}
}

type regressionCase struct {
	Test     string
	Validate []string
	Rules    []string
	Expect   []struct {
		Assert, Kind, Code, Message string
		ItemType                    string `json:"item_type"`
		ItemName                    string `json:"item_name"`
		Count, Index                *int
		Present                     bool
		Value                       any
	}
}

// TestRegressionValidate runs those of Falco's regression tests that validate rule files.
func TestRegressionValidate(t *testing.T) {
	var all struct{ Cases []regressionCase }
	if err := json.Unmarshal(read(t, testutil.Shared(t, "regression/regression.json")), &all); err != nil {
		t.Fatal(err)
	}
	for _, c := range all.Cases {
		if len(c.Validate) == 0 {
			continue
		}
		t.Run(c.Test, func(t *testing.T) { regression(t, c) })
	}
}

func regression(t *testing.T, c regressionCase) {
	var sources []rulefile.Source
	for _, f := range c.Validate {
		sources = append(sources, rulefile.Source{Name: f, Content: read(t, testutil.Shared(t, "regression/"+f))})
	}
	_, results := Load(sources, testOptions())
	for _, e := range c.Expect {
		switch e.Assert {
		case "run_error", "run_ok":
			if got := results.Successful(); got != (e.Assert == "run_ok") {
				t.Errorf("successful = %v, want %s", got, e.Assert)
			}
		case "validation_successful":
			if got := results.Files[*e.Index].Successful(); got != e.Value {
				t.Errorf("file %d: successful = %v, want %v", *e.Index, got, e.Value)
			}
		case "validation":
			var ps []rulefile.Problem
			for _, f := range results.Files {
				if e.Kind == "error" {
					// The JSON form shows the first as errors.
					ps = append(ps, f.Errors[:min(1, len(f.Errors))]...)
				} else {
					ps = append(ps, f.Warnings...)
				}
			}
			if e.Count != nil {
				if len(ps) != *e.Count {
					t.Errorf("%d of kind %s, want %d", len(ps), e.Kind, *e.Count)
				}
				continue
			}
			if found := findProblem(ps, e.Code, e.ItemType, e.ItemName, e.Message); found != e.Present {
				t.Errorf("%s %s '%s' %q: found = %v", e.Code, e.ItemType, e.ItemName, e.Message, found)
			}
		}
	}
	if t.Failed() {
		t.Log(results.Text(true))
	}
}

func findProblem(ps []rulefile.Problem, code, typ, name, message string) bool {
	for _, p := range ps {
		for _, w := range p.Where {
			if string(p.Code) == code && w.Type == typ && (name == "" || w.Name == name) && (message == "" || p.Message == message) {
				return true
			}
		}
	}
	return false
}

// TestRegressionRulesLoad loads every rule file that the other regression tests run with. No case refuses its rules: where
// one expects an error, it is the configuration's or the command line's.
func TestRegressionRulesLoad(t *testing.T) {
	var all struct{ Cases []regressionCase }
	if err := json.Unmarshal(read(t, testutil.Shared(t, "regression/regression.json")), &all); err != nil {
		t.Fatal(err)
	}
	for _, c := range all.Cases {
		if len(c.Rules) == 0 || strings.Contains(c.Test, "Print_Rules#3") {
			continue // the latter needs the plugin json
		}
		t.Run(c.Test, func(t *testing.T) {
			var sources []rulefile.Source
			for _, f := range c.Rules {
				path := testutil.Shared(t, "regression/"+f)
				files := []string{path}
				if info, err := os.Stat(path); err == nil && info.IsDir() {
					if files, err = filepath.Glob(path + "/*.yaml"); err != nil || len(files) == 0 {
						t.Fatalf("%d files in %s: %v", len(files), path, err)
					}
				}
				for _, file := range files {
					sources = append(sources, rulefile.Source{Name: file, Content: read(t, file)})
				}
			}
			_, results := Load(sources, testOptions())
			if !results.Successful() {
				t.Errorf("refused: %v\n%s", results.Err, results.Text(true))
			}
		})
	}
}
