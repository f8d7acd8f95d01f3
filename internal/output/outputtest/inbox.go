// Package outputtest has what the tests of the queue and of the sinks share.
package outputtest

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/saker-sensor/saker/internal/output"
)

// Inbox is a sink that keeps alerts and their ids. It is safe for several goroutines.
type Inbox struct {
	// HoldsBack: Write keeps alerts until Flush.
	HoldsBack bool

	mu   sync.Mutex
	got  []output.Message
	away bool
	// held are the alerts that Flush has not confirmed.
	held  []output.Message
	tries int
}

// Write implements [output.Sink].
func (b *Inbox) Write(m output.Message) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.tries++
	switch {
	case b.HoldsBack:
		b.held = append(b.held, m)
	case b.away:
		return fmt.Errorf("%w: away", output.ErrAgain)
	default:
		b.got = append(b.got, m)
	}
	return nil
}

// Flush implements [output.Sink].
func (b *Inbox) Flush() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.away && len(b.held) > 0 {
		return fmt.Errorf("%w: away", output.ErrAgain)
	}
	b.got, b.held = append(b.got, b.held...), nil
	return nil
}

// Close implements [output.Sink].
func (b *Inbox) Close() error { return b.Flush() }

// Add keeps an alert that came by another way.
func (b *Inbox) Add(m output.Message) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.got = append(b.got, m)
}

// SetAway makes the sink fail, or work again.
func (b *Inbox) SetAway(away bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.away = away
}

// Forget drops what Flush has not confirmed, as the end of a process does.
func (b *Inbox) Forget() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.held = nil
}

// Got returns a copy of the list of alerts.
func (b *Inbox) Got() []output.Message {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.got)
}

// Count is the number of alerts.
func (b *Inbox) Count() int { return len(b.Got()) }

// Tried tells whether Write was called.
func (b *Inbox) Tried() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.tries > 0
}

// Check fails the test unless the alerts of [PutNumbered] with the numbers first to end-1 have come, in order, each with an id of
// its own. An alert may have come twice, with the same id.
func (b *Inbox) Check(t *testing.T, first, end int) {
	t.Helper()
	ids, got := map[string]string{}, []string{}
	for _, m := range b.Got() {
		text, again := ids[m.ID]
		switch {
		case m.ID == "" || again && text != string(m.Text):
			t.Errorf("id %q is that of %q and of %q", m.ID, text, m.Text)
		case !again:
			ids[m.ID] = string(m.Text)
			got = append(got, string(m.Text))
		}
		if m.Priority != "Notice" || m.Rule != "rule" {
			t.Errorf("%q has priority %q and rule %q", m.Text, m.Priority, m.Rule)
		}
	}
	var want []string
	for i := first; i < end; i++ {
		want = append(want, fmt.Sprint("alert ", i))
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %d alerts, not %d to %d in order: %q …", len(got), first, end-1, got[:min(len(got), 20)])
	}
}

// PutNumbered puts alerts with the numbers first to end-1 and returns how many were taken.
func PutNumbered(q *output.Queue, first, end int) (taken int) {
	for i := first; i < end; i++ {
		if q.Put(fmt.Append(nil, "alert ", i), nil, "Notice", "rule") {
			taken++
		}
	}
	return taken
}

// QuickRetries are settings whose pauses are short.
func QuickRetries() output.QueueSettings {
	return output.QueueSettings{RetryFirst: time.Millisecond, RetryMost: 10 * time.Millisecond}
}

// CheckSum fails the test unless every alert is accounted for.
func CheckSum(t *testing.T, c output.SinkTotals) {
	t.Helper()
	if c.Queued+c.Restored != c.Written+c.Errors+c.Lost+c.Kept {
		t.Errorf("the counts do not add up: %+v", c)
	}
}

// Until waits for a condition, at most 30 s.
func Until(t *testing.T, what string, met func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !met(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: not within 30 s", what)
		}
	}
}

// Deadline is a context that ends after 10 s, or with the test.
func Deadline(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	t.Cleanup(cancel)
	return ctx
}
