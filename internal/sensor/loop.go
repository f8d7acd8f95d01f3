package sensor

import (
	"context"
	"strings"
	"time"

	"github.com/saker-sensor/saker/internal/alias"
	"github.com/saker-sensor/saker/internal/decode"
	"github.com/saker-sensor/saker/internal/engine"
	"github.com/saker-sensor/saker/internal/enrich"
	"github.com/saker-sensor/saker/internal/event"
	"github.com/saker-sensor/saker/internal/guard"
	"github.com/saker-sensor/saker/internal/probe"
	"github.com/saker-sensor/saker/internal/process"
	"github.com/saker-sensor/saker/internal/report"
	"github.com/saker-sensor/saker/internal/top"
)

// How many records are taken from a ring before the other one, the waiting room and the clock get their turn.
const batch = 256

// A busy loop looks at the rings every pause, and nobody has to wake it. After that many reads without a record it
// sleeps until a record's writer calls it. So the pause bounds the time from a system call to its alert, a burst costs
// its callers one wake-up, and a quiet host costs nothing.
const (
	pause      = 4 * time.Millisecond
	emptyReads = 3
)

// ringReader is one ring with what is needed to read its records. Each has its own decoder, because a bulk record may have
// to wait, half done, while the critical ring is drained.
type ringReader struct {
	ring *probe.Ring
	way  guard.Way
	dec  decode.Decoder
	rec  event.Record
	gaps gaps
	// duplicates finds records of events that two generations of programs saw; nil when there can be none.
	duplicates *probe.Duplicates
}

// loop is the walk of every event: ring → decode → process → enrich → names → pods → hosts → match → render → verdict. It runs in one
// goroutine.
type loop struct {
	clock    *event.Clock
	probe    *probe.Probe
	critical ringReader
	bulk     ringReader
	// first and previous are the times of the first event and of the latest one, in ns since boot.
	first, previous uint64
	table           *process.Table
	enrich          *enrich.Enricher
	names           *alias.Finder
	// pods is nil where no source of pods is asked.
	pods podSource
	// hosts knows the host names that rules name.
	hosts hostSource
	generations
	scratch *engine.Scratch
	// emit tells false if an output had no room for the alert.
	emit func(*rendering, *engine.Rule, *event.Event) bool
	// captures are nil if nothing is to be captured.
	captures *captures
	// top counts events and matches; nil while no viewer is connected.
	top *top.Counter
	// every is called about once a second, between records; its error ends the run.
	every func() error
	// inbox holds what others want done between two records.
	inbox    chan func()
	check    *selfCheck
	verdicts verdicts

	// onMatch is emit for the event and the rendering at hand; made once, so that matching does not allocate.
	event   *event.Event
	alerts  *rendering
	onMatch func(*engine.Rule)

	stats    report.Stats
	lastTick time.Time
}

func (l *loop) prepare() {
	l.inbox = make(chan func(), 16)
	l.critical.way, l.bulk.way = guard.ByRing, guard.ByCall
	l.scratch = engine.NewScratch()
	l.onMatch = func(r *engine.Rule) {
		l.stats.Matched++
		if l.captures != nil {
			l.captures.matched(r, l.event)
		}
		taken := l.emit(l.alerts, r, l.event)
		if l.top != nil {
			l.top.Alert(r.Name, !taken)
		}
	}
	l.setClock()
}

// run walks until the context ends. The rings may hold records then; see finish.
func (l *loop) run(ctx context.Context) error {
	empty := 0
	for ctx.Err() == nil {
		l.verdicts.begin()
		taken := l.drainCritical()
		bulk := l.drainBulk(batch)
		now := time.Now()
		l.release(now)
		if err := l.tick(now); err != nil {
			return err
		}
		l.serve()
		if bulk == batch {
			continue // there is more
		}
		if empty++; taken+bulk > 0 {
			empty = 0
		}
		if empty < emptyReads {
			time.Sleep(pause)
			continue
		}
		if err := l.probe.Wait(l.untilDue(now)); err != nil {
			return err
		}
	}
	return nil
}

// untilDue is how long there is nothing to do, unless a record comes.
func (l *loop) untilDue(now time.Time) time.Duration {
	due := l.lastTick.Add(tickInterval)
	if deadline, waits := l.enrich.NextDeadline(); waits && deadline.Before(due) {
		due = deadline
	}
	return max(due.Sub(now), time.Millisecond)
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
		time.Sleep(pause)
	}
	l.release(deadline.Add(time.Hour)) // whatever still waits goes on as it is
}

// drainCritical takes the records that are there now and returns how many there were. Those that come meanwhile have to
// wait: a storm of processes may fill this ring, but must not keep all else from its turn.
func (l *loop) drainCritical() int {
	ring, taken := l.critical.ring, 0
	for mark := ring.Mark(); !ring.Reached(mark); taken++ {
		raw, ok := ring.Next()
		if !ok {
			break
		}
		l.take(&l.critical, raw)
		ring.Release()
	}
	return taken
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

// take reads one record: state of processes and cgroups is kept, an event walks on.
func (l *loop) take(from *ringReader, raw []byte) {
	rec := &from.rec
	l.stats.Records++
	if err := from.dec.Decode(raw, rec); err != nil {
		l.stats.DecodeErrors++
		return
	}
	l.stats.Gaps += from.gaps.note(rec.CPU, rec.Seq)
	if from.duplicates != nil && from.duplicates.Again(raw, l.latest().number) {
		return
	}
	switch rec.Kind {
	case event.KindCgroupMade:
		l.enrich.CgroupMade(rec.Cgroup.ID, strings.Clone(rec.Cgroup.Path))
		return
	case event.KindCgroupRemoved:
		l.enrich.CgroupRemoved(rec.Cgroup.ID)
		return
	case event.KindCanary:
		l.check.canaryCame(from.way, rec.Canary)
		return
	}
	if l.table.Apply(rec) == process.Ahead {
		l.catchUp(from, rec)
	}
	switch {
	case rec.IsEvent():
		l.walk(&rec.Event)
	case rec.Kind == event.KindSignal:
		l.check.signalled(rec)
	}
}

// catchUp serves a record that is ahead of the process table: the critical ring may hold what it lacks; if not, that
// was lost, and the kernel is asked.
func (l *loop) catchUp(from *ringReader, rec *event.Record) {
	if from == &l.bulk {
		l.drainCritical()
		if l.table.Apply(rec) != process.Ahead {
			return
		}
	}
	l.table.Repair(rec)
}

// walk takes an event whose process is known to the rules of its generation, unless none of them is about its type.
func (l *loop) walk(ev *event.Event) {
	l.stats.Events++
	ev.Num = l.stats.Events
	if ev.Num == 1 {
		l.first, l.previous = ev.Boot, ev.Boot
	}
	ev.First, ev.Previous = l.first, l.previous
	l.previous = ev.Boot
	g := l.of(ev.Generation)
	if !g.rules.MayMatch(ev.Type) {
		return
	}
	if l.enrich.Attach(ev) == enrich.Pending && l.enrich.Hold(ev) {
		g.waiting++ // until release
		return
	}
	l.evaluate(ev, g)
}

// release walks on with the events whose container is known by now, or is waited for no longer. It returns how many
// still wait.
func (l *loop) release(now time.Time) int {
	for _, ev := range l.enrich.Ready(now) {
		g := l.of(ev.Generation)
		g.waiting--
		l.evaluate(ev, g)
	}
	return l.enrich.Counters().Waiting
}

// evaluate completes an event that has its container, and gives it to the rules.
func (l *loop) evaluate(ev *event.Event, g *generation) {
	l.names.Find(ev)
	l.addPod(ev)
	ev.Hosts = l.hosts.Hosts()
	l.count(ev)
	if l.captures != nil {
		l.captures.add(ev)
	}
	l.event, l.alerts = ev, g.alerts
	g.rules.Match(ev, l.scratch, l.onMatch)
	l.verdicts.judge(ev, g.judge)
}

// addPod sets what the API server or the kubelet says of the event's pod.
func (l *loop) addPod(ev *event.Event) {
	if l.pods == nil {
		return
	}
	ev.PodMeta = nil
	if c := ev.Container; c != nil && c.Pod != nil {
		ev.PodMeta = l.pods.Lookup(c.Pod.UID)
	}
}

// count counts an event for the viewers of sensor top.
func (l *loop) count(ev *event.Event) {
	if l.top != nil {
		sub := subject(ev)
		l.top.Event(uint16(ev.Type), &sub)
	}
}

const tickInterval = time.Second

// tick does what is due once a second.
func (l *loop) tick(now time.Time) error {
	if now.Sub(l.lastTick) < tickInterval {
		return nil
	}
	l.lastTick = now
	l.setClock()
	l.endReload()
	l.drainCritical() // who stopped the sensor is told with the stop, also if that came right before the tick
	return l.every()
}

// setClock follows the wall clock, which may be set while the machine runs.
func (l *loop) setClock() {
	l.clock = l.clock.Follow(readClocks())
	l.critical.dec.Clock, l.bulk.dec.Clock = l.clock, l.clock
}
