package sensor

import (
	"errors"
	"fmt"
	"io"

	"github.com/saker-sensor/saker/internal/config"
	"github.com/saker-sensor/saker/internal/event"
	"github.com/saker-sensor/saker/internal/field"
)

// ErrInvalid: a rule file has errors, which were printed.
var ErrInvalid = errors.New("rule files are invalid")

// Validate checks rule files and prints the result as `falco -V` does: text, or JSON with json_output.
func Validate(w io.Writer, cfg config.Config, files []string) error {
	_, results := loadSources(cfg, readSources(files))
	if cfg.JSONOutput {
		text, err := results.JSON()
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "%s\n", text)
	} else {
		fmt.Fprint(w, results.Text(true))
	}
	if !results.Successful() {
		return ErrInvalid
	}
	return nil
}

// Describe prints one rule, or all if the name is empty: text, or JSON with json_output.
func Describe(w io.Writer, cfg config.Config, name string) error {
	rules, results := LoadRules(cfg)
	if !results.Successful() {
		return rulesError(&results)
	}
	if cfg.JSONOutput {
		text, ok, err := rules.DescribeJSON(name)
		if err != nil {
			return err
		}
		if !ok {
			return fmt.Errorf("describe rule %q: there is no rule of that name; see sensor -L", name)
		}
		fmt.Fprintf(w, "%s\n", text)
		return nil
	}
	text, ok := rules.DescribeText(name)
	if !ok {
		return fmt.Errorf("describe rule %q: there is no rule of that name; see sensor -L", name)
	}
	fmt.Fprint(w, text)
	return nil
}

// ListFields prints the field dictionary: text, markdown, or the names alone.
func ListFields(w io.Writer, format string, namesOnly bool) error {
	dict := dictionary()
	switch {
	case namesOnly:
		for _, f := range dict.Fields() {
			fmt.Fprintln(w, f.Name)
		}
	case format == "markdown":
		fmt.Fprint(w, field.Markdown(dict))
	case format == "text":
		fmt.Fprint(w, field.List(dict))
	default:
		return fmt.Errorf("list the fields: format %q is not one of: text, markdown", format)
	}
	return nil
}

// ListEvents prints the event types that rules may name, and whether the sensor captures them.
func ListEvents(w io.Writer) {
	for _, t := range event.AllTypes() {
		mark := "not captured yet"
		if t.Captured() {
			mark = "captured"
		}
		fmt.Fprintf(w, "%-24s %s\n", t, mark)
	}
}
