//go:build !linux

package session

import "time"

type dozer struct{}

// StartDozing does nothing on this system: idle sessions keep their goroutine.
func (e *Env) StartDozing(time.Duration) error { return nil }

// StopDozing ends what StartDozing began.
func (e *Env) StopDozing() {}

func (d *dozer) add(*port) (key, fd int32, ok bool) { return 0, 0, false }
func (d *dozer) remove(int32, int32)                {}
