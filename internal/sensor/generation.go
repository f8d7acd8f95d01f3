package sensor

import (
	"context"
	"slices"
	"time"

	"github.com/saker-sensor/saker/internal/config"
	"github.com/saker-sensor/saker/internal/engine"
	"github.com/saker-sensor/saker/internal/probe"
	"github.com/saker-sensor/saker/internal/setup"
)

// generation is what a reload replaces: the rules, and what is made of them and of the configuration. An event is matched by
// the rules of the kernel programs that recorded it, because those record only what their rules may match.
type generation struct {
	config config.Config
	files  []setup.File
	loaded time.Time
	rules  *engine.Ruleset
	narrow *setup.Narrowing
	// judge is nil if processes have no verdicts.
	judge  *engine.Judge
	alerts *rendering

	// number is that of the kernel programs. Only the loop reads and writes it and what follows.
	number uint8
	// waiting is the number of its events that wait for their container.
	waiting int
}

// generations are those that events may still belong to: the latest one last, before it those that a reload replaced. They
// belong to the loop's goroutine.
type generations struct {
	living []*generation
	// switched: the programs of the latest one have replaced all others, whose last records are before criticalEnd and bulkEnd.
	// drained: those were read.
	switched, drained    bool
	criticalEnd, bulkEnd uint64
}

func (g *generations) latest() *generation { return g.living[len(g.living)-1] }

// of returns the generation of this number; the latest one if there is none.
func (g *generations) of(number uint8) *generation {
	last := g.latest()
	if last.number == number {
		return last
	}
	for _, old := range g.living {
		if old.number == number {
			return old
		}
	}
	return last
}

// add makes a generation the latest one; records of others may still come.
func (g *generations) add(next *generation, number uint8) {
	next.number = number
	g.living = append(g.living, next)
	g.switched, g.drained = false, false
}

// retire drops the generations before the latest one that no event belongs to any more.
func (g *generations) retire() {
	if !g.drained || len(g.living) == 1 {
		return
	}
	last := g.latest()
	g.living = slices.DeleteFunc(g.living, func(old *generation) bool { return old != last && old.waiting == 0 })
}

// keepPrograms is for a reload whose programs the kernel refuses: records go on to have the number of those that run, and all
// events belong to the latest rules.
func (g *generations) keepPrograms() {
	last := g.latest()
	for _, old := range g.living {
		if old != last {
			last.number = old.number // that of the newest of them stays
			last.waiting += old.waiting
			last.judge = nil // the kernel's side has the bits of the rules before
		}
	}
	g.living = []*generation{last}
}

// post asks the loop to do something between two records. It may be dropped if the loop is not served for long.
func (l *loop) post(f func()) {
	select {
	case l.inbox <- f:
		l.probe.Wake()
	default:
	}
}

// do has the loop do something between two records, and waits until it is done.
func (l *loop) do(ctx context.Context, f func()) error {
	done := make(chan struct{})
	select {
	case l.inbox <- func() { f(); close(done) }:
	case <-ctx.Done():
		return ctx.Err()
	}
	l.probe.Wake()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// serve does what others asked for.
func (l *loop) serve() {
	for {
		select {
		case f := <-l.inbox:
			f()
		default:
			return
		}
	}
}

// expect makes the loop ready for the records of a new generation.
func (l *loop) expect(next *generation, number uint8) {
	l.add(next, number)
	l.critical.duplicates, l.bulk.duplicates = &probe.Duplicates{}, &probe.Duplicates{}
}

// switched says that the programs of the latest generation are the only ones that record.
func (l *loop) switchDone() {
	l.switched = true
	l.criticalEnd, l.bulkEnd = l.critical.ring.Mark(), l.bulk.ring.Mark()
}

// endReload drops the generations before the latest one, once their last records were read and their events have walked.
func (l *loop) endReload() {
	if l.switched && !l.drained && l.critical.ring.Reached(l.criticalEnd) && l.bulk.ring.Reached(l.bulkEnd) {
		l.drained = true
		l.critical.duplicates, l.bulk.duplicates = nil, nil
	}
	l.retire()
}
