package filter

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParserVectors(t *testing.T) {
	type vector struct {
		Condition string
		OK        bool
		AST       map[string]any
		AsString  string `json:"as_string"`
		Positions string
		Source    string
	}
	for _, v := range readVectors[vector](t, "parser.json") {
		e, err := Parse(v.Condition, ParseOptions{})
		if (err == nil) != v.OK {
			t.Errorf("%s: Parse(%q) error = %v, want ok = %v", v.Source, v.Condition, err, v.OK)
			continue
		}
		if err != nil {
			var pe *ParseError
			if !errors.As(err, &pe) {
				t.Errorf("%s: error of type %T", v.Source, err)
			}
			continue
		}
		if v.AST != nil {
			if d := cmp.Diff(v.AST, asMap(t, e)); d != "" {
				t.Errorf("%s: tree of %q (-want +got):\n%s", v.Source, v.Condition, d)
			}
		}
		if v.AsString != "" {
			if d := cmp.Diff(v.AsString, Print(e)); d != "" {
				t.Errorf("%s: print of %q (-want +got):\n%s", v.Source, v.Condition, d)
			}
		}
		if v.Positions != "" {
			if d := cmp.Diff(v.Positions, positions(e)); d != "" {
				t.Errorf("%s: positions of %q (-want +got):\n%s", v.Source, v.Condition, d)
			}
		}
	}
}

// asMap writes a tree as the vectors do.
func asMap(t *testing.T, e Expr) map[string]any {
	t.Helper()
	m := exprMap(e)
	b, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	var out map[string]any
	if err := json.Unmarshal(b, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func exprMap(e Expr) map[string]any {
	all := func(parts []Expr) []any {
		var out []any
		for _, p := range parts {
			out = append(out, exprMap(p))
		}
		return out
	}
	switch e := e.(type) {
	case *And:
		return map[string]any{"type": "and", "children": all(e.Parts)}
	case *Or:
		return map[string]any{"type": "or", "children": all(e.Parts)}
	case *Not:
		return map[string]any{"type": "not", "child": exprMap(e.Part)}
	case *Macro:
		return map[string]any{"type": "identifier", "name": e.Name}
	}
	c := e.(*Check)
	m := map[string]any{"type": "unary", "left": operandMap(c.Left), "op": string(c.Op)}
	if c.Mod != "" {
		m["op"] = string(c.Op) + " " + c.Mod
	}
	if c.Right != nil {
		m["type"] = "binary"
		m["right"] = operandMap(c.Right)
	}
	return m
}

func operandMap(o Operand) map[string]any {
	switch o := o.(type) {
	case *Field:
		m := map[string]any{"type": "field", "field": o.Name}
		if o.HasArg {
			m["arg"] = o.Arg
		}
		return m
	case *Transformer:
		var args []any
		for _, a := range o.Args {
			args = append(args, operandMap(a))
		}
		return map[string]any{"type": "transformer", "name": o.Name, "args": args}
	case *Value:
		return map[string]any{"type": "value", "value": o.Text}
	}
	values := []string{}
	for _, it := range o.(*List).Items {
		values = append(values, it.(*Value).Text)
	}
	return map[string]any{"type": "list", "values": values}
}

// positions writes the places of a tree's nodes as the vectors do.
func positions(e Expr) string {
	var b strings.Builder
	put := func(name string, p Pos) { fmt.Fprintf(&b, "%s%d %d %d", name, p.Offset, p.Line, p.Col) }
	Walk(e, func(e Expr) bool {
		switch e := e.(type) {
		case *And:
			put("and", e.Pos)
		case *Or:
			put("or", e.Pos)
		case *Not:
			put("not", e.Pos)
		case *Check:
			name := "binary"
			if e.Right == nil {
				name = "unary"
			}
			put(name, e.Pos)
			put("field", e.Left.Position())
			switch r := e.Right.(type) {
			case *Value:
				put("value", r.Pos)
			case *List:
				put("list", r.Pos)
			}
		}
		return true
	})
	return b.String()
}

func TestParseTree(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"precedence", "not a or b and c", "(not a or (b and c))"},
		{"group", "(a or b) and c", "((a or b) and c)"},
		{"group of one", "((a))", "a"},
		{"chain", "a and b and c", "(a and b and c)"},
		{"nots toggle", "not not not a", "not a"},
		{"not before a group", "not not(a or b)", "(a or b)"},
		{"no blank after exists", "a.b existsand m", "(a.b exists and m)"},
		{"no blank after a list", "a.b in (x)or c", "(a.b in (x) or c)"},
		{"no blank after quotes", `a.b="x y"and c`, `(a.b = "x y" and c)`},
		{"no blank around =", "a.b=x", "a.b = x"},
		{"no blank after in", "a.b in()", "a.b in ()"},
		{"list by name", "a.b in names", "a.b in names"},
		{"words as text", "a.b = and", "a.b = and"},
		{"modifier", "a.b contains anyof (x, y)", "a.b contains anyof (x, y)"},
		{"modifier word as text", "a.b = anyof or c", "(a.b = anyof or c)"},
		{"modifier before a name", "a.b = anyof not_x", "a.b = anyof not_x"},
		{"number", "a.b >= -1.5e+3", "a.b >= -1.5e+3"},
		{"hex", "a.b<0xFf", "a.b < 0xFf"},
		{"escapes", `a.b = "\x41\t\/\\\"'"`, `a.b = "A\t/\\\"'"`},
		{"backslash before a blank", `a.b = "x \ "`, `a.b = "x \x5c"`},
		{"carriage returns", "a\r\nand\rb", "(a and b)"},
		{"quoted argument", `a.b["x ]"] = y`, `a.b["x ]"] = y`},
		{"val", "a.b = val(c.d[1])", "a.b = val(c.d[1])"},
		{"transformers", `join( "-" , ( a.b , "x" ) ) = y`, "join(-,(a.b, x)) = y"},
		{"selector", `getopt(a.b, "x y")[x] exists`, `getopt(a.b,"x y")[x] exists`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e, err := Parse(tt.text, ParseOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(tt.want, Print(e)); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

func TestParseErrors(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		line, col  int
		msg        string
	}{
		{"empty", "", 1, 1, "expected a field"},
		{"blanks", " \n ", 2, 2, "expected a field"},
		{"left over", "a\n b", 2, 2, "expected 'and', 'or' or the end"},
		{"unclosed group", "a and (b", 1, 7, "expected a ')' for this '('"},
		{"stray parenthesis", "a)", 1, 2, "closes nothing"},
		{"and without blank", "a andb", 1, 3, "with a blank or '(' behind it"},
		{"word for a macro", "a or and", 1, 6, `instead of the word "and"`},
		{"no operator", "a.b c", 1, 5, "expected an operator"},
		{"upper case operator", "a.b IN (c)", 1, 5, "expected an operator"},
		{"no blank after contains", "a.b containsx", 1, 13, `expected a blank behind "contains"`},
		{"no number", "a.b > c", 1, 7, "expected a number"},
		{"no text", "a.b = ", 1, 7, "expected a text"},
		{"no list", "a.b in ", 1, 8, "expected a list in parentheses"},
		{"bad list", "a.b in (c d)", 1, 11, "expected ',' or ')'"},
		{"unclosed quote", "a.b = 'c", 1, 7, "expected the closing quote '"},
		{"bad escape", `a.b = "c\q"`, 1, 9, "expected one of the escapes"},
		{"short hex escape", `a.b = "\x4"`, 1, 8, "expected one of the escapes"},
		{"other quote escaped", `a.b = "\'"`, 1, 8, "expected one of the escapes"},
		{"empty argument", "a.b[] = c", 1, 5, "expected an argument"},
		{"unclosed argument", "a.b[c = d", 1, 6, "expected a ']'"},
		{"unknown transformer", "low(a.b) = c", 1, 1, `unknown transformer "low"`},
		{"transformer without arguments", "concat() = c", 1, 9, "expected an argument"},
		{"val on the left", "val(a.b) = c", 1, 1, "right of an operator only"},
		{"val in a transformer", "a.b = tolower(val(c.d))", 1, 15, "cannot stand inside"},
		{"transformer in val", "a.b = val(tolower(c.d))", 1, 11, "expected a field inside val()"},
		{"bare text in a transformer", "concat(a, b) = c", 1, 8, "expected a field, a transformer, a number"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Parse(tt.text, ParseOptions{})
			var pe *ParseError
			if !errors.As(err, &pe) {
				t.Fatalf("error = %v, want a ParseError", err)
			}
			if pe.Pos.Line != tt.line || pe.Pos.Col != tt.col {
				t.Errorf("at line %d, column %d, want %d, %d (%v)", pe.Pos.Line, pe.Pos.Col, tt.line, tt.col, err)
			}
			if !strings.Contains(pe.Error(), tt.msg) {
				t.Errorf("message %q lacks %q", pe.Error(), tt.msg)
			}
		})
	}
}

// A '(' directly behind a word: Falco takes in the parentheses only, and then wants the same word again.
func TestParseGroupBehindWord(t *testing.T) {
	for _, tt := range []struct {
		text string
		want string // printed, empty where the text is no condition
	}{
		{"a or(b)", "(a or b)"}, {"a or(b) or c", "(a or b or c)"}, {"a or(b)or(c)", "(a or b or c)"},
		{"a or(b) or c and d", "(a or b or (c and d))"}, {"a and(b) or c", "((a and b) or c)"}, {"a and(b) and c", "(a and b and c)"},
		{"a and(b)and(c) or(d)", "((a and b and c) or d)"}, {"(a or(b)) and c", "((a or b) and c)"}, {"a or (b) and c", "(a or (b and c))"},
		{"a or not(b) and c", "(a or (not b and c))"}, {"not(a) and(b)", "(not a and b)"}, {"not (a) and b", "(not a and b)"},
		{"not(not(a))or(b)", "(not not a or b)"}, {"a or( b and c )", "(a or (b and c))"}, {"a or\n(b) and c", "(a or (b and c))"},
		{"not\va", "not a"}, {"not \b a", "not a"},
		{"a or(b) and c", ""}, {"a or(b)and c", ""}, {"a or(b) and(c)", ""}, {"(a or(b) and c)", ""}, {"a or b or(c) and d", ""},
		{"not(a or(b) and c)", ""}, {"a or(b)\nand\nc", ""}, {"a or(b)and", ""}, {"a or(b) c", ""}, {"not\ba", ""}, {"a or", ""}, {"a orb", ""},
	} {
		e, err := Parse(tt.text, ParseOptions{})
		switch {
		case err != nil && tt.want != "":
			t.Errorf("%q: %v", tt.text, err)
		case err == nil && Print(e) != tt.want:
			t.Errorf("%q is %s, want %q", tt.text, Print(e), tt.want)
		}
	}
	_, err := Parse("a or(b) and c", ParseOptions{})
	if err == nil || !strings.Contains(err.Error(), "write 'or ('") {
		t.Errorf("error %v names no remedy", err)
	}
}

func TestParseLimits(t *testing.T) {
	around := func(n int, open, inner string) string {
		return strings.Repeat(open, n) + inner + strings.Repeat(")", n)
	}
	loader := ParseOptions{MaxDepth: 1000}
	for _, tt := range []struct {
		name, text string
		opt        ParseOptions
		ok         bool
	}{
		{"19 pairs of parentheses", around(19, "(", "a"), ParseOptions{}, true},
		{"20 pairs of parentheses", around(20, "(", "a"), ParseOptions{}, false},
		{"198 pairs", around(198, "(", "a.b = c"), loader, true},
		{"199 pairs", around(199, "(", "a.b = c"), loader, false},
		{"198 pairs around a number", around(198, "(", "a.b < 1"), loader, true},
		{"199 pairs around a number", around(199, "(", "a.b < 1"), loader, false},
		{"198 pairs around a list", around(198, "(", "a.b in (c)"), loader, true},
		{"199 pairs around a list", around(199, "(", "a.b in (c)"), loader, false},
		{"198 pairs around val", around(198, "(", "a.b = val(c.d)"), loader, true},
		{"199 pairs around a macro", around(199, "(", "a"), loader, true},
		{"200 pairs around a macro", around(200, "(", "a"), loader, false},
		{"248 times not(", around(248, "not(", "a.b = c"), loader, true},
		{"249 times not(", around(249, "not(", "a.b = c"), loader, false},
		{"331 times and(", around(331, "a and(", "a"), loader, true},
		{"332 times and(", around(332, "a and(", "a"), loader, false},
		{"497 transformers", around(497, "tolower(", "a.b") + " = c", loader, true},
		{"498 transformers", around(498, "tolower(", "a.b") + " = c", loader, false},
		{"side by side", strings.Repeat("(((a.b = c))) or ", 1000) + "a", loader, true},
		{"long and flat", strings.Repeat("a or ", 10000) + "a", ParseOptions{}, true},
		{"many nots", strings.Repeat("not ", 10000) + "a", ParseOptions{}, true},
		{"too many elements", "a.b in (" + strings.Repeat("x,", maxNodes) + "x)", ParseOptions{}, false},
		{"too long", "a.b = '" + strings.Repeat("x", maxText) + "'", ParseOptions{}, false},
		{"deep and open", strings.Repeat("(", 1<<20), ParseOptions{MaxDepth: 1000}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := Parse(tt.text, tt.opt); (err == nil) != tt.ok {
				t.Errorf("error = %v, want ok = %v", err, tt.ok)
			}
		})
	}
}
