package ruletest

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/saker-sensor/saker/internal/engine"
	"github.com/saker-sensor/saker/internal/engine/rulefile"
	"github.com/saker-sensor/saker/internal/event"
	"github.com/saker-sensor/saker/internal/field"
	"github.com/saker-sensor/saker/internal/output/render"
	"github.com/saker-sensor/saker/internal/ruletest/fixture"
	"github.com/saker-sensor/saker/internal/yamltree"
)

const testRules = `
- list: shells
  items: [sh, bash]
- rule: A shell
  desc: d
  condition: evt.type = execve and proc.name in (shells) and container.id != host
  output: A shell (%proc.cmdline by %proc.pname)
  priority: WARNING
- rule: Any program
  desc: d
  condition: evt.type = execve and not proc.name = quiet
  output: A program (%proc.name)
  priority: INFO
- rule: Off
  desc: d
  condition: evt.type = execve and proc.name = off
  output: x
  priority: INFO
  enabled: false
- rule: Shadow
  desc: d
  condition: evt.type = openat and fd.name startswith /etc/
  output: Below etc (%fd.name)
  priority: NOTICE
`

func runner(t *testing.T, change func(*Settings)) *Runner {
	t.Helper()
	s := Settings{
		Load: func(c Choice) (*engine.Ruleset, error) {
			rs, results := engine.Load([]rulefile.Source{{Name: "r.yaml", Content: []byte(testRules)}},
				engine.Options{Dictionary: field.Syscall(), MatchAll: c.Matching == "all"})
			if !results.Successful() {
				t.Fatal(results.Text(true))
			}
			return rs, nil
		},
		Render: render.DefaultOptions(),
	}
	if change != nil {
		change(&s)
	}
	return NewRunner(s)
}

// lines are the failures of a file as the report shows them.
func lines(res *Result) (out []string) {
	if res.Error != "" {
		out = append(out, res.Error)
	}
	for _, c := range res.Cases {
		for _, f := range c.Failures {
			out = append(out, c.Name+": "+f.Message)
			out = append(out, f.Detail...)
		}
	}
	return out
}

func TestExpectations(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		want       []string
	}{
		{"an alert", "{execve: sh, container: nginx, expect: A shell}", nil},
		{"an alert with all", `{execve: sh -c x, container: nginx, expect: {rule: A shell, priority: warning, output_contains: [sh -c x, by init],
      fields: {proc.name: sh, proc.vpid: 42, 'proc.env[X]': '', evt.is_open_read: false,
      proc.aname: init, fd.name: null}, count: 1}}`, nil},
		{"none", "{execve: quiet, expect_none: true}", nil},
		{"not one", "{execve: vi, expect_not: [A shell, Off]}", nil},
		{"only", "{execve: vi, expect_only: Any program}", nil},
		{"a count of none", "{execve: vi, expect: {rule: A shell, count: 0}}", nil},
		{"no alert", "{execve: sh, expect: A shell}", []string{
			"t: rule 'A shell' did not fire; expected at least one",
			"event 1 came nearest: execve proc.cmdline=sh proc.pname=init container.id=host",
			"r.yaml:6: container.id != host is false; container.id is host", "all of it: sensor rules explain 'A shell' --event 1 t.yaml"}},
		{"the nearest of several", "{events: [openat: /x, execve: vi, execve: sh], expect: A shell}", []string{
			"t: rule 'A shell' did not fire; expected at least one",
			"event 3 came nearest: execve proc.cmdline=sh proc.pname=init container.id=host",
			"r.yaml:6: container.id != host is false; container.id is host", "all of it: sensor rules explain 'A shell' --event 3 t.yaml"}},
		{"another field", "{execve: sh, container: nginx, expect: {rule: A shell, fields: {proc.name: bash}}}", []string{
			"t: rule 'A shell' fired once, of which 0 as expected; expected at least one", `event 1: proc.name is "sh", not "bash"`}},
		{"another priority and output",
			"{execve: sh, container: nginx, expect: {rule: A shell, priority: error, output: x, output_contains: zz}}", []string{
				"t: rule 'A shell' fired once, of which 0 as expected; expected at least one", "event 1: priority is Warning, not Error",
				`event 1: output is "A shell (sh by init)", not "x"`, `event 1: output "A shell (sh by init)" does not contain "zz"`}},
		{"no field", "{execve: sh, container: nginx, expect: {rule: A shell, fields: {proc.nam: sh}}}", []string{
			"t: rule 'A shell' fired once, of which 0 as expected; expected at least one",
			"event 1: proc.nam is neither a field nor a key of the alert"}},
		{"another count", "{events: [execve: sh, execve: bash], container: nginx, expect: {rule: A shell, count: 1}}", []string{
			"t: rule 'A shell' fired 2 times, of which 2 as expected; expected 1"}},
		{"an alert too many", "{execve: vi, expect_none: true}", []string{
			"t: rule 'Any program' fired, and must not", "event 1: Any program: Informational A program (vi)"}},
		{"an alert that must not be", "{execve: vi, expect_not: Any program}", []string{
			"t: rule 'Any program' fired, and must not", "event 1: Any program: Informational A program (vi)"}},
		{"a disabled rule", "{execve: 'off', expect: Off}", []string{
			"t: rule 'Off' did not fire; expected at least one", "event 1 came nearest: execve proc.cmdline=off proc.pname=init container.id=host",
			"the rule is disabled", "all of it: sensor rules explain Off --event 1 t.yaml"}},
		{"a rule in another's shadow", "{execve: sh, container: nginx, expect: Any program}", []string{
			"t: rule 'Any program' did not fire; expected at least one",
			"event 1 came nearest: execve proc.cmdline=sh proc.pname=init container.id=3ad7b26ded6d",
			"rule 'A shell' matches first, and rule_matching is first", "all of it: sensor rules explain 'Any program' --event 1 t.yaml"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			res := runner(t, func(s *Settings) { s.Render.SuggestedOutput = false }).File("t.yaml",
				[]byte("tests:\n  - "+strings.Replace(tt.text, "{", "{name: t, ", 1)))
			if diff := cmp.Diff(tt.want, lines(&res)); diff != "" {
				t.Errorf("failures (-want +got):\n%s", diff)
			}
			if len(tt.want) > 0 != res.Failed() {
				t.Errorf("failed is %v", res.Failed())
			}
		})
	}
}

func TestMatchingOfFile(t *testing.T) {
	res := runner(t, nil).File("t.yaml", []byte("rule_matching: all\ntests:\n"+
		"- {name: t, execve: sh, container: nginx, expect_only: [A shell, Any program]}"))
	if got := lines(&res); got != nil {
		t.Error(got)
	}
}

// TestBadFiles: one line with the place, what is wrong, and the remedy.
func TestBadFiles(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{"", "t.yaml:1:1: a file of tests is one mapping; write the tests in a list under the key tests"},
		{"- a", "t.yaml:1:1: a file of tests is one mapping; write the tests in a list under the key tests"},
		{"tests: [", "t.yaml:1:8: end of sequence flow not found"},
		{"rules: a", "t.yaml:1:1: the file has no tests; write a list of them under the key tests"},
		{"test: []", "t.yaml:1:1: the key \"test\" is unknown; did you mean 'tests'?"},
		{"tests: [{execve: sh, expect_none: true}]", "t.yaml:1:10: the key \"name\" is missing; add it"},
		{"tests: [{name: a, expect_none: true}]",
			"t.yaml:1:10: the test \"a\" has no event; write a call, such as execve: /bin/sh -c id, or a list under the key events"},
		{"tests: [{name: a, execve: sh}]", "t.yaml:1:10: the test expects nothing; write expect, expect_not or expect_none: true"},
		{"tests: [{name: a, execve: sh, expct: A shell}]", "t.yaml:1:31: the key \"expct\" is unknown; did you mean 'expect'?"},
		{"tests: [{name: a, execve: sh, proc.nme: x, expect: A shell}]",
			"t.yaml:1:31: the key \"proc.nme\" is unknown; did you mean 'proc.name'?"},
		{"tests: [{name: a, execve: sh, expect: a shell}]", "t.yaml:1:39: there is no rule \"a shell\"; did you mean 'A shell'?"},
		{"tests: [{name: a, execve: sh, expect: {rule: A shell, feilds: {}}}]",
			"t.yaml:1:55: the key \"feilds\" is unknown; did you mean 'fields'?"},
		{"tests: [{name: a, execve: sh, expect: A shell, expect_none: true}]",
			"t.yaml:1:61: the test expects alerts, and none; write one of expect and expect_none"},
		{"tests: [{name: a, execve: sh, expect: {rule: A shell, priority: high}}]",
			"t.yaml:1:65: the priority \"high\" is unknown; write one of emergency … debug"},
		{"tests: [{name: a, execve: sh, expect: {rule: A shell, count: x}}]", "t.yaml:1:62: count is \"x\"; write a number from 0 to 1000000"},
		{"tests: [{name: a, execve: sh, expect_none: true}, {name: a, execve: sh, expect_none: true}]",
			"t.yaml:1:52: there are two tests of the name \"a\"; give one another name"},
		{"tests: [{name: a, events: [{execve: sh, expect: x}], expect_none: true}]",
			"t.yaml:1:41: the key \"expect\" is unknown; docs/testing-rules.md lists the keys"},
		{"tests: [{name: a, recording: x, expect_none: true}]", "t.yaml:1:30: recordings can't be read here; write the events by hand"},
		{"rule_matching: any\ntests: [{name: a, execve: sh, expect_none: true}]", "t.yaml:1:16: rule_matching is \"any\"; write first or all"},
		{"defaults: {execve: sh}\ntests: [{name: a, execve: sh, expect_none: true}]",
			"t.yaml:1:12: \"execve\" is a call; write it in one of the test's events"},
	} {
		res := runner(t, nil).File("t.yaml", []byte(tt.text))
		if res.Error != tt.want {
			t.Errorf("%q:\n got %s\nwant %s", tt.text, res.Error, tt.want)
		}
	}
}

// recorded is a recording of some execs.
type recorded struct {
	left   int
	closed *int
	maker  *fixture.Maker
}

func (r *recorded) Next() (*event.Event, error) {
	if r.left == 0 {
		return nil, io.EOF
	}
	r.left--
	docs, _ := yamltree.Parse(yamltree.NewFile("x", []byte("execve: sh\ncontainer: nginx")))
	return r.maker.Event(uint64(100-r.left), docs, func(*yamltree.Node, string) bool { return false })
}

func (r *recorded) Close() error {
	*r.closed++
	return nil
}

// TestRecording: the events of a recording take the place of those by hand, under a path from where the file is.
func TestRecording(t *testing.T) {
	closed, opened := 0, []string(nil)
	r := runner(t, func(s *Settings) {
		s.Open = func(path string) (Source, error) {
			if opened = append(opened, path); strings.HasSuffix(path, "gone") {
				return nil, errors.New("no such file")
			}
			return &recorded{left: 3, closed: &closed, maker: fixture.NewMaker()}, nil
		}
	})
	res := r.File("dir/t.yaml", []byte("rules: r.yaml\ntests:\n- {name: a, recording: x.scap, expect: {rule: A shell, count: 3}}\n"+
		"- {name: b, recording: /y, expect: Shadow}"))
	want := []string{"b: rule 'Shadow' did not fire; expected at least one",
		"event 98 came nearest: execve proc.cmdline=sh proc.pname=init container.id=3ad7b26ded6d",
		"r.yaml:22: evt.type = openat is false; evt.type is execve", "r.yaml:22: fd.name startswith /etc/ is false; fd.name is missing",
		"all of it: sensor rules explain Shadow --event 98 /y -r dir/r.yaml"}
	if diff := cmp.Diff(want, lines(&res)); diff != "" {
		t.Errorf("failures (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"dir/x.scap", "/y", "/y"}, opened); diff != "" || closed != 3 {
		t.Errorf("closed %d; opened (-want +got):\n%s", closed, diff)
	}
	res = r.File("t.yaml", []byte("tests: [{name: a, recording: gone, expect_none: true}]"))
	if res.Error != "t.yaml:1:30: open the recording: no such file" {
		t.Error(res.Error)
	}
}

func TestCoverage(t *testing.T) {
	r := runner(t, func(s *Settings) { s.Coverage = true })
	res := r.File("t.yaml", []byte("tests:\n- {name: a, execve: sh, container: nginx, expect: A shell}\n"+
		"- {name: b, execve: vi, expect_not: A shell}"))
	if res.Failed() {
		t.Fatal(lines(&res))
	}
	c := r.Coverage()[0]
	var got []string
	for _, rc := range c.List {
		for _, g := range rc.Gaps {
			got = append(got, rc.Rule+": never "+g.Never+": "+g.Check)
		}
	}
	want := []string{"A shell: never false: container.id != host", "Any program: never true: proc.name = quiet",
		"Shadow: never looked at: fd.name startswith /etc/"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("gaps (-want +got):\n%s", diff)
	}
	if c.Rules != nil || c.CoverageReport.Rules != 3 || c.Fired != 2 || c.Parts != 4 || c.Both != 1 {
		t.Errorf("%+v", c.CoverageReport)
	}
}

// FuzzFile: whatever a file says, there is a result or an error with a place.
func FuzzFile(f *testing.F) {
	for _, seed := range []string{
		"tests: [{name: a, execve: sh, container: nginx, expect: {rule: A shell, fields: {proc.name: sh}, count: 1}}]",
		"rules: [x]\nrule_matching: all\ndefaults: {user: 5}\n" +
			"tests:\n- name: b\n  events: [{openat: /x}, {connect: 1.2.3.4:5}]\n  expect_not: [Off]",
		"tests: [{name: a, execve: sh, process: {ancestors: [&a {parent: sh}, *a]}, expect_none: true}]",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		res := runner(t, func(s *Settings) { s.Coverage = true }).File("t.yaml", []byte(text))
		if res.Error != "" && !strings.HasPrefix(res.Error, "t.yaml:") {
			t.Errorf("%q: no place: %s", text, res.Error)
		}
	})
}
