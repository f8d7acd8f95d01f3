package yamltree

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
)

// itemLines are n items of a block sequence, indented.
func itemLines(indent, n int) string {
	words := []string{"10.0.0.%d", "fd00::%d:1", "name-%d", "'\"10.1.1.%d\"'", `"a b: %d #"`, "0x%d", "true%d", "/usr/bin/x_%d"}
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "%s- "+words[i%len(words)]+"\n", strings.Repeat(" ", indent), i)
	}
	return b.String()
}

// flowItems are n items with commas between them.
func flowItems(n int, comma string) string {
	words := []string{"10.0.0.%d", "fd00::%d:1", "name-%d", "'\"10.1.1.%d\"'", `"a, b]: %d #"`, "0x%d", "true%d", "/usr/bin/x_%d"}
	items := make([]string, n)
	for i := range items {
		items[i] = fmt.Sprintf(words[i%len(words)], i)
	}
	return strings.Join(items, comma)
}

// TestRuns: a long series of items gives the tree that the library makes of all lines, and so do lines that only look like one.
func TestRuns(t *testing.T) {
	const n = 2 * minRun
	for name, tt := range map[string]struct {
		text string
		// apart: the lines in the middle are not read by the library.
		apart bool
	}{
		"a list":                      {"- list: l\n  items:\n" + itemLines(2, n) + "- list: m\n  items: [a]\n", true},
		"deeper":                      {"- list: l\n  items:\n" + itemLines(8, n) + "  other: x\n", true},
		"without indentation":         {"items:\n" + itemLines(0, n) + "other: x\n", true},
		"alone":                       {itemLines(0, n), true},
		"without a line end":          {strings.TrimSuffix(itemLines(0, n), "\n"), true},
		"two, and a comment":          {"a:\n" + itemLines(1, n) + "# x\n" + itemLines(1, n) + "b:\n\n" + itemLines(3, n), true},
		"two documents":               {itemLines(0, n) + "---\n" + itemLines(0, n), true},
		"an anchor":                   {"a: &x\n" + itemLines(1, n) + "b: *x\n", true},
		"a last item that goes on":    {"a:\n" + itemLines(1, n) + "   word\nb: c\n", true},
		"an item before that goes on": {"a:\n  - x\n   y\n" + itemLines(2, n), true},
		"nulls, keys and texts between": {"a:\n" + itemLines(1, n) + " - null\n - b: c\n - e:\n - ~\n - 'f''g'\n - \"\\n\"\n" + itemLines(1, n),
			true},
		"items below another":                          {"- a\n-\n" + itemLines(2, n) + "- b\n", true},
		"lines of a block":                             {"a: |\n" + itemLines(2, n) + "b: c\n", false},
		"lines of a folded block":                      {"a: >-\n" + itemLines(2, n) + "b: c\n", false},
		"lines of a plain text":                        {"a: b\n" + itemLines(2, n), false},
		"lines of a quoted text":                       {"a: 'b\n" + strings.ReplaceAll(itemLines(2, n), "'", "") + "'\n", false},
		"lines of a text, then a list":                 {"a: |\n" + itemLines(2, n) + "b:\n" + itemLines(2, n), false},
		"items within a flow, which the library takes": {"a: [\n" + itemLines(2, n) + "]\n", true},
		"a flow":                               {"- list: l\n  items: [" + flowItems(n, ", ") + "]\n- list: m\n  items: [a]\n", true},
		"a flow without blanks":                {"items: [" + flowItems(n, ",") + "]\n", true},
		"a flow in lines":                      {"items: [\n   " + flowItems(n, ",\n   ") + "\n  ]\nb: c\n", true},
		"a flow in lines with commas in front": {"items: [" + flowItems(n, "\n , ") + " ]\nb: c\n", true},
		"a flow with comments":                 {"items: [ # x\n   " + flowItems(n, ", # y, z]\n   ") + ", # w\n  ]\nb: c\n", true},
		"a flow with a last comma":             {"items: [" + flowItems(n, ", ") + ", ]\nb: c\n", true},
		"a flow at the end":                    {"items: [" + flowItems(n, ", ") + "]", true},
		"a flow in another one":                {"a: [x, [" + flowItems(n, ", ") + "], y, [" + flowItems(n, ", ") + "]]\n", true},
		// Without colons: within braces the library takes fd00::1 for a key and a value, unlike yaml-cpp.
		"a flow in a mapping":            {"{a: [" + strings.ReplaceAll(flowItems(n, ", "), ":", "-") + "], b: c}\n", true},
		"a flow with other items behind": {"a: [" + flowItems(n, ", ") + ", null, b: c, x y, '', [z], a]\nb: c\n", true},
		"a flow with an anchor":          {"a: &x [" + flowItems(n, ", ") + "]\nb: *x\n", true},
		"a flow and a block":             {"a: [" + flowItems(n, ", ") + "]\nb:\n" + itemLines(1, n) + "c: [" + flowItems(n, ", ") + "]\n", true},
		"a flow that is a key":           {"? [" + flowItems(n, ", ") + "]\n: x\n", false},
		"a flow that is open":            {"a: [" + flowItems(n, ", ") + "\n", false},
		"a flow without a comma":         {"a: [" + flowItems(n, ", ") + " x, y]\n", true},
		"a flow in a text":               {"a: |\n  [" + flowItems(n, ", ") + "]\nb: c\n", false},
		"a flow in a plain text":         {"a: x [" + flowItems(n, "; ") + "], [" + flowItems(n, ", ") + "]\nb: c\n", false},
		"a mistake behind":               {"a:\n" + itemLines(1, n) + "b: c: d\n", false},
		"a mistake before":               {"b: c: d\na:\n" + itemLines(1, n), false},
	} {
		t.Run(name, func(t *testing.T) {
			f := NewFile("f.yaml", []byte(tt.text))
			runs := findRuns(f)
			if _, err := read(f, runs); len(runs) == 0 || (err == nil) != tt.apart {
				t.Errorf("%d runs: %v", len(runs), err)
			}
			got, err := Parse(f)
			want, wantErr := read(f, nil)
			if wantErr != nil {
				wantErr.File = f
			}
			if !reflect.DeepEqual(err, wantErr) {
				t.Fatalf("error %v, want %v", err, wantErr)
			}
			if difference := differ(got, want); difference != "" {
				t.Error(difference)
			}
		})
	}
}

// differ names the first difference between two lists of nodes.
func differ(a, b []*Node) string {
	if len(a) != len(b) {
		return fmt.Sprintf("%d nodes, want %d", len(a), len(b))
	}
	for i := range a {
		x, y := *a[i], *b[i]
		x.Items, y.Items, x.Pairs, y.Pairs = nil, nil, nil, nil
		if !reflect.DeepEqual(x, y) {
			return fmt.Sprintf("got %+v, want %+v", x, y)
		}
		if d := differ(a[i].Items, b[i].Items); d != "" {
			return d
		}
		if d := differ(pairNodes(a[i]), pairNodes(b[i])); d != "" {
			return d
		}
	}
	return ""
}

func pairNodes(n *Node) []*Node {
	var out []*Node
	for _, p := range n.Pairs {
		out = append(out, p.Key, p.Value)
	}
	return out
}
