package bucket

import (
	"time"

	"sluice/actors/backend"
)

// tick does what is due by the clock: expiry of idle connections beyond
// MinIdle, of old ones, health checks, and opening connections up to MinIdle.
func (s *state) tick(now time.Time, canWarm bool) []effect {
	var out []effect
	for _, c := range s.idle.oldestFirst() {
		stale := s.set.MaxIdleTime > 0 && now.Sub(c.IdleSince) >= s.set.MaxIdleTime && s.idle.len() > s.set.MinIdle
		why := ""
		switch {
		case s.surplus() > 0:
			why = "over the limit"
		case s.tooOld(c, now):
			why = "max_lifetime"
		case stale:
			why = "max_idle_time"
		}
		switch {
		case why != "":
			s.idle.remove(c)
			out = append(out, s.close(c, why))
		case s.set.CheckEvery > 0 && now.Sub(c.CheckedAt) >= s.set.CheckEvery && s.waiting == 0:
			s.idle.remove(c)
			out = append(out, s.clean(c, true))
		}
	}
	for canWarm && !s.closed && !s.paused && s.idle.len()+len(s.busy)+s.warmUps < s.set.MinIdle && s.open < s.limit() &&
		s.dialing < s.set.MaxParallelLogins && s.waiting == 0 {
		s.open++
		s.warmUps++
		out = append(out, s.dial(nil))
	}
	s.idle.purge()
	s.vault.sweep()
	for user, c := range s.creds {
		if now.Sub(c.verified) >= s.set.ReverifyAfter {
			delete(s.creds, user)
		}
	}
	return append(out, s.offer()...) // one may have been lost on a full mailbox
}

// configure takes new settings. Above a lowered limit idle connections are
// closed at once; those in use are when they come back.
func (s *state) configure(set Settings) []effect {
	s.set = set
	return append(s.shrink(false), s.offer()...)
}

// recycle makes every connection born before now end with its present use, and
// forgets the credentials they proved: the server may be another one.
func (s *state) recycle(now time.Time) []effect {
	s.oldest = now
	clear(s.creds)
	clear(s.answers)
	return s.closeIdle("target changed")
}

// shut refuses everything from now on and closes what is idle. Leases go on
// until they are given back.
func (s *state) shut() []effect {
	s.closed = true
	return s.closeIdle("shutting down")
}

func (s *state) closeIdle(why string) []effect {
	var out []effect
	for s.idle.len() > 0 {
		out = append(out, s.close(s.idle.takeOldest(), why))
	}
	return out
}

// closeIdleOf closes the idle connections of one key.
func (s *state) closeIdleOf(key backend.Key, why string) []effect {
	var out []effect
	for s.idle.has(&key) {
		out = append(out, s.close(s.idle.take(&key), why))
	}
	return out
}
