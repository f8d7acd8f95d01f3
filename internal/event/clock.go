package event

import (
	"slices"
	"time"
)

// Clock converts the kernel's times, in ns since boot, to the wall clock. It remembers when the wall clock was set, so that a
// time converts to the same value for as long as the sensor runs: what began before a step keeps the time that the clock
// showed then. Immutable and safe for several goroutines; [Clock.Follow] returns a new one. Nil adds nothing.
type Clock struct {
	// Steps are in the order of their times, the first from 0 on. They are not changed.
	Steps []ClockStep
}

// ClockStep says which offset holds from when on: Boot is the wall clock's time at boot, in ns since the epoch, for all times from
// Since (ns since boot) on.
type ClockStep struct {
	Since uint64
	Boot  int64
}

const (
	// clockNoise is by how much two measurements of the same offset may differ.
	clockNoise = int64(time.Millisecond)
	// maxClockSteps bounds the memory; the oldest step is forgotten first.
	maxClockSteps = 64
)

// NewClock makes a clock from the wall clock's time at boot, in ns since the epoch.
func NewClock(boot int64) *Clock { return &Clock{[]ClockStep{{0, boot}}} }

// Wall converts ns since boot to ns since the epoch; 0 stays 0, "unknown".
func (c *Clock) Wall(t uint64) int64 {
	if c == nil || t == 0 {
		return int64(t)
	}
	i := len(c.Steps) - 1
	for i > 0 && c.Steps[i].Since > t {
		i--
	}
	return c.Steps[i].Boot + int64(t)
}

// Follow returns the clock with a step at now (ns since boot), if boot, measured at that moment, is not the time at boot that
// it has; else the clock itself.
func (c *Clock) Follow(now uint64, boot int64) *Clock {
	if c == nil {
		return NewClock(boot)
	}
	if d := boot - c.Steps[len(c.Steps)-1].Boot; -clockNoise <= d && d <= clockNoise {
		return c
	}
	keep := c.Steps
	if len(keep) == maxClockSteps {
		keep = keep[1:]
	}
	steps := make([]ClockStep, 0, len(keep)+1)
	return &Clock{append(append(steps, keep...), ClockStep{now, boot})}
}

// Equal tells whether two clocks convert alike.
func (c *Clock) Equal(o *Clock) bool {
	return c == o || c != nil && o != nil && slices.Equal(c.Steps, o.Steps)
}
