// Package inspect answers questions about a rule set without matching events: what a rule says, where each part of it
// came from, and what in it does not do what it seems to.
package inspect

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/saker-sensor/saker/internal/engine"
	"github.com/saker-sensor/saker/internal/engine/filter"
	"github.com/saker-sensor/saker/internal/event"
)

// DescribeText lists rules with their descriptions, as -L and -l print: all rules if name is empty. ok is false if
// there is no such rule.
func DescribeText(rs *engine.Ruleset, name string) (text string, ok bool) {
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
	for _, r := range rs.All() {
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
func DescribeJSON(rs *engine.Ruleset, name string) (text []byte, ok bool, err error) {
	d := description{Rules: []ruleDescription{}}
	for _, r := range rs.All() {
		if name == "" || r.Name == name {
			d.Rules = append(d.Rules, describeRule(r))
		}
	}
	if name == "" {
		describeCatalog(rs.Catalog(), &d)
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

func describeCatalog(c *engine.Catalog, d *description) {
	d.Lists, d.Macros, d.Plugins = []listDescription{}, []macroDescription{}, []pluginDescription{}
	d.EngineVersion = c.Engine.String()
	for _, need := range c.Plugins {
		p := pluginDescription{Name: need[0].Name, Version: need[0].Version.String()}
		for _, a := range need[1:] {
			p.Alternatives = append(p.Alternatives, pluginDescription{Name: a.Name, Version: a.Version.String()})
		}
		d.Plugins = append(d.Plugins, p)
	}
	for _, l := range c.Lists {
		d.Lists = append(d.Lists, describeList(l))
	}
	for _, m := range c.Macros {
		if m.Expr == nil {
			continue
		}
		var o macroDescription
		o.Info.Name, o.Info.Condition = m.Name, engine.ConditionText(m.Condition)
		o.Details.Used = m.Used
		types := filter.EventTypes(m.Expr, event.FullSet(), event.TypeByName)
		o.Details.conditionDescription = describeCondition(m.Expr, types, m.Macros, m.Lists)
		d.Macros = append(d.Macros, o)
	}
}

func describeList(l engine.ListInfo) listDescription {
	var o listDescription
	o.Info.Name, o.Info.Items = l.Name, []string{}
	o.Details.ItemsCompiled, o.Details.Plugins = append([]string{}, l.Values...), []string{}
	o.Details.Lists, o.Details.Used = sortedOnce(l.Lists), l.Used
	for _, n := range l.Items {
		if !slices.Contains(l.Lists, n.Text) {
			o.Info.Items = append(o.Info.Items, n.Text)
		}
	}
	return o
}

// sortedOnce is a sorted copy without duplicates; it is never nil, which JSON would show as null.
func sortedOnce(words []string) []string {
	out := append([]string{}, words...)
	slices.Sort(out)
	return slices.Compact(out)
}

func describeCondition(e filter.Expr, types event.TypeSet, macros, lists []string) conditionDescription {
	d := conditionDescription{Compiled: filter.Print(e), Events: []string{}, Plugins: []string{}}
	d.Lists, d.Macros = sortedOnce(lists), sortedOnce(macros)
	for _, t := range types.Types() {
		d.Events = append(d.Events, t.String())
	}
	fields, ops := []string{}, []string{}
	filter.WalkOperands(e, func(o filter.Operand) {
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

func describeRule(r *engine.Rule) ruleDescription {
	var o ruleDescription
	i, d := &o.Info, &o.Details
	i.Name, i.Description, i.Condition, i.Output, i.Source = r.Name, r.Desc, r.Condition, r.Output, r.Source
	i.Priority, i.Enabled, i.Tags = r.Priority.String(), r.Enabled, append([]string{}, r.Tags...)
	i.Capture, i.CaptureDuration = r.Capture, r.CaptureLimits.Duration
	d.conditionDescription = describeCondition(r.Expr(), r.Types, r.Macros(), r.Lists())
	d.OutputCompiled, d.OutputFields = r.Output, []string{}
	for _, f := range r.Prints() {
		d.OutputFields = append(d.OutputFields, f.String())
	}
	d.OutputFields = sortedOnce(d.OutputFields)
	if len(d.Plugins) == 0 && slices.ContainsFunc(d.OutputFields, fromContainerPlugin) {
		d.Plugins = append(d.Plugins, "container")
	}
	d.ExceptionFields, d.ExceptionNames, d.ExceptionOperators = []string{}, []string{}, []string{}
	for _, e := range r.Definition().Exceptions {
		d.ExceptionNames = append(d.ExceptionNames, e.Name)
		d.ExceptionFields = append(d.ExceptionFields, e.FieldNames()...)
		d.ExceptionOperators = append(d.ExceptionOperators, e.Operators()...)
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
