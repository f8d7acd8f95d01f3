package config

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

var keyPart = regexp.MustCompile(`^([A-Za-z0-9_-]+)((?:\[\d*\])*)$`)

// override is a "key=value" of -o.
type override struct {
	text, key string
	value     *node
}

// readOverride splits an -o. A value in braces is a YAML map, as in Falco; any other is a text.
func readOverride(option string) (override, error) {
	key, value, ok := strings.Cut(option, "=")
	if !ok {
		return override{}, fmt.Errorf("read option -o %s: no value; write it as -o key=value", option)
	}
	o := override{text: option, key: strings.TrimSpace(key)}
	from := origin{option: "-o " + option}
	o.value = &node{kind: scalar, text: value, from: from}
	if strings.HasPrefix(value, "{") && strings.HasSuffix(value, "}") {
		v, err := parseInline(value, from)
		if err != nil {
			return override{}, fmt.Errorf("read option -o %s: the value in braces is no YAML map", option)
		}
		o.value = v
	}
	return o, nil
}

// apply gives a copy of the tree with the override in it.
func (o override) apply(root *node) (*node, error) {
	var steps []string
	for _, part := range strings.Split(o.key, ".") {
		m := keyPart.FindStringSubmatch(part)
		if m == nil {
			return nil, fmt.Errorf("read option -o %s: key %q is not of the form a.b[0].c", o.text, o.key)
		}
		steps = append(steps, m[1])
		for _, index := range strings.FieldsFunc(m[2], func(r rune) bool { return r == '[' }) {
			steps = append(steps, "["+index)
		}
	}
	out, err := o.put(root, steps)
	if err != nil {
		return nil, fmt.Errorf("read option -o %s: %w", o.text, err)
	}
	return out, nil
}

// put copies the node and sets what the steps lead to: a key's name, or [index]. An empty [] appends.
func (o override) put(n *node, steps []string) (*node, error) {
	if len(steps) == 0 {
		return o.value, nil
	}
	from := origin{option: "-o " + o.text}
	step := steps[0]
	if step[0] != '[' {
		switch {
		case n == nil || n.empty():
			n = &node{kind: mapping, from: from}
		case n.kind != mapping:
			return nil, fmt.Errorf("key %q goes below a value that is no map", o.key)
		}
		v, err := o.put(n.get(step), steps[1:])
		if err != nil {
			return nil, err
		}
		return n.with(step, from, v), nil
	}
	c := node{kind: list, from: from}
	if n != nil && n.kind == list {
		c = *n
		c.items = append([]*node(nil), n.items...)
	} else if n != nil && !n.empty() {
		return nil, fmt.Errorf("key %q takes an index of a value that is no list", o.key)
	}
	i := len(c.items)
	if index := strings.Trim(step, "[]"); index != "" {
		i, _ = strconv.Atoi(index)
	}
	if i > len(c.items) {
		return nil, fmt.Errorf("key %q skips an index: the next one is [%d]", o.key, len(c.items))
	}
	if i == len(c.items) {
		c.items = append(c.items, nil)
	}
	v, err := o.put(c.items[i], steps[1:])
	if err != nil {
		return nil, err
	}
	c.items[i] = v
	return &c, nil
}
