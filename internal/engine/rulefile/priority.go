package rulefile

import (
	"strings"
)

// Priority of a rule, the most severe first. Zero is none given.
type Priority uint8

const (
	Emergency Priority = iota + 1
	Alert
	Critical
	Error
	Warning
	Notice
	Informational
	Debug
)

var priorityNames = [...]string{
	"", "Emergency", "Alert", "Critical", "Error", "Warning", "Notice", "Informational", "Debug",
}

// String is the word that alerts show.
func (p Priority) String() string {
	if int(p) < len(priorityNames) {
		return priorityNames[p]
	}
	return ""
}

// ParsePriority reads a priority in any case; "info" is short for informational.
func ParsePriority(s string) (Priority, bool) {
	if strings.EqualFold(s, "info") {
		return Informational, true
	}
	for i, n := range priorityNames {
		if i > 0 && strings.EqualFold(s, n) {
			return Priority(i), true
		}
	}
	return 0, false
}
