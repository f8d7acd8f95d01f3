package ruletest

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/saker-sensor/saker/internal/engine/inspect"
	"github.com/saker-sensor/saker/internal/event"
	"github.com/saker-sensor/saker/internal/yamltree"
)

// judge compares a test's alerts with what it expects.
type judge struct {
	runner *Runner
	file   *File
	test   *test
	loaded *loaded
	alerts []Alert
	found  []Failure
}

func (j *judge) fail(n *yamltree.Node, detail []string, format string, args ...any) {
	line, col := n.File.Position(n.Offset)
	j.found = append(j.found, Failure{Line: line, Column: col, Message: fmt.Sprintf(format, args...), Detail: detail})
}

func (j *judge) failures() ([]Failure, error) {
	w := &j.test.wants
	for _, want := range w.alerts {
		if err := j.expect(want); err != nil {
			return nil, err
		}
	}
	for _, n := range w.not {
		j.refuse(n, n.Text)
	}
	if !w.only && !w.none {
		return j.found, nil
	}
	var seen []string
	for _, want := range w.alerts {
		seen = append(seen, want.rule)
	}
	for _, a := range j.alerts {
		if !slices.Contains(seen, a.Rule) {
			seen = append(seen, a.Rule)
			j.refuse(w.node, a.Rule)
		}
	}
	return j.found, nil
}

// refuse wants no alert of a rule.
func (j *judge) refuse(n *yamltree.Node, rule string) {
	var of []string
	for _, a := range j.alerts {
		if a.Rule == rule {
			of = append(of, a.Text())
		}
	}
	if len(of) > 0 {
		j.fail(n, few(of), "rule '%s' fired, and must not", rule)
	}
}

// maxDetail bounds the lines of a failure's detail.
const maxDetail = 6

func few(lines []string) []string {
	if len(lines) > maxDetail {
		lines = append(lines[:maxDetail:maxDetail], fmt.Sprintf("and %d more", len(lines)-maxDetail))
	}
	return lines
}

// expect wants alerts of a rule.
func (j *judge) expect(w *want) error {
	var of []Alert
	fit := 0
	for _, a := range j.alerts {
		if a.Rule == w.rule {
			of = append(of, a)
			if len(w.differences(&a)) == 0 {
				fit++
			}
		}
	}
	switch {
	case w.count >= 0 && fit != w.count || len(of) > 0 && fit == 0 && w.count != 0:
		var detail []string
		for _, a := range of {
			for _, d := range w.differences(&a) {
				detail = append(detail, fmt.Sprintf("event %d: %s", a.Event, d))
			}
		}
		if len(of) == 0 {
			return j.missing(w)
		}
		j.fail(w.node, few(detail), "rule '%s' fired %s, of which %d as expected; expected %s", w.rule, times(len(of)), fit, w.times())
	case w.count < 0 && fit == 0:
		return j.missing(w)
	}
	return nil
}

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return strconv.Itoa(n) + " times"
}

func (w *want) times() string {
	if w.count < 0 {
		return "at least one"
	}
	return strconv.Itoa(w.count)
}

// differences says what of an alert is not as expected.
func (w *want) differences(a *Alert) (out []string) {
	if w.priority != 0 && w.priority.String() != a.Priority {
		out = append(out, fmt.Sprintf("priority is %s, not %s", a.Priority, w.priority))
	}
	if w.output != nil && *w.output != a.Output {
		out = append(out, fmt.Sprintf("output is %q, not %q", a.Output, *w.output))
	}
	for _, part := range w.contains {
		if !strings.Contains(a.Output, part) {
			out = append(out, fmt.Sprintf("output %q does not contain %q", a.Output, part))
		}
	}
	for _, f := range w.fields {
		got, ok := a.Fields[f.name]
		switch {
		case !ok:
			out = append(out, fmt.Sprintf("%s is neither a field nor a key of the alert", f.name))
		case got != f.value:
			out = append(out, fmt.Sprintf("%s is %q, not %q", f.name, got, f.value))
		}
	}
	return out
}

// missing says of a rule that did not fire which event came nearest, and what was in the way.
func (j *judge) missing(w *want) error {
	t, err := j.loaded.tracer(w.rule)
	if err != nil {
		return err
	}
	src, err := j.runner.source(j.file, j.test)
	if err != nil {
		return err
	}
	var best *inspect.Finding
	err = each(src, func(ev *event.Event) {
		if best == nil || t.Distance(ev) < best.Distance {
			f := t.Find(ev)
			best = &f
		}
	})
	if err != nil {
		return err
	}
	var detail []string
	if best != nil {
		detail = append(detail, fmt.Sprintf("event %d came nearest: %s", best.Event, best.Summary))
		for i := range best.Turn {
			detail = append(detail, best.Turn[i].Sentence())
		}
		detail = append(few(detail), best.Notes...)
		detail = append(detail, "all of it: "+j.explain(w.rule, best.Event))
	}
	j.fail(w.node, detail, "rule '%s' did not fire; expected %s", w.rule, w.times())
	return nil
}

// explain is the command that shows all of a condition for an event. A recording does not say which rules it is for.
func (j *judge) explain(rule string, event uint64) string {
	file, rules := j.file.Name, ""
	if j.test.recording != "" {
		file = j.test.recording
		for _, path := range j.file.Choice.Files {
			if path != DefaultRules {
				rules += " -r " + shellQuote(path)
			}
		}
	}
	return fmt.Sprintf("sensor rules explain %s --event %d %s%s", shellQuote(rule), event, shellQuote(file), rules)
}

// shellQuote makes a text one word of a shell.
func shellQuote(s string) string {
	if !strings.ContainsFunc(s, func(r rune) bool {
		return !strings.ContainsRune("/._-", r) && (r < '0' || r > 'z' || r > '9' && r < 'A')
	}) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

func cutArg(name string) (field, arg string, hasArg bool) {
	field, arg, hasArg = strings.Cut(name, "[")
	return field, strings.TrimSuffix(arg, "]"), hasArg
}
