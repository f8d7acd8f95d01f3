package enrich

import (
	"time"

	"github.com/saker-sensor/saker/internal/event"
)

// pending is the state of an event whose container is asked for; the row keeps when the first one was.
func (cg *row) pending(ev *event.Event) State {
	if cg.first == 0 {
		cg.first = ev.Time
	}
	return Pending
}

// countFirst counts, once for each container, how long before or after its first event it was known. One whose cgroup was not seen being
// made ran before the sensor, and does not count.
func (e *Enricher) countLead(ev *event.Event, cg *row, r *record) {
	cg.entry.seen = true
	if cg.madeAt.IsZero() {
		return
	}
	first := cg.first
	if first == 0 {
		first = ev.Time
	}
	e.counters.addLead(time.Duration(first - r.known.UnixNano()))
}

// countKnown takes how long before its first event a container was known; negative if it was after.
func (c *counters) addLead(before time.Duration) {
	if before >= 0 {
		c.knownBefore.Add(1)
		c.beforeTime.Add(int64(before))
		return
	}
	c.knownAfter.Add(1)
	c.afterTime.Add(int64(-before))
}
