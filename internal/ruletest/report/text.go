// Package report writes what became of tests of rules: as text in the manner of go test, as JSON, and as JUnit's XML.
package report

import (
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/saker-sensor/saker/internal/ruletest"
)

// Report is what became of all files.
type Report struct {
	Files []ruletest.Result `json:"files"`
	// Coverage is empty unless it was asked for.
	Coverage []ruletest.Covered `json:"coverage,omitempty"`
}

// Failed tells whether any test failed, or any file could not be run.
func (r *Report) Failed() bool {
	for i := range r.Files {
		if r.Files[i].Failed() {
			return true
		}
	}
	return false
}

// Text writes failed tests with what was expected, and a line for each file; verbose adds the tests that passed and the alerts.
func (r *Report) Text(w io.Writer, verbose bool) error {
	var b strings.Builder
	for i := range r.Files {
		writeFile(&b, &r.Files[i], verbose)
	}
	for i := range r.Coverage {
		writeCoverage(&b, &r.Coverage[i])
	}
	if r.Failed() {
		b.WriteString("FAIL\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func writeFile(b *strings.Builder, f *ruletest.Result, verbose bool) {
	for i := range f.Cases {
		c := &f.Cases[i]
		if verbose {
			fmt.Fprintf(b, "=== RUN   %s\n", c.Name)
		}
		state := "PASS"
		if len(c.Failures) > 0 {
			state = "FAIL"
		}
		if !verbose && state == "PASS" {
			continue
		}
		fmt.Fprintf(b, "--- %s: %s (%.2fs)\n", state, c.Name, c.Seconds)
		for _, fl := range c.Failures {
			fmt.Fprintf(b, "    %s:%d:%d: %s\n", f.File, fl.Line, fl.Column, fl.Message)
			for _, d := range fl.Detail {
				fmt.Fprintf(b, "        %s\n", d)
			}
		}
		if verbose {
			for _, a := range c.Alerts {
				fmt.Fprintf(b, "    alert of %s\n", a.Text())
			}
		}
	}
	switch {
	case f.Error != "":
		fmt.Fprintf(b, "%s\nFAIL\t%s\t[not run]\n", f.Error, f.File)
	case f.Failed():
		fmt.Fprintf(b, "FAIL\t%s\t%.2fs\n", f.File, f.Seconds)
	case len(f.Cases) == 0:
		fmt.Fprintf(b, "ok  \t%s\t%.2fs [no tests to run]\n", f.File, f.Seconds)
	default:
		fmt.Fprintf(b, "ok  \t%s\t%.2fs\n", f.File, f.Seconds)
	}
}

// maxCheck bounds what is shown of a comparison, in bytes.
const maxCheck = 100

func writeCoverage(b *strings.Builder, c *ruletest.Covered) {
	name := "coverage"
	if len(c.Rules) > 0 {
		name += " of " + strings.Join(c.Rules, ", ")
	}
	fmt.Fprintf(b, "%s: %d of %d rules fired, ", name, c.Fired, c.CoverageReport.Rules)
	fmt.Fprintf(b, "%d of %d comparisons were true and false\n", c.Both, c.Parts)
	for _, r := range c.List {
		fmt.Fprintf(b, "  %s: %s", r.Place, r.Rule)
		switch {
		case r.Hits == 0:
			b.WriteString(": never fired")
		case r.Misses == 0:
			b.WriteString(": fired for every event of its types")
		}
		b.WriteString("\n")
		if r.Hits == 0 {
			continue // all of it is to be tested yet
		}
		for _, g := range r.Gaps {
			check := g.Check
			if len(check) > maxCheck {
				check = strings.ToValidUTF8(check[:maxCheck], "") + "…"
			}
			fmt.Fprintf(b, "    never %-9s %s (%s:%d)\n", g.Never, check, path.Base(g.File), g.Line)
		}
	}
}
