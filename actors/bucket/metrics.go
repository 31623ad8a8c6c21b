package bucket

import (
	"errors"
	"net"
	"strings"
	"sync/atomic"
)

// Counter and Summary are what the governor needs of a metrics library.
type (
	Counter interface{ Inc() }
	Summary interface{ Update(v float64) }
)

// Metrics are a governor's instruments. Those of the first three lines, the
// summaries and Gauges must be set, the others may be nil.
type Metrics struct {
	Acquired, AcquiredAfterWait, Released Counter
	QueueTimeout, QueueFull, Cancelled    Counter
	DialFailed, CleanFailed               Counter
	Dials                                 Dials
	Cleaned, Unclean                      Counter // cleans that succeeded, that failed
	Checked, CheckFailed                  Counter // the same of checks; CleanFailed counts failures of both
	// Closed counts connections that the governor closed, by one of CloseReasons.
	Closed         func(reason string) Counter
	QueueWait      Summary // seconds, 0 for those who did not wait
	AcquireSeconds Summary // from the request to its grant
	LoginSeconds   Summary // of backend logins
	Gauges         Gauges
}

// Dials count backend logins by how they ended: the server took it, it
// answered with an error, it could not be reached, or the login was called off
// or never tried.
type Dials struct{ Opened, Refused, Unreachable, CalledOff Counter }

// CloseReasons lists why a governor closes connections, as Metrics.Closed gets it.
func CloseReasons() []string {
	return []string{
		"broken", "clean_failed", "died_while_idle", "evicted", "fits_no_client", "max_idle_time", "max_lifetime",
		"over_the_limit", "paused", "shutting_down", "slot_lost", "target_changed",
	}
}

func inc(c Counter) {
	if c != nil {
		c.Inc()
	}
}

func (m *Metrics) closed(why string) {
	if m.Closed != nil {
		m.Closed(strings.ReplaceAll(why, " ", "_")).Inc()
	}
}

// Gauges are what a governor holds at the end of its last turn. They may be
// read at any time. Limit is the configured one; Slots is how many connections
// may be open, which is the same unless an Entitle says otherwise. Open is the
// sum of Idle, Leased, Dialing, Cleaning and Closing.
type Gauges struct {
	Limit, Slots, MinIdle, QueueMax                         atomic.Int64
	Open, Idle, Leased, Dialing, Cleaning, Closing, Waiting atomic.Int64
	// Oldest is when the request that has waited longest arrived, in Unix
	// nanoseconds; 0 if none waits.
	Oldest atomic.Int64
	Paused atomic.Int64 // 0 or 1
	// Failure is why the server could not be reached when it was last tried;
	// nil if it could, or was not tried yet.
	Failure atomic.Pointer[string]
}

func (g *Governor) publish() {
	s, m := g.state, &g.cfg.Metrics.Gauges
	m.Limit.Store(int64(s.set.Limit))
	m.Slots.Store(int64(s.limit()))
	m.Open.Store(int64(s.open))
	m.Idle.Store(int64(s.idle.len()))
	m.Leased.Store(int64(len(s.leases)))
	m.Dialing.Store(int64(len(s.dials)))
	m.Cleaning.Store(int64(len(s.busy)))
	m.Closing.Store(int64(s.closing + s.passing))
	m.Waiting.Store(int64(s.waiting))
	oldest := int64(0)
	if r := s.waiters.oldest(); r != nil {
		oldest = r.arrived.UnixNano()
	}
	if m.Oldest.Load() != oldest {
		m.Oldest.Store(oldest)
	}
	if paused := m.Paused.Load() != 0; paused != s.paused {
		m.Paused.Store(1 - m.Paused.Load())
	}
}

// publishSettings shows what only a Configure changes.
func (g *Governor) publishSettings() {
	m := &g.cfg.Metrics.Gauges
	m.MinIdle.Store(int64(g.cfg.Settings.MinIdle))
	m.QueueMax.Store(int64(g.cfg.Queue.MaxSize))
}

func (g *Governor) countCleaned(m cleaned) {
	switch {
	case m.err == nil && m.check:
		inc(g.cfg.Metrics.Checked)
	case m.err == nil:
		inc(g.cfg.Metrics.Cleaned)
	case errors.Is(m.err, net.ErrClosed): // cut off meanwhile
	case m.check:
		inc(g.cfg.Metrics.CheckFailed)
	default:
		inc(g.cfg.Metrics.Unclean)
	}
}
