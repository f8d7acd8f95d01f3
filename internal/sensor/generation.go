package sensor

import (
	"context"

	"github.com/saker-sensor/saker/internal/engine"
	"github.com/saker-sensor/saker/internal/probe"
)

// reload is what the loop has to know while one generation of rules and kernel programs follows another.
type reload struct {
	// generation is that of the latest programs, whose records are for the latest rules; all others' are for previous.
	generation uint8
	previous   *engine.Ruleset
	// criticalEnd and bulkEnd are where the last records of the previous programs may be, once settling.
	settling             bool
	criticalEnd, bulkEnd uint64
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

// expect makes the loop ready for the records of a new generation, which are for new rules.
func (l *loop) expect(rules *engine.Ruleset, generation uint8) {
	l.previous, l.rules, l.generation = l.rules, rules, generation
	l.critical.twins, l.bulk.twins, l.settling = &probe.Twins{}, &probe.Twins{}, false
}

// settle says that the programs before the latest record no more, or that there are no others.
func (l *loop) settle() {
	l.settling = true
	l.criticalEnd, l.bulkEnd = l.critical.ring.Mark(), l.bulk.ring.Mark()
}

// endReload lets go of the previous rules once their last record was read.
func (l *loop) endReload() {
	if l.settling && l.critical.ring.Reached(l.criticalEnd) && l.bulk.ring.Reached(l.bulkEnd) {
		l.settling, l.previous, l.critical.twins, l.bulk.twins = false, nil, nil, nil
	}
}

// rulesOf are the rules that the kernel's side was narrowed for when it made a record.
func (l *loop) rulesOf(generation uint8) *engine.Ruleset {
	if generation != l.generation && l.previous != nil {
		return l.previous
	}
	return l.rules
}
