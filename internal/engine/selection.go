package engine

import (
	"slices"
	"strings"
)

// applySelection switches rules by the selectors, one after the other: the last that fits a rule decides.
func applySelection(rules []*Rule, selection []Selector) {
	for _, s := range selection {
		for _, r := range rules {
			if s.Fits(r) {
				r.Enabled = s.Enable
			}
		}
	}
}

// Fits tells whether the selector names a rule, or one of its tags.
func (s *Selector) Fits(r *Rule) bool {
	if s.Tag != "" && slices.Contains(r.Tags, s.Tag) {
		return true
	}
	return s.Rule != "" && wildcard(s.Rule, r.Name)
}

// wildcard matches a name against a pattern in which * stands for any text.
func wildcard(pattern, name string) bool {
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		return pattern == name
	}
	first, last := parts[0], parts[len(parts)-1]
	if len(name) < len(first)+len(last) || !strings.HasPrefix(name, first) || !strings.HasSuffix(name, last) {
		return false
	}
	name = name[len(first) : len(name)-len(last)]
	for _, p := range parts[1 : len(parts)-1] {
		i := strings.Index(name, p)
		if i < 0 {
			return false
		}
		name = name[i+len(p):]
	}
	return true
}
