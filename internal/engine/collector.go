package engine

import "fmt"

// collector puts definitions together over all files.
type collector struct {
	lists  table[list]
	macros table[macro]
	rules  table[rule]
	// engine is the highest version required, plugins what is required of plugins.
	engine  version
	plugins []pluginNeed
	// sources are the event sources whose rules are compiled; checkException knows their fields.
	sources        map[string]bool
	checkException func(*exception)
	// poisoned names were defined with a mistake that has been reported; what follows from it is not.
	poisoned map[string]bool
	next     int
}

// table keeps definitions by name, in the order of their first definition.
type table[T any] struct {
	all    []*T
	byName map[string]*T
}

func (t *table[T]) get(name string) *T { return t.byName[name] }

func (t *table[T]) add(name string, v *T) {
	if t.byName == nil {
		t.byName = map[string]*T{}
	}
	t.all = append(t.all, v)
	t.byName[name] = v
}

func (t *table[T]) names() []string {
	names := make([]string, 0, len(t.byName))
	for n := range t.byName {
		names = append(names, n)
	}
	return names
}

// define puts a definition in the place of an earlier one of that name, or behind all.
func define[T any](c *collector, t *table[T], name string, v *T, o *order) {
	o.index, o.visibility = c.next, c.next
	c.next++
	prev := t.get(name)
	if prev == nil {
		t.add(name, v)
		return
	}
	o.index = orderOf(prev).index
	*prev = *v
}

func orderOf(v any) *order {
	switch v := v.(type) {
	case *list:
		return &v.order
	case *macro:
		return &v.order
	case *rule:
		return &v.order
	}
	return nil
}

func (c *collector) move(o *order) {
	o.visibility = c.next
	c.next++
}

func (c *collector) poison(kind, name string) { c.poisoned[kind+" "+name] = true }

// poisonOnRefusal is to be deferred: a definition that was refused is remembered by name.
func (c *collector) poisonOnRefusal(kind, name string) {
	if r := recover(); r != nil {
		c.poison(kind, name)
		panic(r)
	}
}

// missing refuses the change of something that was never defined, unless its definition was refused before.
func (c *collector) missing(kind, name string, where trail, known []string, message string) {
	if c.poisoned[kind+" "+name] {
		panic(refusal{})
	}
	refuseHint(where, ErrValidate, didYouMean(name, known), "%s", message)
}

func (c *collector) defineList(l *list) { define(c, &c.lists, l.name, l, &l.order) }

func (c *collector) appendList(l *list) {
	prev := c.lists.get(l.name)
	if prev == nil {
		c.missing("list", l.name, l.where, c.lists.names(),
			"List uses 'append' or 'override.items: append' but no list by that name already exists")
	}
	prev.items = append(prev.items[:len(prev.items):len(prev.items)], l.items...)
	c.move(&prev.order)
}

func (c *collector) defineMacro(m *macro) { define(c, &c.macros, m.name, m, &m.order) }

func (c *collector) appendMacro(m *macro) {
	prev := c.macros.get(m.name)
	if prev == nil {
		c.missing("macro", m.name, m.where, c.macros.names(),
			"Macro uses 'append' or 'override.condition: append' but no macro by that name already exists")
	}
	prev.cond = append(prev.cond[:len(prev.cond):len(prev.cond)], m.cond...)
	c.move(&prev.order)
}

const (
	noRuleToAppend  = "Rule uses 'append' or 'override.<key>: append' but no rule by that name already exists"
	noRuleToReplace = "Rule uses 'override.<key>: replace' but no rule by that name already exists"
	noRuleToEnable  = "Rule has 'enabled' key but no rule by that name already exists"
)

// previousRule finds the rule that v changes; v's source is empty where it was not given.
func (c *collector) previousRule(v *rule, none string) *rule {
	prev := c.rules.get(v.name)
	if prev == nil {
		c.missing("rule", v.name, v.where, c.rules.names(), none)
	}
	if v.source != "" && v.source != prev.source {
		refuse(v.where, ErrValidate, "Rule has been re-defined with a different source")
	}
	return prev
}

func (c *collector) defineRule(v *rule, rep *report) {
	prev := c.rules.get(v.name)
	if prev != nil && v.source != "" && v.source != prev.source {
		refuse(v.where, ErrValidate, "Rule has been re-defined with a different source")
	}
	if v.source == "" {
		v.source = "syscall"
	}
	if !c.sources[v.source] {
		v.foreign = true
		rep.warn(v.where.problem(WarnUnknownSource, fmt.Sprintf("Unknown source %s, skipping", v.source)))
	}
	c.setExceptions(v, v.exceptions, rep)
	define(c, &c.rules, v.name, v, &v.order)
}

func (c *collector) enableRule(name string, on bool, where trail) {
	prev := c.previousRule(&rule{name: name, where: where}, noRuleToEnable)
	prev.enabled = on
	prev.changes = append(prev.changes, where)
}

// overrideRule changes a rule: what o adds first, then what it replaces.
func (c *collector) overrideRule(prev, v *rule, o override, rep *report) {
	if prev.foreign {
		return
	}
	if o.add["exceptions"] {
		c.addExceptions(prev, v.exceptions, rep)
	}
	if o.add["condition"] {
		prev.cond = append(prev.cond[:len(prev.cond):len(prev.cond)], v.cond...)
	}
	if o.add["output"] {
		prev.output = append(prev.output[:len(prev.output):len(prev.output)], v.output...)
	}
	if o.add["desc"] {
		prev.desc += " " + v.desc
	}
	if o.add["tags"] {
		prev.tags = append(prev.tags[:len(prev.tags):len(prev.tags)], v.tags...)
	}
	for key := range o.replace {
		c.replaceKey(prev, v, key, rep)
	}
	prev.changes = append(prev.changes, v.where)
	c.move(&prev.order)
}

func (c *collector) replaceKey(prev, v *rule, key string, rep *report) {
	switch key {
	case "condition":
		prev.cond = v.cond
	case "output":
		prev.output = v.output
	case "desc":
		prev.desc = v.desc
	case "tags":
		prev.tags = v.tags
	case "priority":
		prev.priority = v.priority
	case "enabled":
		prev.enabled = v.enabled
	case "warn_evttypes":
		prev.warnEvttypes = v.warnEvttypes
	case "skip-if-unknown-filter":
		prev.skipUnknown = v.skipUnknown
	case "capture":
		prev.capture = v.capture
	case "capture_duration":
		prev.captureDuration = v.captureDuration
	case "exceptions":
		c.setExceptions(prev, v.exceptions, rep)
	}
}

// setExceptions gives a rule its exceptions; the last of several with one name counts too, with a warning.
func (c *collector) setExceptions(v *rule, all []*exception, rep *report) {
	seen := map[string]bool{}
	for _, e := range all {
		if seen[e.name] {
			rep.warn(e.where.problem(WarnExceptionName,
				fmt.Sprintf("Multiple definitions of exception '%s' in the same rule", e.name)))
		}
		seen[e.name] = true
		if !v.foreign {
			c.checkException(e)
		}
	}
	v.exceptions = all
}

func (c *collector) addExceptions(v *rule, more []*exception, rep *report) {
	all := v.exceptions[:len(v.exceptions):len(v.exceptions)]
	for _, e := range more {
		i := 0
		for i < len(all) && all[i].name != e.name {
			i++
		}
		if i < len(all) {
			all[i] = extend(all[i], e, rep)
			continue
		}
		if e.fields == nil {
			refuseHint(e.where, ErrValidate, didYouMean(e.name, exceptionNames(all)),
				"Rule exception must have fields property with a list of fields")
		}
		if len(e.values) == 0 {
			refuse(e.where, ErrValidate, "Rule exception must have values property with a list of values")
		}
		c.checkException(e)
		all = append(all, e)
	}
	v.exceptions = all
}

// extend adds an appended exception's values to the one of that name.
func extend(to, e *exception, rep *report) *exception {
	switch {
	case e.fields != nil:
		refuse(e.where, ErrValidate, "Can not append exception fields to existing exception, only values")
	case e.comps != nil:
		refuse(e.where, ErrValidate, "Can not append exception comps to existing exception, only values")
	case len(e.values) == 0:
		rep.warn(e.where.problem(WarnAppendNoValues, "Overriding/appending exception with no values"))
	}
	longer := *to
	longer.values = append(to.values[:len(to.values):len(to.values)], e.values...)
	return &longer
}

func exceptionNames(all []*exception) []string {
	var names []string
	for _, e := range all {
		names = append(names, e.name)
	}
	return names
}
