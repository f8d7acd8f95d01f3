package rules_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/saker-sensor/saker/internal/engine"
	"github.com/saker-sensor/saker/internal/engine/inspect"
	"github.com/saker-sensor/saker/internal/event"
	"github.com/saker-sensor/saker/internal/output/render"
	"github.com/saker-sensor/saker/internal/ruletest"
	"github.com/saker-sensor/saker/internal/ruletest/fixture"
)

// unseen are comparisons that the tests can't make both true and false, with the reason.
var unseen = map[string]string{
	"fd.connected = false":   "a datagram socket to which data was sent has another end",
	"fd.name_changed = true": "it stands behind fd.connected",
}

// TestCases runs the tests that come with the default rules. Each rule fires in one and misses in one, and each comparison of its
// condition is true once and false once.
func TestCases(t *testing.T) {
	rs := load(t)
	r := ruletest.NewRunner(ruletest.Settings{
		Load:     func(ruletest.Choice) (*engine.Ruleset, error) { return rs, nil },
		Render:   render.DefaultOptions(),
		Coverage: true,
	})
	for name, text := range caseFiles(t) {
		res := r.File(name, text)
		if res.Error != "" {
			t.Error(res.Error)
		}
		for _, c := range res.Cases {
			for _, f := range c.Failures {
				t.Errorf("%s:%d:%d: %s: %s\n%v", name, f.Line, f.Column, c.Name, f.Message, f.Detail)
			}
		}
	}
	if t.Failed() {
		return
	}
	for _, c := range r.Coverage() {
		for _, gaps := range c.List {
			if gaps.Hits == 0 || gaps.Misses == 0 {
				t.Errorf("%s: fired for %d events and not for %d", gaps.Rule, gaps.Hits, gaps.Misses)
			}
			for _, g := range gaps.Gaps {
				if unseen[g.Check] == "" {
					t.Errorf("%s: never %s: %s", gaps.Rule, g.Never, g.Check)
				}
			}
		}
	}
}

// TestExplained: what explains a rule part by part says of each event of the tests what the engine says.
func TestExplained(t *testing.T) {
	rs := load(t)
	tracers := map[string]*inspect.Tracer{}
	for _, r := range rs.Rules() {
		tracer, _, err := inspect.NewTracer(rs, r.Name)
		if err != nil {
			t.Fatal(err)
		}
		tracers[r.Name] = tracer
	}
	scratch, events, matches := engine.NewScratch(), 0, 0
	for name, text := range caseFiles(t) {
		f, err := ruletest.Read(name, text, fixture.NewMaker())
		if err != nil {
			t.Fatal(err)
		}
		for src := f.Events(); ; events++ {
			ev, err := src.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			matched := map[string]string{}
			rs.Match(ev, scratch, func(r *engine.Rule) { matched[r.Name] = ev.Matched.String() })
			for rule, tracer := range tracers {
				by, ok := matched[rule]
				if ok {
					matches++
				} else if n := tracer.Distance(ev); n >= 100 {
					continue // another type of event
				}
				f := tracer.Find(ev)
				if f.Holds != ok || (f.Condition.State == "true") != ok || (len(f.Turn) == 0) != ok {
					t.Errorf("%s: event %d: the engine says %v of %q, its explanation\n%s", name, ev.Num, ok, rule, f.Text())
				}
				if ok && by != event.NameGiven.String() && f.FileName != by {
					t.Errorf("%s: event %d: %q matches by the %s name, its explanation says %q", name, ev.Num, rule, by, f.FileName)
				}
			}
		}
	}
	if events < 200 || matches < 100 {
		t.Errorf("%d events and %d matches say too little", events, matches)
	}
}

func caseFiles(t *testing.T) map[string][]byte {
	t.Helper()
	names, err := filepath.Glob("tests/*.yaml")
	if err != nil || len(names) == 0 {
		t.Fatalf("no files of tests: %v", err)
	}
	files := map[string][]byte{}
	for _, name := range names {
		if files[name], err = os.ReadFile(name); err != nil {
			t.Fatal(err)
		}
	}
	return files
}
