package engine

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/saker-sensor/saker/internal/engine/filter"
	"github.com/saker-sensor/saker/internal/engine/rulefile"
)

// largeList writes a list of n different items.
func largeListOf(name string, n int, item func(int) string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "- list: %s\n  items:\n", name)
	for i := range n {
		b.WriteString("  - " + item(i) + "\n")
	}
	return b.String()
}

func address(i int) string { return fmt.Sprintf("%d.%d.%d.%d", 11+i>>16, i>>8&255, i&255, i%7) }

const threats = 200_000

// threatRule compares both ends of a connection with a list of addresses.
func threatRule() string {
	return largeListOf("threats", threats, address) +
		"- rule: a" + tail + "  condition: evt.type = connect and (fd.sip in (threats) or fd.cip in (threats, 192.0.2.1))\n"
}

// A list of 200,000 addresses loads, and both comparisons share one set of it. The bounds are generous: the machine may be
// slow, and the race detector is.
func TestLargeListOfAddresses(t *testing.T) {
	text := threatRule()
	t.Run("a line each", func(t *testing.T) { loadThreats(t, text) })
	t.Run("in brackets", func(t *testing.T) {
		text := strings.Replace(strings.Replace(text, "items:\n  - ", "items: [", 1), "\n- rule", "]\n- rule", 1)
		loadThreats(t, strings.ReplaceAll(text, "\n  - ", ", "))
	})
}

func loadThreats(t *testing.T, text string) {
	src := []rulefile.Source{file("threats.yaml", text)}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	start := time.Now()
	rs, results := Load(src, testOptions())
	took := time.Since(start)
	runtime.GC()
	runtime.ReadMemStats(&after)
	if !results.Successful() {
		t.Fatal(results.Text(true))
	}
	kept := int64(after.HeapAlloc) - int64(before.HeapAlloc)
	t.Logf("loaded in %v, keeps %d MB, allocated %d MB", took, kept>>20, (after.TotalAlloc-before.TotalAlloc)>>20)
	if took > 20*time.Second {
		t.Errorf("it took %v", took)
	}
	if kept > 64<<20 {
		t.Errorf("it keeps %d MB", kept>>20)
	}
	var shared []*filter.Literals
	filter.WalkOperands(rs.Rules()[0].Expr(), func(o filter.Operand) {
		if m, ok := o.(*filter.Mention); ok {
			shared = append(shared, m.Literals)
		}
	})
	if len(shared) != 2 || shared[0] != shared[1] || len(shared[0].Values) != threats {
		t.Errorf("%d mentions, want two of one list", len(shared))
	}
	runtime.KeepAlive(rs)
}

// Long lists of names load, whatever they are compared by, and mean what a short list means.
func TestLargeListsOfNames(t *testing.T) {
	for _, n := range []int{largeList, 60_000, 131_073} {
		list := largeListOf("names", n, func(i int) string { return fmt.Sprintf("name%d", i) })
		for _, condition := range []string{
			"proc.name in (names)", "proc.name in (other, names) or proc.pname in (names)", "fd.name pmatch (names)",
			"not proc.name in (names) and proc.name intersects (names)",
		} {
			rs := mustLoad(t, list+"- rule: a"+tail+"  condition: evt.type = open and ("+condition+")\n")
			if got := filter.Print(rs.Rules()[0].Expr()); !strings.Contains(got, fmt.Sprintf("name%d)", n-1)) {
				t.Errorf("%s: it ends in %.80s", condition, got[len(got)-80:])
			}
		}
	}
}

// Lists of lists are put in at every level, where Falco puts in one.
func TestNestedLists(t *testing.T) {
	rs := mustLoad(t, "- list: a\n  items: [x]\n- list: b\n  items: [a, y]\n- list: c\n  items: [b, z]\n"+
		"- rule: r"+tail+"  condition: evt.type = open and proc.name in (c)\n")
	if got, want := filter.Print(rs.Rules()[0].Expr()), "(evt.type = open and proc.name in (x, y, z))"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// Empty items in front of a list are dropped, as in Falco; one behind another item is a mistake.
func TestEmptyItems(t *testing.T) {
	for _, tt := range []struct{ items, want string }{
		{`["", x]`, "(evt.type = open and proc.name in (x))"},
		{`["", "", x, y]`, "(evt.type = open and proc.name in (x, y))"},
		{`[""]`, "(evt.type = open and proc.name in ())"},
		{`[x, ""]`, ""}, {`[x, "", y]`, ""},
	} {
		rs, results := load(t, "- list: l\n  items: "+tt.items+"\n- rule: r"+tail+"  condition: evt.type = open and proc.name in (l)\n")
		switch {
		case results.Successful() != (tt.want != ""):
			t.Errorf("%s: %s", tt.items, results.Text(true))
		case results.Successful() && filter.Print(rs.Rules()[0].Expr()) != tt.want:
			t.Errorf("%s: got %s", tt.items, filter.Print(rs.Rules()[0].Expr()))
		}
	}
}

// A mistake in a large list is shown where the item stands.
func TestMistakeInLargeList(t *testing.T) {
	list := largeListOf("threats", largeList, func(i int) string {
		if i == 700 {
			return "10.0.0.256"
		}
		return address(i)
	})
	_, results := load(t, list+"- rule: a"+tail+"  condition: evt.type = connect and fd.sip in (threats)\n")
	if results.Successful() || results.Files[0].Errors[0].At().Line != 703 {
		t.Errorf("no error at line 703:\n%s", results.Text(true))
	}
}

// BenchmarkLargeList loads a rule that compares two addresses with a list of 200,000.
func BenchmarkLargeList(b *testing.B) {
	src := []rulefile.Source{file("threats.yaml", threatRule())}
	b.ReportAllocs()
	for b.Loop() {
		if _, results := Load(src, testOptions()); !results.Successful() {
			b.Fatal(results.Text(true))
		}
	}
}
