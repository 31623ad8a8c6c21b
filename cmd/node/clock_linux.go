package main

import (
	"time"

	"golang.org/x/sys/unix"
)

// monotonic is a clock that is never set and goes on while the machine sleeps:
// the slots of a machine that slept for longer than limits.hold_time are gone.
func monotonic() time.Duration {
	var ts unix.Timespec
	if unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts) != nil {
		return time.Since(processStart)
	}
	return time.Duration(ts.Nano())
}

var processStart = time.Now()
