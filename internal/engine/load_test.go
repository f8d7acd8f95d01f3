package engine

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/saker-sensor/saker/internal/engine/filter"
	"github.com/saker-sensor/saker/internal/engine/rulefile"
	"github.com/saker-sensor/saker/internal/event"
	"github.com/saker-sensor/saker/internal/field"
)

// file is a rule file written inside a test.
func file(name, text string) rulefile.Source {
	return rulefile.Source{Name: name, Content: []byte(text)}
}

const tail = "\n  desc: d\n  output: x\n  priority: INFO\n"

func load(t *testing.T, texts ...string) (*Ruleset, rulefile.Results) {
	t.Helper()
	var sources []rulefile.Source
	for i, s := range texts {
		sources = append(sources, file(fmt.Sprintf("file%d.yaml", i), s))
	}
	return Load(sources, testOptions())
}

func mustLoad(t *testing.T, texts ...string) *Ruleset {
	t.Helper()
	rs, results := load(t, texts...)
	if !results.Successful() {
		t.Fatalf("refused: %v\n%s", results.Err, results.Text(true))
	}
	return rs
}

func condition(t *testing.T, rs *Ruleset, name string) string {
	t.Helper()
	r, ok := rs.Rule(name)
	if !ok {
		t.Fatalf("no rule %q", name)
	}
	return filter.Print(r.Expr())
}

// TestPlaces: every message names the line and column, counted from 1, of what it is about.
func TestPlaces(t *testing.T) {
	rule := "- rule: r" + tail
	tests := []struct {
		name, text string
		want       string // the line, and what stands at the column
	}{
		{"plain", rule + "  condition: evt.type = open and proc.nam = x\n", "5: proc.nam"},
		{"plain of several lines", rule + "  condition: evt.type = open and\n     (proc.name = x\n\n   or proc.nam = y)\n", "8: proc.nam"},
		{"folded", rule + "  condition: >\n    evt.type = open and\n    proc.name = x and\n\n    proc.nam = y\n", "9: proc.nam"},
		{"folded, more indented", rule + "  condition: >-\n    evt.type = open\n      and proc.nam = y\n", "7: proc.nam"},
		{"literal", rule + "  condition: |\n    evt.type = open\n    and proc.nam = y\n", "7: proc.nam"},
		{"literal with a comment behind its header", rule + "  condition: | # c\n    evt.type = open and proc.nam = y\n", "6: proc.nam"},
		{"double quotes", rule + "  condition: \"evt.type = \\\"open\\\" and \\x70roc.name = x\\tand proc.nam = y\"\n", "5: proc.nam"},
		{"double quotes, folded", rule + "  condition: \"evt.type = open and \\\n     proc.name = a\n     and proc.nam = y\"\n", "7: proc.nam"},
		{"single quotes", rule + "  condition: 'evt.type = open and proc.name = ''a'' and proc.nam = y'\n", "5: proc.nam"},
		{"letters of several bytes", rule + "  condition: evt.type = open and proc.name = \"é日\" and proc.nam = y\n", "5: proc.nam"},
		{"windows lines", strings.ReplaceAll(rule+"  condition: >\n    evt.type = open\n    and proc.nam = y\n", "\n", "\r\n"), "7: proc.nam"},
		{"behind a list", "- list: l\n  items: [a, b, c]\n" + rule + "  condition: evt.type = open and proc.name in (l) and proc.nam = y\n",
			"7: proc.nam"},
		{"inside a macro", "- macro: m\n  condition: proc.nam = x\n" + rule + "  condition: evt.type = open and m\n", "2: proc.nam"},
		{"inside an appended condition",
			rule + "  condition: evt.type = open\n- rule: r\n  condition: and proc.nam = x\n  override: {condition: append}\n", "7: proc.nam"},
		{"in a second document", "---\n- list: l\n  items: [a]\n---\n" + rule + "  condition: evt.type = open and proc.nam = x\n", "9: proc.nam"},
		{"an exception's field", rule + "  condition: evt.type = open\n  exceptions:\n  - name: e\n    fields: [proc.name,\n       proc.nam]\n",
			"9: proc.nam"},
		{"a missing parenthesis", rule + "  condition: evt.type = open and (proc.name = x\n", "5: (proc.name"},
		{"an operator", rule + "  condition: evt.type = open and proc.name startwith x\n", "5: startwith"},
		{"an undefined macro", rule + "  condition: evt.type = open and nope\n", "5: nope"},
		{"an event type", rule + "  condition: evt.type in (open, opem)\n", "5: opem"},
		{"a priority", "- rule: r\n  condition: evt.type = open\n  desc: d\n  output: x\n  priority: HIGH\n", "5: HIGH"},
		{"an output's field", "- rule: r\n  condition: evt.type = open\n  desc: d\n  output: >\n    a\n    (b=%proc.nam)\n  priority: INFO\n",
			"6: proc.nam"},
		{"a byte order mark", "\ufeff" + rule + "  condition: evt.type = open and nope\n", "5: nope"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, results := load(t, tt.text)
			if results.Successful() {
				t.Fatal("accepted")
			}
			p := results.Files[0].Errors[0]
			at := p.At()
			line := strings.Split(strings.TrimPrefix(tt.text, "\ufeff"), "\n")[at.Line-1]
			got := fmt.Sprintf("%d: %s", at.Line, string([]rune(line)[at.Column-1:]))
			if !strings.HasPrefix(got, tt.want) {
				t.Errorf("place = %s, want %s\n%s", got, tt.want, results.Text(true))
			}
			caret := strings.Split(p.Snippet, "\n")
			if len([]rune(caret[1])) != at.Column {
				t.Errorf("the caret is not below the place:\n%s", p.Snippet)
			}
		})
	}
}

func TestHints(t *testing.T) {
	rule := "- rule: r" + tail
	tests := []struct{ name, text, want string }{
		{"field", rule + "  condition: evt.type = open and proc.nmae = x\n", "did you mean 'proc.name'?"},
		{"macro", "- macro: spawned\n  condition: evt.type = open\n" + rule + "  condition: spawnde\n", "did you mean 'spawned'?"},
		{"macro further down", "- macro: a\n  condition: b\n- macro: b\n  condition: evt.type = open\n",
			"the macro is defined further down; move its definition up"},
		{"operator", rule + "  condition: evt.type = open and proc.name startwith x\n", "did you mean 'startswith'?"},
		{"word in capitals", rule + "  condition: evt.type = open AND proc.name = x\n", "write 'and' in lower case"},
		{"key", "- rule: r\n  desc: d\n  output: x\n  priorty: INFO\n  condition: evt.type = open\n", "'priorty' may be meant as 'priority'"},
		{"priority", "- rule: r\n  desc: d\n  output: x\n  priority: warnin\n  condition: evt.type = open\n", "did you mean 'WARNING'?"},
		{"event type", rule + "  condition: evt.type = opeant\n", "did you mean 'openat'?"},
		{"list to append to", "- list: shells\n  items: [a]\n- list: shels\n  items: [b]\n  override: {items: append}\n",
			"did you mean 'shells'?"},
		{"output field", "- rule: r\n  desc: d\n  output: \"%proc.nmae\"\n  priority: INFO\n  condition: evt.type = open\n",
			"did you mean 'proc.name'?"},
		{"exception operator", rule + "  condition: evt.type = open\n  exceptions:\n  - name: e\n    fields: [proc.name]\n    comps: [endwith]\n",
			"did you mean 'endswith'?"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, results := load(t, tt.text)
			if results.Successful() {
				t.Fatal("accepted")
			}
			if got := results.Files[0].Errors[0].Hint; got != tt.want {
				t.Errorf("hint = %q, want %q\n%s", got, tt.want, results.Text(true))
			}
		})
	}
}

func TestAllMistakesOfAFileAreReported(t *testing.T) {
	_, results := load(t, `
- rule: first
  condition: evt.type = open and proc.nope = 1 and fd.nope = 2
  desc: d
  output: x
  priority: INFO
- rule: second
  desc: d
- macro: third
  condition: evt.type = open and (
- rule: fourth
  condition: third and proc.name = x
  desc: d
  output: x
  priority: HIGH
- rule: fourth
  condition: and proc.pid = 1
  override: {condition: append}
`)
	var got []string
	for _, p := range results.Files[0].Errors {
		got = append(got, fmt.Sprintf("%d %s %s", p.At().Line, p.Code, p.Message))
	}
	want := []string{
		"7 LOAD_ERR_YAML_VALIDATE Item has no mapping for key 'condition'",
		"7 LOAD_ERR_YAML_VALIDATE Item has no mapping for key 'output'",
		"7 LOAD_ERR_YAML_VALIDATE Item has no mapping for key 'priority'",
		"15 LOAD_ERR_YAML_VALIDATE Invalid priority",
		"10 LOAD_ERR_COMPILE_CONDITION expected a field, a transformer, a macro's name or '('",
		"3 LOAD_ERR_COMPILE_CONDITION filter_check called with nonexistent field proc.nope",
		"3 LOAD_ERR_COMPILE_CONDITION filter_check called with nonexistent field fd.nope",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("errors (-want +got):\n%s", diff)
	}
	raw, err := results.JSON()
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(raw), `"more_errors":[`) {
		t.Error("the JSON form lacks more_errors")
	}
}

func TestListExpansion(t *testing.T) {
	tests := []struct{ name, lists, cond, want string }{
		{"items of an earlier list", "- list: a\n  items: [x, y]\n- list: b\n  items: [a, z]\n", "proc.name in (b)", "proc.name in (x, y, z)"},
		{"an item that names a later list", "- list: b\n  items: [a, z]\n- list: a\n  items: [x, y]\n", "proc.name in (b)",
			"proc.name in (x, y, z)"},
		{"its own name", "- list: a\n  items: [a, b]\n", "proc.name in (a)", "proc.name in (a, b)"},
		{"two that name each other", "- list: a\n  items: [b, p]\n- list: b\n  items: [a, q]\n", "proc.name in (a)", "proc.name in (b, p, q, p)"},
		{"part of a word", "- list: my_list\n  items: [x]\n", "proc.name in (file_my_list, my_list2, my_list)",
			"proc.name in (file_my_list, my_list2, x)"},
		{"without parentheses", "- list: a\n  items: [cat]\n", "proc.name= a or proc.name=nopey", "(proc.name = cat or proc.name = nopey)"},
		{"empty, first", "- list: a\n  items: []\n", "proc.name in (a, x)", "proc.name in (x)"},
		{"empty, last", "- list: a\n  items: []\n", "proc.name in (x, a)", "proc.name in (x)"},
		{"empty, between", "- list: a\n  items: []\n", "proc.name in (x, a, y)", "proc.name in (x, y)"},
		{"empty, alone", "- list: a\n  items: []\n", "not proc.name in (a)", "not proc.name in ()"},
		{"blanks", "- list: a\n  items: [x y, '\"p q\"']\n", "proc.name in (a)", `proc.name in ("x y", "p q")`},
		{"name with a blank", "- list: a b\n  items: [x]\n", "proc.name in (a b)", "proc.name in (x)"},
		{"redefined", "- list: a\n  items: [x]\n- list: b\n  items: [a]\n- list: a\n  items: [y]\n", "proc.name in (b)", "proc.name in (y)"},
		{"appended", "- list: a\n  items: [x]\n- list: a\n  items: [y]\n  append: true\n", "proc.name in (a)", "proc.name in (x, y)"},
		{"replaced", "- list: a\n  items: [x]\n- list: a\n  items: [y]\n  override: {items: replace}\n", "proc.name in (a)", "proc.name in (y)"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			rs := mustLoad(t, tt.lists+"- rule: r"+tail+"  condition: "+tt.cond+"\n")
			if got := condition(t, rs, "r"); got != tt.want {
				t.Errorf("condition = %s, want %s", got, tt.want)
			}
		})
	}
}

func TestMacroVisibility(t *testing.T) {
	m := func(name, cond string) string { return "- macro: " + name + "\n  condition: " + cond + "\n" }
	r := "- rule: r" + tail + "  condition: evt.type = open and a\n"
	tests := []struct{ name, text, want, err string }{
		{"earlier", m("b", "proc.name = x") + m("a", "b") + r, "(evt.type = open and proc.name = x)", ""},
		{"later", m("a", "b") + m("b", "proc.name = x") + r, "", "Undefined macro 'b' used in filter."},
		{"redefined behind its user", m("b", "proc.name = x") + m("a", "b") + m("b", "proc.name = y") + r, "(evt.type = open and proc.name = y)",
			""},
		{"rules see all", r + m("a", "proc.name = x"), "(evt.type = open and proc.name = x)", ""},
		{"itself", m("a", "a or proc.name = x") + r, "", "Undefined macro 'a' used in filter."},
		{"itself when redefined", m("a", "proc.name = x") + m("a", "a") + r, "", "Macro 'a' is used inside of itself."},
		{"a circle", m("a", "proc.name = x") + m("b", "a") + m("a", "b") + r, "", "Macro 'a' is used inside of itself."},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			rs, results := load(t, tt.text)
			if tt.err == "" {
				if !results.Successful() {
					t.Fatal(results.Text(true))
				}
				if got := condition(t, rs, "r"); got != tt.want {
					t.Errorf("condition = %s, want %s", got, tt.want)
				}
				return
			}
			if results.Successful() || results.Files[0].Errors[0].Message != tt.err || len(results.Files[0].Errors) != 1 {
				t.Errorf("want the error %q alone:\n%s", tt.err, results.Text(true))
			}
		})
	}
}

func TestBuiltinMacros(t *testing.T) {
	opt := testOptions()
	opt.Builtin = &rulefile.Source{Name: "builtin", Content: []byte(`
- list: exec_types
  items: [execve, execveat]
- macro: spawned_process
  condition: evt.type in (exec_types)
- macro: container
  condition: container.id != host
- macro: container_started
  condition: spawned_process and container
`)}
	r := "- rule: r" + tail + "  condition: container_started and proc.name in (exec_types)\n"
	rs, results := Load([]rulefile.Source{file("a.yaml", r)}, opt)
	if !results.Successful() || len(results.Files[0].Warnings) > 0 {
		t.Fatal(results.Text(true))
	}
	want := "((evt.type in (execve, execveat) and container.id != host) and proc.name in (exec_types))"
	if got := condition(t, rs, "r"); got != want {
		t.Errorf("condition = %s, want %s", got, want)
	}
	if slices.ContainsFunc(rs.Catalog().Macros, func(m MacroInfo) bool { return m.Name == "spawned_process" }) {
		t.Error("a built-in macro is described as one of the files'")
	}

	t.Run("a file's definition counts", func(t *testing.T) {
		own := "- macro: spawned_process\n  condition: evt.type = execve\n- rule: r" + tail + "  condition: spawned_process\n"
		rs, results := Load([]rulefile.Source{file("a.yaml", own)}, opt)
		if !results.Successful() {
			t.Fatal(results.Text(true))
		}
		if got := condition(t, rs, "r"); got != "evt.type = execve" {
			t.Errorf("condition = %s", got)
		}
	})
	t.Run("appending needs a definition", func(t *testing.T) {
		_, results := Load([]rulefile.Source{file("a.yaml", "- macro: container\n  condition: or evt.type = open\n  append: true\n")}, opt)
		if results.Successful() {
			t.Error("accepted")
		}
	})
}

func TestSelection(t *testing.T) {
	var text string
	for _, n := range []string{"one fish", "two fish", "red bird"} {
		text += "- rule: " + n + tail + "  condition: evt.type = open\n  tags: [" + n[:3] + "]\n"
	}
	tests := []struct {
		name string
		sel  []Selector
		want []string
	}{
		{"none", nil, []string{"one fish", "two fish", "red bird"}},
		{"all off, one tag on", []Selector{{Rule: "*"}, {Enable: true, Tag: "red"}}, []string{"red bird"}},
		{"wildcard", []Selector{{Rule: "*o*fish"}}, []string{"red bird"}},
		{"exact name", []Selector{{Rule: "fish"}}, []string{"one fish", "two fish", "red bird"}},
		{"the last one decides", []Selector{{Tag: "two"}, {Enable: true, Rule: "two*"}}, []string{"one fish", "two fish", "red bird"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			opt := testOptions()
			opt.Selection, opt.MatchAll = tt.sel, true
			rs, _ := Load([]rulefile.Source{file("a.yaml", text)}, opt)
			var got []string
			rs.Match(&event.Event{Type: event.TypeOpen}, NewScratch(), func(r *Rule) { got = append(got, r.Name) })
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("rules (-want +got):\n%s", diff)
			}
		})
	}
}

func TestMinPriority(t *testing.T) {
	opt := testOptions()
	opt.MinPriority = rulefile.Warning
	rs, results := Load([]rulefile.Source{file("a.yaml", "- rule: low"+tail+"  condition: evt.type = open\n"+
		"- rule: high\n  desc: d\n  output: x\n  priority: error\n  condition: evt.type = open\n")}, opt)
	if !results.Successful() || len(rs.Rules()) != 1 || rs.Rules()[0].Name != "high" {
		t.Errorf("rules = %v\n%s", rs.Rules(), results.Text(true))
	}
}

func TestFilesBuildOnEachOther(t *testing.T) {
	rs := mustLoad(t,
		"- macro: m\n  condition: proc.name = x\n- rule: r"+tail+"  condition: evt.type = open and m\n  tags: [b]\n",
		"- macro: m\n  condition: or proc.name = y\n  override: {condition: append}\n"+
			"- rule: r\n  output: more\n  tags: [a, b]\n  desc: more\n  priority: error\n"+
			"  override: {output: append, tags: append, desc: append, priority: replace}\n")
	r, _ := rs.Rule("r")
	if got := condition(t, rs, "r"); got != "(evt.type = open and (proc.name = x or proc.name = y))" {
		t.Errorf("condition = %s", got)
	}
	if r.Output != "x more" || r.Desc != "d more" || r.Priority != rulefile.Error || !cmp.Equal(r.Tags, []string{"a", "b"}) {
		t.Errorf("rule = %q %q %v %v", r.Output, r.Desc, r.Priority, r.Tags)
	}
	if _, results := load(t, "- rule: r"+tail+"  condition: later\n", "- macro: later\n  condition: evt.type = open\n"); results.Successful() {
		t.Error("a file may not use a macro of a later one")
	}
}

func TestReadError(t *testing.T) {
	_, results := Load([]rulefile.Source{{Name: "gone.yaml", Err: fmt.Errorf("open gone.yaml: no such file")}}, testOptions())
	if results.Successful() || results.Files[0].Errors[0].Code != rulefile.ErrFileRead {
		t.Error(results.Text(true))
	}
}

// testOptions are those of the tests that want Falco's behaviour: no built-in macros.
func testOptions() Options {
	dict := field.Syscall()
	return Options{Dictionary: dict, CheckOutput: outputCheck(dict)}
}

// outputCheck stands in for the template check that the output room supplies.
func outputCheck(dict *field.Dictionary) func(string) error {
	return func(template string) error {
		for _, m := range templatePart.FindAllStringSubmatch(template, -1) {
			if m[3] != "" {
				continue
			}
			if _, ok := longestField(m[1], m[2], dict); !ok {
				return fmt.Errorf("invalid formatting token %s%w", m[1], &field.Error{Field: m[1], Unknown: true})
			}
		}
		return nil
	}
}
