package bucket

import (
	"cmp"
	"slices"
	"time"

	"sluice/actors/backend"
)

// line is what a state knows of the requests that wait in the queue. At most
// one offer is out at a time: with several, those of them that could not be
// served after all would come back behind one another's back.
type line struct {
	waiting int          // handed to the queue and not yet back
	waiters waiters      // the same, in order
	offered bool         // an offer is out
	forKey  *backend.Key // of the offer that is out, nil if it is to anybody
	stale   bool         // a request went back into the queue after the offer went out
	fresh   []backend.Key
}

// rested notes that a connection of key k is idle while requests wait. Should
// the one at the head have to wait for other backend logins to end, one
// further back may be able to use it.
func (l *line) rested(k *backend.Key) {
	if l.waiting > 0 && !l.isFresh(k) {
		l.fresh = append(l.fresh, *k)
	}
}

// isFresh compares in place: a copy of a key would make the frame of every
// caller large.
func (l *line) isFresh(k *backend.Key) bool {
	for i := range l.fresh {
		if l.fresh[i] == *k {
			return true
		}
	}
	return false
}

// restedStill is rested for the key of an offer that may not have been the
// last one to make for it. k may be nil.
func (s *state) restedStill(k *backend.Key) {
	if k != nil && s.idle.has(k) {
		s.rested(k)
	}
}

// claimed tells whether those who wait are still to be asked if they can use
// the idle connections of key k.
func (l *line) claimed(k *backend.Key) bool {
	return l.forKey != nil && *l.forKey == *k || l.isFresh(k)
}

// answered notes the end of an offer. It returns the key it was for, and
// whether the queue may have answered without knowing of a request that is
// further ahead than its answer.
func (l *line) answered() (k *backend.Key, stale bool) {
	k, stale = l.forKey, l.stale
	l.offered, l.forKey, l.stale = false, nil, false
	return k, stale
}

func (s *state) enqueue(r *Request, again bool) []effect {
	s.waiting++
	r.queued = true
	s.waiters.add(r, s.waiting)
	return []effect{doEnqueue{r, again}}
}

// requeue is enqueue for a request that was not next in line.
func (s *state) requeue(r *Request) []effect {
	s.stale = s.offered
	out := s.enqueue(r, true)
	s.restedStill(&r.Key)
	return out
}

// offer asks the queue for a waiter if one can be served now.
func (s *state) offer() []effect {
	if s.waiting == 0 {
		s.fresh = nil
	}
	if s.waiting == 0 || s.offered || s.closed || s.paused {
		return nil
	}
	free := s.open < s.limit()
	if s.dialing < s.set.MaxParallelLogins {
		if free || s.open == s.limit() && s.idle.len() > 0 {
			s.offered = true
			return []effect{doOffer{}}
		}
		return nil
	}
	// Who is first in line may have an idle connection that fits while others'
	// logins are under way: it takes nothing from those behind.
	if r := s.waiters.oldest(); s.open == s.limit() && r != nil && r.Trusted && s.idle.has(&r.Key) {
		k := r.Key
		s.offered, s.forKey = true, &k
		return []effect{doOffer{key: &k}}
	}
	for free && len(s.fresh) > 0 {
		k := s.fresh[0]
		s.fresh = s.fresh[1:]
		if c, known := s.creds[k.User]; (known || k.Shared) && s.idle.has(&k) {
			s.offered, s.forKey = true, &k
			return []effect{doOffer{&k, c.digest}}
		}
	}
	return nil
}

// offerFailed says that an offer did not reach the queue. The next change, or
// tick, makes another.
func (s *state) offerFailed() {
	key, _ := s.answered()
	s.restedStill(key)
}

// taken says that the queue answered an offer with r.
func (s *state) taken(r *Request, now time.Time) []effect {
	key, stale := s.answered()
	s.waiting--
	r.queued = false
	switch {
	case r.gone:
		s.restedStill(key)
		return s.offer()
	case s.closed:
		return s.refuse(r, errClosed)
	}
	waited := r.waited
	r.waited = now.Sub(r.arrived)
	var out []effect
	// Who was taken from the middle of the line may have what it was taken
	// for, and nothing that those ahead of it wait for.
	ok := !stale && (key == nil || (s.open < s.limit() || s.first(r)) && s.warmFits(r, now))
	if ok {
		out, ok = s.serve(r, now)
	}
	if !ok {
		r.waited = waited
		out = s.enqueue(r, true)
	}
	if ok || stale || s.open >= s.limit() {
		s.restedStill(key)
	}
	return append(out, s.offer()...)
}

// takenLate says that the queue answered an offer with r, which has waited too
// long by the time that the answer is read.
func (s *state) takenLate(r *Request, err error) []effect {
	key, _ := s.answered()
	s.restedStill(key)
	return s.left(r, err)
}

// returned says that the queue had nobody for an offer.
func (s *state) returned() []effect {
	if key, stale := s.answered(); stale {
		s.restedStill(key)
	}
	return s.offer()
}

// first tells whether nobody waits who is ahead of r.
func (s *state) first(r *Request) bool {
	o := s.waiters.oldest()
	return o == nil || r.order < o.order
}

// left says that the queue let a request go unserved.
func (s *state) left(r *Request, err error) []effect {
	s.waiting--
	r.queued = false
	return append(s.refuse(r, err), s.offer()...)
}

// queueLost says that the queue is gone, and whoever was in it. The bucket
// shuts, and those who waited learn it.
func (s *state) queueLost() []effect {
	out := s.shut()
	var lost []*Request
	for _, r := range s.pending {
		if r.queued {
			lost = append(lost, r)
		}
	}
	slices.SortFunc(lost, func(a, b *Request) int { return cmp.Compare(a.order, b.order) })
	for _, r := range lost {
		r.queued = false
		out = append(out, s.refuse(r, errClosed)...)
	}
	s.line = line{} // waiters whose sessions had gone are in nobody's list
	return out
}
