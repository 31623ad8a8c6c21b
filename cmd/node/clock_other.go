//go:build !linux

package main

import "time"

// monotonic is a clock that is never set. It may stand still while the machine
// sleeps.
func monotonic() time.Duration { return time.Since(processStart) }

var processStart = time.Now()
