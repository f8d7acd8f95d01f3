package filter

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/saker-sensor/saker/internal/event"
	"github.com/saker-sensor/saker/internal/field"
)

func TestCompileVectors(t *testing.T) {
	type vector struct {
		Condition, Source string
		Compiles          bool
		Eval              *bool
		Warnings          *int
	}
	f := sharedFields(t)
	f.add(
		field.Info{Name: "c.true", Type: field.CharBuf},
		field.Info{Name: "c.false", Type: field.CharBuf},
		field.Info{Name: "c.doublequote", Type: field.CharBuf},
		field.Info{Name: "c.singlequote", Type: field.CharBuf},
		field.Info{Name: "c.buffer", Type: field.ByteBuf},
		field.Info{Name: "sample.is_open", Type: field.Uint64},
	)
	f.set("c.true", text("1")).set("c.false", text("0"))
	f.set("c.doublequote", text(`hello "quoted"`)).set("c.singlequote", text(`hello 'quoted'`))
	for _, v := range readVectors[vector](t, "compile.json") {
		flt, err := f.compile(v.Condition)
		if (err == nil) != v.Compiles {
			t.Errorf("%s: compile %q: error = %v, want it to compile = %v", v.Source, v.Condition, err, v.Compiles)
			continue
		}
		if err != nil {
			continue
		}
		if v.Warnings != nil && len(flt.Warnings) != *v.Warnings {
			t.Errorf("%s: compile %q: warnings = %v, want %d", v.Source, v.Condition, flt.Warnings, *v.Warnings)
		}
		if v.Eval != nil && flt.Match(&event.Event{}, NewScratch()) != *v.Eval {
			t.Errorf("%s: match %q = %v", v.Source, v.Condition, !*v.Eval)
		}
	}
}

func TestCompileErrors(t *testing.T) {
	long := strings.Repeat("x", 256)
	for _, tt := range []struct {
		name, text string
		col        int
		msg        string
		field      bool
		eventType  bool
	}{
		{"unknown field", "evt.num = 1 and a.b = c", 17, `unknown field "a.b"`, true, false},
		{"unknown field on the right", "proc.name = val(a.b)", 17, `unknown field "a.b"`, true, false},
		{"unknown field in a transformer", "tolower(a.b) = c", 9, `unknown field "a.b"`, true, false},
		{"argument missing", "evt.arg = c", 1, "needs an argument", false, false},
		{"argument not wanted", "proc.name[1] = c", 1, "takes no argument", true, false},
		{"print only", "evt.outputtime = c", 1, "can only be printed", false, false},
		{"undefined macro", "not m", 5, `undefined macro "m"`, false, false},
		{"unknown event type", "evt.type in (open, opne)", 20, `unknown event type "opne"`, false, true},
		{"unknown event type with a modifier", "evt.type != anyof (opne)", 20, `unknown event type "opne"`, false, true},
		{"operator of another type", "proc.pid contains 1", 10, `operator "contains" does not fit proc.pid, which is of type INT64`, false,
			false},
		{"operator on a list", "proc.args = x", 11, "list of CHARBUF", false, false},
		{"no number", "proc.pid = abc", 12, `"abc" is not a whole number`, false, false},
		{"no whole number", "proc.fdusage < 1.5", 16, `"1.5" is not a whole number`, false, false},
		{"two signs", "proc.pid = -+1", 12, "is not a whole number", false, false},
		{"no bool", "evt.is_io = 1", 13, "neither true nor false", false, false},
		{"no service", "fd.sport = nosuchservice", 12, "neither a port number nor the name of a service", false, false},
		{"no address", "fd.sip = 1.2.3", 10, "is not an IP address", false, false},
		{"address with a zone", "fd.sip = fe80::1%eth0", 10, "is not an IP address", false, false},
		{"no network", "fd.snet = 1.2.3.4", 11, "wants a prefix length", false, false},
		{"prefix too long", "fd.snet = 1.2.3.4/33", 11, "is not a network", false, false},
		{"odd hex", "evt.buffer bcontains 123", 22, "even number of hexadecimal digits", false, false},
		{"NUL in a text", `proc.name = "a\x00"`, 13, "NUL byte", false, false},
		{"text too long", "proc.name = " + long, 13, "at most 255", false, false},
		{"bytes too long", "evt.buffer = " + long + "x", 14, "at most 255", false, false},
		{"bad regex", "proc.name regex 'a('", 17, "regular expression", false, false},
		{"regex that the frame would repair", "proc.name regex 'a)|(b'", 17, "regular expression", false, false},
		{"regex against a field", "proc.name regex val(proc.pname)", 17, "with literals only", false, false},
		{"pmatch against a field", "proc.name pmatch val(proc.pname)", 18, "with literals only", false, false},
		{"different types", "proc.name = val(proc.pid)", 13, "are of different types, CHARBUF and INT64", false, false},
		{"list against a single value", "proc.args in val(proc.name)", 14, "list of CHARBUF and CHARBUF", false, false},
		{"ancestors against a field", "proc.aname = val(proc.name)", 1, "can't be compared with another field", false, false},
		{"one ancestor against a field", "proc.aname[1] = val(proc.name)", 1, "can't be compared with another field", false, false},
		{"ancestors on the right", "proc.name = val(proc.aname)", 17, "can't stand on the right", false, false},
		{"network on the right", "fd.snet = val(fd.snet)", 15, "can't stand on the right", false, false},
		{"field without transformers", "tolower(proc.aname) = x", 9, "can't stand inside a transformer", false, false},
		{"type of a transformer", "tolower(proc.pid) = x", 9, "does not take proc.pid, which is of type INT64", false, false},
		{"len of a number", "len(proc.pid) = 1", 5, "len() takes a text, bytes or a list", false, false},
		{"literal argument", `toupper("a") = A`, 9, "not a literal", false, false},
		{"too many arguments", "toupper(proc.name, proc.name) = A", 1, "takes one argument, not 2", false, false},
		{"join without a list", `join("-", proc.name) = A`, 11, "is a list, not CHARBUF", false, false},
		{"list in a list", `join("-", (proc.args)) = A`, 12, "can't stand inside another", false, false},
		{"concat of a number", `concat(proc.pid, "a") = A`, 8, "concat() takes texts", false, false},
		{"getopt of a text", `getopt(proc.name, "a") in (a)`, 8, "is a list of texts", false, false},
		{"getopt with a long selector", `getopt(proc.args, "a")[ab] = a`, 1, "one letter", false, false},
		{"getopt with an empty selector", `getopt(proc.args, "a")[""] = a`, 1, "one letter", false, false},
		{"brackets behind another transformer", "toupper(proc.name)[x] = A", 1, "takes no argument in brackets", false, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := ownFields().compile(tt.text)
			var ce *CompileError
			if !errors.As(err, &ce) {
				t.Fatalf("error = %v, want a CompileError", err)
			}
			if ce.Pos.Line != 1 || ce.Pos.Col != tt.col {
				t.Errorf("at line %d, column %d, want 1, %d (%v)", ce.Pos.Line, ce.Pos.Col, tt.col, err)
			}
			if !strings.Contains(ce.Error(), tt.msg) {
				t.Errorf("message %q lacks %q", ce.Error(), tt.msg)
			}
			if ce.UnknownField != tt.field || ce.UnknownEventType != tt.eventType {
				t.Errorf("unknown field %v, event type %v", ce.UnknownField, ce.UnknownEventType)
			}
		})
	}
}

// Trees that no text yields are refused, not run into.
func TestCompileOddTrees(t *testing.T) {
	name := &Field{Name: "proc.name"}
	for _, tt := range []struct {
		title string
		expr  Expr
	}{
		{"nothing", nil},
		{"no right side", &Check{Left: name, Op: OpEq}},
		{"list for =", &Check{Left: name, Op: OpEq, Right: &List{Items: []Operand{&Value{Text: "a"}, &Value{Text: "b"}}}}},
		{"field on the right", &Check{Left: name, Op: OpEq, Right: name}},
		{"literal on the left", &Check{Left: &Value{Text: "a"}, Op: OpEq, Right: &Value{Text: "a"}}},
		{"unknown operator", &Check{Left: name, Op: "like", Right: &Value{Text: "a"}}},
		{"val on the left", &Check{Left: &Transformer{Name: "val", Args: []Operand{name}}, Op: OpExists}},
		{"modifier before a field", &Check{Left: name, Op: OpEq, Mod: "anyof", Right: &Transformer{Name: "val", Args: []Operand{name}}}},
		{"unknown transformer", &Check{Left: &Transformer{Name: "rot13", Args: []Operand{name}}, Op: OpExists}},
	} {
		t.Run(tt.title, func(t *testing.T) {
			_, err := Compile(tt.expr, ownFields().options())
			var ce *CompileError
			if !errors.As(err, &ce) {
				t.Errorf("error = %v, want a CompileError", err)
			}
		})
	}
}

func TestWarnings(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		want       []WarningKind
	}{
		{"none", "proc.name = sh", nil},
		{"field", "proc.name = proc.pname", []WarningKind{WarnFieldAsText}},
		{"field with blanks", `proc.name = "proc.pname "`, []WarningKind{WarnFieldAsText}},
		{"field with an argument", "proc.name = proc.aname[1]", []WarningKind{WarnFieldAsText}},
		{"field with a dotted argument", "proc.name = evt.arg.x", []WarningKind{WarnFieldAsText}},
		{"in a list", "proc.name in (a, proc.pname, fd.name)", []WarningKind{WarnFieldAsText, WarnFieldAsText}},
		{"argument missing", "proc.name = evt.arg", nil},
		{"transformer", `proc.name = "toupper( proc.pname)"`, []WarningKind{WarnTransformerAsText}},
		{"val", `proc.name = "val(proc.pname)"`, []WarningKind{WarnTransformerAsText}},
		{"unknown transformer", `proc.name = "low(proc.pname)"`, nil},
		{"plain regex", "proc.name regex nginx", []WarningKind{WarnRegex}},
		{"plain regex in a list", "proc.name regex anyof (nginx, a.b, ^x$)", []WarningKind{WarnRegex, WarnRegex}},
		{"any at both ends", "proc.name regex .*nginx.+", []WarningKind{WarnRegex}},
		{"any in the middle", "proc.name regex a.*b", nil},
		{"out of range", "evt.cpu < 40000", []WarningKind{WarnRange}},
		{"in range", "evt.cpu > -32768 and fd.sport != 65535", nil},
		{"unsigned wraps", "user.uid = -1", nil},
		{"more than 64 bits", "evt.num > 18446744073709551616 and proc.pid < -9223372036854775809", []WarningKind{WarnRange, WarnRange}},
		{"the least and the greatest", "proc.pid > -9223372036854775808 and evt.num < 18446744073709551615", nil},
		{"too low for unsigned", "user.uid = -4294967297", []WarningKind{WarnRange}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			flt, err := ownFields().compile(tt.text)
			if err != nil {
				t.Fatal(err)
			}
			var got []WarningKind
			for _, w := range flt.Warnings {
				if w.Msg == "" || w.Pos.Line != 1 || w.Pos.Col < 10 {
					t.Errorf("warning %+v lacks a message or a place", w)
				}
				got = append(got, w.Kind)
			}
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

func TestFields(t *testing.T) {
	flt, err := ownFields().compile(
		`proc.name in () and (join(proc.pname, (fd.name, "x")) = val(evt.arg.a) or proc.name = a or evt.arg[1] exists)`)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range flt.Fields() {
		got = append(got, r.String())
	}
	want := []string{"proc.name", "proc.pname", "fd.name", "evt.arg.a", "evt.arg[1]"}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}
