package engine

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/saker-sensor/saker/internal/engine/rulefile"
)

const baseRule = "- rule: r" + tail +
	"  condition: evt.type = open\n  exceptions:\n  - name: e\n    fields: [proc.name, fd.name]\n    comps: [=, in]\n"

// TestRefusedChanges: what a file may not do to an earlier definition, by code.
func TestRefusedChanges(t *testing.T) {
	tests := []struct {
		name, text string
		want       rulefile.Code
	}{
		{"override of a key that can't be appended", "- rule: r\n  priority: ERROR\n  override: {priority: append}\n", rulefile.ErrYAMLValidate},
		{"override of a key that can't be overridden", "- rule: r\n  source: syscall\n  override: {source: replace}\n", rulefile.ErrYAMLValidate},
		{"an unknown operation", "- rule: r\n  desc: x\n  override: {desc: prepend}\n", rulefile.ErrYAMLValidate},
		{"a sequence", "- rule: r\n  desc: x\n  override: [append]\n", rulefile.ErrYAMLValidate},
		{"the key is absent", "- rule: r\n  override: {desc: append}\n", rulefile.ErrYAMLValidate},
		{"a key without an operation", "- rule: r\n  desc: x\n  tags: [a]\n  override: {desc: append}\n", rulefile.ErrYAMLValidate},
		{"override with append", "- rule: r\n  condition: and proc.name = x\n  append: true\n  override: {condition: append}\n",
			rulefile.ErrYAMLValidate},
		{"replace of an unknown rule", "- rule: q\n  desc: x\n  override: {desc: replace}\n", rulefile.ErrValidate},
		{"append to an unknown rule", "- rule: q\n  desc: x\n  override: {desc: append}\n", rulefile.ErrValidate},
		{"switch of an unknown rule", "- rule: q\n  enabled: false\n", rulefile.ErrValidate},
		{"append without content", "- rule: r\n  append: true\n", rulefile.ErrValidate},
		{"another source", "- rule: r\n  condition: and proc.name = x\n  source: aws\n  append: true\n", rulefile.ErrValidate},
		{"fields of an exception that is there", "- rule: r\n  exceptions: [{name: e, fields: [proc.name], values: [[a]]}]\n  append: true\n",
			rulefile.ErrValidate},
		{"comps of an exception that is there", "- rule: r\n  exceptions: [{name: e, comps: [=, =], values: [[a, b]]}]\n  append: true\n",
			rulefile.ErrValidate},
		{"a new exception without fields", "- rule: r\n  exceptions: [{name: f, values: [[a, b]]}]\n  append: true\n", rulefile.ErrValidate},
		{"a new exception without values", "- rule: r\n  exceptions: [{name: f, fields: [proc.name]}]\n  append: true\n", rulefile.ErrValidate},
		{"a row that is too short", "- rule: r\n  exceptions: [{name: e, values: [[a]]}]\n  append: true\n", rulefile.ErrValidate},
		{"a row that is no list", "- rule: r\n  exceptions: [{name: e, values: [a]}]\n  append: true\n", rulefile.ErrValidate},
		{"appended text without a word between", "- rule: r\n  condition: proc.name = x\n  append: true\n", rulefile.ErrCompileCondition},
		{"a macro's other key", "- macro: m\n  condition: proc.name = x\n  override: {items: append}\n", rulefile.ErrYAMLValidate},
		{"a boolean that is none", "- rule: r\n  enabled: maybe\n", rulefile.ErrYAMLValidate},
		{"tags that are no list", "- rule: r\n  tags: a\n  override: {tags: replace}\n", rulefile.ErrYAMLValidate},
		{"an empty condition", "- macro: m\n  condition: ''\n", rulefile.ErrYAMLValidate},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, results := load(t, baseRule, tt.text)
			if !results.Files[0].Successful() {
				t.Fatal(results.Text(true))
			}
			if f := results.Files[1]; f.Successful() || f.Errors[0].Code != tt.want || len(f.Errors) != 1 {
				t.Errorf("want %s alone:\n%s", tt.want, results.Text(true))
			}
		})
	}
}

func TestExceptionExpansion(t *testing.T) {
	tests := []struct{ name, exceptions, want string }{
		{"no values", "[{name: e, fields: [proc.name]}]", "evt.type = open"},
		{"one field, bare", "[{name: e, fields: proc.name, values: [a, b c]}]", `(evt.type = open and not proc.name in (a, "b c"))`},
		{"one field, in a list", "[{name: e, fields: [proc.name], values: [[a], [b]]}]",
			"(evt.type = open and not (proc.name = a or proc.name = b))"},
		{"several fields", "[{name: e, fields: [proc.name, fd.name], comps: [startswith, in], values: [[a, [b, c]], [d, e]]}]",
			"(evt.type = open and not ((proc.name startswith a and fd.name in (b, c)) or (proc.name startswith d and fd.name in (e))))"},
		{"a list's name", "[{name: e, fields: proc.name, comps: in, values: [l, z]}]", "(evt.type = open and not proc.name in (x, y, z))"},
		{"several exceptions", "[{name: e, fields: proc.name, values: [a]}, {name: f, fields: fd.name, comps: pmatch, values: [/b]}]",
			"(evt.type = open and not proc.name in (a) and not fd.name pmatch (/b))"},
		{"a modifier", "[{name: e, fields: proc.name, comps: startswith anyof, values: [a, b]}]",
			"(evt.type = open and not proc.name startswith anyof (a, b))"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			rs := mustLoad(t, "- list: l\n  items: [x, y]\n- rule: r"+tail+"  condition: evt.type = open\n  exceptions: "+tt.exceptions+"\n")
			if got := condition(t, rs, "r"); got != tt.want {
				t.Errorf("condition = %s\nwant        %s", got, tt.want)
			}
		})
	}
}

func TestSkipIfUnknown(t *testing.T) {
	rule := func(name, cond, output string) string {
		return fmt.Sprintf("- rule: %s\n  condition: %s\n  desc: d\n  output: \"%s\"\n  priority: INFO\n  skip-if-unknown-filter: true\n", name,
			cond, output)
	}
	rs := mustLoad(t, rule("a", "evt.type = open and proc.nope = 1", "x")+rule("b", "evt.type = nope", "x")+
		rule("c", "evt.type = open", "%proc.nope")+rule("d", "evt.type = open", "x"))
	var got []string
	for _, r := range rs.Rules() {
		got = append(got, r.Name)
	}
	if diff := cmp.Diff([]string{"d"}, got); diff != "" {
		t.Errorf("rules (-want +got):\n%s", diff)
	}
	if _, results := load(t, rule("a", "evt.type = open and proc.pid = x", "x")); results.Successful() {
		t.Error("a mistake other than an unknown name was skipped")
	}
}

func TestWildcard(t *testing.T) {
	for _, tt := range []struct {
		pattern, name string
		want          bool
	}{
		{"a b", "a b", true}, {"a", "ab", false}, {"a*", "ab", true}, {"*b", "ab", true}, {"*", "", true}, {"a*a", "a", false},
		{"a*b*c", "axxbyyc", true}, {"a*b*c", "axxcyyb", false}, {"**", "x", true},
	} {
		if got := wildcard(tt.pattern, tt.name); got != tt.want {
			t.Errorf("wildcard(%q, %q) = %v", tt.pattern, tt.name, got)
		}
	}
}
