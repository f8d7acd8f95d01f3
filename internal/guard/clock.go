package guard

import (
	"time"

	"golang.org/x/sys/unix"
)

// Moment is a point on two clocks since boot: one that goes on while the machine is suspended, and one that does not.
type Moment struct {
	Boot, Mono time.Duration
}

// Now reads the clocks.
func Now() Moment { return Moment{Boot: clock(unix.CLOCK_BOOTTIME), Mono: clock(unix.CLOCK_MONOTONIC)} }

func clock(id int32) time.Duration {
	var t unix.Timespec
	_ = unix.ClockGettime(id, &t) // these clocks are always there
	return time.Duration(t.Nano())
}

// Since is how long the machine ran since an earlier moment, and how long it was suspended.
func (m Moment) Since(before Moment) (ran, suspended time.Duration) {
	ran = m.Mono - before.Mono
	// The two clocks are not read at once.
	if suspended = m.Boot - before.Boot - ran; suspended < 10*time.Millisecond {
		suspended = 0
	}
	return ran, suspended
}
