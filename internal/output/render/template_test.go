package render

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/saker-sensor/saker/internal/event"
	"github.com/saker-sensor/saker/internal/field"
	"github.com/saker-sensor/saker/internal/testutil"
)

// vectorEvent is the event of the vectors, made by thread 1 (init) or 3 (child of bash, child of init).
func vectorEvent(tid int) *event.Event {
	p := &event.Process{
		Key: event.Key{Tgid: 1}, Comm: "init", Exe: "/sbin/init", Args: "context ls --format {{json .}}",
		ArgList: []string{"context", "ls", "--format", "{{json .}}"}, Cwd: "/root/",
	}
	if tid == 3 {
		bash := &event.Process{Key: event.Key{Tgid: 2}, Comm: "bash", Exe: "bash", Parent: p}
		p = &event.Process{Key: event.Key{Tgid: 3}, Comm: "child", Exe: "child", Parent: bash}
	}
	typ, _ := event.TypeByName("getcwd")
	return &event.Event{
		Num: 1, Type: typ, Tgid: int32(tid), Tid: int32(tid), Ret: -1, Process: p, FD: -1,
		Params: []event.Param{{Num: -1}, {Text: "/test/dir"}},
	}
}

type formatCase struct {
	Template, Mode, Source, Output, Expected string
	Context                                  string `json:"_context"`
	Tid                                      int
	Complete                                 *bool
	IncludeTransformed                       bool              `json:"include_transformed"`
	FieldValues                              map[string]string `json:"field_values"`
}

func TestFormatVectors(t *testing.T) {
	b, err := os.ReadFile(testutil.Shared(t, "vectors/format.json"))
	if err != nil {
		t.Fatal(err)
	}
	var cases []formatCase
	if err := json.Unmarshal(b, &cases); err != nil {
		t.Fatal(err)
	}
	d := field.Syscall()
	for _, tc := range cases {
		if tc.Context != "" {
			continue
		}
		t.Run(tc.Template+" "+tc.Mode, func(t *testing.T) { checkFormat(t, d, tc) })
	}
}

func checkFormat(t *testing.T, d *field.Dictionary, tc formatCase) {
	tpl, err := Compile(tc.Template, d)
	if wantErr := tc.Expected == "error"; wantErr != (err != nil) {
		t.Fatalf("%s: error %v, want one: %v", tc.Source, err, wantErr)
	}
	if tc.Expected != "" {
		return
	}
	ev := vectorEvent(tc.Tid)
	got, complete := tpl.Append(nil, ev)
	want := tc.Output
	if tc.Mode == "json" {
		got = jsonFields(tpl, ev)
	}
	if tc.Output == "" && strings.HasPrefix(tc.Template, "*%proc.aexepath") {
		want = string(got) // the vector knows no output
	}
	if string(got) != want || tc.Complete != nil && complete != *tc.Complete {
		t.Errorf("%s: got %q (complete %v), want %q", tc.Source, got, complete, want)
	}
	// The values that the vectors name are those of the fields, and of whole functions.
	values := map[string]string{}
	cells := tpl.extract(ev)
	for i, u := range tpl.Fields() {
		if cells[i].ok {
			values[u.Key] = string(u.Ref.AppendText(nil, &cells[i].v, true))
		}
	}
	for key, want := range tc.FieldValues {
		if strings.Contains(key, "(") {
			continue
		}
		if values[key] != want {
			t.Errorf("%s: value of %s: got %q, want %q", tc.Source, key, values[key], want)
		}
	}
}

// jsonFields is the form in which the vectors show a template's values as JSON.
func jsonFields(tpl *Template, ev *event.Event) []byte {
	cells := tpl.extract(ev)
	var parts []string
	for i, u := range tpl.Fields() {
		parts = append(parts, string(u.Ref.AppendJSON([]byte(`"`+u.Key+`":`), &cells[i].v, cells[i].ok)))
	}
	slices.Sort(parts)
	return []byte("{" + strings.Join(parts, ",") + "}")
}

func TestTemplates(t *testing.T) {
	d := field.Syscall()
	for _, tc := range []struct{ template, want string }{
		{"%proc.name", "child"},
		{"%3proc.name|", "chi|"},
		{"%7proc.name|", "child  |"},
		{"a%proc.name.b", "achild.b"},
		{"%proc.aname[2].", "init."},
		{"%proc.name[0]", "child[0]"},
		{"%proc.pname%proc.name", "bashchild"},
		{"%container.label.a/b-c.", "<NA>."},
		{`%proc.env["A"]!`, "!"},
		{"%len(proc.name)", "5"},
		{"%len(proc.cmdline)", "0"},
		{`%join("-", (proc.name, "x", 7, proc.pid))`, "child-x-7-3"},
		{`%concat("<", proc.name, '>')`, "<child>"},
		{`%getopt(("-n", "-t", "v"), "nt:")`, "(n,t,v)"},
		{`%getopt(("-n", "-t", "v"), "nt:")[t]`, "v"},
		{`%getopt(("-n"), "n")[x]`, "<NA>"},
		{`%toupper(getopt(("-n"), "n"))`, "(N)"},
		{"%basename(evt.arg.path)", "dir"},
		{`%b64(concat("YWE", ""))`, "aa"},
		{`%b64(proc.name)`, "<NA>"},
		{"%toupper(container.name)", "<NA>"},
		{"%evt.asynctype", "<NA>"},
		{"100%% no", ""},
		{"%", ""},
		{"%proc.aname[x]", ""},
		{"%evt.arg.nonsense", ""},
		{"%proc.nosuch", ""},
		// What only conditions have a value for is accepted, as in Falco, and missing.
		{"%fd.ip", "<NA>"},
		{"%fd.port", "<NA>"},
		{"%fd.proto", "<NA>"},
		{"%fd.net", "<NA>"},
		{"%fd.cnet", "<NA>"},
		{"%fd.snet", "<NA>"},
		{"%fd.lnet", "<NA>"},
		{"%fd.rnet", "<NA>"},
		{"%evt.around[1]", "<NA>"},
		{"%evt.around", ""},
		{"%tolower(fd.ip)", ""},
		{"%tolower(proc.pid)", ""},
		{"%tolower(proc.name", ""},
		{"%tolower(proc.name,proc.name)", ""},
		{"%tolower(\"x\")", ""},
		{"%concat(\"x\")", ""},
		{"%join(proc.name, proc.name)", ""},
		{"%99999999proc.name", ""},
	} {
		t.Run(tc.template, func(t *testing.T) {
			tpl, err := Compile("*"+tc.template, d)
			if tc.want == "" {
				if err == nil {
					t.Fatal("the template is accepted")
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got, _ := tpl.Append(nil, vectorEvent(3)); string(got) != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

func TestTemplateErrorsNameTheField(t *testing.T) {
	d := field.Syscall()
	for _, tc := range []struct {
		template string
		offset   int
		unknown  bool
	}{
		{"x %proc.nosuch", 3, true},
		{"%evt.arg", 1, false},
		{"%evt.arg.nosuch y", 1, false},
		{"%evt.around", 1, false},
	} {
		_, err := Compile(tc.template, d)
		var te *Error
		var fe *field.Error
		if !errors.As(err, &te) || !errors.As(err, &fe) {
			t.Errorf("%s: the error is %v", tc.template, err)
			continue
		}
		if te.Offset != tc.offset || fe.Unknown != tc.unknown {
			t.Errorf("%s: got offset %d, unknown %v; want %d, %v", tc.template, te.Offset, fe.Unknown, tc.offset, tc.unknown)
		}
	}
}

func TestTemplateListsItsFields(t *testing.T) {
	tpl, err := Compile("%proc.name %toupper(fd.name) %proc.aname[2] %proc.name", field.Syscall())
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, u := range tpl.Fields() {
		got = append(got, u.Key)
	}
	if diff := cmp.Diff([]string{"proc.name", "fd.name", "proc.aname[2]"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func FuzzTemplate(f *testing.F) {
	for _, s := range []string{
		"*%proc.name", "%10toupper(proc.name) x", "%join(\"-\", (fd.name, \"a\"))[x]", "%evt.arg[1]%evt.rawarg.name",
		"%container.mount.dest[/proc*]",
		"%getopt((\"-n\"), \"n\")[n]", "%((", "%proc.env['", "%%", "%1", "%container.label.a/-.b",
	} {
		f.Add(s)
	}
	d := field.Syscall()
	ev := vectorEvent(3)
	f.Fuzz(func(t *testing.T, s string) {
		tpl, err := Compile(s, d)
		if err != nil {
			var te *Error
			if !errors.As(err, &te) || te.Offset < 0 || te.Offset > len(s) {
				t.Fatalf("the error has no place in the template: %v", err)
			}
			return
		}
		a, _ := tpl.Append(nil, ev)
		b, _ := tpl.Append([]byte("before"), ev)
		if !bytes.Equal(append([]byte("before"), a...), b) {
			t.Errorf("got %q and %q", a, b)
		}
	})
}
