package guard

import (
	"testing"
	"time"
)

// TestCanaries: a canary is lost after two periods in which the reader ran, and found when one comes back.
func TestCanaries(t *testing.T) {
	const period = 5 * time.Second
	c := NewCanaries(period)
	lost := func(want bool, when string) {
		t.Helper()
		if got := c.Lost(ByCall); got != want {
			t.Errorf("%s: lost is %v", when, got)
		}
	}
	if !c.Ran(0) {
		t.Fatal("none is due at the start")
	}
	first := c.Next()
	c.Sent(ByCall, first)
	if c.Ran(period - 1) {
		t.Error("the next one is due too early")
	}
	if !c.Ran(1) {
		t.Error("the next one is not due after a period")
	}
	second := c.Next()
	c.Sent(ByCall, second)
	c.Ran(period - 1)
	lost(false, "before two periods")
	c.Ran(1)
	lost(true, "after two periods")
	if c.Lost(ByRing) {
		t.Error("nothing was sent by the other way")
	}
	c.Seen(ByCall, first)
	lost(false, "the first came late")
	c.Ran(2 * period)
	lost(true, "the second did not come")
	c.Excuse(ByCall)
	lost(false, "excused")
	c.Ran(2 * period)
	lost(true, "still none")
	c.Seen(ByCall, second+1)
	lost(true, "one that was never sent")
	c.Seen(ByCall, second)
	c.Ran(10 * period)
	lost(false, "all came back")
	third := c.Next()
	c.Sent(ByCall, third)
	lost(false, "just sent, after a long time without any")
	if sent, seen := c.Counts(ByCall); sent != third || seen != second {
		t.Errorf("sent %d, seen %d", sent, seen)
	}
}

func TestSuspend(t *testing.T) {
	before := Moment{Boot: 100 * time.Second, Mono: 90 * time.Second}
	for _, tt := range []struct {
		name           string
		now            Moment
		ran, suspended time.Duration
	}{
		{"running", Moment{Boot: 101 * time.Second, Mono: 91 * time.Second}, time.Second, 0},
		{"clocks read one after the other", Moment{Boot: 101*time.Second + 1000, Mono: 91 * time.Second}, time.Second, 0},
		{"suspended", Moment{Boot: 161 * time.Second, Mono: 91 * time.Second}, time.Second, time.Minute},
	} {
		if ran, suspended := tt.now.Since(before); ran != tt.ran || suspended != tt.suspended {
			t.Errorf("%s: ran %v, suspended %v", tt.name, ran, suspended)
		}
	}
	a := Now()
	if ran, suspended := Now().Since(a); ran < 0 || ran > time.Minute || suspended != 0 {
		t.Errorf("just now: ran %v, suspended %v", ran, suspended)
	}
}
