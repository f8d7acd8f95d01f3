package sensor

import (
	"context"
	"strings"
	"time"

	"github.com/saker-sensor/saker/internal/decode"
	"github.com/saker-sensor/saker/internal/engine"
	"github.com/saker-sensor/saker/internal/enrich"
	"github.com/saker-sensor/saker/internal/event"
	"github.com/saker-sensor/saker/internal/probe"
	"github.com/saker-sensor/saker/internal/process"
)

// How many records are taken from a ring before the other one, the waiting room and the clock get their turn.
const batch = 256

// How long the loop sleeps when no ring has called it: briefly while the bulk ring is busy, longer when it is quiet,
// and longest when nothing is ever put there. It bounds the time from a system call to its alert.
const (
	busyPause  = 2 * time.Millisecond
	quietPause = 8 * time.Millisecond
	noBulk     = 100 * time.Millisecond
)

// lane is one ring with what is needed to walk its records. Each has its own decoder, because a bulk record may have
// to wait, half done, while the critical ring is drained.
type lane struct {
	ring *probe.Ring
	dec  decode.Decoder
	rec  event.Record
	gaps gaps
}

// loop is the walk of every event: ring → decode → process → enrich → match → render. It runs in one goroutine.
type loop struct {
	probe    *probe.Probe
	critical lane
	bulk     lane
	table    *process.Table
	enrich   *enrich.Enricher
	rules    *engine.Ruleset
	scratch  *engine.Scratch
	emit     func(*engine.Rule, *event.Event)
	// every is called about once a second, between records.
	every func()

	// onMatch is emit for the event at hand; made once, so that matching does not allocate.
	event   *event.Event
	onMatch func(*engine.Rule)

	stats    Stats
	lastTick time.Time
}

func (l *loop) prepare() {
	l.scratch = engine.NewScratch()
	l.onMatch = func(r *engine.Rule) {
		l.stats.Matched++
		l.emit(r, l.event)
	}
	l.setClock()
}

// run walks until the context ends. The rings may hold records then; see finish.
func (l *loop) run(ctx context.Context) error {
	pause := quietPause
	for ctx.Err() == nil {
		l.drainCritical()
		busy := l.drainBulk(batch)
		l.release(time.Now())
		l.tick(time.Now())
		if busy == batch {
			continue // there is more
		}
		switch {
		case !l.probe.Syscalls():
			pause = noBulk
		case busy > 0:
			pause = busyPause
		default:
			pause = min(pause+time.Millisecond, quietPause)
		}
		if at, waits := l.enrich.NextDeadline(); waits {
			pause = min(pause, max(time.Until(at), time.Millisecond))
		}
		if err := l.probe.Wait(pause); err != nil {
			return err
		}
	}
	return nil
}

// finish walks what is left in the rings once the programs are detached, then what still waits for its container.
func (l *loop) finish(deadline time.Time) {
	for {
		l.drainCritical()
		if l.drainBulk(batch) == 0 {
			break
		}
	}
	for l.release(time.Now()) > 0 && time.Now().Before(deadline) {
		_ = l.probe.Wait(busyPause)
	}
	l.release(deadline.Add(time.Hour)) // whatever still waits goes on as it is
}

func (l *loop) drainCritical() {
	for raw, ok := l.critical.ring.Next(); ok; raw, ok = l.critical.ring.Next() {
		l.take(&l.critical, raw)
		l.critical.ring.Release()
	}
}

// drainBulk takes up to n records and returns how many it took.
func (l *loop) drainBulk(n int) int {
	taken := 0
	for ; taken < n; taken++ {
		raw, ok := l.bulk.ring.Next()
		if !ok {
			break
		}
		l.take(&l.bulk, raw)
	}
	l.bulk.ring.Release()
	return taken
}

// take walks one record.
func (l *loop) take(from *lane, raw []byte) {
	rec := &from.rec
	l.stats.Records++
	if err := from.dec.Decode(raw, rec); err != nil {
		l.stats.DecodeErrors++
		return
	}
	l.stats.Gaps += from.gaps.note(rec.CPU, rec.Seq)
	switch rec.Kind {
	case event.KindCgroupMade:
		l.enrich.CgroupMade(rec.Cgroup.ID, strings.Clone(rec.Cgroup.Path))
		return
	case event.KindCgroupRemoved:
		l.enrich.CgroupRemoved(rec.Cgroup.ID)
		return
	}
	if l.table.Apply(rec) == process.Ahead {
		l.catchUp(from, rec)
	}
	if rec.IsEvent() {
		l.walk(&rec.Event)
	}
}

// catchUp serves a record that is ahead of the process table: the critical ring may hold what it lacks; if not, that
// was lost, and the kernel is asked.
func (l *loop) catchUp(from *lane, rec *event.Record) {
	if from == &l.bulk {
		l.drainCritical()
		if l.table.Apply(rec) != process.Ahead {
			return
		}
	}
	l.table.Repair(rec)
}

func (l *loop) walk(ev *event.Event) {
	l.stats.Events++
	ev.Num = l.stats.Events
	if !l.rules.MayMatch(ev.Type) {
		return
	}
	if l.enrich.Attach(ev) == enrich.Pending && l.enrich.Hold(ev) {
		return // it walks on from release
	}
	l.match(ev)
}

// release walks on with the events whose container is known by now, or is waited for no longer. It returns how many
// still wait.
func (l *loop) release(now time.Time) int {
	for _, ev := range l.enrich.Ready(now) {
		l.match(ev)
	}
	return l.enrich.Counters().Waiting
}

func (l *loop) match(ev *event.Event) {
	l.event = ev
	l.rules.Match(ev, l.scratch, l.onMatch)
}

// tick does what is due once a second.
func (l *loop) tick(now time.Time) {
	if now.Sub(l.lastTick) < time.Second {
		return
	}
	l.lastTick = now
	l.setClock()
	l.every()
}

// setClock follows the wall clock, which may be set while the machine runs.
func (l *loop) setClock() {
	boot := bootTime()
	l.critical.dec.BootTime, l.bulk.dec.BootTime = boot, boot
}
