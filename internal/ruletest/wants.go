package ruletest

import (
	"strconv"

	"github.com/saker-sensor/saker/internal/engine/rulefile"
	"github.com/saker-sensor/saker/internal/yamltree"
)

// wants are what a test expects.
type wants struct {
	alerts []*want
	// only: no rule may fire but those of alerts. none: no rule may fire at all; not are rules that may not.
	only, none bool
	node       *yamltree.Node
	not        []*yamltree.Node
}

// want is an alert that must be there.
type want struct {
	node *yamltree.Node
	rule string
	// priority is 0 for any.
	priority rulefile.Priority
	// output is the whole text, without time and priority; contains are parts of it.
	output   *string
	contains []string
	fields   []wantedField
	// count is the number of such alerts, -1 for one or more.
	count int
}

type wantedField struct {
	node        *yamltree.Node
	name, value string
}

var wantKeys = []string{"rule", "priority", "output", "output_contains", "fields", "count"}

// maxCount bounds the number of alerts that may be expected.
const maxCount = 1_000_000

func readWants(n *yamltree.Node) (w wants, err error) {
	expect, only := n.Get("expect"), n.Get("expect_only")
	if expect != nil && only != nil {
		return w, only.Errorf("the test has expect and expect_only; write one of them")
	}
	if only != nil {
		expect, w.only = only, true
	}
	if expect != nil {
		w.node = expect
		if w.alerts, err = readAlerts(expect); err != nil {
			return w, err
		}
	}
	if not := n.Get("expect_not"); not != nil {
		if w.not = []*yamltree.Node{not}; not.Kind == yamltree.Sequence {
			w.not = not.Items
		}
		for _, rule := range w.not {
			if rule.Kind != yamltree.Scalar || rule.Text == "" {
				return w, rule.Errorf("expect_not has no rule's name; write one, or a list of them")
			}
		}
	}
	if none := n.Get("expect_none"); none != nil {
		switch {
		case none.Text != "true":
			return w, none.Errorf("expect_none is %q; write true, or leave it out", none.Text)
		case expect != nil:
			return w, none.Errorf("the test expects alerts, and none; write one of expect and expect_none")
		}
		w.none, w.node = true, none
	}
	if len(w.alerts) == 0 && len(w.not) == 0 && !w.none {
		return w, n.Errorf("the test expects nothing; write expect, expect_not or expect_none: true")
	}
	return w, nil
}

func readAlerts(n *yamltree.Node) ([]*want, error) {
	items := n.Items
	if n.Kind != yamltree.Sequence {
		items = []*yamltree.Node{n}
	}
	var all []*want
	for _, item := range items {
		w, err := readAlert(item)
		if err != nil {
			return nil, err
		}
		all = append(all, w)
	}
	return all, nil
}

func readAlert(n *yamltree.Node) (w *want, err error) {
	w = &want{node: n, rule: n.Text, count: -1}
	switch {
	case n.Kind == yamltree.Scalar && n.Text != "":
		return w, nil
	case n.Kind != yamltree.Mapping:
		return nil, n.Errorf("an expected alert is a rule's name, or a mapping; write rule: NAME")
	}
	if err := checkKeys(n, wantKeys); err != nil {
		return nil, err
	}
	if w.rule, err = required(n, "rule"); err != nil {
		return nil, err
	}
	if p := n.Get("priority"); p != nil {
		var ok bool
		if w.priority, ok = rulefile.ParsePriority(p.Text); !ok {
			return nil, p.Errorf("the priority %q is unknown; write one of emergency … debug", p.Text)
		}
	}
	if o := n.Get("output"); o != nil {
		w.output = &o.Text
	}
	if c := n.Get("output_contains"); c != nil {
		if w.contains, err = texts(c); err != nil {
			return nil, err
		}
	}
	if c := n.Get("count"); c != nil {
		w.count, err = strconv.Atoi(c.Text)
		if err != nil || w.count < 0 || w.count > maxCount {
			return nil, c.Errorf("count is %q; write a number from 0 to %d", c.Text, maxCount)
		}
	}
	fields := n.Get("fields")
	if fields == nil {
		return w, nil
	}
	if fields.Kind != yamltree.Mapping {
		return nil, fields.Errorf("fields are no mapping; write {proc.name: sh}")
	}
	for _, p := range fields.Pairs {
		if p.Value.Kind == yamltree.Sequence || p.Value.Kind == yamltree.Mapping {
			return nil, p.Value.Errorf("the value of %s is no text; write it as the alert shows it", p.Key.Text)
		}
		value := p.Value.Text
		if p.Value.Kind == yamltree.Null {
			value = missing
		}
		w.fields = append(w.fields, wantedField{p.Key, p.Key.Text, value})
	}
	return w, nil
}

// missing is what outputs show of a field without a value.
const missing = "<NA>"
