package field

import (
	"encoding/csv"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/saker-sensor/saker/internal/testutil"
)

var update = flag.Bool("update", false, "write golden files")

// want is what Falco's own table says of a field.
type want struct {
	Type   string
	List   bool
	Arg    ArgMode
	Format Format
	Flags  Flags
}

func TestDictionaryHasFalcosFields(t *testing.T) {
	f, err := os.Open(testutil.Shared(t, "reference/supported_fields.csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	col := map[string]int{}
	for i, name := range rows[0] {
		col[name] = i
	}
	d := Syscall()
	byName := map[string]*Info{}
	for _, in := range d.Fields() {
		byName[in.Name] = in
	}
	formats := map[string]Format{"NA": Plain, "DEC": Dec, "ID": ID, "HEX": Hex, "OCT": Oct, "10_PADDED_DEC": Padded10, "DIR": Plain}
	flags := []struct {
		column string
		flag   Flags
	}{
		{"filter_only", FilterOnly}, {"print_only", PrintOnly}, {"deprecated", Deprecated}, {"table_only", TableOnly},
		{"no_transformer", NoTransformer}, {"no_rhs", NoRHS},
	}
	const compared = FilterOnly | PrintOnly | Deprecated | TableOnly | NoTransformer | NoRHS | Suggested
	seen := map[string]bool{}
	for _, row := range rows[1:] {
		name := row[col["field"]]
		seen[name] = true
		in := byName[name]
		if in == nil {
			t.Errorf("%s is not in the dictionary", name)
			continue
		}
		w := want{Type: row[col["type"]], List: row[col["is_list"]] != "", Format: formats[row[col["print_format"]]]}
		switch arg := row[col["arg"]]; {
		case strings.HasPrefix(arg, "required"):
			w.Arg = ArgRequired
		case arg == "optional":
			w.Arg = ArgOptional
		}
		for _, f := range flags {
			if row[col[f.column]] != "" {
				w.Flags |= f.flag
			}
		}
		if strings.Contains(row[col["raw_flags"]], "SUGGESTED_OUTPUT") {
			w.Flags |= Suggested
		}
		got := want{Type: in.Type.String(), List: in.List, Arg: in.Arg, Format: in.Format, Flags: in.Flags & compared}
		// Where the table is not to be taken at its word.
		switch name {
		case "evt.rawarg":
			w.Type = "CHARBUF" // changes with the argument
		case "evt.abspath":
			w.Arg = ArgOptional // the table's own syntax shows it without
		case "fd.type", "fd.typechar", "fd.types", "evt.res":
			w.Format = Plain // a text in spite of its format
		}
		if diff := cmp.Diff(w, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	for _, in := range d.Fields() {
		if !seen[in.Name] && in.Flags&Additive == 0 {
			t.Errorf("%s is not Falco's and not marked as additive", in.Name)
		}
		if in.Doc == "" || in.Class == "" || in.Extract == nil && in.Bind == nil {
			t.Errorf("%s lacks a class, a doc line or an extractor", in.Name)
		}
	}
}

func TestListingHasFalcosNames(t *testing.T) {
	b, err := os.ReadFile(testutil.Shared(t, "falco-samples/field-names.txt"))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, r := range Describe(Syscall()) {
		names = append(names, r.Name)
	}
	for _, name := range strings.Fields(string(b)) {
		if !slices.Contains(names, name) && !strings.HasPrefix(name, "static.") {
			t.Errorf("%s is not listed", name)
		}
	}
}

func TestLookup(t *testing.T) {
	d := Syscall()
	for _, tc := range []struct {
		name, arg string
		hasArg    bool
		want      string // the field with its argument, or the error
		kind      Type
	}{
		{name: "proc.name", want: "proc.name"},
		{name: "proc.aname", want: "proc.aname"},
		{name: "proc.aname", arg: "2", hasArg: true, want: "proc.aname[2]"},
		{name: "proc.aname", arg: "x", hasArg: true, want: `field "proc.aname": the argument "x" is no number`},
		{name: "proc.name", arg: "1", hasArg: true, want: `field "proc.name" takes no argument`},
		{name: "evt.arg", want: `field "evt.arg" needs an argument`},
		{name: "evt.arg.flags", want: "evt.arg.flags"},
		{name: "evt.arg", arg: "1", hasArg: true, want: "evt.arg[1]"},
		{name: "evt.arg.nonsense", want: `field "evt.arg.nonsense": unknown event parameter "nonsense"`},
		{name: "evt.rawarg.flags", want: "evt.rawarg.flags", kind: Flags32},
		{name: "evt.rawarg.res", want: "evt.rawarg.res", kind: Errno},
		{name: "evt.rawarg", arg: "0", hasArg: true, want: `field "evt.rawarg" is written evt.rawarg.0`},
		{name: "evt.type.is.openat", want: "evt.type.is.openat", kind: Uint32},
		{name: "evt.type.is.nonsense", want: `field "evt.type.is.nonsense": unknown event type "nonsense"`},
		{name: "evt.abspath.src", want: "evt.abspath.src"},
		{name: "evt.abspath", want: "evt.abspath"},
		{name: "container.label.io.kubernetes.pod.name", want: "container.label.io.kubernetes.pod.name"},
		{name: "some.field", want: `unknown field "some.field"`},
	} {
		t.Run(tc.name+tc.arg, func(t *testing.T) {
			r, err := d.Lookup(tc.name, tc.arg, tc.hasArg)
			got := ""
			if err != nil {
				got = err.Error()
			} else {
				got = r.String()
				if r.Kind != tc.kind {
					t.Errorf("kind: got %v, want %v", r.Kind, tc.kind)
				}
			}
			if got != tc.want {
				t.Errorf("got %s, want %s", got, tc.want)
			}
		})
	}
}

func TestAncestorWithNumberIsOneValue(t *testing.T) {
	d := Syscall()
	all, err := d.Lookup("proc.aname", "", false)
	if err != nil {
		t.Fatal(err)
	}
	one, err := d.Lookup("proc.aname", "1", true)
	if err != nil {
		t.Fatal(err)
	}
	if all.Quantifier != Some || one.Quantifier != One {
		t.Errorf("quantifiers: got %v and %v, want %v and %v", all.Quantifier, one.Quantifier, Some, One)
	}
}

func TestFieldsReference(t *testing.T) {
	path := filepath.Join(testutil.Root(t), "docs", "fields.md")
	got := Markdown(Syscall())
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("docs/fields.md is out of date; run go test ./internal/field -update (-file +dictionary):\n%s", diff)
	}
}

func TestList(t *testing.T) {
	got := List(Syscall())
	for _, want := range []string{
		"Field Class:                  evt\n",
		"proc.aname([…])",
		"\nevt.arg.…",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("the listing lacks %q", want)
		}
	}
	if strings.Contains(got, "thread.nametid") {
		t.Error("the listing names a field for tables only")
	}
}
