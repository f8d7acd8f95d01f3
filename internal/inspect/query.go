package inspect

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/saker-sensor/saker/internal/config"
	"github.com/saker-sensor/saker/internal/engine"
	"github.com/saker-sensor/saker/internal/engine/inspect"
	"github.com/saker-sensor/saker/internal/engine/rulefile"
	"github.com/saker-sensor/saker/internal/event"
	"github.com/saker-sensor/saker/internal/field"
	"github.com/saker-sensor/saker/internal/setup"
)

// ErrInvalid: a rule file has errors, which were printed.
var ErrInvalid = errors.New("rule files are invalid")

// Validate checks rule files and prints the result as `falco -V` does: text, or JSON with json_output.
func Validate(w io.Writer, cfg config.Config, files []string) error {
	sources := setup.ReadSources(files)
	if len(sources) == 0 {
		return fmt.Errorf("validate %s: the directory holds no rule file (*.yaml, *.yml)", strings.Join(files, ", "))
	}
	rules, results := setup.Load(cfg, sources)
	if cfg.JSONOutput { // Falco's schema of it has no place for more
		text, err := results.JSON()
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "%s\n", text)
	} else {
		fmt.Fprint(w, results.Text(true))
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

// writeBlindRules prints one line about rules whose events are not captured, if there are any; rules may be nil.
func writeBlindRules(w io.Writer, rules *engine.Ruleset) {
	if rules == nil {
		return
	}
	if blind := setup.FindBlindRules(rules); blind.Text() != "" {
		fmt.Fprintf(w, "Warning: %s\n", blind.Text())
	}
}

// Describe prints one rule, or all if the name is empty: text, or JSON with json_output. Warnings go to stderr.
func Describe(w, stderr io.Writer, cfg config.Config, name string) error {
	rules, results := setup.Rules(cfg)
	if !results.Successful() {
		return setup.RulesError(&results)
	}
	for _, line := range setup.UnknownNames(&cfg, rules) {
		fmt.Fprintf(stderr, "Warning: %s\n", line)
	}
	if cfg.JSONOutput {
		text, ok, err := inspect.DescribeJSON(rules, name)
		if err != nil {
			return err
		}
		if !ok {
			return noRule("describe", name, rules)
		}
		fmt.Fprintf(w, "%s\n", text)
		return nil
	}
	text, ok := inspect.DescribeText(rules, name)
	if !ok {
		return noRule("describe", name, rules)
	}
	fmt.Fprint(w, text)
	if name != "" {
		fmt.Fprintf(stderr, "sensor rules explain %s shows its condition and where each part comes from\n", shellQuote(name))
	}
	return nil
}

// shellQuote makes a text one word of a shell.
func shellQuote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

func noRule(what, name string, rules *engine.Ruleset) error {
	hint := rules.Nearest(name)
	if hint == "" {
		hint = "see sensor -L"
	}
	return fmt.Errorf("%s rule %q: there is no rule of that name; %s", what, name, hint)
}

// RuleSchema prints the JSON schema of rule files.
func RuleSchema(w io.Writer) error {
	text, err := rulefile.RuleSchema()
	if err == nil {
		_, err = w.Write(text)
	}
	return err
}

// ListFields prints the field dictionary of a source: text, markdown, JSON, or the names alone.
func ListFields(w io.Writer, source, format string, namesOnly bool) error {
	dicts := setup.AllDictionaries()
	dict := dicts[source]
	switch {
	case dict == nil:
		return fmt.Errorf("list the fields: source %q is unknown; use one of %s", source,
			strings.Join(slices.Sorted(maps.Keys(dicts)), ", "))
	case namesOnly:
		for _, f := range dict.Fields() {
			fmt.Fprintln(w, f.Name)
		}
	case format == "markdown":
		fmt.Fprint(w, field.Markdown(dict))
	case format == "json":
		return writeJSON(w, map[string]any{"fields": field.Describe(dict)})
	case format == "text":
		fmt.Fprint(w, field.List(dict))
	default:
		return formatError("list the fields", format)
	}
	return nil
}

func formatError(what, format string) error {
	return fmt.Errorf("%s: format %q is not one of: text, markdown, json", what, format)
}

// writeLine writes JSON as one line.
func writeLine(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

func writeJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// ListEvents prints the event types that rules may name, with the parameters of those that the sensor captures: text,
// markdown or JSON.
func ListEvents(w io.Writer, format string) error {
	type eventRow struct {
		Name     string        `json:"name"`
		Captured bool          `json:"captured"`
		Params   []field.Param `json:"params"`
	}
	var rows []eventRow
	params := field.Params()
	for _, t := range event.AllTypes() {
		rows = append(rows, eventRow{t.String(), t.Captured(), append([]field.Param{}, params[t]...)})
	}
	switch format {
	case "json":
		return writeJSON(w, map[string]any{"events": rows})
	case "text", "markdown":
	default:
		return formatError("list the events", format)
	}
	if format == "markdown" {
		fmt.Fprint(w, "# Events\n\n| event | parameters | captured |\n|---|---|---|\n")
	}
	for _, r := range rows {
		mark := "not captured yet"
		if r.Captured {
			mark = "captured"
		}
		var params []string
		for _, p := range r.Params {
			name := p.Name
			if format == "markdown" {
				name = "**" + name + "**"
			}
			params = append(params, p.Type+" "+name)
		}
		if format == "markdown" {
			fmt.Fprintf(w, "| `%s` | %s | %s |\n", r.Name, strings.Join(params, ", "), mark)
			continue
		}
		// The form is Falco's; < is the end of a call, the only part of it that rules see.
		fmt.Fprintf(w, "< %s(%s)  %s\n", r.Name, strings.Join(params, ", "), mark)
	}
	return nil
}

// ListIgnored prints the event types that rules may name and the sensor does not capture, as `falco -i` does.
func ListIgnored(w io.Writer) error {
	fmt.Fprintln(w, "Ignored Event(s):")
	for _, t := range event.AllTypes() {
		if !t.Captured() {
			fmt.Fprintf(w, "- %s\n", t)
		}
	}
	_, err := fmt.Fprintln(w)
	return err
}
