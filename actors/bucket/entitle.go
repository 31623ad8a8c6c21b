package bucket

import (
	"cmp"
	"errors"
	"maps"
	"slices"
)

// Entitle tells a governor how many slots it may use from now on. The first one
// makes the bucket governed, for good: Settings.Limit is for display then.
// Versions rise; a message older than the last one seen is ignored.
//
// Fewer slots than are open close idle connections, least recently used first;
// those in use are closed as they come back, and no client is cut. With Force
// they are cut at once until no more than Slots are left: idle connections
// first, then those being cleaned, logins under way, and leases, newest first.
type Entitle struct {
	Version uint64
	Slots   int
	Force   bool
}

func (Entitle) bucketMsg() {}

// errLost stands for a refusal of cause SlotLost inside the state.
var errLost = errors.New("bucket: slot lost")

type (
	// doCut takes a lease's slot away: it tells the session and closes the
	// connection at once; then is told back with closed.
	doCut struct{ lease *Lease }
	// doAbort closes, at once, a connection that is being cleaned. That its
	// cleaning ended is still to be told.
	doAbort struct{ cleaning *cleaning }
	// doCallOff ends a dial that is under way, which is still to be told.
	doCallOff struct{ dial *dial }
)

func (doCut) effect()     {}
func (doAbort) effect()   {}
func (doCallOff) effect() {}

// limit is how many connections may be open.
func (s *state) limit() int {
	if s.governed {
		return s.slots
	}
	return s.set.Limit
}

// surplus is how many more connections than the limit allows will be open once
// those being closed are gone.
func (s *state) surplus() int { return s.open - s.closing - s.doomed - s.limit() }

// entitle takes a new number of slots.
func (s *state) entitle(e Entitle) []effect {
	if e.Version < s.version {
		return nil
	}
	s.governed, s.version, s.slots, s.acked = true, e.Version, max(e.Slots, 0), false
	out := s.shrink(e.Force)
	if e.Force {
		out = append(out, s.cutDown()...)
	}
	return append(out, s.offer()...)
}

// shrink closes idle connections above the limit.
func (s *state) shrink(cut bool) []effect {
	var out []effect
	for s.surplus() > 0 && s.idle.len() > 0 {
		s.closing++
		out = append(out, doClose{conn: s.idle.takeOldest(), why: "over the limit", cut: cut})
	}
	return out
}

// cutDown ends what is in use above the limit. A slot that is passed on does
// not count: with more open than the limit allows, slotClosed gives it up.
func (s *state) cutDown() []effect {
	var out []effect
	over := func() bool { return s.surplus() > s.passing }
	for i := 0; i < len(s.busy) && over(); i++ {
		if b := s.busy[i]; !b.cut {
			b.cut = true
			s.doomed++
			out = append(out, doAbort{b})
		}
	}
	for i := len(s.dials) - 1; i >= 0 && over(); i-- {
		if d := s.dials[i]; !d.cut {
			d.cut = true
			s.doomed++
			out = append(out, doCallOff{d})
		}
	}
	if !over() {
		return out
	}
	for _, l := range s.newestLeases() {
		if !over() {
			break
		}
		delete(s.leases, l.session)
		l.lost.Store(true)
		s.closing++
		out = append(out, doCut{l})
	}
	return out
}

func (s *state) newestLeases() []*Lease {
	return slices.SortedFunc(maps.Values(s.leases), func(a, b *Lease) int { return cmp.Compare(b.ID, a.ID) })
}
