package sensor

import (
	"context"

	"github.com/saker-sensor/saker/internal/engine"
	"github.com/saker-sensor/saker/internal/event"
	"github.com/saker-sensor/saker/internal/probe"
	"github.com/saker-sensor/saker/internal/report"
	"github.com/saker-sensor/saker/internal/top"
)

// topFeed sends counts to the viewers of sensor top. It belongs to the loop's goroutine.
type topFeed struct {
	// server is nil if top.socket is empty.
	server *top.Server
	// counter is nil while no viewer is connected.
	counter *top.Counter
	// before is the state at the begin of the interval.
	before *report.Snapshot
	// votes are those of the processes that had lost records then, until the time of the last loss, ns since boot.
	votes map[event.Key]uint64
	until uint64
	// rules are made once for a set.
	of    *engine.Ruleset
	rules []top.Rule
}

func (s *sensor) serveTop(context.Context) error {
	if path := s.Config.Top.Socket; path != "" {
		s.top.server = top.Start(path, s.Log)
	}
	return nil
}

// subject is whose event it is.
func subject(ev *event.Event) top.Subject {
	sub := top.Subject{Process: top.Process{PID: ev.Key.Tgid, Start: ev.Key.Start}, ContainerID: ev.ContainerID}
	if ev.Process != nil {
		sub.Comm = ev.Process.Comm
	}
	switch {
	case ev.Container != nil:
		sub.ContainerName = ev.Container.Name
	case ev.ContainerID == event.HostID:
		sub.ContainerName = event.HostID
	}
	return sub
}

// tick sends what was counted since the last one, and begins to count when a viewer connects. It returns what is to count now;
// nil for nothing.
func (t *topFeed) tick(now *report.Snapshot, set *engine.Ruleset, processes report.Processes) *top.Counter {
	switch watched := t.server != nil && t.server.Watched(); {
	case !watched:
		*t = topFeed{server: t.server}
		return nil
	case t.counter == nil:
		t.counter = top.NewCounter()
	default:
		t.send(now, set, processes)
	}
	t.before, t.votes = now, map[event.Key]uint64{}
	for i := range now.Kernel.Losers {
		l := &now.Kernel.Losers[i]
		t.votes[l.Key] += l.Votes
		t.until = max(t.until, l.Time)
	}
	return t.counter
}

func (t *topFeed) send(now *report.Snapshot, set *engine.Ruleset, processes report.Processes) {
	t.countLosses(now, processes)
	if t.of != set {
		t.of, t.rules = set, topRules(set)
	}
	was := t.before
	r := t.counter.Report(top.Counts{
		Events: now.Stats.Events - was.Stats.Events, Alerts: now.Stats.Matched - was.Stats.Matched, Lost: now.Kernel.Lost() - was.Kernel.Lost(),
	}, now.Queue.Dropped-was.Queue.Dropped, t.rules)
	r.Sensor.Version = now.Version
	r.Time, r.Seconds = now.Wall, now.Wall.Sub(was.Wall).Seconds()
	t.server.Publish(r)
}

// countLosses counts lost records for the processes that lost most: votes are at least so many records.
func (t *topFeed) countLosses(now *report.Snapshot, processes report.Processes) {
	votes := map[event.Key]probe.Loser{}
	for _, l := range now.Kernel.Losers {
		if l.Time > t.until {
			l.Votes += votes[l.Key].Votes
			votes[l.Key] = l
		}
	}
	for key, l := range votes {
		n := l.Votes
		if before := t.votes[key]; before <= n { // else it had none in between
			n -= before
		}
		ev, _ := processes.Loser(&l) // its container's name comes later if it is not known yet
		sub := subject(&ev)
		t.counter.Lost(&sub, min(n, now.Kernel.Lost()-t.before.Kernel.Lost()))
	}
}

func topRules(set *engine.Ruleset) (rules []top.Rule) {
	for _, r := range set.Rules() {
		if !r.Enabled {
			continue
		}
		rule := top.Rule{Name: r.Name}
		for _, t := range r.Types.Types() {
			rule.Types = append(rule.Types, uint16(t))
		}
		rules = append(rules, rule)
	}
	return rules
}

func (t *topFeed) close() error {
	if t.server != nil {
		t.server.Close()
	}
	return nil
}
