package tune

import (
	"fmt"
	"unicode/utf8"

	"github.com/saker-sensor/saker/internal/engine"
	"github.com/saker-sensor/saker/internal/event"
	"github.com/saker-sensor/saker/internal/field"
)

// dimensions are what alerts are grouped by, in the order of a group's parts; of each the first field that has a value counts. The last
// one is the file or the other end, of which a group may leave out the end.
var dimensions = [...][]string{
	{"proc.exepath", "proc.name"},
	{"proc.pexepath", "proc.pname"},
	{"container.image.repository", "container.id"},
	{"k8s.ns.name"},
	{"fd.sip"},
	{"fd.sport"},
	{"fd.name"},
}

// file is the dimension of the file's name. Of an alert with more than maxFiles names in a group its directory counts, and with more
// than maxFiles directories nothing.
const (
	file     = len(dimensions) - 1
	maxFiles = 8
)

// maxGroups bounds the groups in memory.
const maxGroups = 1 << 16

// key is what alerts of a group have in common, before groups are merged: the rule, and of each dimension which field has a value, and
// that.
type key struct {
	rule   string
	fields [len(dimensions)]uint8 // 1 is the first
	values [len(dimensions)]string
}

// keys makes the keys of alerts.
type keys struct {
	refs      [len(dimensions)][]field.Ref
	directory field.Ref
	text      []byte
}

func newKeys(d *field.Dictionary) (*keys, error) {
	k := &keys{}
	var err error
	for i, names := range dimensions {
		for _, name := range names {
			ref, err := d.Lookup(name, "", false)
			if err != nil {
				return nil, fmt.Errorf("group alerts: %w", err)
			}
			k.refs[i] = append(k.refs[i], ref)
		}
	}
	if k.directory, err = d.Lookup("fd.directory", "", false); err != nil {
		return nil, fmt.Errorf("group alerts: %w", err)
	}
	return k, nil
}

// of is the key of a match.
func (k *keys) of(r *engine.Rule, ev *event.Event) key {
	out := key{rule: r.Name}
	socket := false
	for i := range k.refs {
		if i == file && socket {
			break // its name has a port that changes with every connection
		}
		for n := range k.refs[i] {
			if text, ok := k.value(&k.refs[i][n], ev); ok {
				out.fields[i], out.values[i] = uint8(n+1), text
				socket = socket || k.refs[i][n].Name == "fd.sport"
				break
			}
		}
	}
	return out
}

func (k *keys) value(ref *field.Ref, ev *event.Event) (string, bool) {
	var v field.Value
	if !ref.GetPrint(ev, &v) {
		return "", false
	}
	k.text = ref.AppendText(k.text[:0], &v, true)
	return string(k.text), len(k.text) > 0
}

// counter counts alerts by key.
type counter struct {
	keys           *keys
	events, alerts uint64
	first, last    int64
	rules          map[string]*RuleCount
	groups         map[key]*Group
	ungrouped      uint64
	// directories of files' names.
	directories map[string]string
}

func newCounter(k *keys) *counter {
	return &counter{keys: k, rules: map[string]*RuleCount{}, groups: map[key]*Group{}, directories: map[string]string{}}
}

// seen counts an event.
func (c *counter) seen(ev *event.Event) {
	if c.events == 0 {
		c.first = ev.Time
	}
	c.events++
	c.last = max(c.last, ev.Time)
}

func (c *counter) add(r *engine.Rule, ev *event.Event) {
	c.alerts++
	n := c.rules[r.Name]
	if n == nil {
		n = &RuleCount{Rule: r.Name, Priority: r.Priority.String()}
		c.rules[r.Name] = n
	}
	n.Count++
	n.Times.add(ev.Time)
	k := c.keys.of(r, ev)
	g := c.groups[k]
	if g == nil {
		if len(c.groups) == maxGroups {
			c.ungrouped++
			return
		}
		g = &Group{Rule: r.Name, Priority: r.Priority.String(), Parts: k.parts(), First: ev.Time}
		c.groups[k] = g
		if name := k.values[file]; name != "" && len(c.directories) < maxGroups {
			c.directories[name], _ = c.keys.value(&c.keys.directory, ev)
		}
	}
	g.Count++
	g.First, g.Last = min(g.First, ev.Time), max(g.Last, ev.Time)
	g.Times.add(ev.Time)
}

func (k *key) parts() []Part {
	var parts []Part
	for i, n := range k.fields {
		if n > 0 {
			parts = append(parts, Part{dimensions[i][n-1], k.values[i]})
		}
	}
	return parts
}

// merge joins groups that differ in the file's name alone, where there are many: by directory, or by all else. It returns each group by
// the keys of its alerts.
func (c *counter) merge() map[key]*Group {
	names, directories := map[key]int{}, map[key]map[string]bool{}
	for k := range c.groups {
		base := k.without(file)
		names[base]++
		if directories[base] == nil {
			directories[base] = map[string]bool{}
		}
		directories[base][c.directories[k.values[file]]] = true
	}
	merged, groups := map[key]*Group{}, map[key]*Group{}
	for k, g := range c.groups {
		into := k
		if base := k.without(file); k.fields[file] > 0 && names[base] > maxFiles {
			into = base
			if dir := c.directories[k.values[file]]; dir != "" && len(directories[base]) <= maxFiles {
				into.values[file], into.fields[file] = dir, directoryField
			}
		}
		if into == k {
			groups[k] = g
			continue
		}
		m := merged[into]
		if m == nil {
			m = &Group{Rule: g.Rule, Priority: g.Priority, First: g.First, Parts: into.mergedParts()}
			merged[into] = m
		}
		m.Count += g.Count
		m.First, m.Last = min(m.First, g.First), max(m.Last, g.Last)
		m.Times.join(&g.Times)
		groups[k] = m
	}
	return groups
}

// directoryField stands in a key for fd.directory.
const directoryField = 255

func (k *key) mergedParts() []Part {
	if k.fields[file] != directoryField {
		return k.parts()
	}
	base := k.without(file)
	return append(base.parts(), Part{"fd.directory", k.values[file]})
}

func (k key) without(dimension int) key {
	k.fields[dimension], k.values[dimension] = 0, ""
	return k
}

// plain tells whether a text can stand in a rules file as it is.
func plain(s string) bool {
	if !utf8.ValidString(s) {
		return false
	}
	for _, r := range s {
		if r < ' ' || r == 0x7f {
			return false
		}
	}
	return true
}
