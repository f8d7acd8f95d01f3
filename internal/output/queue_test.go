package output_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/saker-sensor/saker/internal/output"
	"github.com/saker-sensor/saker/internal/output/outputtest"
)

// lines is a sink that keeps what it gets.
type lines struct {
	mu   sync.Mutex
	got  []string
	fail error
	// gate, if set, lets one Write through for each value.
	gate chan struct{}
	// entered gets a value when a Write has begun.
	entered chan struct{}
	closed  bool
}

func (l *lines) Write(m output.Message) error {
	if l.entered != nil {
		l.entered <- struct{}{}
	}
	if l.gate != nil {
		<-l.gate
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.fail != nil {
		return l.fail
	}
	l.got = append(l.got, string(m.Text))
	return nil
}

func (l *lines) Flush() error { return nil }

func (l *lines) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	return nil
}

func TestQueueWritesAllInOrder(t *testing.T) {
	a, b := &lines{}, &lines{}
	q := output.NewQueue(output.QueueSettings{}, output.Named{Name: "a", Sink: a}, output.Named{Name: "b", Sink: b})
	text := make([]byte, 0, 16)
	for i := range 1000 {
		text = fmt.Appendf(text[:0], "alert %d", i) // the buffer is used again
		if !q.Put(text, nil, "Notice", "rule") {
			t.Fatalf("alert %d is dropped", i)
		}
	}
	if err := q.Close(outputtest.Deadline(t)); err != nil {
		t.Fatal(err)
	}
	for _, l := range []*lines{a, b} {
		if len(l.got) != 1000 || l.got[0] != "alert 0" || l.got[999] != "alert 999" || !l.closed {
			t.Errorf("got %d lines, closed %v", len(l.got), l.closed)
		}
	}
	c := q.Counters()
	if c.Queued != 2000 || c.Dropped != 0 || c.Lost != 0 || c.Waiting != 0 || c.Sinks[0].Written != 1000 || c.Sinks[1].Errors != 0 {
		t.Errorf("got %+v", c)
	}
	if q.Put([]byte("late"), nil, "Notice", "rule") || q.Counters().Sinks[0].Lost != 1 {
		t.Error("a closed queue takes an alert")
	}
}

func TestBlockedSinkDropsNewest(t *testing.T) {
	l := &lines{gate: make(chan struct{}), entered: make(chan struct{}, 10)}
	q := output.NewQueue(output.QueueSettings{Capacity: 3}, output.Named{Name: "slow", Sink: l})
	q.Put([]byte("0"), nil, "Notice", "rule")
	<-l.entered // the worker holds the first
	for i := 1; i <= 5; i++ {
		q.Put(fmt.Append(nil, i), nil, "Notice", strconv.Itoa(i))
	}
	if c := q.Counters(); c.Queued != 4 || c.Dropped != 2 || c.Waiting != 3 {
		t.Errorf("blocked: got %+v", c)
	}
	close(l.gate)
	if err := q.Close(outputtest.Deadline(t)); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(l.got, ""); got != "0123" {
		t.Errorf("written: got %s", got)
	}
}

func TestQueueBoundsBytes(t *testing.T) {
	l := &lines{gate: make(chan struct{}), entered: make(chan struct{}, 10)}
	q := output.NewQueue(output.QueueSettings{MaxBytes: 10}, output.Named{Name: "slow", Sink: l})
	q.Put([]byte("123456"), nil, "Notice", "rule")
	<-l.entered
	for _, tc := range []struct {
		text string
		want bool
	}{{"12345678901", false}, {"1234567890", true}, {"1", false}} {
		if got := q.Put([]byte(tc.text), nil, "Notice", "rule"); got != tc.want {
			t.Errorf("%s: got %v, want %v", tc.text, got, tc.want)
		}
	}
	close(l.gate)
	if err := q.Close(outputtest.Deadline(t)); err != nil {
		t.Fatal(err)
	}
}

// A flood of one rule's alerts, or of several rules', leaves room for those of the others; by number, and by bytes.
func TestFloodLeavesRoom(t *testing.T) {
	for _, tt := range []struct {
		name     string
		settings output.QueueSettings
		text     string
		// floods is how many rules flood, taken how many alerts each of them has in the queue then.
		floods, taken int
	}{
		{"one rule", output.QueueSettings{Capacity: 99}, "x", 1, 50},
		{"two rules", output.QueueSettings{Capacity: 99}, "x", 2, 33},
		{"one rule, by bytes", output.QueueSettings{MaxBytes: 900}, "123456789", 1, 50},
		{"two rules, by bytes", output.QueueSettings{MaxBytes: 891}, "123456789", 2, 33},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := &lines{gate: make(chan struct{}), entered: make(chan struct{}, 200)}
			q := output.NewQueue(tt.settings, output.Named{Name: "slow", Sink: l})
			q.Put([]byte("held"), nil, "Notice", "first")
			<-l.entered // the worker waits with it
			taken := make([]int, tt.floods)
			for range 1000 {
				for rule := range taken {
					if q.Put([]byte(tt.text), nil, "Notice", fmt.Sprint("flood ", rule)) {
						taken[rule]++
					}
				}
			}
			for rule, n := range taken {
				if n < tt.taken-1 || n > tt.taken+1 {
					t.Errorf("flood %d has %d alerts in the queue, want %d", rule, n, tt.taken)
				}
			}
			for i := range 10 {
				if !q.Put([]byte("exec"), nil, "Notice", "quiet") {
					t.Errorf("alert %d of a quiet rule is pushed out", i)
				}
			}
			close(l.gate)
			if err := q.Close(outputtest.Deadline(t)); err != nil {
				t.Fatal(err)
			}
			if c := q.Counters(); c.Waiting != 0 || !q.Empty(0) || c.Queued+c.Dropped != uint64(11+1000*tt.floods) {
				t.Errorf("afterwards: %+v, empty %v", c, q.Empty(0))
			}
		})
	}
}

func TestCloseGivesUpAtItsDeadline(t *testing.T) {
	l := &lines{gate: make(chan struct{}), entered: make(chan struct{}, 10)}
	q := output.NewQueue(output.QueueSettings{}, output.Named{Name: "hung", Sink: l})
	for range 3 {
		q.Put([]byte("x"), nil, "Notice", "rule")
	}
	<-l.entered
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := q.Close(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if c := q.Counters(); c.Queued != 3 || c.Lost != 3 || c.Sinks[0].Written != 0 {
		t.Errorf("got %+v", c)
	}
	close(l.gate) // the sink comes back too late
	<-q.Done(0)
	if c := q.Counters(); c.Lost != 3 || c.Sinks[0].Written != 0 || c.Waiting != 0 {
		t.Errorf("afterwards: got %+v", c)
	}
}

// A sink that hangs delays no other, and costs the others nothing.
func TestHungSinkDelaysNoOther(t *testing.T) {
	hung, quick := &lines{gate: make(chan struct{})}, &lines{entered: make(chan struct{}, 100)}
	q := output.NewQueue(output.QueueSettings{Capacity: 10}, output.Named{Name: "hung", Sink: hung}, output.Named{Name: "quick", Sink: quick})
	for i := range 100 {
		q.Put([]byte("x"), nil, "Notice", strconv.Itoa(i))
		<-quick.entered
	}
	c := q.Counters()
	if h := c.Sinks[0]; h.Dropped < 89 || h.Queued > 11 || h.Written != 0 {
		t.Errorf("the one that hangs: %+v", h)
	}
	close(hung.gate)
	if err := q.Close(outputtest.Deadline(t)); err != nil {
		t.Fatal(err)
	}
	if c := q.Counters().Sinks[1]; c.Written != 100 || c.Dropped != 0 {
		t.Errorf("the other: %+v", c)
	}
}

// again is a sink that can't deliver for a while.
type again struct {
	lines
	failures int
	tried    chan struct{}
}

func (a *again) Write(m output.Message) error {
	if a.failures != 0 {
		a.failures--
		a.tried <- struct{}{}
		return fmt.Errorf("%w: refused", output.ErrAgain)
	}
	return a.lines.Write(m)
}

func TestWhatMayPassIsTriedAgain(t *testing.T) {
	a := &again{failures: 5, tried: make(chan struct{}, 5)}
	q := output.NewQueue(output.QueueSettings{RetryFirst: time.Microsecond, RetryMost: time.Millisecond}, output.Named{Name: "away", Sink: a})
	for i := range 3 {
		q.Put(fmt.Append(nil, i), nil, "Notice", "rule")
	}
	if err := q.Close(outputtest.Deadline(t)); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(a.got, ""); got != "012" {
		t.Errorf("got %q", got)
	}
	if c := q.Counters(); c.Written != 3 || c.Errors != 0 || c.Retries != 5 || c.Sinks[0].LastError == nil {
		t.Errorf("got %+v", c)
	}
}

// At its deadline Close ends the tries, too.
func TestCloseEndsTheTries(t *testing.T) {
	a := &again{failures: -1, tried: make(chan struct{}, 1)}
	q := output.NewQueue(output.QueueSettings{RetryFirst: time.Hour}, output.Named{Name: "away", Sink: a})
	for range 3 {
		q.Put([]byte("x"), nil, "Notice", "rule")
	}
	<-a.tried
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := q.Close(ctx); !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "to away, 3 left") {
		t.Errorf("got %v", err)
	}
	<-q.Done(0)
	if c := q.Counters(); c.Lost != 3 || c.Written != 0 || c.Errors != 0 || c.Waiting != 0 {
		t.Errorf("got %+v", c)
	}
}

func TestSinkErrorsAreCounted(t *testing.T) {
	good, bad := &lines{}, &lines{fail: errors.New("no space")}
	q := output.NewQueue(output.QueueSettings{}, output.Named{Name: "good", Sink: good}, output.Named{Name: "bad", Sink: bad})
	for range 5 {
		q.Put([]byte("x"), nil, "Notice", "rule")
	}
	if err := q.Close(outputtest.Deadline(t)); err != nil {
		t.Fatal(err)
	}
	c := q.Counters()
	if c.Sinks[0].Written != 5 || c.Sinks[1].Errors != 5 || c.Sinks[1].Written != 0 || c.Sinks[1].LastError == nil {
		t.Errorf("got %+v", c)
	}
}

func TestCountersAreExactUnderLoad(t *testing.T) {
	l := &lines{}
	q := output.NewQueue(output.QueueSettings{Capacity: 8}, output.Named{Name: "l", Sink: l})
	var wg sync.WaitGroup
	const producers, each = 8, 500
	for range producers {
		wg.Go(func() {
			for range each {
				q.Put([]byte("x"), nil, "Notice", "rule")
			}
		})
	}
	wg.Wait()
	if err := q.Close(outputtest.Deadline(t)); err != nil {
		t.Fatal(err)
	}
	c := q.Counters()
	if c.Queued+c.Dropped != producers*each || c.Sinks[0].Written != c.Queued || uint64(len(l.got)) != c.Queued {
		t.Errorf("got %+v and %d lines", c, len(l.got))
	}
}
