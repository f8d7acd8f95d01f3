package sensor

import (
	"io"
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
	if c.Sinks[0].Lost != 3 {
		t.Errorf("the sink: %+v", c.Sinks[0])
	}
}
