package setup

import (
	"fmt"
	"strings"

	"github.com/saker-sensor/saker/internal/engine"
	"github.com/saker-sensor/saker/internal/event"
)

// BlindRules are the enabled rules that lack events because these are not captured. Rules are in the order of their files.
type BlindRules struct {
	// Never are the names of those that can't fire, as none of their event types is captured; Partly of those that fire for
	// some of their event types only. Rules about any type are among neither.
	Never, Partly []string
	// Enabled is the number of all enabled rules.
	Enabled int
}

// FindBlindRules compares the event types that enabled rules are about with those that are captured ([event.Type.Captured]).
func FindBlindRules(set *engine.Ruleset) BlindRules {
	return findBlindRules(set, event.Type.Captured)
}

func findBlindRules(set *engine.Ruleset, isCaptured func(event.Type) bool) BlindRules {
	var b BlindRules
	all := len(event.AllTypes())
	for _, r := range set.Rules() {
		if !r.Enabled {
			continue
		}
		b.Enabled++
		types := r.Types.Types()
		captured := 0
		for _, t := range types {
			if isCaptured(t) {
				captured++
			}
		}
		switch {
		case captured == 0 && len(types) > 0: // one about no type contradicts itself, and lint says so
			b.Never = append(b.Never, r.Name)
		case captured < len(types) && len(types) < all:
			b.Partly = append(b.Partly, r.Name)
		}
	}
	return b
}

// Text is one line that gives the numbers and the first names; empty if no rule lacks events.
func (b *BlindRules) Text() string {
	var parts []string
	if n := len(b.Never); n > 0 {
		parts = append(parts, fmt.Sprintf("%d of %d enabled rules can never fire, as none of their event types is captured: %s", n, b.Enabled,
			FirstNames(b.Never)))
	}
	if n := len(b.Partly); n > 0 {
		parts = append(parts, fmt.Sprintf("%d of %d fire for some of their event types only: %s", n, b.Enabled, FirstNames(b.Partly)))
	}
	if len(parts) == 0 {
		return ""
	}
	return strings.Join(parts, "; ") + " (see sensor --ignored)"
}

// maxNames bounds the names in a message.
const maxNames = 5

// FirstNames are some names for a message, and the number of the others.
func FirstNames(names []string) string {
	text := strings.Join(names[:min(len(names), maxNames)], ", ")
	if more := len(names) - maxNames; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}
