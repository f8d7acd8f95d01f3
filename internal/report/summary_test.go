package report

import (
	"strings"
	"testing"

	"github.com/saker-sensor/saker/internal/config"
	"github.com/saker-sensor/saker/internal/event"
	"github.com/saker-sensor/saker/internal/output"
	"github.com/saker-sensor/saker/internal/probe"
	"github.com/saker-sensor/saker/internal/setup"
)

func TestSummary(t *testing.T) {
	rules, results := setup.Rules(config.Default())
	if !results.Successful() {
		t.Fatal(setup.RulesError(&results))
	}
	var b strings.Builder
	totals := Snapshot{
		Rules:  rules.Rules(),
		Stats:  Stats{Records: 12, Events: 10, Matched: 3, DecodeErrors: 1, Gaps: 4},
		Kernel: probe.Counters{CriticalLost: 1, BulkLost: 3, LostByKind: map[event.Kind]uint64{event.KindOpen: 3, event.KindExec: 1}},
		Queue:  output.QueueCounters{SinkTotals: output.SinkTotals{Queued: 6, Written: 2, Dropped: 1, Lost: 4}},
	}
	totals.WriteSummary(&b)
	for _, want := range []string{
		"Events detected: 3\nRule counts by severity:\nTriggered rules by rule name:\nEvents seen: 10 (records from the kernel: 12)\n",
		"Alerts: 2 written, 1 dropped (queue full), 0 failed (sink error), 4 not delivered before the end\n",
		"Lost records: 1 critical ring full, 3 bulk ring full (exec 1, open 3), 1 undecodable, 4 missing by sequence\n",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("the summary lacks %q:\n%s", want, b.String())
		}
	}
}
