package ruletest

import (
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"time"

	"github.com/saker-sensor/saker/internal/engine"
	"github.com/saker-sensor/saker/internal/engine/inspect"
	"github.com/saker-sensor/saker/internal/event"
	"github.com/saker-sensor/saker/internal/output/render"
	"github.com/saker-sensor/saker/internal/ruletest/fixture"
	"github.com/saker-sensor/saker/internal/yamltree"
)

// Settings of a runner.
type Settings struct {
	// Load loads the rules that a file tests.
	Load func(Choice) (*engine.Ruleset, error)
	// Open opens a recording; nil refuses tests of recordings. A source that is an io.Closer is closed.
	Open func(path string) (Source, error)
	// Render is the shape of alerts; that they are JSON with every part is the runner's matter.
	Render render.Options
	// Run chooses tests by their names; nil runs all.
	Run *regexp.Regexp
	// Coverage: count what the events make of each comparison.
	Coverage bool
}

// Runner runs files of tests. Not safe for several goroutines at once.
type Runner struct {
	settings Settings
	maker    *fixture.Maker
	loaded   map[string]*loaded
	order    []*loaded
}

// loaded are rules with what is prepared for them.
type loaded struct {
	choice   Choice
	rules    *engine.Ruleset
	alerts   map[*engine.Rule]*render.Alert
	coverage *inspect.Coverage
}

// NewRunner prepares a runner.
func NewRunner(s Settings) *Runner {
	s.Render.JSON, s.Render.IncludeMessage, s.Render.IncludeOutputFields = true, true, true
	return &Runner{settings: s, maker: fixture.NewMaker(), loaded: map[string]*loaded{}}
}

// Result is what became of a file.
type Result struct {
	File string `json:"file"`
	// Error says why the file could not be run; empty otherwise.
	Error   string  `json:"error,omitempty"`
	Seconds float64 `json:"seconds"`
	Cases   []Case  `json:"tests"`
}

// Failed tells whether the file or one of its tests failed.
func (r *Result) Failed() bool { return r.Error != "" || r.Failures() > 0 }

// Failures counts the tests that failed.
func (r *Result) Failures() int {
	n := 0
	for i := range r.Cases {
		if len(r.Cases[i].Failures) > 0 {
			n++
		}
	}
	return n
}

// Case is what became of a test.
type Case struct {
	Name     string    `json:"name"`
	Line     int       `json:"line"`
	Seconds  float64   `json:"seconds"`
	Events   uint64    `json:"events"`
	Failures []Failure `json:"failures,omitempty"`
	Alerts   []Alert   `json:"alerts,omitempty"`
}

// Failure is an expectation that was not met, with its place and what may help to see why.
type Failure struct {
	Line    int      `json:"line"`
	Column  int      `json:"column"`
	Message string   `json:"message"`
	Detail  []string `json:"detail,omitempty"`
}

// File runs the tests of a file.
func (r *Runner) File(name string, content []byte) Result {
	start := time.Now()
	res := Result{File: name, Cases: []Case{}}
	if err := r.file(name, content, &res); err != nil {
		res.Error = err.Error()
	}
	res.Seconds = time.Since(start).Seconds()
	return res
}

func (r *Runner) file(name string, content []byte, res *Result) error {
	f, err := Read(name, content, r.maker)
	if err != nil {
		return err
	}
	l, err := r.load(f.Choice)
	if err != nil {
		return err
	}
	if err := f.checkRules(l.rules); err != nil {
		return err
	}
	for _, t := range f.tests {
		if r.settings.Run != nil && !r.settings.Run.MatchString(t.name) {
			continue
		}
		start := time.Now()
		c, err := r.test(f, t, l)
		if err != nil {
			return err
		}
		c.Seconds = time.Since(start).Seconds()
		res.Cases = append(res.Cases, c)
	}
	return nil
}

func (r *Runner) load(choice Choice) (*loaded, error) {
	key := strings.Join(choice.Files, "\x00") + "\x00" + choice.Matching
	if l := r.loaded[key]; l != nil {
		return l, nil
	}
	rules, err := r.settings.Load(choice)
	if err != nil {
		return nil, err
	}
	l := &loaded{choice: choice, rules: rules, alerts: map[*engine.Rule]*render.Alert{}}
	for _, rule := range rules.Rules() {
		shown := render.Rule{Name: rule.Name, Output: rule.Output, Priority: rule.Priority.String(), Source: rule.Source, Tags: rule.Tags}
		if l.alerts[rule], err = render.NewAlert(shown, rules.Catalog().Dictionary, r.settings.Render); err != nil {
			return nil, fmt.Errorf("compile the output of rule %q: %w", rule.Name, err)
		}
	}
	if r.settings.Coverage {
		if l.coverage, err = inspect.NewCoverage(rules); err != nil {
			return nil, err
		}
	}
	r.loaded[key] = l
	r.order = append(r.order, l)
	return l, nil
}

// checkRules refuses names of rules that there are not.
func (f *File) checkRules(rs *engine.Ruleset) error {
	check := func(n *yamltree.Node, name string) error {
		if _, ok := rs.Rule(name); ok {
			return nil
		}
		hint := rs.Nearest(name)
		if hint == "" {
			hint = "sensor -L lists the rules; rules names the files that a test is about"
		}
		return n.Errorf("there is no rule %q; %s", name, hint)
	}
	for _, t := range f.tests {
		for _, n := range t.wants.not {
			if err := check(n, n.Text); err != nil {
				return err
			}
		}
		for _, w := range t.wants.alerts {
			if err := check(w.node, w.rule); err != nil {
				return err
			}
		}
	}
	return nil
}

// maxAlerts bounds what is kept of a test's alerts; a recording may cause as many as it likes.
const maxAlerts = 10_000

func (r *Runner) test(f *File, t *test, l *loaded) (Case, error) {
	line, _ := t.node.File.Position(t.node.Offset)
	c := Case{Name: t.name, Line: line}
	src, err := r.source(f, t)
	if err != nil {
		return c, err
	}
	defer closeSource(src)
	wanted, err := t.wants.fields(l.rules.Catalog().Dictionary)
	if err != nil {
		return c, err
	}
	scratch := engine.NewScratch()
	for {
		ev, err := src.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return c, err
		}
		c.Events++
		if l.coverage != nil {
			l.coverage.Add(ev)
		}
		l.rules.Match(ev, scratch, func(rule *engine.Rule) {
			if len(c.Alerts) == maxAlerts {
				return
			}
			a, aerr := newAlert(l.alerts[rule], ev, wanted[rule.Name])
			if aerr != nil {
				err = aerr
			}
			c.Alerts = append(c.Alerts, a)
		})
		if err != nil {
			return c, err
		}
	}
	if len(c.Alerts) == maxAlerts {
		return c, t.node.Errorf("the test %q causes %d alerts or more; choose a shorter recording, or rules with rules", t.name, maxAlerts)
	}
	j := judge{runner: r, file: f, test: t, loaded: l, alerts: c.Alerts}
	c.Failures, err = j.failures()
	return c, err
}

// source begins the test's events.
func (r *Runner) source(f *File, t *test) (Source, error) {
	if t.recording == "" {
		return &written{file: f, test: t}, nil
	}
	at := t.node.Get("recording")
	if r.settings.Open == nil {
		return nil, at.Errorf("recordings can't be read here; write the events by hand")
	}
	src, err := r.settings.Open(t.recording)
	if err != nil {
		return nil, at.Errorf("open the recording: %s", err)
	}
	return src, nil
}

// Covered is the coverage of one choice of rules.
type Covered struct {
	Rules []string `json:"rules,omitempty"`
	inspect.CoverageReport
}

// Coverage is what all files so far made of the rules, by the choice of rules. It is empty unless the settings ask for it.
func (r *Runner) Coverage() []Covered {
	var all []Covered
	for _, l := range r.order {
		if l.coverage != nil {
			all = append(all, Covered{l.choice.Files, l.coverage.Report()})
		}
	}
	return all
}

// tracer takes a rule apart; the rule is there.
func (l *loaded) tracer(rule string) (*inspect.Tracer, error) {
	t, _, err := inspect.NewTracer(l.rules, rule)
	return t, err
}

// each calls f for all events of a source.
func each(src Source, f func(*event.Event)) error {
	defer closeSource(src)
	for {
		ev, err := src.Next()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
		f(ev)
	}
}
