package output

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
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

func (l *lines) Write(m Message) error {
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

func deadline(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func TestQueueWritesAllInOrder(t *testing.T) {
	a, b := &lines{}, &lines{}
	q := NewQueue(QueueSettings{}, Named{Name: "a", Sink: a}, Named{Name: "b", Sink: b})
	text := make([]byte, 0, 16)
	for i := range 1000 {
		text = fmt.Appendf(text[:0], "alert %d", i) // the buffer is used again
		if !q.Put(text, nil, "Notice", "rule") {
			t.Fatalf("alert %d is dropped", i)
		}
	}
	if err := q.Close(deadline(t)); err != nil {
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
	if q.Put([]byte("late"), nil, "Notice", "rule") || q.Counters().Sinks[0].Dropped != 1 {
		t.Error("a closed queue takes an alert")
	}
}

func TestBlockedSinkDropsNewest(t *testing.T) {
	l := &lines{gate: make(chan struct{}), entered: make(chan struct{}, 10)}
	q := NewQueue(QueueSettings{Capacity: 3}, Named{Name: "slow", Sink: l})
	q.Put([]byte("0"), nil, "Notice", "rule")
	<-l.entered // the worker holds the first
	for i := 1; i <= 5; i++ {
		q.Put(fmt.Append(nil, i), nil, "Notice", strconv.Itoa(i))
	}
	if c := q.Counters(); c.Queued != 4 || c.Dropped != 2 || c.Waiting != 3 {
		t.Errorf("blocked: got %+v", c)
	}
	close(l.gate)
	if err := q.Close(deadline(t)); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(l.got, ""); got != "0123" {
		t.Errorf("written: got %s", got)
	}
}

func TestQueueBoundsBytes(t *testing.T) {
	l := &lines{gate: make(chan struct{}), entered: make(chan struct{}, 10)}
	q := NewQueue(QueueSettings{MaxBytes: 10}, Named{Name: "slow", Sink: l})
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
	if err := q.Close(deadline(t)); err != nil {
		t.Fatal(err)
	}
}

// A flood of one rule's alerts, or of several rules', leaves room for those of the others; by number, and by bytes.
func TestFloodLeavesRoom(t *testing.T) {
	for _, tt := range []struct {
		name     string
		settings QueueSettings
		text     string
		// floods is how many rules flood, taken how many alerts each of them has in the queue then.
		floods, taken int
	}{
		{"one rule", QueueSettings{Capacity: 99}, "x", 1, 50},
		{"two rules", QueueSettings{Capacity: 99}, "x", 2, 33},
		{"one rule, by bytes", QueueSettings{MaxBytes: 900}, "123456789", 1, 50},
		{"two rules, by bytes", QueueSettings{MaxBytes: 891}, "123456789", 2, 33},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := &lines{gate: make(chan struct{}), entered: make(chan struct{}, 200)}
			q := NewQueue(tt.settings, Named{Name: "slow", Sink: l})
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
			if err := q.Close(deadline(t)); err != nil {
				t.Fatal(err)
			}
			if c := q.Counters(); c.Waiting != 0 || len(q.lanes[0].byRule) != 0 || q.lanes[0].waiting != (load{}) || c.Queued+c.Dropped != uint64(11+1000*tt.floods) {
				t.Errorf("afterwards: %+v, waiting %v of %v", c, q.lanes[0].waiting, q.lanes[0].byRule)
			}
		})
	}
}

func TestCloseGivesUpAtItsDeadline(t *testing.T) {
	l := &lines{gate: make(chan struct{}), entered: make(chan struct{}, 10)}
	q := NewQueue(QueueSettings{}, Named{Name: "hung", Sink: l})
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
	<-q.lanes[0].done
	if c := q.Counters(); c.Lost != 3 || c.Sinks[0].Written != 0 || c.Waiting != 0 {
		t.Errorf("afterwards: got %+v", c)
	}
}

// A sink that hangs delays no other, and costs the others nothing.
func TestHungSinkDelaysNoOther(t *testing.T) {
	hung, quick := &lines{gate: make(chan struct{})}, &lines{entered: make(chan struct{}, 100)}
	q := NewQueue(QueueSettings{Capacity: 10}, Named{Name: "hung", Sink: hung}, Named{Name: "quick", Sink: quick})
	for i := range 100 {
		q.Put([]byte("x"), nil, "Notice", strconv.Itoa(i))
		<-quick.entered
	}
	c := q.Counters()
	if h := c.Sinks[0]; h.Dropped < 89 || h.Queued > 11 || h.Written != 0 {
		t.Errorf("the one that hangs: %+v", h)
	}
	close(hung.gate)
	if err := q.Close(deadline(t)); err != nil {
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

func (a *again) Write(m Message) error {
	if a.failures != 0 {
		a.failures--
		a.tried <- struct{}{}
		return fmt.Errorf("%w: refused", ErrAgain)
	}
	return a.lines.Write(m)
}

func TestWhatMayPassIsTriedAgain(t *testing.T) {
	a := &again{failures: 5, tried: make(chan struct{}, 5)}
	q := NewQueue(QueueSettings{RetryFirst: time.Microsecond, RetryMost: time.Millisecond}, Named{Name: "away", Sink: a})
	for i := range 3 {
		q.Put(fmt.Append(nil, i), nil, "Notice", "rule")
	}
	if err := q.Close(deadline(t)); err != nil {
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
	q := NewQueue(QueueSettings{RetryFirst: time.Hour}, Named{Name: "away", Sink: a})
	for range 3 {
		q.Put([]byte("x"), nil, "Notice", "rule")
	}
	<-a.tried
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := q.Close(ctx); !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "to away, 3 left") {
		t.Errorf("got %v", err)
	}
	<-q.lanes[0].done
	if c := q.Counters(); c.Lost != 3 || c.Written != 0 || c.Errors != 0 || c.Waiting != 0 {
		t.Errorf("got %+v", c)
	}
}

func TestSinkErrorsAreCounted(t *testing.T) {
	good, bad := &lines{}, &lines{fail: errors.New("no space")}
	q := NewQueue(QueueSettings{}, Named{Name: "good", Sink: good}, Named{Name: "bad", Sink: bad})
	for range 5 {
		q.Put([]byte("x"), nil, "Notice", "rule")
	}
	if err := q.Close(deadline(t)); err != nil {
		t.Fatal(err)
	}
	c := q.Counters()
	if c.Sinks[0].Written != 5 || c.Sinks[1].Errors != 5 || c.Sinks[1].Written != 0 || c.Sinks[1].LastError == nil {
		t.Errorf("got %+v", c)
	}
}

func TestCountersAreExactUnderLoad(t *testing.T) {
	l := &lines{}
	q := NewQueue(QueueSettings{Capacity: 8}, Named{Name: "l", Sink: l})
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
	if err := q.Close(deadline(t)); err != nil {
		t.Fatal(err)
	}
	c := q.Counters()
	if c.Queued+c.Dropped != producers*each || c.Sinks[0].Written != c.Queued || uint64(len(l.got)) != c.Queued {
		t.Errorf("got %+v and %d lines", c, len(l.got))
	}
}

// flaky fails its first calls.
type flaky struct {
	bytes.Buffer
	failures int
	calls    int
}

func (f *flaky) Write(b []byte) (int, error) {
	f.calls++
	if f.failures > 0 {
		f.failures--
		return 0, errors.New("broken pipe")
	}
	return f.Buffer.Write(b)
}

func TestWriter(t *testing.T) {
	for _, buffered := range []bool{false, true} {
		w := &flaky{}
		s := NewWriter(w, buffered)
		for _, text := range []string{"one", "two"} {
			if err := s.Write(Message{Text: []byte(text)}); err != nil {
				t.Fatal(err)
			}
		}
		if wantCalls := map[bool]int{false: 2, true: 0}[buffered]; w.calls != wantCalls {
			t.Errorf("buffered %v: %d calls before the flush, want %d", buffered, w.calls, wantCalls)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if got := w.String(); got != "one\ntwo\n" {
			t.Errorf("buffered %v: got %q", buffered, got)
		}
	}
}

func TestBufferedWriterRecovers(t *testing.T) {
	w := &flaky{failures: 1}
	s := NewWriter(w, true)
	if err := s.Write(Message{Text: []byte("lost")}); err != nil {
		t.Fatal(err)
	}
	if err := s.Flush(); err == nil {
		t.Error("the flush does not fail")
	}
	if err := s.Write(Message{Text: []byte("kept")}); err != nil {
		t.Fatal(err)
	}
	if err := s.Flush(); err != nil {
		t.Error(err)
	}
	if got := w.String(); got != "kept\n" {
		t.Errorf("got %q", got)
	}
}
