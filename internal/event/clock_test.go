package event

import "testing"

// What began before a step of the wall clock shows one time before and after it; what begins later shows the new clock's.
func TestClockSteps(t *testing.T) {
	const hour = int64(3600e9)
	old := NewClock(1000)
	stepped := old.Follow(500, 1000+hour)
	back := stepped.Follow(900, 1000-hour)
	for _, tt := range []struct {
		name string
		at   uint64
		want [3]int64 // by the three clocks
	}{
		{"unknown", 0, [3]int64{0, 0, 0}},
		{"before the step", 499, [3]int64{1499, 1499, 1499}},
		{"after the step", 500, [3]int64{1500, 1500 + hour, 1500 + hour}},
		{"after the second", 900, [3]int64{1900, 1900 + hour, 1900 - hour}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := [3]int64{old.Wall(tt.at), stepped.Wall(tt.at), back.Wall(tt.at)}; got != tt.want {
				t.Errorf("got %d, want %d", got, tt.want)
			}
		})
	}
}

// The noise of a measurement is no step, and the number of steps is bounded.
func TestClockNoise(t *testing.T) {
	c := NewClock(0)
	for _, boot := range []int64{1, -clockNoise, clockNoise} {
		if c.Follow(10, boot) != c {
			t.Errorf("a difference of %d ns counts as a step", boot)
		}
	}
	for i := range int64(10 * maxClockSteps) {
		c = c.Follow(uint64(i+1), (i+1)*10*clockNoise)
	}
	if len(c.Steps) != maxClockSteps {
		t.Errorf("%d steps are kept, want %d", len(c.Steps), maxClockSteps)
	}
	if got, want := c.Wall(20*maxClockSteps), int64(20*maxClockSteps)+10*maxClockSteps*10*clockNoise; got != want {
		t.Errorf("the last step gives %d, want %d", got, want)
	}
}

func TestNoClock(t *testing.T) {
	var c *Clock
	if c.Wall(7) != 7 || c.Follow(0, 5).Wall(7) != 12 {
		t.Error("a nil clock does not count from boot, or does not follow")
	}
}
