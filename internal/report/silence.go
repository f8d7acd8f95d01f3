package report

import (
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/saker-sensor/saker/internal/config"
	"github.com/saker-sensor/saker/internal/engine/rulefile"
)

// readTimeout is how long Falco's reader waits for an event before it counts a timeout, once nothing comes: 30 ms. It
// gives syscall_event_timeouts.max_consecutives its meaning.
const readTimeout = 30 * time.Millisecond

// silence is how long no record has come, of whatever kind. Canaries break it on a quiet host.
type silence struct {
	// reads is syscall_event_timeouts.max_consecutives, limit the time that it stands for.
	reads int
	limit time.Duration
	// records is their number in the last snapshot, and since when it is the same.
	records uint64
	since   time.Time
	// last is when a record came, to a second; zero if none ever did.
	last time.Time
}

// configure sets the limit: as long as the reads that may go without a record, but longer than canaries may be late.
func (q *silence) configure(cfg *config.Config) {
	q.reads = cfg.Timeouts.MaxConsecutives
	q.limit = max(time.Duration(q.reads)*readTimeout, 2*cfg.Guard.CanaryInterval)
}

// check raises Falco's internal alert about a kernel that sends nothing, each time that the limit has passed. Without canaries
// there is no limit, as a quiet host is silent then.
func (q *silence) check(now *Snapshot) []Notice {
	if n := now.Stats.Records; n != q.records {
		q.records, q.since, q.last = n, now.Wall, now.Wall
		return nil
	}
	if q.since.IsZero() {
		q.since = now.Wall
	}
	canaries := now.Self.CallCanary.Sent + now.Self.RingCanary.Sent
	if canaries == 0 || now.Wall.Sub(q.since) < q.limit {
		return nil
	}
	q.since = now.Wall
	last := "none"
	if !q.last.IsZero() {
		last = q.last.UTC().Format(time.RFC3339Nano)
	}
	n := warn("the kernel sends nothing", zap.Duration("for", q.limit), zap.String("last_record", last))
	return []Notice{n.with(now.Wall, "Falco internal: timeouts notification", rulefile.Debug,
		fmt.Sprintf("%d consecutive timeouts without event", q.reads), map[string]any{"last_event_time": last})}
}
