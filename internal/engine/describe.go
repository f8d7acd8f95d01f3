package engine

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/saker-sensor/saker/internal/engine/filter"
	"github.com/saker-sensor/saker/internal/event"
	"github.com/saker-sensor/saker/internal/field"
)

// catalog is what falco -L tells besides the rules.
type catalog struct {
	dict    *field.Dictionary
	engine  version
	plugins []pluginNeed
	lists   []*list
	macros  []*macroState
	// builtins are our own macros, used or not.
	builtins []*macroState
	// placed lead from an offset in a condition to its place in a file.
	placed []placedText
}

func newCatalog(c *compiler) catalog {
	cat := catalog{dict: c.dict, engine: c.col.engine, plugins: c.col.plugins, lists: c.col.lists.all, placed: c.placed}
	for _, m := range c.order {
		if m.builtin {
			cat.builtins = append(cat.builtins, m)
		} else {
			cat.macros = append(cat.macros, m)
		}
	}
	return cat
}

// allMacros lists the files' macros, then the built-in ones that no file defines.
func (c *catalog) allMacros() []*macroState {
	all := slices.Clone(c.macros)
	for _, b := range c.builtins {
		if !slices.ContainsFunc(c.macros, func(m *macroState) bool { return m.name == b.name }) {
			all = append(all, b)
		}
	}
	return all
}

// DescribeText lists rules with their descriptions, as -L and -l print: all rules if name is empty. ok is false if
// there is no such rule.
func (rs *Ruleset) DescribeText(name string) (text string, ok bool) {
	var b strings.Builder
	line := func(rule, desc string) {
		const nameWidth, descWidth = 50, 60
		for i, l := range wrap(desc, descWidth) {
			if i > 0 {
				rule = ""
			}
			b.WriteString(strings.TrimRight(fmt.Sprintf("%-*s %s", nameWidth, rule, l), " ") + "\n")
		}
	}
	line("Rule", "Description")
	line("----", "-----------")
	for _, r := range rs.rules {
		if name == "" || r.Name == name {
			ok = true
			line(r.Name, r.Desc)
		}
	}
	return b.String(), ok || name == ""
}

// wrap breaks a text between words into lines of at most width bytes, longer words aside; there is always a line.
func wrap(s string, width int) []string {
	lines := []string{""}
	for _, w := range strings.Fields(s) {
		last := &lines[len(lines)-1]
		switch {
		case *last == "":
			*last = w
		case len(*last)+1+len(w) <= width:
			*last += " " + w
		default:
			lines = append(lines, w)
		}
	}
	return lines
}

type description struct {
	Lists         []listDescription   `json:"lists,omitzero"`
	Macros        []macroDescription  `json:"macros,omitzero"`
	EngineVersion string              `json:"required_engine_version,omitempty"`
	Plugins       []pluginDescription `json:"required_plugin_versions,omitzero"`
	Rules         []ruleDescription   `json:"rules"`
}

type pluginDescription struct {
	Alternatives []pluginDescription `json:"alternatives,omitempty"`
	Name         string              `json:"name"`
	Version      string              `json:"version"`
}

type listDescription struct {
	Details struct {
		ItemsCompiled []string `json:"items_compiled"`
		Lists         []string `json:"lists"`
		Plugins       []string `json:"plugins"`
		Used          bool     `json:"used"`
	} `json:"details"`
	Info struct {
		Items []string `json:"items"`
		Name  string   `json:"name"`
	} `json:"info"`
}

type macroDescription struct {
	Details struct {
		conditionDescription
		Used bool `json:"used"`
	} `json:"details"`
	Info struct {
		Condition string `json:"condition"`
		Name      string `json:"name"`
	} `json:"info"`
}

type conditionDescription struct {
	Compiled  string   `json:"condition_compiled"`
	Fields    []string `json:"condition_fields"`
	Operators []string `json:"condition_operators"`
	Events    []string `json:"events"`
	Lists     []string `json:"lists"`
	Macros    []string `json:"macros"`
	Plugins   []string `json:"plugins"`
}

type ruleDescription struct {
	Details struct {
		conditionDescription
		ExceptionFields    []string `json:"exception_fields"`
		ExceptionNames     []string `json:"exception_names"`
		ExceptionOperators []string `json:"exception_operators"`
		OutputCompiled     string   `json:"output_compiled"`
		OutputFields       []string `json:"output_fields"`
	} `json:"details"`
	Info struct {
		Capture         bool     `json:"capture"`
		CaptureDuration uint32   `json:"capture_duration"`
		Condition       string   `json:"condition"`
		Description     string   `json:"description"`
		Enabled         bool     `json:"enabled"`
		Name            string   `json:"name"`
		Output          string   `json:"output"`
		Priority        string   `json:"priority"`
		Source          string   `json:"source"`
		Tags            []string `json:"tags"`
	} `json:"info"`
}

// DescribeJSON tells all about the rules, macros and lists; or, if name is not empty, about one rule. ok is false if
// there is no such rule.
func (rs *Ruleset) DescribeJSON(name string) (text []byte, ok bool, err error) {
	d := description{Rules: []ruleDescription{}}
	for _, r := range rs.rules {
		if name == "" || r.Name == name {
			d.Rules = append(d.Rules, rs.catalog.rule(r))
		}
	}
	if name == "" {
		rs.catalog.all(&d)
	}
	text, err = sortedJSON(d)
	if err != nil {
		return nil, false, fmt.Errorf("encode rule descriptions: %w", err)
	}
	return text, name == "" || len(d.Rules) > 0, nil
}

// sortedJSON encodes a value with the keys of all objects in byte order.
func sortedJSON(v any) ([]byte, error) {
	raw, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	var plain any
	if err := json.Unmarshal(raw, &plain); err != nil {
		return nil, err
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(plain); err != nil {
		return nil, err
	}
	return bytes.TrimRight(b.Bytes(), "\n"), nil
}

func (c *catalog) all(d *description) {
	d.Lists, d.Macros, d.Plugins = []listDescription{}, []macroDescription{}, []pluginDescription{}
	d.EngineVersion = c.engine.String()
	for _, need := range c.plugins {
		p := pluginDescription{Name: need[0].name, Version: need[0].version.String()}
		for _, a := range need[1:] {
			p.Alternatives = append(p.Alternatives, pluginDescription{Name: a.name, Version: a.version.String()})
		}
		d.Plugins = append(d.Plugins, p)
	}
	for _, l := range c.lists {
		d.Lists = append(d.Lists, l.describe())
	}
	for _, m := range c.macros {
		if m.done == nil {
			continue
		}
		var o macroDescription
		o.Info.Name, o.Info.Condition = m.name, conditionText(m.cond)
		o.Details.Used = m.used
		types := filter.EventTypes(m.done.expr, allTypes(), event.TypeByName)
		o.Details.conditionDescription = c.condition(m.done.expr, types, m.macros, m.lists)
		d.Macros = append(d.Macros, o)
	}
}

func (l *list) describe() listDescription {
	var o listDescription
	o.Info.Name, o.Info.Items = l.name, []string{}
	o.Details.ItemsCompiled, o.Details.Plugins = []string{}, []string{}
	o.Details.Lists, o.Details.Used = sortedOnce(append([]string{}, l.uses...)), l.used
	for _, n := range l.items {
		if !slices.Contains(l.uses, n.text) {
			o.Info.Items = append(o.Info.Items, n.text)
		}
	}
	for _, it := range l.compiled {
		o.Details.ItemsCompiled = append(o.Details.ItemsCompiled, it.n.text)
	}
	return o
}

func (c *catalog) condition(e filter.Expr, types event.TypeSet, macros, lists []string) conditionDescription {
	d := conditionDescription{Compiled: filter.Print(e), Events: []string{}, Plugins: []string{}}
	d.Lists, d.Macros = sortedOnce(append([]string{}, lists...)), sortedOnce(append([]string{}, macros...))
	for _, t := range types.Types() {
		d.Events = append(d.Events, t.String())
	}
	fields, ops := []string{}, []string{}
	walkOperands(e, func(o filter.Operand) {
		if f, ok := o.(*filter.Field); ok {
			name := f.Name
			if f.HasArg {
				name += "[" + f.Arg + "]"
			}
			fields = append(fields, name)
		}
	})
	filter.Walk(e, func(e filter.Expr) bool {
		if c, ok := e.(*filter.Check); ok {
			ops = append(ops, string(c.Op))
		}
		return true
	})
	d.Fields, d.Operators = sortedOnce(fields), sortedOnce(ops)
	slices.Sort(d.Events)
	if slices.ContainsFunc(d.Fields, fromContainerPlugin) {
		d.Plugins = append(d.Plugins, "container")
	}
	return d
}

func (c *catalog) rule(r *Rule) ruleDescription {
	var o ruleDescription
	i, d := &o.Info, &o.Details
	i.Name, i.Description, i.Condition, i.Output, i.Source = r.Name, r.Desc, r.Condition, r.Output, r.Source
	i.Priority, i.Enabled, i.Tags = r.Priority.String(), r.Enabled, append([]string{}, r.Tags...)
	i.Capture, i.CaptureDuration = r.Capture, r.CaptureDuration
	d.conditionDescription = c.condition(r.expr, r.Types, r.macros, r.lists)
	d.OutputCompiled, d.OutputFields = r.Output, []string{}
	for _, f := range templateFields(r.Output, c.dict) {
		d.OutputFields = append(d.OutputFields, f.String())
	}
	d.OutputFields = sortedOnce(d.OutputFields)
	if len(d.Plugins) == 0 && slices.ContainsFunc(d.OutputFields, fromContainerPlugin) {
		d.Plugins = append(d.Plugins, "container")
	}
	d.ExceptionFields, d.ExceptionNames, d.ExceptionOperators = []string{}, []string{}, []string{}
	for _, e := range r.def.exceptions {
		d.ExceptionNames = append(d.ExceptionNames, e.name)
		d.ExceptionFields = append(d.ExceptionFields, e.fieldNames()...)
		d.ExceptionOperators = append(d.ExceptionOperators, e.operators()...)
	}
	d.ExceptionFields, d.ExceptionNames = sortedOnce(d.ExceptionFields), sortedOnce(d.ExceptionNames)
	d.ExceptionOperators = sortedOnce(d.ExceptionOperators)
	return o
}

// fromContainerPlugin tells whether a field is one that Falco's container plugin supplies.
func fromContainerPlugin(name string) bool {
	return strings.HasPrefix(name, "container.") || strings.HasPrefix(name, "k8s.") ||
		strings.HasPrefix(name, "proc.is_container_")
}

func (e *exception) fieldNames() []string {
	if e.fields.kind != kindSequence {
		return []string{e.fields.text}
	}
	var names []string
	for _, f := range e.fields.items {
		names = append(names, f.text)
	}
	return names
}

func (e *exception) operators() []string {
	switch {
	case e.comps == nil && e.fields.kind != kindSequence:
		return []string{"in"}
	case e.comps == nil:
		return []string{"="}
	case e.comps.kind != kindSequence:
		return []string{comp(e.comps)}
	}
	var ops []string
	for _, c := range e.comps.items {
		ops = append(ops, comp(c))
	}
	return ops
}
