package field

import (
	"fmt"
	"strings"

	"github.com/saker-sensor/saker/internal/call"
	"github.com/saker-sensor/saker/internal/event"
)

// Row describes a field for a listing.
type Row struct {
	Class string `json:"class"`
	Name  string `json:"name"`
	Doc   string `json:"doc"`
	// Type is Falco's word for the type, with LIST(…) around it for a list.
	Type string `json:"type"`
	// Arg is how an argument is written: [N]-like text, empty if there is none.
	Arg string `json:"arg,omitempty"`
	// Notes are what else to know: deprecated, filter only, not captured, ….
	Notes []string `json:"notes,omitempty"`
}

// Param is a parameter of an event, for a listing: evt.arg.NAME and evt.rawarg.NAME read it.
type Param struct {
	Name string `json:"name"`
	Type string `json:"type"`
}

// Params are the parameters of the captured event types, in their order.
func Params() map[event.Type][]Param {
	rows := call.Rows()
	all := newParams(rows)
	out := map[event.Type][]Param{}
	for i := range rows {
		out[rows[i].Type] = rowParams(&rows[i])
	}
	for _, t := range event.AllTypes() {
		if _, ok := out[t]; ok {
			continue
		}
		for _, p := range all.of(t) {
			out[t] = append(out[t], Param{p.name, p.typ.String()})
		}
	}
	return out
}

func rowParams(row *call.Row) []Param {
	var out []Param
	for i := range row.Params {
		if p := &row.Params[i]; p.Name != "" {
			out = append(out, Param{p.Name, p.TypeWord()})
		}
	}
	return out
}

// Describe lists the fields in the dictionary's order, but for those that no listing names.
func Describe(d *Dictionary) []Row {
	var rows []Row
	for _, in := range d.Fields() {
		if in.Flags&TableOnly != 0 {
			continue
		}
		rows = append(rows, Row{Class: in.Class, Name: in.Name, Doc: in.Doc, Type: typeText(in), Arg: argText(in), Notes: notes(in)})
	}
	return rows
}

func typeText(in *Info) string {
	switch {
	case in.ArgType != nil:
		return "by argument"
	case in.List:
		return "LIST(" + in.Type.String() + ")"
	}
	return in.Type.String()
}

func argText(in *Info) string {
	arg := "[…]"
	if in.DotArg {
		arg = ".…"
	}
	switch in.Arg {
	case ArgRequired:
		return arg
	case ArgOptional:
		return "(" + arg + ")"
	}
	return ""
}

// noteWords are the words for flags, in the order in which they are listed.
var noteWords = []struct {
	flag Flags
	word string
}{
	{Additive, "not in Falco"}, {Deprecated, "deprecated"}, {FilterOnly, "no value in outputs"}, {PrintOnly, "outputs only"},
	{NoRHS, "not on the right"}, {NoTransformer, "not in transformers"}, {Suggested, "in every output"}, {NeverSet, "never set"},
}

func notes(in *Info) []string {
	var words []string
	for _, n := range noteWords {
		if in.Flags&n.flag != 0 {
			words = append(words, n.word)
		}
	}
	return words
}

// List is the text of --list: the fields by class.
func List(d *Dictionary) string {
	const indent = 32
	var b strings.Builder
	class := ""
	for _, r := range Describe(d) {
		if r.Class != class {
			class = r.Class
			fmt.Fprintf(&b, "-------------------------------\nField Class:                  %s\n\n", class)
		}
		name := r.Name + r.Arg
		if len(name) >= indent {
			fmt.Fprintf(&b, "%s\n%*s", name, indent, "")
		} else {
			fmt.Fprintf(&b, "%-*s", indent, name)
		}
		fmt.Fprintf(&b, "%s (%s)\n", r.Doc, strings.Join(append([]string{r.Type}, r.Notes...), ", "))
	}
	return b.String()
}

// Markdown is the reference of all fields.
func Markdown(d *Dictionary) string {
	var b strings.Builder
	b.WriteString("# Fields\n\nWhat conditions and outputs can name. Made from the dictionary (`internal/field`); do not edit.\n\n" +
		"A field with `[…]` takes an argument in brackets, one with `.…` as a last part of its name or in brackets; " +
		"in parentheses it may be left out.\n" +
		"A field that is never set has no value in Falco either, of system calls; it loads in every rule and is always missing.\n")
	class := ""
	for _, r := range Describe(d) {
		if r.Class != class {
			class = r.Class
			fmt.Fprintf(&b, "\n## %s\n\n| field | type | meaning | notes |\n|---|---|---|---|\n", class)
		}
		fmt.Fprintf(&b, "| `%s%s` | %s | %s | %s |\n", r.Name, r.Arg, r.Type, strings.ReplaceAll(r.Doc, "|", `\|`),
			strings.Join(r.Notes, ", "))
	}
	return b.String()
}
