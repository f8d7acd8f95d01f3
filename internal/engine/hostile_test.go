package engine

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/saker-sensor/saker/internal/engine/rulefile"
)

// TestHostile: what grows without bounds is refused with a message, and soon.
func TestHostile(t *testing.T) {
	var doubling, lists, chain strings.Builder
	doubling.WriteString("- macro: m0\n  condition: proc.name = x\n")
	lists.WriteString("- list: l0\n  items: [a]\n")
	chain.WriteString("- macro: c0\n  condition: proc.name = x\n")
	for i := 1; i < 60; i++ {
		fmt.Fprintf(&doubling, "- macro: m%d\n  condition: m%d and m%d\n", i, i-1, i-1)
		fmt.Fprintf(&lists, "- list: l%d\n  items: [l%d, l%d]\n", i, i-1, i-1)
	}
	for i := 1; i < 3000; i++ {
		fmt.Fprintf(&chain, "- macro: c%d\n  condition: not c%d\n", i, i-1)
	}
	rule := "- rule: r" + tail + "  condition: "
	tests := []struct{ name, text, want string }{
		{"macros that double", doubling.String() + rule + "m59\n", "parts after the expansion of its macros"},
		{"lists that double", lists.String() + rule + "proc.name in (l59)\n", "expands to more than"},
		{"a long list used often", "- list: l\n  items: [" + strings.Repeat(strings.Repeat("a", 200)+",", 1000) + "a]\n" +
			rule + strings.Repeat("proc.name in (l) or ", 50) + "evt.type = open\n", "after the expansion of list 'l'"},
		{"a large list outside of a list", "- list: l\n  items: [" + strings.Repeat("abcdefghijklmnopqrst,", 60000) + "a]\n" +
			rule + "proc.name = l\n", "'l' has 60001 items"},
		{"a large list and a mistake", "- list: l\n  items: [" + strings.Repeat("abcdefghijklmnopqrst,", 60000) + "a]\n" +
			rule + "proc.name in (l) or (\n", "expected a field"},
		{"items", "- list: l\n  items: [" + strings.Repeat("a,", maxItems) + "a]\n", "expands to more than"},
		{"macros nested", chain.String() + rule + "c2999\n", "nested deeper"},
		{"parentheses", rule + strings.Repeat("(", 5000) + "evt.type = open" + strings.Repeat(")", 5000) + "\n", "nest"},
		{"brackets", "- list: a\n  items: " + strings.Repeat("[", 100000), "nest deeper"},
		{"dashes", strings.Repeat("- ", 100000) + "a", "nest deeper"},
		{"maps", func() string {
			var b strings.Builder
			for i := range 500 {
				b.WriteString(strings.Repeat(" ", i) + "a:\n")
			}
			return b.String()
		}(), "nest deeper"},
		{"aliases that double", func() string {
			var b strings.Builder
			b.WriteString("- list: l0\n  items: &a0 [x, x]\n")
			for i := 1; i < 60; i++ {
				fmt.Fprintf(&b, "- list: l%d\n  items: &a%d [*a%d, *a%d]\n", i, i, i-1, i-1)
			}
			return b.String()
		}(), "not a scalar value"},
		{"size", strings.Repeat("# comment\n", 2000000), "larger than 16 MiB"},
		{"binary", "- rule: \x00\n", "NUL byte"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			start := processorTime(t)
			_, results := load(t, tt.text)
			if results.Successful() || !strings.Contains(results.Files[0].Errors[0].Message, tt.want) {
				t.Errorf("want an error with %q:\n%.2000s", tt.want, results.Text(true))
			}
			if d := processorTime(t) - start; d > 30*time.Second {
				t.Errorf("took %v of processor time", d)
			}
		})
	}
}

// processorTime is what this process has taken so far. The time until the end says little on a busy machine.
func processorTime(t *testing.T) time.Duration {
	t.Helper()
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func FuzzLoad(f *testing.F) {
	for _, s := range []string{
		"- rule: r" + tail + "  condition: evt.type = open\n",
		"- list: a\n  items: [b, \"c d\"]\n- macro: m\n  condition: proc.name in (a)\n",
		"- rule: r\n  append: true\n  exceptions:\n  - name: e\n    fields: [proc.name]\n    comps: [in]\n    values: [[a, [b]]]\n",
		"- rule: r\n  override: {condition: append, tags: replace}\n  condition: \"\\x41\\\n  b\"\n  tags: &a [x]\n",
		"- required_engine_version: 0.1.0\n- required_plugin_versions:\n  - {name: a, version: 1.0.0, alternatives: [{name: b, version: " +
			"0.1.0}]}\n",
		"? a\n: - b\n--- !t &x\n*x\n", "- \t'''\n", "\"\\u12", "- >+2\n   x\n", "[[{{", "- <<: *a\n",
	} {
		f.Add([]byte(s))
	}
	opt := testOptions()
	f.Fuzz(func(t *testing.T, content []byte) {
		_, results := Load([]rulefile.Source{{Name: "fuzz.yaml", Content: content}}, opt)
		if _, err := results.JSON(); err != nil {
			t.Fatal(err)
		}
		results.Text(true)
		for _, p := range results.Files[0].Errors {
			if p.At().Line < 1 || p.At().Column < 1 || p.Message == "" {
				t.Fatalf("a problem without place or message: %+v", p)
			}
		}
	})
}
