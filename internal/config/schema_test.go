package config

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/saker-sensor/saker/internal/testutil"
)

var update = flag.Bool("update", false, "renew docs/config.md")

// TestFalcoSchema: every key of Falco's schema is in the table, and takes what the schema says.
func TestFalcoSchema(t *testing.T) {
	text, err := os.ReadFile(testutil.Shared(t, "reference/falco_config_schema.json"))
	if err != nil {
		t.Fatal(err)
	}
	var schema struct {
		Definitions map[string]falcoSchema
	}
	if err := json.Unmarshal(text, &schema); err != nil {
		t.Fatal(err)
	}
	w := schemaWalk{t: t, table: newTable(), definitions: schema.Definitions}
	w.properties("", schema.Definitions["FalcoConfig"])
	if w.seen < 130 {
		t.Errorf("only %d keys were found in the schema", w.seen)
	}
}

type falcoSchema struct {
	Type         string
	Ref          string `json:"$ref"`
	Items        *falcoSchema
	Properties   map[string]falcoSchema
	OneOf, AnyOf []falcoSchema
	Enum         []string
}

type schemaWalk struct {
	t           *testing.T
	table       *table
	definitions map[string]falcoSchema
	seen        int
}

func (w *schemaWalk) properties(prefix string, s falcoSchema) {
	for name, p := range s.Properties {
		w.property(prefix+name, p)
	}
}

func (w *schemaWalk) property(name string, s falcoSchema) {
	if s.Ref != "" {
		s = w.definitions[strings.TrimPrefix(s.Ref, "#/definitions/")]
	}
	w.seen++
	k := w.table.byName[name]
	if k == nil {
		w.t.Errorf("the table lacks %s", name)
		return
	}
	if k.typ == anything {
		return
	}
	for _, value := range s.Enum {
		if !contains(k.allowed, value) {
			w.t.Errorf("%s: %q is not allowed", name, value)
		}
	}
	may := map[string][]keyType{
		"object": {section, textMap}, "array": {sections, texts, mixed}, "boolean": {boolean}, "integer": {integer, number},
		"number": {number}, "string": {text, duration},
	}[s.Type]
	if !slices.Contains(may, k.typ) {
		w.t.Errorf("%s: the schema has %s, the table %s", name, s.Type, k.typ)
	}
	w.properties(name+".", s)
	if s.Items == nil {
		return
	}
	item := *s.Items
	if item.Ref != "" {
		item = w.definitions[strings.TrimPrefix(item.Ref, "#/definitions/")]
	}
	for _, one := range append(append(item.OneOf, item.AnyOf...), item) {
		w.properties(name+"[].", one)
	}
}

// TestTable: each key of the configuration's struct is in the table with the type that the struct has, and each effective
// key of the table is in the struct.
func TestTable(t *testing.T) {
	table := newTable()
	found := map[string]bool{"config_files": true, "config_files[].path": true, "config_files[].strategy": true, "rules_file": true}
	var walk func(name string, typ reflect.Type)
	walk = func(name string, typ reflect.Type) {
		found[name] = true
		k := table.byName[name]
		if k == nil && name != "" {
			t.Errorf("the table lacks %s", name)
			return
		}
		if typ.Kind() == reflect.Pointer {
			typ = typ.Elem()
		}
		list := typ.Kind() == reflect.Slice
		if list && typ.Elem().Kind() == reflect.Struct {
			typ = typ.Elem()
			name += "[]"
		}
		if typ.Kind() == reflect.Struct {
			if k != nil && (k.typ != section || list) && k.typ != sections {
				t.Errorf("%s is a section, and %s in the table", name, k.typ)
			}
			for i := range typ.NumField() {
				f := typ.Field(i)
				if f.Tag.Get("yaml") == "-" {
					continue
				}
				walk(strings.TrimPrefix(name+"."+f.Tag.Get("yaml"), "."), f.Type)
			}
			return
		}
		want := map[string]keyType{
			"bool": boolean, "int": integer, "float64": number, "string": text, "[]string": texts, "map[string]string": textMap,
			"time.Duration": duration, "[]interface {}": mixed, "interface {}": anything,
		}[typ.String()]
		if k.typ != want {
			t.Errorf("%s is %s, and %s in the table", name, typ, k.typ)
		}
	}
	walk("", reflect.TypeFor[Config]())
	for _, k := range table.keys {
		if k.effect != inapplicable && !found[k.name] {
			t.Errorf("%s has an effect, but no field", k.name)
		}
		if k.effect != effective && k.why == "" {
			t.Errorf("%s has no effect, without a reason", k.name)
		}
		if k.doc == "" {
			t.Errorf("%s has no doc", k.name)
		}
	}
}

// TestSchema: the schema is JSON, and the whole file's keys are in it.
func TestSchema(t *testing.T) {
	text, err := Schema()
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Properties map[string]falcoSchema
	}
	if err := json.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	file, _, err := readFile("testdata/falco.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range file.pairs {
		if _, ok := doc.Properties[p.key]; !ok {
			t.Errorf("the schema lacks %s", p.key)
		}
	}
	if got := doc.Properties["http_output"].Properties["url"].Type; got != "string" {
		t.Errorf("http_output.url is %q", got)
	}
	if got := doc.Properties["rules"].Items.Properties["enable"].Properties["tag"].Type; got != "string" {
		t.Errorf("rules[].enable.tag is %q", got)
	}
}

// TestReference keeps docs/config.md's list of keys up to date.
func TestReference(t *testing.T) {
	const begin = "<!-- generated by make update -->\n"
	path := filepath.Join(testutil.Root(t), "docs", "config.md")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	head, got, ok := strings.Cut(string(text), begin)
	if !ok {
		t.Fatalf("%s lacks the line %s", path, begin)
	}
	if *update {
		if err := os.WriteFile(path, []byte(head+begin+Reference()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(Reference(), got); diff != "" {
		t.Errorf("docs/config.md is out of date; run make update (-want +file):\n%s", diff)
	}
}
