package rulefile

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
)

// JSON is the form that falco -V prints with json_output: one object, keys in byte order. Of several errors Falco knows
// the first only; the others stand in more_errors.
func (rs *Results) JSON() ([]byte, error) {
	out := struct {
		Results []jsonResult `json:"falco_load_results"`
	}{Results: []jsonResult{}}
	for i := range rs.Files {
		out.Results = append(out.Results, rs.Files[i].json())
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(out); err != nil {
		return nil, fmt.Errorf("encode load results: %w", err)
	}
	return bytes.TrimRight(b.Bytes(), "\n"), nil
}

type jsonResult struct {
	Errors         []jsonProblem `json:"errors"`
	MoreErrors     []jsonProblem `json:"more_errors,omitempty"`
	Name           string        `json:"name"`
	SchemaValid    *bool         `json:"schema_valid,omitempty"`
	SchemaWarnings *[]string     `json:"schema_warnings,omitempty"`
	Successful     bool          `json:"successful"`
	Warnings       []jsonProblem `json:"warnings"`
}

type jsonProblem struct {
	Code     Code   `json:"code"`
	CodeDesc string `json:"codedesc"`
	Context  struct {
		Locations []jsonLocation `json:"locations"`
		Snippet   string         `json:"snippet"`
	} `json:"context"`
	DeprecatedField string `json:"deprecated_field,omitempty"`
	Hint            string `json:"hint,omitempty"`
	Message         string `json:"message"`
}

type jsonLocation struct {
	ItemName string `json:"item_name"`
	ItemType string `json:"item_type"`
	Position struct {
		Column int    `json:"column"`
		Line   int    `json:"line"`
		Name   string `json:"name"`
		Offset int    `json:"offset"`
	} `json:"position"`
}

func (r *Result) json() jsonResult {
	out := jsonResult{Name: r.Name, Successful: r.Successful(), Errors: jsonProblems(r.Errors), Warnings: jsonProblems(r.Warnings)}
	if len(out.Errors) > 1 {
		out.Errors, out.MoreErrors = out.Errors[:1], out.Errors[1:]
	}
	if r.Schema != SchemaUnchecked {
		valid, warnings := r.Schema == SchemaValid, append([]string{}, r.SchemaWarnings...)
		out.SchemaValid, out.SchemaWarnings = &valid, &warnings
	}
	return out
}

func jsonProblems(ps []Problem) []jsonProblem {
	out := make([]jsonProblem, len(ps))
	for i, p := range ps {
		o := &out[i]
		o.Code, o.CodeDesc, o.Message, o.Hint = p.Code, codeText[p.Code].long, p.Message, p.Hint
		o.DeprecatedField = p.DeprecatedField
		o.Context.Snippet = p.Snippet
		o.Context.Locations = make([]jsonLocation, len(p.Where))
		for k, w := range p.Where {
			l := &o.Context.Locations[k]
			l.ItemName, l.ItemType = w.Name, w.Type
			l.Position.Column, l.Position.Line, l.Position.Name, l.Position.Offset = w.Column, w.Line, w.File, w.Offset
		}
	}
	return out
}

// Text is the form that falco -V prints: a line a file, and the details of a file that is invalid; with verbose, of
// every file.
func (rs *Results) Text(verbose bool) string {
	var b strings.Builder
	for i := range rs.Files {
		rs.Files[i].text(&b, verbose)
	}
	return b.String()
}

func (r *Result) text(b *strings.Builder, verbose bool) {
	b.WriteString(r.Name + ": ")
	switch {
	case !r.Successful():
		b.WriteString("Invalid\n")
	case len(r.Warnings) > 0 || r.Schema == SchemaInvalid:
		b.WriteString("Ok, with warnings\n")
	default:
		b.WriteString("Ok\n")
	}
	if r.Successful() && !verbose {
		return
	}
	textProblems(b, r.Errors, "Errors") // they say what to change; the schema's words are Falco's and name no line
	if len(r.SchemaWarnings) > 0 {
		fmt.Fprintf(b, "%d Schema warnings:\n------\n", len(r.SchemaWarnings))
		for _, w := range r.SchemaWarnings {
			b.WriteString(w + "\n------\n")
		}
		b.WriteString("\n")
	}
	textProblems(b, r.Warnings, "Warnings")
}

func textProblems(b *strings.Builder, ps []Problem, what string) {
	if len(ps) == 0 {
		return
	}
	fmt.Fprintf(b, "%d %s:\n", len(ps), what)
	for _, p := range ps {
		for i, w := range p.Where {
			lead, name := "    ", w.Type
			if i == 0 {
				lead = "In "
			}
			if w.Name != "" {
				name += " '" + w.Name + "'"
			}
			fmt.Fprintf(b, "%s%s: (%s:%d:%d)\n", lead, name, w.File, w.Line, w.Column)
		}
		if p.Snippet != "" {
			fmt.Fprintf(b, "------\n%s------\n", p.Snippet)
		}
		fmt.Fprintf(b, "%s (%s): %s\n", p.Code, codeText[p.Code].short, p.Message)
		if p.Hint != "" {
			fmt.Fprintf(b, "Hint: %s\n", p.Hint)
		}
		b.WriteString("\n")
	}
}
