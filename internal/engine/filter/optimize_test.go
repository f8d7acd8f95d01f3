package filter

import (
	"math/rand/v2"
	"net/netip"
	"testing"

	"github.com/saker-sensor/saker/internal/event"
	"github.com/saker-sensor/saker/internal/field"
)

// slow evaluates a condition part by part, left to right: each check is compiled alone.
func slow(t *testing.T, e Expr, opt CompileOptions) bool {
	t.Helper()
	switch e := e.(type) {
	case *And:
		for _, p := range e.Parts {
			if !slow(t, p, opt) {
				return false
			}
		}
		return true
	case *Or:
		for _, p := range e.Parts {
			if slow(t, p, opt) {
				return true
			}
		}
		return false
	case *Not:
		return !slow(t, e.Part, opt)
	}
	flt, err := Compile(e, opt)
	if err != nil {
		t.Fatalf("compile %s: %v", Print(e), err)
	}
	return flt.Match(&event.Event{}, NewScratch())
}

// condGen makes random conditions over few fields and values, so that parts meet often.
type condGen struct{ *rand.Rand }

func (g condGen) pick(s ...string) string { return s[g.IntN(len(s))] }

func (g condGen) expr(depth int) Expr {
	n := 8
	if depth == 0 {
		n = 1
	}
	switch g.IntN(n) {
	case 1, 2:
		return &And{Parts: g.exprs(depth)}
	case 3, 4:
		return &Or{Parts: g.exprs(depth)}
	case 5, 6:
		return &Not{Part: g.expr(depth - 1)}
	}
	return g.check()
}

func (g condGen) exprs(depth int) []Expr {
	out := make([]Expr, 1+g.IntN(5))
	for i := range out {
		out[i] = g.expr(depth - 1)
	}
	return out
}

func (g condGen) check() Expr {
	var left Operand
	op, value := Op(""), func() string { return g.pick("", "a", "ab", "abc", "/a", "/a/b", "*", "a*", "*b", "?b*") }
	switch g.IntN(8) {
	case 0:
		left = &Field{Name: "proc.pid"}
		op = Op(g.pick("=", "!=", "<", ">=", "in", "exists"))
		value = func() string { return g.pick("0", "1", "2", "-1") }
	case 1:
		left = &Field{Name: g.pick("fd.sip", "fd.ip")}
		op = Op(g.pick("=", "!=", "in", "exists"))
		value = func() string { return g.pick("1.1.1.1", "1.1.1.2", "1.0.0.8", "::1") }
	case 2:
		left = &Field{Name: "proc.args"}
		op = Op(g.pick("in", "intersects", "exists"))
	case 3:
		left = &Transformer{Name: "tolower", Args: []Operand{&Field{Name: g.pick("proc.name", "proc.pname")}}}
	case 4:
		left = &Field{Name: "proc.aname"}
	default:
		left = &Field{Name: g.pick("proc.name", "proc.pname", "fd.name")}
	}
	if op == "" {
		op = Op(g.pick("=", "!=", "contains", "icontains", "startswith", "endswith", "glob", "iglob", "in", "pmatch", "exists"))
	}
	c := &Check{Left: left, Op: op}
	list := &List{}
	for range g.IntN(8) {
		list.Items = append(list.Items, &Value{Text: value()})
	}
	switch op {
	case OpExists:
	case OpIn, OpIntersects, OpPMatch:
		c.Right = list
	case OpLt, OpGe:
		c.Right = &Value{Text: value()}
	default:
		if c.Right = (&Value{Text: value()}); g.IntN(4) == 0 {
			c.Mod, c.Right = g.pick("oneof", "anyof", "allof"), list
		}
	}
	return c
}

func (g condGen) fill(f *fixture) {
	clear(f.values)
	word := func() string { return g.pick("", "a", "ab", "abc", "b", "B", "/a", "/a/b/c") }
	addr := func() string { return g.pick("1.1.1.1", "1.2.3.4", "9.9.9.9", "::1") }
	for _, name := range []string{"proc.name", "proc.pname", "fd.name"} {
		if g.IntN(4) > 0 {
			f.set(name, text(word()))
		}
	}
	if g.IntN(4) > 0 {
		f.set("proc.pid", number(int64(g.IntN(4))-1))
	}
	if g.IntN(4) > 0 {
		f.set("fd.sip", field.Value{Addr: netip.MustParseAddr(addr())})
		f.set("fd.ip", addrs(addr(), addr()))
	}
	for _, name := range []string{"proc.args", "proc.aname"} {
		if n := g.IntN(4); n > 0 {
			var words []string
			for range n - 1 {
				words = append(words, word())
			}
			f.set(name, texts(words...))
		}
	}
}

func TestOptimizedMeansTheSame(t *testing.T) {
	f := ownFields()
	matched := 0
	for seed := range uint64(1500) {
		g := condGen{rand.New(rand.NewPCG(seed, 2))}
		e := g.expr(3)
		flt, err := Compile(e, f.options())
		if err != nil {
			t.Fatalf("seed %d: compile %s: %v", seed, Print(e), err)
		}
		s := NewScratch()
		for range 6 {
			g.fill(f)
			got, want := flt.Match(&event.Event{}, s), slow(t, e, f.options())
			if got != want {
				t.Fatalf("seed %d: %s with %v = %v, want %v", seed, Print(e), f.values, got, want)
			}
			if got {
				matched++
			}
		}
	}
	if matched < 1000 || matched > 8000 {
		t.Errorf("%d of 9000 trials match: the conditions say too little", matched)
	}
}

func TestOptimizedForm(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		// parts is the number of tests that are left at the top.
		parts int
		first string
	}{
		{"equal tests become a set", "proc.name = a or proc.name = b or proc.name in (c, d, e)", 1, "proc.name"},
		{"negated tests become one", "not proc.name = a and not proc.name startswith b", 1, "proc.name"},
		{"tests of one field are joined", "proc.name startswith a and not proc.name in (ab, ac) and proc.name contains b", 1, "proc.name"},
		{"cheap tests come first", "proc.aname = a and proc.cmdline contains x and evt.cpu = 1", 3, "evt.cpu"},
		{"groups are flattened", "evt.cpu = 1 and (proc.name = a and (proc.pid = 1))", 3, "evt.cpu"},
		{"every ancestor differs", "proc.aname = a and proc.aname = b", 2, "proc.aname"},
		{"impossible parts vanish", "proc.name in () or evt.cpu = 1", 1, "evt.cpu"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			flt, err := ownFields().compile(tt.text)
			if err != nil {
				t.Fatal(err)
			}
			parts := []node{flt.root}
			switch r := flt.root.(type) {
			case andNode:
				parts = r
			case orNode:
				parts = r
			}
			if len(parts) != tt.parts {
				t.Fatalf("%d parts left, want %d", len(parts), tt.parts)
			}
			first := parts[0]
			if not, ok := first.(notNode); ok {
				first = not.part
			}
			if got := first.(*testNode).src.text; got != tt.first {
				t.Errorf("first part reads %s, want %s", got, tt.first)
			}
		})
	}
}
