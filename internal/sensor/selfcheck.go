package sensor

import (
	"errors"
	"strings"
	"time"

	"github.com/saker-sensor/saker/internal/event"
	"github.com/saker-sensor/saker/internal/guard"
	"github.com/saker-sensor/saker/internal/probe"
	"github.com/saker-sensor/saker/internal/report"
)

// selfCheck finds out whether the capture works and the process runs. It belongs to the loop's goroutine.
type selfCheck struct {
	canaries *guard.Canaries
	// last is when the loop last came by.
	last guard.Moment
	// Before the newest canary: how many were lost to a full ring, and how far each ring had been read.
	lostCanaries uint64
	read         [2]uint64

	// broken is what is wrong with the probe's own links and maps, as of the newest canary.
	broken error
	// stalled is why the capture counts as stalled, and since when; empty if it does not.
	stalled string
	since   guard.Moment

	signals []report.Signal
	counts  report.SelfCounts
}

// stopLimit is how long the loop may not have run until the process counts as stopped. It comes by each second.
const stopLimit = 5 * time.Second

func newSelfCheck(period time.Duration) *selfCheck {
	return &selfCheck{canaries: guard.NewCanaries(period), last: guard.Now()}
}

// canaryCame notes a canary that came back.
func (c *selfCheck) canaryCame(way guard.Way, number uint64) { c.canaries.Seen(way, number) }

// signalled notes a signal; its event is copied.
func (c *selfCheck) signalled(rec *event.Record) {
	c.counts.Signals++
	if len(c.signals) < report.MaxSignals {
		c.signals = append(c.signals, report.Signal{Signal: rec.Signal, From: *rec.Event.Clone()})
	}
}

// takeSignals returns those that were noted since the last call.
func (c *selfCheck) takeSignals() []report.Signal {
	signals := c.signals
	c.signals = nil
	return signals
}

// tick looks at what happened since the last one, and sends canaries where they are due. k is what the kernel counted, err
// why it could not be read.
func (c *selfCheck) tick(p *probe.Probe, k *probe.Counters, err error) {
	now := guard.Now()
	ran, _ := now.Since(c.last)
	c.last = now
	if ran >= stopLimit {
		c.counts.Stops++
		c.counts.Stopped += ran
	}
	// A reader that was held up, and has yet to come to what waits, is no loss: a tick that comes late counts as one.
	due := c.canaries.Ran(min(ran, tickInterval))
	lost := c.lostWays(p, k)
	if due {
		c.broken = errors.Join(p.Intact(), err)
		c.send(p, k)
	}
	c.conclude(now, lost)
}

// lostWays are the ways by which no canary came back in time. One that found its ring full is excused while the ring
// is being read: a flood, which is reported as such.
func (c *selfCheck) lostWays(p *probe.Probe, k *probe.Counters) (lost []string) {
	for way, ring := range rings(p) {
		if !c.canaries.Lost(guard.Way(way)) {
			continue
		}
		if k.LostByKind[event.KindCanary] > c.lostCanaries && ring.Position() > c.read[way] {
			c.canaries.Excuse(guard.Way(way))
			continue
		}
		lost = append(lost, guard.Way(way).String())
	}
	return lost
}

// rings are the probe's, by the way that leads through them.
func rings(p *probe.Probe) [2]*probe.Ring {
	return [2]*probe.Ring{guard.ByCall: p.Bulk(), guard.ByRing: p.Critical()}
}

// send makes a canary of each kind.
func (c *selfCheck) send(p *probe.Probe, k *probe.Counters) {
	c.lostCanaries = k.LostByKind[event.KindCanary]
	for way, ring := range rings(p) {
		c.read[way] = ring.Position()
	}
	number := c.canaries.Next()
	if p.CallCanary(number) {
		c.canaries.Sent(guard.ByCall, number)
	}
	err := p.RingCanary(number)
	if errors.Is(err, probe.ErrNoCanary) {
		return // this kernel has none, and coverage says so
	}
	c.broken = errors.Join(c.broken, err)
	c.canaries.Sent(guard.ByRing, number)
}

// conclude says whether the capture is stalled, and why.
func (c *selfCheck) conclude(now guard.Moment, lost []string) {
	c.counts.CallCanary.Sent, c.counts.CallCanary.Seen = c.canaries.Counts(guard.ByCall)
	c.counts.RingCanary.Sent, c.counts.RingCanary.Seen = c.canaries.Counts(guard.ByRing)
	var reasons []string
	if len(lost) > 0 {
		reasons = append(reasons, "no canary came back by the "+strings.Join(lost, " nor by the "))
	}
	if c.broken != nil {
		reasons = append(reasons, strings.ReplaceAll(c.broken.Error(), "\n", "; "))
	}
	reason := strings.Join(reasons, "; ")
	if c.stalled == "" && reason != "" {
		c.since = now
		c.counts.Stalls++
	}
	c.stalled = reason
}
