package sensor

import (
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/saker-sensor/saker/internal/engine/rulefile"
	"github.com/saker-sensor/saker/internal/output/render"
)

// readTimeout is how long Falco's reader waits for an event before it counts a timeout, once nothing comes: 30 ms. It
// gives syscall_event_timeouts.max_consecutives its meaning.
const readTimeout = 30 * time.Millisecond

// silence is how long no record has come, of whatever kind. Canaries break it on a quiet host.
type silence struct {
	// records is their number at the last look, and since when it is the same.
	records uint64
	since   time.Time
	// last is when a record came, as seen from a look each second; zero if none ever did.
	last time.Time
}

// report raises Falco's internal alert about a kernel that sends nothing, each time that the limit has passed.
func (q *silence) report(s *sensor) {
	now := time.Now()
	if n := s.loop.stats.Records; n != q.records {
		q.records, q.since, q.last = n, now, now
		return
	}
	if q.since.IsZero() {
		q.since = now
	}
	limit := s.silenceLimit()
	if limit == 0 || now.Sub(q.since) < limit {
		return
	}
	q.since = now
	last := "none"
	if !q.last.IsZero() {
		last = q.last.UTC().Format(time.RFC3339Nano)
	}
	const rule = "Falco internal: timeouts notification"
	s.alerts.internal(render.Internal{
		Rule: rule, Priority: rulefile.Debug.String(), Time: now.UnixNano(), Fields: map[string]any{"last_event_time": last},
		Message: fmt.Sprintf("%s. %d consecutive timeouts without event.", rule, s.Config.Timeouts.MaxConsecutives),
	})
	s.Log.Warn("the kernel sends nothing", zap.Duration("for", limit), zap.String("last_record", last))
}

// silenceLimit is as long as the reads that may go without a record, but longer than canaries may be late; 0 while there
// are none, as then a quiet host is silent.
func (s *sensor) silenceLimit() time.Duration {
	if s.watch.counts.CallCanary.Sent+s.watch.counts.RingCanary.Sent == 0 {
		return 0
	}
	return max(time.Duration(s.Config.Timeouts.MaxConsecutives)*readTimeout, 2*s.Config.Guard.CanaryInterval)
}
