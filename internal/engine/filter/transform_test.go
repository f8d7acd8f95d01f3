package filter

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/saker-sensor/saker/internal/event"
	"github.com/saker-sensor/saker/internal/field"
)

// transformed compiles name(test.in) and returns its value.
func transformed(t *testing.T, name string, in field.Info, value field.Value) (*source, field.Value, bool) {
	t.Helper()
	in.Name = "test.in"
	f := newFixture(in).set("test.in", value)
	c := &compiler{opt: f.options(), seen: map[string]bool{}}
	src, err := c.source(&Transformer{Name: name, Args: []Operand{&Field{Name: "test.in"}}}, false)
	if err != nil {
		t.Fatalf("compile %s of %s: %v", name, in.Type, err)
	}
	var v field.Value
	ok := src.get(&event.Event{}, NewScratch(), &v)
	return src, v, ok
}

func TestTransformVectors(t *testing.T) {
	type vector struct {
		Transformer, Source string
		IsList              bool   `json:"input_is_list"`
		InputType           string `json:"input_type"`
		Input               []any
		ExpectedType        string `json:"expected_type"`
		Expected            []any
		Supported           []string `json:"supported_types"`
		SupportedLists      any      `json:"supported_list_types"`
	}
	for _, v := range readVectors[vector](t, "transform.json") {
		if v.Supported != nil {
			for typ := field.CharBuf; typ <= field.IPNet; typ++ {
				for _, list := range []bool{false, true} {
					f := newFixture(field.Info{Name: "test.in", Type: typ, List: list})
					_, err := f.compile(v.Transformer + "(test.in) exists")
					want := false
					for _, s := range v.Supported {
						want = want || s == typ.String()
					}
					if (err == nil) != want {
						t.Errorf("%s: %s of %s, list %v: error = %v, want support = %v", v.Source, v.Transformer, typ, list, err, want)
					}
				}
			}
			continue
		}
		run := func(in vectorValue, list bool, want field.Value) {
			src, got, ok := transformed(t, v.Transformer, field.Info{Type: typeByName(t, in.Type), List: list}, in.decode(t))
			if !ok || src.kind.String() != v.ExpectedType {
				t.Errorf("%s: %s is present %v, of type %s, want %s", v.Source, v.Transformer, ok, src.kind, v.ExpectedType)
			}
			for i := range want.List {
				if i >= len(got.List) || got.List[i].Str != want.List[i].Str {
					t.Errorf("%s: %s = %v, want %v", v.Source, v.Transformer, got.List, want.List)
					break
				}
			}
			if !src.list && (src.kind == field.Uint64 && got.Num != want.Num || src.kind != field.Uint64 && got.Str != want.Str) {
				t.Errorf("%s: %s = %q %d, want %q %d", v.Source, v.Transformer, got.Str, got.Num, want.Str, want.Num)
			}
		}
		expected := func(x any) field.Value { return vectorValue{Type: v.ExpectedType, Value: x}.decode(t) }
		if v.IsList {
			want := expected(v.Expected)
			if v.ExpectedType == "UINT64" {
				want = expected(v.Expected[0])
			}
			run(vectorValue{Type: v.InputType, List: v.Input}, true, want)
			continue
		}
		for i := range v.Input {
			run(vectorValue{Type: v.InputType, Value: v.Input[i]}, false, expected(v.Expected[i]))
		}
	}
}

func TestTransformers(t *testing.T) {
	f := ownFields().
		set("proc.name", text("NginX")).
		set("proc.pname", text("bad base64!")).
		set("proc.pid", number(-5)).
		set("evt.num", number(7)).
		set("evt.is_io", number(1)).
		set("fd.name", text("/a/b.TXT")).
		set("proc.args", texts("-x", "--long", "-ofile", "-n", "val", "rest", "-z"))
	for _, tt := range []struct {
		text string
		want bool
	}{
		{"tolower(proc.name) = nginx", true},
		{"toupper(fd.name) = /A/B.TXT", true},
		{"basename(fd.name) = b.TXT", true},
		{"tolower(basename(fd.name)) endswith .txt", true},
		{"b64(proc.pname) exists", false},
		{"not b64(proc.pname) = x", true},
		{"len(proc.args) = 7", true},
		{`join(",", (proc.pid, evt.num, evt.is_io, 12, "x")) = "-5,7,true,12,x"`, true},
		{`join("", proc.args) startswith -x--long`, true},
		{`join(proc.name, ("a", "b")) = aNginXb`, true},
		{`concat(proc.name, fd.name, "!") = NginX/a/b.TXT!`, true},
		{`getopt(proc.args, "xo:n:")[o] = file`, true},
		{`getopt(proc.args, "xo:n:")[n] = val`, true},
		{`getopt(proc.args, "xo:n:")[x] = x`, true},
		{`getopt(proc.args, "xo:n:z")[z] exists`, false},
		{`getopt(proc.args, "xo:n:") in (x, o, file, n, val)`, true},
		{`len(getopt(proc.args, "xo:n:")) = 5`, true},
		{`getopt(("-t"), "t:") in ("") and getopt(("-t"), "t:")[t] = ""`, true},
		{`getopt(("-t", "x"), "t::") in (t, x) and getopt(("-a", "x"), "aa:")[a] = x`, true},
		{"proc.name = concat(\"Ngin\", \"X\")", true},
		{"tolower(proc.name) = tolower(proc.name)", true},
	} {
		if got := f.match(t, tt.text); got != tt.want {
			t.Errorf("%s = %v", tt.text, got)
		}
	}
}

// What depends on no field is computed when it is compiled.
func TestConstantTransformers(t *testing.T) {
	for text, want := range map[string]node{
		`join("-", ("a", "b")) = a-b`:                  constNode(true),
		`concat("a", "b") in (x)`:                      constNode(false),
		`not len(join("", ())) > 0`:                    constNode(true),
		`concat("a", "b") = concat("a", "b")`:          constNode(true),
		`proc.name = x and join("-", ("a")) = b`:       constNode(false),
		`proc.name in () or len(concat("a", "b")) = 2`: constNode(true),
	} {
		flt, err := ownFields().compile(text)
		if err != nil {
			t.Fatalf("compile %s: %v", text, err)
		}
		if d := cmp.Diff(want, flt.root); d != "" {
			t.Errorf("%s (-want +got):\n%s", text, d)
		}
	}
}
