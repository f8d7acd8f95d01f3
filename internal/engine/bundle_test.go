package engine

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/saker-sensor/saker/internal/engine/filter"
	"github.com/saker-sensor/saker/internal/event"
)

// TestMatchAgreesWithEachRule: looking rules up together finds what trying each alone finds, for events made of the
// texts that the published rules test for.
func TestMatchAgreesWithEachRule(t *testing.T) {
	opt := testOptions()
	opt.MatchAll = true
	rs, results := Load(append(upstream(t), file("more.yaml", moreRules)), opt)
	if !results.Successful() {
		t.Fatal(results.Text(true))
	}
	for _, r := range rs.rules {
		r.Enabled = true
	}
	rs = newRuleset(rs.rules, true)
	m := newMutator(rs)
	s := NewScratch()
	matches := map[string]int{}
	for range 15 {
		for _, ev := range workload() {
			m.mutate(ev)
			var want []string
			for _, r := range rs.rules {
				if r.Types.Has(ev.Type) && matchAlone(r, ev, s) {
					want = append(want, r.Name)
				}
			}
			var got []string
			rs.Match(ev, s, func(r *Rule) { got = append(got, r.Name) })
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatalf("%+v\n%+v\nmatches (-each alone +together):\n%s", ev, ev.Process, diff)
			}
			for _, name := range got {
				matches[name]++
			}
		}
	}
	if len(matches) < 40 {
		t.Errorf("only %d rules ever matched: %v", len(matches), matches)
	}
}

// moreRules have shapes that the published ones lack.
const moreRules = `
- rule: missing values
  desc: d
  output: x
  priority: INFO
  condition: evt.type in (openat, execve) and not proc.pname in (bash, sh) and not proc.script exists
- rule: a field that must be there
  desc: d
  output: x
  priority: INFO
  condition: evt.type in (openat, execve) and proc.pname exists and fd.num != 5
- rule: alternatives of prefixes
  desc: d
  output: x
  priority: INFO
  condition: (evt.type = openat and fd.name startswith /etc) or (evt.type = openat and fd.directory in (/, /tmp, /dev))
    or (evt.type = execve and proc.name in (cat, ls))
- rule: prefixes of each other
  desc: d
  output: x
  priority: INFO
  condition: evt.type = openat and (fd.name startswith anyof (/usr, /usr/lib, /u) or fd.name glob '/e*/passw?' or fd.name = "/dev/null")
- rule: both ways
  desc: d
  output: x
  priority: INFO
  condition: evt.type = openat and fd.name in (/etc/passwd, /dev/null) and not fd.name in (/dev/null) and not fd.name endswith x
- rule: numbers
  desc: d
  output: x
  priority: INFO
  condition: evt.type != execve and (fd.num = 5 or fd.num = 6) and not fd.num in (6, 7) and evt.rawres >= 0
- rule: never
  desc: d
  output: x
  priority: INFO
  condition: evt.type = openat and (evt.num = 0 or proc.name = "")
`

// matchAlone tries one rule as the manual says: under each of the file's names.
func matchAlone(r *Rule, ev *event.Event, s *Scratch) bool {
	defer func() { ev.Matched = event.NameGiven }()
	for n := range event.Names {
		ev.Matched = event.Name(n)
		if (n == 0 || ev.File.NameOf(ev.Matched) != "") && r.filter.Match(ev, s) {
			return true
		}
	}
	return false
}

// mutator puts texts of the rules into events.
type mutator struct {
	rnd   *rand.Rand
	texts map[string][]string
}

func newMutator(rs *Ruleset) *mutator {
	m := &mutator{rnd: rand.New(rand.NewPCG(1, 2)), texts: map[string][]string{}}
	for _, r := range rs.rules {
		filter.Walk(r.expr, func(e filter.Expr) bool {
			c, ok := e.(*filter.Check)
			if !ok {
				return true
			}
			f, ok := c.Left.(*filter.Field)
			if !ok {
				return true
			}
			filter.WalkOperand(c.Right, func(o filter.Operand) {
				if v, ok := o.(*filter.Value); ok {
					m.texts[f.Name] = append(m.texts[f.Name], v.Text)
				}
			})
			return true
		})
	}
	return m
}

func (m *mutator) pick(field, otherwise string) string {
	if texts := m.texts[field]; len(texts) > 0 && m.rnd.IntN(2) == 0 {
		return texts[m.rnd.IntN(len(texts))]
	}
	return otherwise
}

func (m *mutator) chance(n int) bool { return m.rnd.IntN(n) == 0 }

func (m *mutator) mutate(ev *event.Event) {
	p := *ev.Process
	ev.Process = &p
	p.Comm = m.pick("proc.name", p.Comm)
	p.Args = m.pick("proc.args", p.Args)
	p.ArgList = strings.Fields(p.Args)
	p.Cmdline = m.pick("proc.cmdline", p.Comm+" "+p.Args)
	p.Exe = m.pick("proc.exe", p.Exe)
	p.Cwd = m.pick("proc.cwd", p.Cwd)
	p.ExeMemfd, p.ExeWritable = m.chance(4), m.chance(4)
	if m.chance(3) {
		p.ExeLayer = event.LayerUpper
	}
	if m.chance(3) {
		p.TTY, p.LoginUID, p.Vpid = 34816, 1000, 1
	}
	switch {
	case m.chance(8):
		p.Parent = nil
	case p.Parent != nil:
		up := *p.Parent
		up.Comm, up.ExePath = m.pick("proc.pname", m.pick("proc.aname", up.Comm)), m.pick("proc.pexe", up.ExePath)
		p.Parent = &up
	}
	if ev.Container != nil && m.chance(2) {
		c := *ev.Container
		c.ImageRepository, c.Privileged = m.pick("container.image.repository", c.ImageRepository), m.chance(2)
		ev.Container = &c
	}
	if ev.File.Present {
		dir, name := m.pick("fd.directory", "/srv"), m.pick("fd.filename", "x")
		ev.File.Given = m.pick("fd.name", strings.TrimSuffix(dir, "/")+"/"+name)
		if m.chance(3) {
			ev.File.Raw = m.pick("fd.nameraw", "a/../../b")
		}
		if m.chance(2) && ev.Ret >= 0 {
			ev.File.Resolved = m.pick("fd.name", ev.File.Given)
		}
		for _, name := range []*string{&ev.File.Source, &ev.File.Watched} {
			if m.chance(3) && ev.Ret >= 0 {
				*name = m.pick("fd.name", ev.File.Resolved)
			}
		}
		if m.chance(6) {
			ev.File.InodeMode = 0o040755
		}
		if m.chance(2) {
			ev.File.OpenFlags = 0o1102
		}
	}
}
