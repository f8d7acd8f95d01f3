package filter

import (
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/saker-sensor/saker/internal/event"
	"github.com/saker-sensor/saker/internal/field"
	"github.com/saker-sensor/saker/internal/testutil"
)

// fixture is a dictionary whose fields yield what a test says, and nothing else.
type fixture struct {
	infos  []field.Info
	values map[string]field.Value
	kinds  map[string]field.Type
	dict   *field.Dictionary
}

func newFixture(infos ...field.Info) *fixture {
	f := &fixture{values: map[string]field.Value{}, kinds: map[string]field.Type{}}
	f.add(infos...)
	return f
}

func (f *fixture) add(infos ...field.Info) {
	for _, in := range infos {
		in.Extract = func(_ *event.Event, arg field.Arg, v *field.Value) bool {
			got, ok := f.values[(&field.Ref{Info: &in, Args: arg}).String()]
			if !ok {
				return false
			}
			list := append(v.List[:0], got.List...)
			*v = got
			v.List = list
			return true
		}
		f.infos = append(f.infos, in)
	}
	f.dict = field.NewDictionary(f.infos...)
}

func (f *fixture) set(name string, v field.Value) *fixture {
	f.values[name] = v
	return f
}

func (f *fixture) options() CompileOptions {
	return CompileOptions{Dictionary: f.dict, TypeByName: event.TypeByName}
}

// compile parses and compiles with the real limits.
func (f *fixture) compile(text string) (*Filter, error) {
	e, err := Parse(text, ParseOptions{})
	if err != nil {
		return nil, err
	}
	return Compile(e, f.options())
}

func (f *fixture) match(t *testing.T, text string) bool {
	t.Helper()
	flt, err := f.compile(text)
	if err != nil {
		t.Fatalf("compile %s: %v", text, err)
	}
	return flt.Match(&event.Event{}, NewScratch())
}

func text(s string) field.Value  { return field.Value{Str: s} }
func number(n int64) field.Value { return field.Value{Num: n} }
func texts(list ...string) field.Value {
	var v field.Value
	for _, s := range list {
		v.List = append(v.List, text(s))
	}
	return v
}

func addrs(list ...string) field.Value {
	var v field.Value
	for _, s := range list {
		v.List = append(v.List, field.Value{Addr: netip.MustParseAddr(s)})
	}
	return v
}

// ownFields are enough for the tests that need no reference folder.
func ownFields() *fixture {
	const hidden = field.NoRHS | field.NoTransformer
	return newFixture(
		field.Info{Name: "evt.type", Type: field.CharBuf},
		field.Info{Name: "evt.num", Type: field.Uint64, Format: field.ID},
		field.Info{Name: "evt.cpu", Type: field.Int16, Format: field.ID},
		field.Info{Name: "evt.buffer", Type: field.ByteBuf},
		field.Info{Name: "evt.is_io", Type: field.Bool},
		field.Info{Name: "evt.arg", Type: field.CharBuf, Arg: field.ArgRequired, DotArg: true},
		field.Info{Name: "evt.outputtime", Type: field.CharBuf, Flags: field.PrintOnly},
		field.Info{Name: "proc.name", Type: field.CharBuf},
		field.Info{Name: "proc.pname", Type: field.CharBuf},
		field.Info{Name: "proc.cmdline", Type: field.CharBuf, Cost: 1},
		field.Info{Name: "proc.pid", Type: field.Int64, Format: field.ID},
		field.Info{Name: "proc.vpid", Type: field.Int64, Format: field.ID},
		field.Info{Name: "proc.args", Type: field.CharBuf, List: true},
		field.Info{Name: "proc.pargs", Type: field.CharBuf, List: true},
		field.Info{Name: "proc.aname", Type: field.CharBuf, Arg: field.ArgOptional, Quantifier: field.Some, Flags: hidden, Cost: 2},
		field.Info{Name: "proc.fdusage", Type: field.Double},
		field.Info{Name: "user.uid", Type: field.Uint32, Format: field.ID},
		field.Info{Name: "fd.name", Type: field.FSPath, Cost: 1},
		field.Info{Name: "fd.directory", Type: field.CharBuf, Cost: 1},
		field.Info{Name: "fd.sip", Type: field.IPAddr},
		field.Info{Name: "fd.cip", Type: field.IPAddr},
		field.Info{Name: "fd.snet", Type: field.IPNet, Flags: hidden},
		field.Info{Name: "fd.sport", Type: field.Port},
		field.Info{Name: "fd.ip", Type: field.IPAddr, Quantifier: field.Either, Flags: hidden},
		field.Info{Name: "fd.net", Type: field.IPNet, Quantifier: field.Either, Flags: hidden},
		field.Info{Name: "fd.port", Type: field.Port, Quantifier: field.Either, Flags: hidden},
	)
}

// sharedFields are all fields of the reference table, with a few of the test suites that the vectors come from.
func sharedFields(tb testing.TB) *fixture {
	tb.Helper()
	file, err := os.Open(testutil.Shared(tb, "reference/supported_fields.csv"))
	if err != nil {
		tb.Fatal(err)
	}
	defer file.Close()
	rows, err := csv.NewReader(file).ReadAll()
	if err != nil {
		tb.Fatal(err)
	}
	col := map[string]int{}
	for i, name := range rows[0] {
		col[name] = i
	}
	f := newFixture()
	var infos []field.Info
	for _, row := range rows[1:] {
		has := func(name string) bool { return row[col[name]] == "yes" }
		in := field.Info{Name: row[col["field"]], List: has("is_list")}
		if typ := row[col["type"]]; typ == "DYN" {
			name := in.Name
			in.ArgType = func(a field.Arg) (field.Type, error) {
				if k, ok := f.kinds[name+"."+a.Text]; ok {
					return k, nil
				}
				return field.Uint64, nil
			}
		} else {
			in.Type = typeByName(tb, typ)
		}
		switch arg := row[col["arg"]]; {
		case strings.HasPrefix(arg, "required"):
			in.Arg, in.DotArg = field.ArgRequired, true
		case arg == "optional":
			in.Arg = field.ArgOptional
		}
		for name, flag := range map[string]field.Flags{
			"filter_only": field.FilterOnly, "print_only": field.PrintOnly, "no_rhs": field.NoRHS, "no_transformer": field.NoTransformer,
		} {
			if has(name) {
				in.Flags |= flag
			}
		}
		switch {
		case slices.Contains([]string{"fd.ip", "fd.port", "fd.net", "fd.proto"}, in.Name):
			in.Quantifier = field.Either
		case strings.HasPrefix(in.Name, "proc.a") && in.Flags&field.NoRHS != 0:
			in.Quantifier = field.Some
		}
		infos = append(infos, in)
	}
	f.add(infos...)
	return f
}

func typeByName(tb testing.TB, name string) field.Type {
	tb.Helper()
	for t := field.CharBuf; t <= field.IPNet; t++ {
		if t.String() == name {
			return t
		}
	}
	tb.Fatalf("unknown field type %q", name)
	return 0
}

// readVectors decodes a file of the reference folder.
func readVectors[T any](tb testing.TB, name string) []T {
	tb.Helper()
	b, err := os.ReadFile(testutil.Shared(tb, "vectors/"+name))
	if err != nil {
		tb.Fatal(err)
	}
	var cases []T
	if err := json.Unmarshal(b, &cases); err != nil {
		tb.Fatalf("decode %s: %v", name, err)
	}
	if len(cases) == 0 {
		tb.Fatalf("%s holds no cases", name)
	}
	return cases
}

// vectorConditions returns the texts of all vectors, none if there is no reference folder.
func vectorConditions(tb testing.TB) []string {
	if _, err := os.Stat(filepath.Join(testutil.Root(tb), "..", "shared")); err != nil {
		return nil
	}
	var out []string
	for _, name := range []string{"parser.json", "printer.json", "compile.json", "compare.json", "evttypes.json"} {
		for _, c := range readVectors[map[string]any](tb, name) {
			for _, key := range []string{"condition", "filter", "a", "b"} {
				if s, ok := c[key].(string); ok {
					out = append(out, s)
				}
			}
		}
	}
	return out
}

// vectorValue is a field's value in compare.json.
type vectorValue struct {
	Type  string `json:"type"`
	Value any    `json:"value"`
	List  []any  `json:"list"`
	Hex   string `json:"hex"`
	Null  bool   `json:"null"`
}

// latin1 turns code points into the bytes they stand for.
func latin1(s string) string {
	b := make([]byte, 0, len(s))
	for _, r := range s {
		b = append(b, byte(r))
	}
	return string(b)
}

func (vv vectorValue) decode(tb testing.TB) field.Value {
	tb.Helper()
	var v field.Value
	switch {
	case vv.List != nil:
		for _, it := range vv.List {
			v.List = append(v.List, vectorValue{Type: vv.Type, Value: it}.decode(tb))
		}
		return v
	case vv.Hex != "":
		b, err := hex.DecodeString(vv.Hex)
		if err != nil {
			tb.Fatal(err)
		}
		return text(string(b))
	}
	switch x := vv.Value.(type) {
	case []any:
		for _, it := range x {
			v.List = append(v.List, vectorValue{Type: vv.Type, Value: it}.decode(tb))
		}
	case string:
		if vv.Type == "IPADDR" || vv.Type == "IPNET" {
			v.Addr = netip.MustParseAddr(x)
		} else {
			v.Str = latin1(x)
		}
	case float64:
		v.Num = int64(x)
	default:
		tb.Fatalf("value of unexpected kind %T", x)
	}
	return v
}

func shorten(s string) string {
	if len(s) > 60 {
		s = s[:60] + "…"
	}
	return fmt.Sprintf("%q", s)
}
