package sensor

import (
	"math"

	"golang.org/x/sys/unix"
)

// bootTime is the wall clock's time at boot, in ns since the epoch.
func bootTime() int64 {
	_, boot := readClocks()
	return boot
}

// readClocks returns ns since boot, and the wall clock's time at boot in ns since the epoch. Between the readings of the two
// clocks the thread may be preempted: of a few tries the quickest counts.
func readClocks() (now uint64, boot int64) {
	best := int64(math.MaxInt64)
	for range 5 {
		var before, wall, after unix.Timespec
		_ = unix.ClockGettime(unix.CLOCK_BOOTTIME, &before)
		_ = unix.ClockGettime(unix.CLOCK_REALTIME, &wall)
		_ = unix.ClockGettime(unix.CLOCK_BOOTTIME, &after)
		if took := after.Nano() - before.Nano(); took < best {
			best, now, boot = took, uint64(after.Nano()), wall.Nano()-before.Nano()-took/2
		}
	}
	return now, boot
}
