package inspect

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/saker-sensor/saker/internal/config"
	"github.com/saker-sensor/saker/internal/engine/inspect"
	"github.com/saker-sensor/saker/internal/engine/rulefile"
	"github.com/saker-sensor/saker/internal/setup"
)

// Explain prints one rule with its lists, macros and exceptions put in, and where each part came from: text, or JSON
// with json_output.
func Explain(w io.Writer, cfg config.Config, name string) error {
	rules, results := setup.Rules(cfg)
	if !results.Successful() {
		return setup.RulesError(&results)
	}
	x, ok := inspect.Explain(rules, name)
	if !ok {
		return noRule("explain", name, rules)
	}
	if cfg.JSONOutput {
		return writeJSON(w, x)
	}
	_, err := io.WriteString(w, x.Text())
	return err
}

// lintFinding is a line of the lint report.
type lintFinding struct {
	Code    rulefile.Code `json:"code"`
	File    string        `json:"file"`
	Line    int           `json:"line"`
	Column  int           `json:"column"`
	Item    string        `json:"item,omitempty"`
	Message string        `json:"message"`
	Hint    string        `json:"hint,omitempty"`
	Error   bool          `json:"error"`
}

// Lint prints, a line each, the errors and warnings of rule files and what the engine doubts beyond them: text, or JSON
// with json_output. Without files it looks at the configured rules. It returns an error only if a file has one.
func Lint(w io.Writer, cfg config.Config, files []string) error {
	if len(files) > 0 {
		if len(setup.ReadSources(files)) == 0 {
			return fmt.Errorf("lint %s: the directory holds no rule file (*.yaml, *.yml)", strings.Join(files, ", "))
		}
		cfg.RulesFiles = files
	}
	rules, results := setup.Rules(cfg)
	findings := []lintFinding{}
	add := func(isError bool, problems ...rulefile.Problem) {
		for _, p := range problems {
			at := p.At()
			findings = append(findings, lintFinding{p.Code, at.File, at.Line, at.Column, itemOf(&p), p.Message, p.Hint, isError})
		}
	}
	for _, f := range results.Files {
		add(true, f.Errors...)
		add(false, f.Warnings...)
		for _, text := range f.SchemaWarnings {
			findings = append(findings, lintFinding{Code: "SCHEMA", File: f.Name, Line: 1, Column: 1, Message: text})
		}
	}
	if rules != nil {
		add(false, inspect.Lint(rules)...)
	}
	order := map[string]int{}
	for i, f := range results.Files {
		order[f.Name] = i
	}
	slices.SortStableFunc(findings, func(a, b lintFinding) int {
		return cmp.Or(cmp.Compare(order[a.File], order[b.File]), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	if cfg.JSONOutput {
		report := map[string]any{"findings": findings}
		if rules != nil {
			blind := setup.FindBlindRules(rules)
			for key, names := range map[string][]string{"rules_never": blind.Never, "rules_partly": blind.Partly} {
				if len(names) > 0 {
					report[key] = names
				}
			}
		}
		if err := writeJSON(w, report); err != nil {
			return err
		}
	} else {
		for _, f := range findings {
			fmt.Fprintln(w, f.text())
		}
		writeBlindRules(w, rules)
	}
	switch {
	case results.Err != nil:
		return results.Err
	case !results.Successful():
		return ErrInvalid
	}
	return nil
}

// itemOf names the item that a problem is in, such as rule 'X'; empty where it has no name.
func itemOf(p *rulefile.Problem) string {
	for _, w := range p.Where {
		if w.Name != "" {
			return fmt.Sprintf("%s '%s'", w.Type, w.Name)
		}
	}
	return ""
}

func (f *lintFinding) text() string {
	level := "warning"
	if f.Error {
		level = "error"
	}
	text := fmt.Sprintf("%s:%d:%d: %s: %s: ", f.File, f.Line, f.Column, level, f.Code)
	if f.Item != "" {
		text += f.Item + ": "
	}
	text += f.Message
	if f.Hint != "" {
		text += " (" + f.Hint + ")"
	}
	return text
}
