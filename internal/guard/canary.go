package guard

import "time"

// Way is how a canary comes back.
type Way uint8

const (
	// ByCall: through the system-call hook and the bulk ring.
	ByCall Way = iota
	// ByRing: through the critical ring alone.
	ByRing
	ways
)

func (w Way) String() string {
	return [...]string{"system-call hook and bulk ring", "critical ring"}[w]
}

// patience is the number of periods after which a canary that has not come back is lost.
const patience = 2

// Canaries tells which canaries have not come back in time. Time is that in which the reader ran: a reader that was held
// up is not a loss. Not safe for several goroutines at once.
type Canaries struct {
	period time.Duration
	ran    time.Duration
	sentAt time.Duration
	number uint64
	way    [ways]struct {
		used bool
		// sent and seen are the newest numbers; since is when the oldest unanswered one was sent.
		sent, seen uint64
		since      time.Duration
	}
}

// NewCanaries begins with nothing sent.
func NewCanaries(period time.Duration) *Canaries { return &Canaries{period: period, sentAt: -period} }

// Ran adds time for which the reader ran, and tells whether a canary is due.
func (c *Canaries) Ran(d time.Duration) bool {
	c.ran += d
	return c.ran-c.sentAt >= c.period
}

// Next is the number of the next canary, which is sent now.
func (c *Canaries) Next() uint64 {
	c.number++
	c.sentAt = c.ran
	return c.number
}

// Sent notes that the canary of this number went by this way.
func (c *Canaries) Sent(w Way, number uint64) {
	s := &c.way[w]
	if s.sent == s.seen {
		s.since = c.ran
	}
	s.used, s.sent = true, number
}

// Seen notes that a canary has come back.
func (c *Canaries) Seen(w Way, number uint64) {
	s := &c.way[w]
	if number > s.seen && number <= s.sent {
		s.seen, s.since = number, c.ran
	}
}

// Excuse gives what is outstanding more time: it was lost for a reason that is known.
func (c *Canaries) Excuse(w Way) { c.way[w].since = c.ran }

// Lost tells whether a canary by this way is overdue.
func (c *Canaries) Lost(w Way) bool {
	s := &c.way[w]
	return s.used && s.sent != s.seen && c.ran-s.since >= patience*c.period
}

// Counts are how many were sent by this way at most, and the newest that came back.
func (c *Canaries) Counts(w Way) (sent, seen uint64) { return c.way[w].sent, c.way[w].seen }
