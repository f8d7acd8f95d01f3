// Package sourcetest reads what Falco's plugins gave for documents, and the same of our fields. Only tests import it.
package sourcetest

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/saker-sensor/saker/internal/event"
	"github.com/saker-sensor/saker/internal/field"
	"github.com/saker-sensor/saker/internal/testutil"
)

// Vectors are the values of the plugin's fields, an event a map.
func Vectors(t *testing.T, name string) (all []map[string]any) {
	t.Helper()
	f, err := os.Open(testutil.Shared(t, "plugin-vectors/"+name))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for in := json.NewDecoder(bufio.NewReader(f)); in.More(); {
		values := map[string]any{}
		if err := in.Decode(&values); err != nil {
			t.Fatal(err)
		}
		all = append(all, values)
	}
	return all
}

// Fields are the names of the plugin's fields, each with its type and its argument.
func Fields(t *testing.T, name string) map[string]string {
	t.Helper()
	text, err := os.ReadFile(testutil.Shared(t, "plugin-vectors/"+name))
	if err != nil {
		t.Fatal(err)
	}
	fields := map[string]string{}
	for line := range strings.Lines(string(text)) {
		words := strings.Fields(line)
		has := func(part string) bool { return strings.Contains(line, part) }
		fields[words[0]] = shape(words[1] == "uint64", has("list=true"), has("IsIndex:true") || has("IsKey:true"), has("IsRequired:true"))
	}
	return fields
}

// Shapes are what is known of our fields.
func Shapes(infos []field.Info) map[string]string {
	shapes := map[string]string{}
	for _, in := range infos {
		shapes[in.Name] = shape(in.Type == field.Uint64, in.List, in.Arg != field.ArgNone, in.Arg == field.ArgRequired)
	}
	return shapes
}

func shape(number, list, arg, required bool) string {
	return fmt.Sprintf("number=%t list=%t argument=%t required=%t", number, list, arg, required)
}

// Values are those of the fields without arguments that have one, as the vectors show them.
func Values(fields []field.Info, ev *event.Event) map[string]any {
	values := map[string]any{}
	var v field.Value
	for i := range fields {
		in := &fields[i]
		if in.Arg == field.ArgRequired || !in.Extract(ev, field.Arg{Index: -1}, &v) {
			continue
		}
		switch {
		case in.List:
			var texts []any
			for _, e := range v.List {
				texts = append(texts, strings.Clone(e.Str))
			}
			values[in.Name] = texts
		case in.Type == field.Uint64:
			values[in.Name] = float64(v.Num)
		default:
			values[in.Name] = strings.Clone(v.Str)
		}
	}
	return values
}

// Print is a field's value as outputs show it. The field is written as in rules: json.value[/a].
func Print(t *testing.T, dict *field.Dictionary, name string, ev *event.Event) string {
	t.Helper()
	name, arg, hasArg := strings.Cut(strings.TrimSuffix(name, "]"), "[")
	ref, err := dict.Lookup(name, arg, hasArg)
	if err != nil {
		t.Fatal(err)
	}
	var v field.Value
	ok := ref.GetPrint(ev, &v)
	return string(ref.AppendText(nil, &v, ok))
}
