package sensor

import (
	"fmt"
	"strings"

	"go.uber.org/zap"

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

// coverage says what the rules lose with the missing programs.
func coverage(missing []probe.Missing, rules []narrow.Rule) []Lost {
	var out []Lost
	for _, m := range missing {
		out = append(out, Lost{Program: m.Program, Reason: oneLine(m.Reason), Cost: m.Cost, Rules: narrow.Losing(rules, m.Kinds)})
	}
	return out
}

// namedRules bounds how many rules the log names; the doctor names all.
const namedRules = 5

// reportCoverage logs the programs that went missing since the last call.
func (s *sensor) reportCoverage() {
	now := coverage(s.probe.Missing(), s.narrow)
	for _, l := range now[len(s.coverage):] {
		first := l.Rules[:min(len(l.Rules), namedRules)]
		s.Log.Warn("the kernel refuses a program; see sensor doctor", zap.String("program", l.Program), zap.String("lost", l.Cost),
			zap.Int("rules_losing_events", len(l.Rules)), zap.Strings("first_rules", first), zap.String("reason", l.Reason))
	}
	s.coverage = now
}

// finding is the doctor's line.
func (l *Lost) finding() Finding {
	f := Finding{
		Name:   "program " + l.Program,
		Detail: fmt.Sprintf("the kernel refuses it (%s); lost: %s", l.Reason, l.Cost),
		Remedy: "none needed for these rules",
	}
	if n := len(l.Rules); n > 0 {
		f.Detail += fmt.Sprintf("; rules that lose events: %d (%s)", n, strings.Join(l.Rules, ", "))
		f.Remedy = "boot one of the kernels that the README names; if it is one, report this to the project"
	}
	return f
}
