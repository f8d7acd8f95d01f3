package yamltree

import (
	"strings"
	"testing"
)

// FuzzRuns: a text with a long series of items in it gives the tree, or the error, that the library alone makes of it.
func FuzzRuns(f *testing.F) {
	f.Add("- list: l\n  items:\n", "  - 10.0.0.1", "\n", "\n- list: m\n")
	f.Add("items: [", "\"a b\"", ", ", "]\nb: c\n")
	f.Add("items: [ # x\n", "fd00::1", " ,# y\n  ", "]")
	f.Add("a: |\n", " - x", "\n", "\nb: [x, y]")
	f.Add("- [[", "'x'", ",", "], {a: b}]")
	f.Add("? [", "x", ", ", "]\n: y\n")
	f.Fuzz(func(t *testing.T, before, item, between, after string) {
		const bound = 64
		if len(before)+len(item)+len(between)+len(after) > bound {
			return
		}
		text := before + strings.Repeat(item+between, minRun+1) + item + after
		file := NewFile("f.yaml", []byte(text))
		runs := findRuns(file)
		if len(runs) == 0 || strings.Contains(text, "{") {
			return // within braces the library takes fd00::1 for a key and a value
		}
		got, gotErr := read(file, runs)
		if gotErr != nil {
			return // then the library reads all of it
		}
		want, wantErr := read(file, nil)
		if wantErr != nil {
			t.Fatalf("%q: the library says %v", text[:min(len(text), 200)], wantErr)
		}
		if d := differ(got, want); d != "" {
			t.Fatalf("%q: %s", text[:min(len(text), 200)], d)
		}
	})
}
