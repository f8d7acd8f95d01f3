package engine_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/saker-sensor/saker/internal/engine"
	"github.com/saker-sensor/saker/internal/engine/inspect"
	"github.com/saker-sensor/saker/internal/engine/rulefile"
	"github.com/saker-sensor/saker/internal/event"
)

func lint(t *testing.T, text string) []string {
	t.Helper()
	var got []string
	for _, p := range inspect.Lint(engine.MustLoad(t, text)) {
		got = append(got, fmt.Sprintf("%s %s", p.Code, p.Where[1].Name))
	}
	return got
}

// rulesOf writes a rule for each condition, named a, b, ….
func rulesOf(conditions ...string) string {
	var b strings.Builder
	for i, c := range conditions {
		fmt.Fprintf(&b, "- rule: %c%s  condition: %s\n", 'a'+i, engine.Tail, c)
	}
	return b.String()
}

func TestLintShadowed(t *testing.T) {
	tests := []struct {
		name           string
		before, behind string
		want           bool
	}{
		{"the same", "evt.type = execve and proc.name = a", "evt.type = execve and proc.name = a", true},
		{"a subset", "evt.type = execve and proc.name in (a, b)", "evt.type = execve and proc.name = a", true},
		{"a superset", "evt.type = execve and proc.name = a", "evt.type = execve and proc.name in (a, b)", false},
		{"one test more", "evt.type = execve", "evt.type = execve and proc.name = a", true},
		{"one test less", "evt.type = execve and proc.name = a", "evt.type = execve", false},
		{"more types before", "evt.type in (execve, execveat)", "evt.type = execve", true},
		{"more types behind", "evt.type = execve", "evt.type in (execve, execveat)", false},
		{"a longer prefix", "evt.type = open and fd.name startswith /etc", "evt.type = open and fd.name startswith /etc/ssh", true},
		{"a value with the prefix", "evt.type = open and fd.name startswith /etc", "evt.type = open and fd.name in (/etc/a, /etc/b)", true},
		{"not all with the prefix", "evt.type = open and fd.name startswith /etc", "evt.type = open and fd.name in (/etc/a, /opt/b)", false},
		{"an exception that does not concern it", "evt.type = execve and not proc.name in (x, y)", "evt.type = execve and proc.name = a", true},
		{"an exception that does", "evt.type = execve and not proc.name in (x, a)", "evt.type = execve and proc.name = a", false},
		{"a missing value", "evt.type = execve and proc.pname != a", "evt.type = execve and not proc.pname = a", false},
		{"a value that is there", "evt.type = execve and not proc.pname = a", "evt.type = execve and proc.pname != a", true},
		{"one of two", "evt.type = execve and (proc.name = a or proc.pname = b)", "evt.type = execve and proc.pname = b", true},
		{"both cases", "evt.type = execve and proc.name in (a, b)", "evt.type = execve and (proc.name = a or proc.name = b)", true},
		{"one case is not", "evt.type = execve and proc.name in (a, b)", "evt.type = execve and (proc.name = a or proc.name = c)", false},
		{"other ancestors", "evt.type = execve and proc.aname != a", "evt.type = execve and proc.aname = b", false},
		{"a value that exists", "evt.type = execve and proc.pname exists", "evt.type = execve and proc.pname = b", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var want []string
			if tt.want {
				want = []string{"LINT_SHADOWED b"}
			}
			if diff := cmp.Diff(want, lint(t, rulesOf(tt.before, tt.behind))); diff != "" {
				t.Error(diff)
			}
		})
	}
	off := strings.Replace(rulesOf("evt.type = open", "evt.type = open"), engine.Tail, engine.Tail+"  enabled: false\n", 1)
	if got := lint(t, off); got != nil {
		t.Errorf("a rule that is off shadows none: %v", got)
	}
}

func TestLintNeverTrue(t *testing.T) {
	tests := map[string]bool{
		"evt.type = open and evt.type = execve":                               true,
		"evt.type = open and evt.num = 0":                                     true,
		"evt.type = open and proc.name in ()":                                 true,
		"evt.type = open and proc.name = a and proc.name = b":                 true,
		"evt.type = open and proc.name = a and not proc.name in (a, b)":       true,
		"evt.type = open and proc.name = abc and proc.name startswith b":      true,
		"evt.type = open and fd.name startswith /a and fd.name startswith /":  false,
		"evt.type = open and fd.name startswith /a and fd.name startswith /b": true,
		"evt.type = open and fd.num > 5 and fd.num < 7":                       false,
		"evt.type = open and fd.num > 5 and fd.num < 6":                       true,
		"evt.type = open and proc.pname exists and not proc.pname exists":     true,
		"evt.type = open and proc.pname = a and not proc.pname exists":        true,
		"evt.type = open and not proc.pname = a and not proc.pname exists":    false,
		"evt.type = open and fd.name glob a* and not fd.name glob a*":         true,
		"evt.type = open and (proc.name in () or fd.num = 3)":                 false,
		"evt.type = open and (proc.name in () or fd.num in ())":               true,
		"evt.type = open and proc.aname = a and proc.aname = b":               false,
	}
	for condition, want := range tests {
		if got := lint(t, rulesOf(condition)) != nil; got != want {
			t.Errorf("%s: %v, want %v", condition, got, want)
		}
	}
}

// TestLintIsSound: among rules made at random, one that is said never to fire does not.
func TestLintIsSound(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	findings := map[rulefile.Code]int{}
	for range 60 {
		var conditions []string
		for range 12 {
			conditions = append(conditions, "evt.type in (open, openat) and "+randomCondition(rnd, 3))
		}
		rs := engine.MustLoad(t, rulesOf(conditions...))
		dead := map[string]rulefile.Code{}
		for _, p := range inspect.Lint(rs) {
			dead[p.Where[1].Name] = p.Code
			findings[p.Code]++
		}
		s, all := engine.NewScratch(), engine.NewRuleset(rs.Rules(), true)
		for range 300 {
			ev := engine.Opened(pick(rnd, "/a", "/ab", "/b", "/b/c"), pick(rnd, "/a", "/b/c", ""))
			ev.Process.Comm = pick(rnd, "a", "b", "c")
			if rnd.IntN(3) > 0 {
				ev.Process.Parent = &event.Process{Comm: pick(rnd, "a", "b", "c")}
			}
			var want, got []string
			for _, r := range rs.Rules() {
				if engine.MatchAlone(r, ev, s) {
					want = append(want, r.Name)
				}
			}
			all.Match(ev, s, func(r *engine.Rule) { got = append(got, r.Name) })
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatalf("%s\n%+v %+v\nmatches (-each alone +together):\n%s", strings.Join(conditions, "\n"), ev, ev.Process, diff)
			}
			rs.Match(ev, s, func(r *engine.Rule) {
				if code, ok := dead[r.Name]; ok {
					t.Fatalf("%s is wrong about rule %s of\n%s", code, r.Name, strings.Join(conditions, "\n"))
				}
			})
		}
	}
	if findings[rulefile.LintShadowed] < 20 || findings[rulefile.LintNeverTrue] < 20 {
		t.Errorf("too few findings to tell: %v", findings)
	}
}

func pick(rnd *rand.Rand, of ...string) string { return of[rnd.IntN(len(of))] }

func randomCondition(rnd *rand.Rand, depth int) string {
	if depth > 0 && rnd.IntN(3) > 0 {
		op := pick(rnd, " and ", " or ", " and ")
		return "(" + randomCondition(rnd, depth-1) + op + randomCondition(rnd, depth-1) + ")"
	}
	not := pick(rnd, "", "", "not ")
	name := pick(rnd, "proc.name", "proc.pname", "fd.name", "fd.directory")
	values := []string{"a", "b", "c"}
	if strings.HasPrefix(name, "fd") {
		values = []string{"/a", "/ab", "/b", "/b/c", "/"}
	}
	switch rnd.IntN(6) {
	case 0:
		return not + name + " exists"
	case 1:
		return not + name + " in (" + pick(rnd, values...) + ", " + pick(rnd, values...) + ")"
	case 2:
		return not + name + " startswith " + pick(rnd, values...)
	case 3:
		return not + name + " != " + pick(rnd, values...)
	case 4:
		return not + name + " endswith " + pick(rnd, values...)
	}
	return not + name + " = " + pick(rnd, values...)
}

// TestLintListDepth: of a list of lists of lists that a condition uses, the item is named at which Falco stops.
func TestLintListDepth(t *testing.T) {
	const text = "- list: a\n  items: [x]\n- list: b\n  items: [a, y]\n- list: c\n  items: [b,\n    z]\n"
	for condition, want := range map[string]string{
		"proc.name in (c)":    "6:11 List 'c' names list 'b', which names list 'a': Saker puts in its items, Falco leaves the text 'a'",
		"proc.name in (b)":    "",
		"proc.name in (a, z)": "",
	} {
		got := ""
		for _, p := range inspect.Lint(engine.MustLoad(t, text+rulesOf("evt.type = open and "+condition))) {
			at := p.Where[len(p.Where)-1]
			got += fmt.Sprintf("%d:%d %s", at.Line, at.Column, p.Message)
		}
		if got != want {
			t.Errorf("%s: got %q, want %q", condition, got, want)
		}
	}
}
