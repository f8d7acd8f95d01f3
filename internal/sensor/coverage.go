package sensor

import (
	"go.uber.org/zap"

	"github.com/saker-sensor/saker/internal/narrow"
	"github.com/saker-sensor/saker/internal/setup"
)

// namedRules bounds how many rules the log names; the doctor names all.
const namedRules = 5

// reportCoverage logs the programs that went missing since the last call.
func (s *sensor) reportCoverage(rules []narrow.Rule) {
	now := setup.Coverage(s.probe.Missing(), rules)
	for _, l := range now[len(s.coverage):] {
		first := l.Rules[:min(len(l.Rules), namedRules)]
		s.Log.Warn("the kernel refuses a program; see sensor doctor", zap.String("program", l.Program), zap.String("lost", l.Cost),
			zap.Int("rules_losing_events", len(l.Rules)), zap.Strings("first_rules", first), zap.String("reason", l.Reason))
	}
	s.coverage = now
}
