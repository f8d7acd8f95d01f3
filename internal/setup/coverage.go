package setup

import (
	"strings"

	"github.com/saker-sensor/saker/internal/narrow"
	"github.com/saker-sensor/saker/internal/probe"
)

// Lost is a program that the kernel refuses, and what goes with it.
type Lost struct {
	// Program is its name, Reason the kernel's, in one line.
	Program, Reason string
	// Cost says in words what is not seen.
	Cost string
	// Rules are the enabled rules that lose events.
	Rules []string
}

// Coverage says what the rules lose with the missing programs.
func Coverage(missing []probe.Missing, rules []narrow.Rule) []Lost {
	var out []Lost
	for _, m := range missing {
		out = append(out, Lost{Program: m.Program, Reason: OneLine(m.Reason), Cost: m.Cost, Rules: narrow.Losing(rules, m.Kinds)})
	}
	return out
}

// OneLine is an error's first line.
func OneLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}
