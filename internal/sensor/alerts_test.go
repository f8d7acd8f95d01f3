package sensor

import (
	"io"
	"maps"
	"testing"

	"github.com/saker-sensor/saker/internal/output"
	"github.com/saker-sensor/saker/internal/output/sinks"
)

// What an output had not delivered when a reload replaced it has a reason of its own, beside that of a full queue.
func TestUndeliveredAlertsHaveAReason(t *testing.T) {
	open := func() *outputs { // it takes nothing before its start
		return &outputs{queue: output.NewQueue(output.QueueSettings{Capacity: 3},
			output.Named{Name: "http", Sink: sinks.NewWriter(io.Discard, false), Later: true})}
	}
	a, old := &alerts{outputs: open(), lost: map[string]uint64{}}, open()
	for _, rule := range []string{"a", "b", "c", "d", "e"} {
		old.queue.Put([]byte("x"), nil, "Notice", rule)
	}
	if err := a.retire(old); err != nil {
		t.Fatal(err)
	}
	c := a.counters()
	if c.Lost != 3 || c.Dropped != 2 {
		t.Errorf("the sums: %+v", c.SinkTotals)
	}
	c.Sinks[0].Dropped = 2 // as if the sink still was the same
	got := map[string]float64{}
	droppedFamily().Collect(&scrape{snapshot: &snapshot{queue: c}}, func(value float64, labels ...string) { got[labels[1]+" "+labels[3]] = value })
	if want := map[string]float64{"http queue_full": 2, "http closed": 3}; !maps.Equal(got, want) {
		t.Errorf("the metric: %v, not %v", got, want)
	}
}
