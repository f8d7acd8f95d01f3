// Package ruletest runs tests of rules: events, and the alerts that they must or must not cause.
//
// The events are written by hand in YAML (package fixture) or come from a recording. Rules match by the real engine and alerts are
// rendered by the real templates, so that a test sees what a running sensor would print.
package ruletest

import (
	"cmp"
	"path/filepath"
	"slices"
	"strings"

	"github.com/saker-sensor/saker/internal/ruletest/fixture"
	"github.com/saker-sensor/saker/internal/suggest"
	"github.com/saker-sensor/saker/internal/yamltree"
)

// maxTests bounds the tests of a file, maxEvents its events that are written by hand.
const (
	maxTests  = 10_000
	maxEvents = 100_000
)

// DefaultRules stands in [Choice.Files] for the built-in rules.
const DefaultRules = "default"

// Choice says which rules a file tests. Empty parts stand for what is configured.
type Choice struct {
	// Files are rule files and directories, from where the test file is; [DefaultRules] is among them as it is.
	Files []string
	// Matching is first or all, as rule_matching.
	Matching string
}

// File is a file of tests.
type File struct {
	Name   string
	Choice Choice
	tests  []*test
	maker  *fixture.Maker
}

// test is one test of a file.
type test struct {
	name string
	node *yamltree.Node
	// levels are what all events have in common; events are their own mappings, and first is the number of the first one in the file.
	levels, events []*yamltree.Node
	first          uint64
	// recording is the path of a recording, from where the file is; its events take the place of those by hand.
	recording string
	wants     wants
}

// The keys of a file, of a test, and of what is expected.
var (
	fileKeys = []string{"rules", "rule_matching", "defaults", "tests", "description"}
	testKeys = []string{"name", "description", "events", "recording", "expect", "expect_only", "expect_not", "expect_none"}
)

func isTestKey(key string) bool { return slices.Contains(testKeys, key) }

// notOfEvents tells whether a key of a test says nothing of its events.
func (t *test) notOfEvents(n *yamltree.Node, key string) bool { return n == t.node && isTestKey(key) }

// Read reads a file of tests. The error names file, line and column.
func Read(name string, content []byte, maker *fixture.Maker) (*File, error) {
	docs, yerr := yamltree.Parse(yamltree.NewFile(name, content))
	if yerr != nil {
		return nil, yerr
	}
	docs = slices.DeleteFunc(docs, func(n *yamltree.Node) bool { return n.Kind == yamltree.Null })
	if len(docs) != 1 || docs[0].Kind != yamltree.Mapping {
		at := &yamltree.Node{File: yamltree.NewFile(name, content)}
		if len(docs) > 0 {
			at = docs[len(docs)-1]
		}
		return nil, at.Errorf("a file of tests is one mapping; write the tests in a list under the key tests")
	}
	f := &File{Name: name, maker: maker}
	return f, f.read(docs[0])
}

func (f *File) read(root *yamltree.Node) (err error) {
	if err := checkKeys(root, fileKeys); err != nil {
		return err
	}
	if n := root.Get("rules"); n != nil {
		if f.Choice.Files, err = texts(n); err != nil {
			return err
		}
		for i, path := range f.Choice.Files {
			if path != DefaultRules && !filepath.IsAbs(path) {
				f.Choice.Files[i] = filepath.Join(filepath.Dir(f.Name), path)
			}
		}
	}
	if n := root.Get("rule_matching"); n != nil {
		if f.Choice.Matching = n.Text; n.Text != "first" && n.Text != "all" {
			return n.Errorf("rule_matching is %q; write first or all", n.Text)
		}
	}
	var levels []*yamltree.Node
	if n := root.Get("defaults"); n != nil && n.Kind != yamltree.Null {
		if n.Kind != yamltree.Mapping {
			return n.Errorf("defaults are no mapping; write what all events have in common, such as container: nginx")
		}
		if err := f.maker.Check(n, (&test{}).notOfEvents); err != nil {
			return err
		}
		levels = append(levels, n)
	}
	tests := root.Get("tests")
	if tests == nil || tests.Kind != yamltree.Sequence || len(tests.Items) == 0 {
		return cmp.Or(tests, root).Errorf("the file has no tests; write a list of them under the key tests")
	}
	if len(tests.Items) > maxTests {
		return tests.Errorf("the file has more than %d tests; split it", maxTests)
	}
	next := uint64(1)
	names := map[string]bool{}
	for _, n := range tests.Items {
		t, err := f.test(n, levels)
		if err != nil {
			return err
		}
		if names[t.name] {
			return n.Errorf("there are two tests of the name %q; give one another name", t.name)
		}
		names[t.name] = true
		t.first = next
		if next += uint64(len(t.events)); next > maxEvents {
			return n.Errorf("the file has more than %d events; split it", maxEvents)
		}
		f.tests = append(f.tests, t)
	}
	return nil
}

func (f *File) test(n *yamltree.Node, levels []*yamltree.Node) (*test, error) {
	if n.Kind != yamltree.Mapping {
		return nil, n.Errorf("a test is a mapping; write name, events and expect")
	}
	if err := f.checkTest(n); err != nil {
		return nil, err
	}
	t := &test{node: n, levels: levels}
	var err error
	if t.name, err = required(n, "name"); err != nil {
		return nil, err
	}
	if err := f.events(t, n); err != nil {
		return nil, err
	}
	t.wants, err = readWants(n)
	return t, err
}

// events finds where the test's events are: in the test itself, which is one then, in a list, or in a recording.
func (f *File) events(t *test, n *yamltree.Node) error {
	events, recording := n.Get("events"), n.Get("recording")
	alone := f.maker.IsCall(n)
	switch {
	case recording != nil && (events != nil || alone):
		return recording.Errorf("a test has a recording or events; write two tests")
	case recording != nil:
		path, err := required(n, "recording")
		if t.recording = path; !filepath.IsAbs(path) {
			t.recording = filepath.Join(filepath.Dir(f.Name), path)
		}
		return err
	case alone && events != nil:
		return events.Errorf("the test says what happens, and has a list of events too; put the call into the list")
	case alone:
		t.events = []*yamltree.Node{n}
		return nil
	case events == nil:
		return n.Errorf("the test %q has no event; write a call, such as execve: /bin/sh -c id, or a list under the key events", t.name)
	case events.Kind != yamltree.Sequence || len(events.Items) == 0:
		return events.Errorf("events is no list of events; write - execve: /bin/sh")
	}
	if err := f.maker.Check(n, t.notOfEvents); err != nil {
		return err
	}
	t.levels = append(slices.Clone(t.levels), n)
	for _, e := range events.Items {
		if e.Kind != yamltree.Mapping {
			return e.Errorf("an event is a mapping; write execve: /bin/sh")
		}
	}
	t.events = events.Items
	return nil
}

// checkTest refuses keys of a test that look like a misspelt one. What else is unknown the maker of events refuses.
func (f *File) checkTest(n *yamltree.Node) error {
	seen := map[string]bool{}
	for _, p := range n.Pairs {
		name := p.Key.Text
		if seen[name] {
			return p.Key.Errorf("the key %q is there twice; leave one of them", name)
		}
		seen[name] = true
		if hint := suggest.Hint(name, testKeys); hint != "" && !isTestKey(name) && !f.maker.Has(name) {
			return p.Key.Errorf("the key %q is unknown; %s", name, hint)
		}
	}
	return nil
}

// checkKeys refuses keys that are unknown, and what is there twice.
func checkKeys(n *yamltree.Node, known []string) error {
	seen := map[string]bool{}
	for _, p := range n.Pairs {
		name := p.Key.Text
		switch {
		case seen[name]:
			return p.Key.Errorf("the key %q is there twice; leave one of them", name)
		case !slices.Contains(known, name):
			hint := suggest.Hint(name, known)
			return p.Key.Errorf("the key %q is unknown; %s", name, cmp.Or(hint, "it is one of "+strings.Join(known, ", ")))
		}
		seen[name] = true
	}
	return nil
}

// required reads a text that must be there.
func required(n *yamltree.Node, key string) (string, error) {
	v := n.Get(key)
	switch {
	case v == nil:
		return "", n.Errorf("the key %q is missing; add it", key)
	case v.Kind != yamltree.Scalar || v.Text == "":
		return "", v.Errorf("%s is empty, or no text; write one", key)
	}
	return v.Text, nil
}

// texts reads a list of texts, or one text alone.
func texts(n *yamltree.Node) ([]string, error) {
	items := n.Items
	if n.Kind != yamltree.Sequence {
		items = []*yamltree.Node{n}
	}
	var list []string
	for _, item := range items {
		if item.Kind != yamltree.Scalar {
			return nil, item.Errorf("the value is no text; write one, or a list of them")
		}
		list = append(list, item.Text)
	}
	return list, nil
}
