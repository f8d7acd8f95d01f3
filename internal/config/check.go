package config

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/saker-sensor/saker/internal/suggest"
)

// maxErrors bounds the mistakes that are told of one configuration.
const maxErrors = 20

// checker holds a tree against the table.
type checker struct {
	table    *table
	errs     []error
	warnings []string
	notes    []string
}

func (c *checker) fail(at origin, format string, args ...any) {
	c.errs = append(c.errs, fault(at, format, args...))
}

func (c *checker) err() error {
	if n := len(c.errs); n > maxErrors {
		return errors.Join(append(c.errs[:maxErrors:maxErrors], fmt.Errorf("and %d more", n-maxErrors))...)
	}
	return errors.Join(c.errs...)
}

// section looks at the keys of a map; k is nil for the root.
func (c *checker) section(k *key, n *node) {
	for _, p := range n.pairs {
		name := k.child(p.key)
		known := c.table.byName[name]
		if known == nil {
			c.unknown(k, name, p)
			continue
		}
		if known.effect == inapplicable && (k == nil || k.effect != inapplicable) && !n.off() {
			c.noteInapplicable(known, p)
		}
		c.value(known, p.value)
	}
}

func (c *checker) unknown(in *key, name string, p pair) {
	above := ""
	if in != nil {
		above = in.name
	}
	text := fmt.Sprintf("%s: key %s is unknown and has no effect", p.at, name)
	if n := suggest.Nearest(p.key, c.table.below(above)); n != "" {
		text += "; did you mean " + in.child(n) + "?"
	}
	c.warnings = append(c.warnings, text)
}

// noteInapplicable tells of a key that sets nothing, unless it asks for nothing either.
func (c *checker) noteInapplicable(k *key, p pair) {
	if p.value.asks(0) {
		c.notes = append(c.notes, fmt.Sprintf("%s: %s does not apply: %s", p.at, k.name, k.why))
	}
}

// asks tells whether a value asks for something: neither false nor 0, nor what is switched off or empty.
func (n *node) asks(depth int) bool {
	const enough = 4 // aliases could make a deeper look endless
	switch {
	case n.kind == list:
		return len(n.items) > 0
	case n.kind == mapping && depth < enough:
		if n.off() {
			return false
		}
		for _, p := range n.pairs {
			if p.value.asks(depth + 1) {
				return true
			}
		}
		return false
	}
	yes, ok := parseBool(n.text)
	return !n.empty() && n.text != "0" && (yes || !ok)
}

// off tells whether a section is switched off.
func (n *node) off() bool {
	e := n.get("enabled")
	if e == nil {
		return false
	}
	on, ok := parseBool(e.text)
	return ok && !on
}

// value looks at one value. Nothing stands for the default everywhere, and so does an empty text where no text is asked.
func (c *checker) value(k *key, n *node) {
	if n.empty() {
		return
	}
	switch k.typ {
	case section:
		if n.kind != mapping {
			c.fail(n.from, "%s: %s stands where keys are expected: %s", k.name, n.kind, strings.Join(c.table.below(k.name), ", "))
			return
		}
		c.section(k, n)
	case sections:
		if n.kind != list {
			c.fail(n.from, "%s: %s stands where a list is expected; begin each entry with \"- \"", k.name, n.kind)
			return
		}
		for i, item := range n.items {
			if item.kind != mapping {
				c.fail(item.from, "%s[%d]: %s stands where keys are expected: %s", k.name, i, item.kind, strings.Join(c.table.below(k.name), ", "))
				continue
			}
			c.section(k, item)
		}
	case texts:
		if n.kind == mapping {
			c.fail(n.from, "%s: a map of keys stands where a list of texts is expected", k.name)
			return
		}
		for _, item := range n.elements() {
			c.scalar(k, item)
		}
	case textMap:
		if n.kind != mapping {
			c.fail(n.from, "%s: %s stands where lines of the form key: text are expected", k.name, n.kind)
			return
		}
		for _, p := range n.pairs {
			if p.value.kind == list || p.value.kind == mapping {
				c.fail(p.value.from, "%s.%s: %s stands where a text is expected", k.name, p.key, p.value.kind)
			}
		}
	case mixed:
		c.mixed(k, n)
	case anything:
	default:
		c.scalar(k, n)
	}
}

// mixed looks at a list of texts and maps: maps of known keys where the table has some, else maps of texts.
func (c *checker) mixed(k *key, n *node) {
	known := len(c.table.below(k.name)) > 0
	for i, item := range n.elements() {
		switch {
		case item.kind == mapping && known:
			c.section(k, item)
		case item.kind == mapping:
			for _, p := range item.pairs {
				if p.value.kind != scalar {
					c.fail(p.value.from, "%s[%d].%s: %s stands where a text is expected", k.name, i, p.key, p.value.kind)
				}
			}
		case item.kind != scalar:
			c.fail(item.from, "%s[%d]: %s stands where a text or a key with a text is expected", k.name, i, item.kind)
		}
	}
}

func (c *checker) scalar(k *key, n *node) {
	if n.kind == list || n.kind == mapping {
		c.fail(n.from, "%s: %s stands where a %s is expected", k.name, n.kind, strings.Replace(k.typ.String(), "list of texts", "text", 1))
		return
	}
	s := n.text
	if s == "" {
		return
	}
	switch k.typ {
	case boolean:
		if _, ok := parseBool(s); !ok {
			c.fail(n.from, "%s: %q is neither true nor false", k.name, s)
		}
	case integer:
		if v, ok := parseInt(s); !ok {
			c.fail(n.from, "%s: %q is no whole number", k.name, s)
		} else {
			c.bounds(k, n, float64(v))
		}
	case number:
		if v, ok := parseFloat(s); !ok {
			c.fail(n.from, "%s: %q is no number", k.name, s)
		} else {
			c.bounds(k, n, v)
		}
	case duration:
		if d, ok := parseDuration(s); !ok {
			c.fail(n.from, "%s: %q is no duration; write a number with its unit, such as 30s, 5m or 1h", k.name, s)
		} else if d < 100*time.Millisecond && !(k.zero && d == 0) {
			c.fail(n.from, "%s: %s is less than 100ms", k.name, s)
		}
	default:
		if len(k.allowed) > 0 && !contains(k.allowed, strings.ToLower(s)) {
			c.fail(n.from, "%s: %q is not one of: %s", k.name, s, strings.Join(k.allowed, ", "))
		}
	}
}

func (c *checker) bounds(k *key, n *node, v float64) {
	format := func(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }
	if k.most != 0 && (v < k.least || v > k.most) {
		c.fail(n.from, "%s: %s is not between %s and %s", k.name, n.text, format(k.least), format(k.most))
	}
}
