package filter

import (
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/saker-sensor/saker/internal/event"
)

func seeds(f *testing.F) []string {
	return append(vectorConditions(f),
		hotRule,
		`a.b["\x5d"] = "\"" and not(c or d) and e.f in (1,'x',"\\ ")`,
		`join("-", (a.b, "x", 1, tolower(c.d))) startswith anyof (x, y)`,
		`getopt(("-n", "-t"), "nt:")[t] = val(a.b[0])`,
		"a.b>=0x1F and a.b<-1.5e+3",
		"((((((((((a))))))))))",
	)
}

func FuzzParse(f *testing.F) {
	for _, s := range seeds(f) {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		e, err := Parse(text, ParseOptions{})
		if err != nil {
			var pe *ParseError
			if !errors.As(err, &pe) {
				t.Fatalf("error of type %T", err)
			}
			if pe.Pos.Offset < 0 || pe.Pos.Offset > len(text) || pe.Pos.Line < 1 || pe.Pos.Col < 1 {
				t.Fatalf("place %+v lies outside the text", pe.Pos)
			}
			return
		}
		printed := Print(e)
		again, err := Parse(printed, ParseOptions{MaxDepth: 1000})
		if err != nil {
			if !literalInTransformer(e) {
				t.Fatalf("parse of the printed form %q: %v", printed, err)
			}
			return
		}
		if !literalInTransformer(e) {
			if d := cmp.Diff(dropDoubleNots(e), dropDoubleNots(again), sameTree); d != "" {
				t.Fatalf("tree of %q (-want +got):\n%s", printed, d)
			}
		}
		EventTypes(e, allTypes(), event.TypeByName)
	})
}

// literalInTransformer: such texts are printed without the quotes that they need.
func literalInTransformer(e Expr) bool {
	var inside func(o Operand, deep bool) bool
	inside = func(o Operand, deep bool) bool {
		switch o := o.(type) {
		case *Value:
			return deep
		case *Transformer:
			for _, a := range o.Args {
				if inside(a, true) {
					return true
				}
			}
		case *List:
			for _, it := range o.Items {
				if inside(it, deep) {
					return true
				}
			}
		}
		return false
	}
	found := false
	Walk(e, func(e Expr) bool {
		if c, ok := e.(*Check); ok {
			found = found || inside(c.Left, false) || inside(c.Right, false)
		}
		return !found
	})
	return found
}

// dropDoubleNots: "not (not a)" prints as "not not a", which reads as "a".
func dropDoubleNots(e Expr) Expr {
	all := func(parts []Expr) []Expr {
		out := make([]Expr, len(parts))
		for i, p := range parts {
			out[i] = dropDoubleNots(p)
		}
		return out
	}
	switch e := e.(type) {
	case *And:
		return &And{Parts: all(e.Parts)}
	case *Or:
		return &Or{Parts: all(e.Parts)}
	case *Not:
		part := dropDoubleNots(e.Part)
		if not, ok := part.(*Not); ok {
			return not.Part
		}
		return &Not{Part: part}
	}
	return e
}

func FuzzMatch(f *testing.F) {
	for i, s := range seeds(f) {
		f.Add(s, uint64(i))
	}
	f.Fuzz(func(t *testing.T, text string, seed uint64) {
		e, err := Parse(text, ParseOptions{})
		if err != nil {
			return
		}
		fx := ownFields()
		condGen{rand.New(rand.NewPCG(seed, 3))}.fill(fx)
		flt, err := Compile(e, fx.options())
		if err != nil {
			var ce *CompileError
			if !errors.As(err, &ce) {
				t.Fatalf("error %v of type %T", err, err)
			}
			return
		}
		s := NewScratch()
		got := flt.Match(&event.Event{}, s)
		if flt.Match(&event.Event{}, s) != got {
			t.Fatal("the second match differs")
		}
		not, err := Compile(&Not{Part: e}, fx.options())
		if err != nil {
			t.Fatalf("compile the opposite: %v", err)
		}
		if not.Match(&event.Event{}, s) == got {
			t.Fatal("the opposite holds as well")
		}
		if want := slow(t, e, fx.options()); got != want {
			t.Fatalf("match = %v, part by part it is %v", got, want)
		}
	})
}
