package rulefile

import (
	"fmt"

	"github.com/saker-sensor/saker/internal/suggest"
)

// Collector puts definitions together over all files.
type Collector struct {
	Lists  Table[List]
	Macros Table[Macro]
	Rules  Table[Rule]
	// Engine is the highest version required, Plugins what is required of plugins.
	Engine  SemVer
	Plugins []PluginNeed
	// sources are the event sources whose rules are compiled.
	sources        map[string]bool
	checkException ExceptionCheck
	// refused holds the names whose definition was refused; errors that follow from that are not reported.
	refused map[string]bool
	next    int
}

// ExceptionCheck refuses an exception whose shape or operators are wrong, and one whose fields the rule's source does not have; of a
// source that is not known it does not look at the fields.
type ExceptionCheck func(e *Exception, source string)

// NewCollector returns an empty collector for rules of these sources.
func NewCollector(checkException ExceptionCheck, sources ...string) *Collector {
	c := &Collector{sources: map[string]bool{}, checkException: checkException, refused: map[string]bool{}}
	for _, s := range sources {
		c.sources[s] = true
	}
	return c
}

// Refused tells whether the definition of a "list", "macro" or "rule" was refused.
func (c *Collector) Refused(kind, name string) bool { return c.refused[kind+" "+name] }

// Table keeps definitions by name, in the order of their first definition.
type Table[T any] struct {
	All    []*T
	byName map[string]*T
}

// Get finds a definition; nil if there is none.
func (t *Table[T]) Get(name string) *T { return t.byName[name] }

func (t *Table[T]) add(name string, v *T) {
	if t.byName == nil {
		t.byName = map[string]*T{}
	}
	t.All = append(t.All, v)
	t.byName[name] = v
}

// Names lists the names in no order.
func (t *Table[T]) Names() []string {
	names := make([]string, 0, len(t.byName))
	for n := range t.byName {
		names = append(names, n)
	}
	return names
}

// define replaces the earlier definition of that name, or appends a new one.
func define[T any](c *Collector, t *Table[T], name string, v *T, o *Order) {
	o.Index, o.Visibility = c.next, c.next
	c.next++
	prev := t.Get(name)
	if prev == nil {
		t.add(name, v)
		return
	}
	o.Index = orderOf(prev).Index
	*prev = *v
}

func orderOf(v any) *Order {
	switch v := v.(type) {
	case *List:
		return &v.Order
	case *Macro:
		return &v.Order
	case *Rule:
		return &v.Order
	}
	return nil
}

func (c *Collector) move(o *Order) {
	o.Visibility = c.next
	c.next++
}

func (c *Collector) refuse(kind, name string) { c.refused[kind+" "+name] = true }

// rememberRefusal is to be deferred: it remembers the name of a definition that is refused.
func (c *Collector) rememberRefusal(kind, name string) {
	if r := recover(); r != nil {
		c.refuse(kind, name)
		panic(r)
	}
}

// missing refuses the change of something that was never defined, unless its definition was refused before.
func (c *Collector) missing(kind, name string, where Trail, known []string, message string) {
	if c.Refused(kind, name) {
		panic(refusal{})
	}
	RefuseHint(where, ErrValidate, suggest.Hint(name, known), "%s", message)
}

func (c *Collector) defineList(l *List) { define(c, &c.Lists, l.Name, l, &l.Order) }

func (c *Collector) appendList(l *List) {
	prev := c.Lists.Get(l.Name)
	if prev == nil {
		c.missing("list", l.Name, l.Where, c.Lists.Names(),
			"List uses 'append' or 'override.items: append' but no list by that name already exists")
	}
	prev.Items = append(prev.Items[:len(prev.Items):len(prev.Items)], l.Items...)
	c.move(&prev.Order)
}

func (c *Collector) defineMacro(m *Macro) { define(c, &c.Macros, m.Name, m, &m.Order) }

func (c *Collector) appendMacro(m *Macro) {
	prev := c.Macros.Get(m.Name)
	if prev == nil {
		c.missing("macro", m.Name, m.Where, c.Macros.Names(),
			"Macro uses 'append' or 'override.condition: append' but no macro by that name already exists")
	}
	prev.Condition = append(prev.Condition[:len(prev.Condition):len(prev.Condition)], m.Condition...)
	c.move(&prev.Order)
}

const (
	noRuleToAppend  = "Rule uses 'append' or 'override.<key>: append' but no rule by that name already exists"
	noRuleToReplace = "Rule uses 'override.<key>: replace' but no rule by that name already exists"
	noRuleToEnable  = "Rule has 'enabled' key but no rule by that name already exists"
)

// previousRule finds the rule that v changes; v's source is empty where it was not given.
func (c *Collector) previousRule(v *Rule, none string) *Rule {
	prev := c.Rules.Get(v.Name)
	if prev == nil {
		c.missing("rule", v.Name, v.Where, c.Rules.Names(), none)
	}
	if v.Source != "" && v.Source != prev.Source {
		Refuse(v.Where, ErrValidate, "Rule has been re-defined with a different source")
	}
	return prev
}

func (c *Collector) defineRule(v *Rule, rep *Report) {
	prev := c.Rules.Get(v.Name)
	if prev != nil && v.Source != prev.Source {
		Refuse(v.Where, ErrValidate, "Rule has been re-defined with a different source")
	}
	if !c.sources[v.Source] {
		v.UnknownSource = true
		rep.Warn(v.Where.Problem(WarnUnknownSource, fmt.Sprintf("Unknown source %s, skipping", v.Source)))
	}
	for _, e := range v.Exceptions {
		if !rep.Try(func() { c.checkException(e, v.Source) }) {
			v.Incomplete = true
		}
	}
	if v.Incomplete {
		v.Exceptions = nil
	}
	define(c, &c.Rules, v.Name, v, &v.Order)
}

func (c *Collector) enableRule(name string, on bool, where Trail) {
	prev := c.previousRule(&Rule{Name: name, Where: where}, noRuleToEnable)
	prev.Enabled = on
	prev.Changes = append(prev.Changes, where)
}

// overrideRule changes a rule: what o adds first, then what it replaces.
func (c *Collector) overrideRule(prev, v *Rule, o override) {
	if o.add["exceptions"] {
		c.addExceptions(prev, v.Exceptions)
	}
	if o.add["condition"] {
		prev.Condition = append(prev.Condition[:len(prev.Condition):len(prev.Condition)], v.Condition...)
	}
	if o.add["output"] {
		prev.Output = append(prev.Output[:len(prev.Output):len(prev.Output)], v.Output...)
	}
	if o.add["desc"] {
		prev.Desc += " " + v.Desc
	}
	if o.add["tags"] {
		prev.Tags = append(prev.Tags[:len(prev.Tags):len(prev.Tags)], v.Tags...)
	}
	for key := range o.replace {
		prev.replace(v, key)
	}
	prev.Changes = append(prev.Changes, v.Where)
	c.move(&prev.Order)
}

// replace takes a key over from another definition.
func (r *Rule) replace(v *Rule, key string) {
	switch key {
	case "condition":
		r.Condition = v.Condition
	case "output":
		r.Output = v.Output
	case "desc":
		r.Desc = v.Desc
	case "tags":
		r.Tags = v.Tags
	case "priority":
		r.Priority = v.Priority
	case "enabled":
		r.Enabled = v.Enabled
	case "warn_evttypes":
		r.WarnEvttypes = v.WarnEvttypes
	case "skip-if-unknown-filter":
		r.SkipIfUnknownFilter = v.SkipIfUnknownFilter
	case "capture":
		r.Capture = v.Capture
	case "capture_duration":
		r.CaptureLimits.Duration = v.CaptureLimits.Duration
	case "capture_events":
		r.CaptureLimits.Events = v.CaptureLimits.Events
	case "capture_filesize":
		r.CaptureLimits.Filesize = v.CaptureLimits.Filesize
	case "exceptions":
		// Falco checks these no more than any other text of the condition.
		r.Exceptions = v.Exceptions
	}
}

// addExceptions adds exceptions, or values to those that the rule has.
func (c *Collector) addExceptions(v *Rule, more []*Exception) {
	all := v.Exceptions[:len(v.Exceptions):len(v.Exceptions)]
	for _, e := range more {
		i := 0
		for i < len(all) && all[i].Name != e.Name {
			i++
		}
		if i < len(all) {
			all[i] = extend(all[i], e)
			continue
		}
		if e.Fields == nil {
			RefuseHint(e.Where, ErrValidate, suggest.Hint(e.Name, exceptionNames(all)),
				"Rule exception must have fields property with a list of fields")
		}
		if len(e.Values) == 0 {
			Refuse(e.Where, ErrValidate, "Rule exception must have values property with a list of values")
		}
		c.checkException(e, v.Source)
		all = append(all, e)
	}
	v.Exceptions = all
}

// extend adds an appended exception's values to the one of that name.
func extend(to, e *Exception) *Exception {
	switch {
	case e.Fields != nil:
		Refuse(e.Where, ErrValidate, "Can not append exception fields to existing exception, only values")
	case e.Comps != nil:
		Refuse(e.Where, ErrValidate, "Can not append exception comps to existing exception, only values")
	}
	longer := *to
	longer.Values = append(to.Values[:len(to.Values):len(to.Values)], e.Values...)
	return &longer
}

func exceptionNames(all []*Exception) []string {
	var names []string
	for _, e := range all {
		names = append(names, e.Name)
	}
	return names
}
