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
	src := []rulefile.Source{file("threats.yaml", threatRule())}
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
	if kept > 100<<20 {
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
