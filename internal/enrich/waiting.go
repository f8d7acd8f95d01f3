package enrich

import (
	"time"

	"github.com/saker-sensor/saker/internal/event"
)

// waiting is an event in the waiting room.
type waiting struct {
	event *event.Event
	cg    *row
}

// Hold copies an event whose state is [Pending] into the waiting room. It returns false if the room is full: then the
// event goes on at once, as it is.
func (e *Enricher) Hold(ev *event.Event) bool {
	cg := e.table.byID[ev.CgroupID]
	if cg == nil {
		return false
	}
	if len(e.room) >= e.settings.MaxWaiting {
		e.countMissing(ev, reasonFull)
		return false
	}
	e.room = append(e.room, waiting{event: ev.Clone(), cg: cg})
	e.counters.held.Add(1)
	e.counters.waiting.Store(int64(len(e.room)))
	return true
}

// Wake fires when an answer has come that events may have waited for; then call [Enricher.Ready].
func (e *Enricher) Wake() <-chan struct{} { return e.cache.wake }

// Ready returns the events that need not wait any longer, because their container is known or their time is over, in
// the order in which they were held, with the container attached. The events belong to the caller. Call it when
// [Enricher.Wake] fires and when [Enricher.NextDeadline] has passed.
func (e *Enricher) Ready(now time.Time) []*event.Event {
	if len(e.room) == 0 {
		return nil
	}
	var ready []*event.Event
	rest := e.room[:0]
	for _, w := range e.room {
		switch e.attach(w.event, w.cg, now) {
		case Pending:
			rest = append(rest, w)
			continue
		case Known:
			e.counters.answered.Add(1)
		}
		ready = append(ready, w.event)
	}
	clear(e.room[len(rest):])
	e.room = rest
	e.counters.waiting.Store(int64(len(rest)))
	return ready
}

// NextDeadline is when the first of the waiting events has to go on, which may have passed; false if none waits.
func (e *Enricher) NextDeadline() (time.Time, bool) {
	var first time.Time
	for i, w := range e.room {
		d := w.cg.deadline
		if w.cg.query != nil {
			d = w.cg.query.deadline
		}
		if i == 0 || d.Before(first) {
			first = d
		}
	}
	return first, len(e.room) > 0
}
