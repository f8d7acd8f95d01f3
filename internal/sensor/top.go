package sensor

import (
	"context"
	"time"

	"github.com/saker-sensor/saker/internal/engine"
	"github.com/saker-sensor/saker/internal/event"
	"github.com/saker-sensor/saker/internal/probe"
	"github.com/saker-sensor/saker/internal/top"
)

// looked is what is counted while somebody looks (sensor top), on the loop's goroutine.
type looked struct {
	server *top.Server
	// counter is nil while nobody looks.
	counter *top.Counter
	// Before the interval that runs.
	begin           time.Time
	events, matched uint64
	lost, dropped   uint64
	// votes are the losers' then, until the time of the last loss.
	votes map[event.Key]uint64
	until uint64
	// rules are made once for a set.
	of    *engine.Ruleset
	rules []top.Rule
}

func (s *sensor) serveTop(context.Context) error {
	if path := s.Config.Top.Socket; path != "" {
		s.looked.server = top.Start(path, s.Log)
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

// report sends what was counted since the last one, begins to count when somebody looks, and ends it when nobody does.
func (t *looked) report(s *sensor) {
	watched := t.server != nil && t.server.Watched()
	switch {
	case watched && t.counter == nil:
		t.counter = top.NewCounter()
		s.loop.top = t.counter
	case watched:
		t.send(s)
	case t.counter != nil:
		t.counter, t.votes, t.rules, t.of = nil, nil, nil, nil
		s.loop.top = nil
		return
	default:
		return
	}
	t.begin = time.Now()
	t.events, t.matched, t.lost, t.dropped = s.loop.stats.Events, s.loop.stats.Matched, s.kernel.Lost(), s.alerts.counters().Dropped
	t.votes = map[event.Key]uint64{}
	for i := range s.kernel.Losers {
		l := &s.kernel.Losers[i]
		t.votes[l.Key] += l.Votes
		t.until = max(t.until, l.Time)
	}
}

func (t *looked) send(s *sensor) {
	now := time.Now()
	t.blame(s)
	if t.of != s.rules {
		t.of, t.rules = s.rules, topRules(s.rules)
	}
	r := t.counter.Report(top.Counts{
		Events: s.loop.stats.Events - t.events, Alerts: s.loop.stats.Matched - t.matched, Lost: s.kernel.Lost() - t.lost,
	}, s.alerts.counters().Dropped-t.dropped, t.rules)
	r.Sensor.Version = s.Version
	r.Time, r.Seconds = now, now.Sub(t.begin).Seconds()
	t.server.Publish(r)
}

// blame counts lost records for those who lost most: votes are at least so many records.
func (t *looked) blame(s *sensor) {
	votes := map[event.Key]probe.Loser{}
	for _, l := range s.kernel.Losers {
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
		ev := s.loserEvent(&l)
		s.enrich.Attach(&ev) // its name comes later if it is not known yet
		sub := subject(&ev)
		t.counter.Lost(&sub, min(n, s.kernel.Lost()-t.lost))
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

func (t *looked) close() {
	if t.server != nil {
		t.server.Close()
	}
}
