package filter

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// sameTree ignores places and quotes.
var sameTree = cmp.Options{
	cmp.Transformer("place", func(Pos) Pos { return Pos{} }),
	cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == ".Quoted" }, cmp.Ignore()),
}

func TestPrinterVectors(t *testing.T) {
	type vector struct {
		Condition, Printed, Source string
		Roundtrip                  bool
	}
	for _, v := range readVectors[vector](t, "printer.json") {
		e, err := Parse(v.Condition, ParseOptions{})
		if err != nil {
			t.Errorf("%s: %v", v.Source, err)
			continue
		}
		got := Print(e)
		if !v.Roundtrip {
			if d := cmp.Diff(v.Printed, got); d != "" {
				t.Errorf("%s (-want +got):\n%s", v.Source, d)
			}
			continue
		}
		again, err := Parse(got, ParseOptions{})
		if err != nil {
			t.Errorf("%s: parse of %q: %v", v.Source, got, err)
			continue
		}
		if d := cmp.Diff(e, again, sameTree); d != "" {
			t.Errorf("%s: tree after a round trip (-want +got):\n%s", v.Source, d)
		}
	}
}

// treeGen makes random trees that the parser can yield.
type treeGen struct{ *rand.Rand }

func (g treeGen) pick(s ...string) string { return s[g.IntN(len(s))] }

func (g treeGen) expr(depth int) Expr {
	if depth > 0 {
		switch g.IntN(5) {
		case 0:
			return &And{Parts: g.exprs(depth)}
		case 1:
			return &Or{Parts: g.exprs(depth)}
		case 2:
			// Two nots in a row would be read as none.
			if e := g.expr(depth - 1); !isNot(e) {
				return &Not{Part: e}
			}
		}
	}
	if g.IntN(6) == 0 {
		return &Macro{Name: g.pick("a", "not_x", "and2", "Or_", "exists")}
	}
	return g.check()
}

func isNot(e Expr) bool { _, ok := e.(*Not); return ok }

func (g treeGen) exprs(depth int) []Expr {
	out := make([]Expr, 2+g.IntN(3))
	for i := range out {
		out[i] = g.expr(depth - 1)
	}
	return out
}

func (g treeGen) check() Expr {
	o := operators[g.IntN(len(operators))]
	c := &Check{Op: o.op, Left: g.left(2)}
	switch o.right {
	case rightNumber:
		c.Right = &Value{Text: g.pick("1", "-1", "0x1f", "1.5", "1e+3")}
	case rightText:
		if g.IntN(4) == 0 {
			c.Mod = g.pick("oneof", "anyof", "allof")
			c.Right = g.list()
		} else {
			c.Right = &Value{Text: g.text()}
		}
	case rightList:
		c.Right = g.list()
		if g.IntN(5) == 0 {
			c.Right = &Value{Text: "names"}
		}
	}
	if o.right != rightNone && c.Mod == "" && g.IntN(6) == 0 {
		c.Right = &Transformer{Name: "val", Args: []Operand{g.field()}}
	}
	return c
}

func (g treeGen) left(depth int) Operand {
	if depth > 0 && g.IntN(4) == 0 {
		t := &Transformer{Name: g.pick(transformerNames...), Args: []Operand{g.left(depth - 1)}}
		if t.Name == "getopt" && g.IntN(2) == 0 {
			t.Arg, t.HasArg = g.arg(), true
		}
		return t
	}
	return g.field()
}

func (g treeGen) field() *Field {
	f := &Field{Name: g.pick("proc.name", "fd.name", "a.b_1.C", "evt.arg")}
	if g.IntN(3) == 0 {
		f.Arg, f.HasArg = g.arg(), true
	}
	return f
}

func (g treeGen) arg() string { return g.pick("", "0", "a b", "a]", "a(b)=,", `q"`, "x'", "\\", "é") }

func (g treeGen) list() Operand {
	l := &List{}
	for range g.IntN(4) {
		l.Items = append(l.Items, &Value{Text: g.text()})
	}
	return l
}

func (g treeGen) text() string {
	const bytes = "ab.*/\\\"'()=,[] \t\n\r\b\f\v\x00\x01\x7f\xff\xc3\xa9"
	switch g.IntN(4) {
	case 0:
		return g.pick("and", "or", "not", "anyof", "val", "tolower", "in", "")
	case 1:
		return g.pick("nginx", "/etc/passwd", "a b", `\`, `a\`, `\"`, `\ `)
	}
	b := make([]byte, g.IntN(8))
	for i := range b {
		b[i] = bytes[g.IntN(len(bytes))]
	}
	return string(b)
}

func TestPrintRoundTrip(t *testing.T) {
	for seed := range uint64(500) {
		e := treeGen{rand.New(rand.NewPCG(seed, 1))}.expr(4)
		printed := Print(e)
		again, err := Parse(printed, ParseOptions{})
		if err != nil {
			t.Fatalf("seed %d: parse of %q: %v", seed, printed, err)
		}
		if d := cmp.Diff(e, again, sameTree); d != "" {
			t.Fatalf("seed %d: tree of %q (-want +got):\n%s", seed, printed, d)
		}
		if second := Print(again); second != printed {
			t.Fatalf("seed %d: printed %q, then %q", seed, printed, second)
		}
	}
}

func ExamplePrint() {
	e, err := Parse("not proc.name in (sh,'a b') or spawned", ParseOptions{})
	if err != nil {
		panic(err)
	}
	fmt.Println(Print(e))
	// Output: (not proc.name in (sh, "a b") or spawned)
}
