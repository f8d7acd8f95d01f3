package report

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/saker-sensor/saker/internal/engine/inspect"
	"github.com/saker-sensor/saker/internal/ruletest"
)

var update = flag.Bool("update", false, "renew the golden files")

func sample() *Report {
	place := inspect.Place{File: "rules/r.yaml", Line: 7, Column: 3}
	return &Report{
		Files: []ruletest.Result{
			{File: "a.yaml", Seconds: 0.012, Cases: []ruletest.Case{
				{Name: "passes", Line: 3, Seconds: 0.001, Events: 1, Alerts: []ruletest.Alert{
					{Rule: "A", Priority: "Notice", Event: 1, Output: "text <&>\x1b[31m", Fields: map[string]string{"proc.name": "sh"}}}},
				{Name: "fails & \"more\"", Line: 9, Seconds: 0.002, Events: 2, Failures: []ruletest.Failure{
					{Line: 11, Column: 13, Message: "rule 'A' did not fire; expected at least one",
						Detail: []string{"event 2 came nearest: execve x", "why"}},
					{Line: 12, Column: 13, Message: "rule 'B' fired, and must not"},
				}},
			}},
			{File: "b.yaml", Seconds: 0.5, Error: "b.yaml:1:2: broken; mend it", Cases: []ruletest.Case{}},
			{File: "c.yaml", Seconds: 0, Cases: []ruletest.Case{}},
			{File: "d.yaml", Seconds: 1.234, Cases: []ruletest.Case{{Name: "passes", Line: 1, Events: 1}}},
		},
		Coverage: []ruletest.Covered{{Rules: []string{"r.yaml"}, CoverageReport: inspect.CoverageReport{
			Rules: 3, Fired: 2, Missed: 3, Parts: 9, Both: 7, List: []inspect.RuleCoverage{
				{Rule: "A", Place: place, Hits: 2, Misses: 1, Gaps: []inspect.Gap{
					{Never: "true", Part: inspect.Part{Check: "proc.name = sh", Place: place}},
					{Never: "looked at", Part: inspect.Part{Check: "proc.name in (" + strings.Repeat("sh, ", 40) + "x)", Place: place}}}},
				{Rule: "B", Place: place, Misses: 4, Gaps: []inspect.Gap{{Never: "true", Part: inspect.Part{Check: "x = y", Place: place}}}},
				{Rule: "C", Place: place, Hits: 4, Gaps: []inspect.Gap{}},
			}}}},
	}
}

// TestForms compares each form with its golden file; -update renews them.
func TestForms(t *testing.T) {
	r := sample()
	for name, write := range map[string]func(io.Writer) error{
		"text.txt":    func(w io.Writer) error { return r.Text(w, false) },
		"verbose.txt": func(w io.Writer) error { return r.Text(w, true) },
		"report.json": r.JSON,
		"junit.xml":   r.JUnit,
	} {
		var b bytes.Buffer
		if err := write(&b); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join("testdata", name)
		if *update {
			if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), b.String()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// TestNumbers: what a machine reads agrees with the results.
func TestNumbers(t *testing.T) {
	var b bytes.Buffer
	if err := sample().JUnit(&b); err != nil {
		t.Fatal(err)
	}
	var suites junitSuites
	if err := xml.Unmarshal(b.Bytes(), &suites); err != nil {
		t.Fatal(err)
	}
	if suites.Tests != 4 || suites.Failed != 1 || suites.Errors != 1 || len(suites.Suites) != 4 {
		t.Errorf("%+v", suites)
	}
	for _, s := range suites.Suites {
		if s.Tests != len(s.Cases) {
			t.Errorf("%s says %d tests and has %d", s.Name, s.Tests, len(s.Cases))
		}
	}
	b.Reset()
	if err := sample().JSON(&b); err != nil {
		t.Fatal(err)
	}
	var out map[string]any
	if err := json.Unmarshal(b.Bytes(), &out); err != nil || out["passed"] != false {
		t.Errorf("%v, passed %v", err, out["passed"])
	}
}

func TestPassed(t *testing.T) {
	r := &Report{Files: []ruletest.Result{{File: "a", Cases: []ruletest.Case{{Name: "x"}}}}}
	var b bytes.Buffer
	if err := r.Text(&b, false); err != nil || r.Failed() || b.String() != "ok  \ta\t0.00s\n" {
		t.Errorf("%v %q", err, b.String())
	}
}
