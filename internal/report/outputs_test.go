package report

import (
	"maps"
	"testing"

	"github.com/saker-sensor/saker/internal/output"
)

// What an output had not delivered when a reload replaced it has a reason of its own, beside that of a full queue.
func TestDroppedByReason(t *testing.T) {
	c := output.SinkCounters{Name: "http", SinkTotals: output.SinkTotals{Dropped: 2, Lost: 3}}
	got := map[string]float64{}
	droppedFamily().Collect(&Scrape{Snapshot: &Snapshot{Queue: output.QueueCounters{Sinks: []output.SinkCounters{c}}}},
		func(value float64, labels ...string) { got[labels[1]+" "+labels[3]] = value })
	if want := map[string]float64{"http queue_full": 2, "http closed": 3}; !maps.Equal(got, want) {
		t.Errorf("the metric: %v, not %v", got, want)
	}
}
