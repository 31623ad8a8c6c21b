package bucket

import (
	"crypto/subtle"
	"errors"
	"time"

	"sluice/actors/backend"
)

// errTwice refuses a session that asks while it waits or holds a lease: a
// second request would hide the first one, and a slot with it.
var errTwice = errors.New("bucket: the session has a request or a connection already")

// acquire serves a new request at once or hands it to the queue. Those who
// wait come first, with one exception: where a warm connection fits that
// nobody who waits can have, and a slot is free so that nobody needs it
// evicted, using it takes nothing from anybody.
func (s *state) acquire(r *Request, now time.Time) []effect {
	switch {
	case s.closed:
		return []effect{doRefuse{r, errClosed}}
	case s.pending[r.Session] != nil || s.leases[r.Session] != nil:
		return []effect{doRefuse{r, errTwice}}
	}
	s.arrived++
	r.order = s.arrived
	s.pending[r.Session] = r
	if out := s.answer(r, now); out != nil {
		return out
	}
	if s.waiting == 0 || s.open < s.limit() && s.warmFits(r, now) && !s.claimed(&r.Key) {
		if out, ok := s.serve(r, now); ok {
			return out
		}
	}
	out := s.enqueue(r, false)
	if s.warmFits(r, now) {
		s.rested(&r.Key)
	}
	return append(out, s.offer()...)
}

// proven tells whether r's credentials were accepted by the server not too
// long ago. The comparison takes the same time wherever the digests differ.
func (s *state) proven(r *Request, now time.Time) bool {
	if r.Trusted {
		return true
	}
	c, ok := s.creds[r.Key.User]
	return ok && subtle.ConstantTimeCompare(c.digest[:], r.Digest[:]) == 1 && now.Sub(c.verified) < s.set.ReverifyAfter
}

func (s *state) warmFits(r *Request, now time.Time) bool {
	return !r.Dedicated && s.idle.has(&r.Key) && s.proven(r, now)
}

// serve gives r a warm connection, or starts to open one for it, evicting the
// least recently used idle one where all slots are taken. ok is false if r has
// to wait.
func (s *state) serve(r *Request, now time.Time) (out []effect, ok bool) {
	if s.paused {
		return nil, false
	}
	if s.warmFits(r, now) {
		return s.grant(r, s.idle.takeFor(r), true), true
	}
	if !r.Dedicated && s.dialing >= s.set.MaxParallelLogins {
		return nil, false
	}
	switch {
	case s.open < s.limit():
		s.open++
		return s.useSlot(r), true
	case s.open == s.limit() && s.idle.len() > 0:
		// The slot changes hands only when the old connection is gone.
		s.passing++
		if !r.Dedicated {
			s.dialing++
		}
		return []effect{doClose{conn: s.idle.takeOldest(), then: r, why: "evicted"}}, true
	}
	return nil, false
}

// useSlot spends a slot that open already counts on r.
func (s *state) useSlot(r *Request) []effect {
	if r.Dedicated {
		return s.grant(r, nil, false)
	}
	return []effect{s.dial(r)}
}

func (s *state) grant(r *Request, c *backend.Conn, warm bool) []effect {
	s.nextID++
	l := &Lease{ID: s.nextID, Conn: c, Warm: warm, Waited: r.waited, session: r.Session, request: r, dedicated: r.Dedicated}
	if l.dedicated {
		l.own = newOwnSocket()
	}
	s.granted++
	delete(s.pending, r.Session)
	s.leases[r.Session] = l
	return []effect{doGrant{r, l}}
}

// deadOnGrant takes back a warm connection that turned out to be dead before
// the client had seen it, and serves the request anew.
func (s *state) deadOnGrant(l *Lease, now time.Time) []effect {
	delete(s.leases, l.session)
	s.granted--
	out := []effect{s.close(l.Conn, "died while idle")}
	r := l.request
	s.pending[r.Session] = r
	if s.waiting == 0 || s.warmFits(r, now) { // a slot is for who waits first
		if more, ok := s.serve(r, now); ok {
			return append(out, more...)
		}
	}
	out = append(out, s.requeue(r)...)
	return append(out, s.offer()...)
}

// answer answers a login that has no need of a connection; nil if it has.
func (s *state) answer(r *Request, now time.Time) []effect {
	if !r.AnswerOnly || !s.proven(r, now) {
		return nil
	}
	a := s.answers[r.Key]
	if a == nil || !s.vault.keep(r) {
		return nil
	}
	delete(s.pending, r.Session)
	r.gone = true
	return []effect{doAnswer{r, a}}
}

// withdraw takes back a request that has no answer yet.
func (s *state) withdraw(r *Request) []effect {
	if s.pending[r.Session] != r || r.gone {
		return nil
	}
	out := s.refuse(r, ErrWithdrawn)
	if r.queued {
		out = append(out, doCancel{r.Session})
	}
	return out
}

// refuse ends a request that got no slot.
func (s *state) refuse(r *Request, err error) []effect {
	if s.pending[r.Session] == r {
		delete(s.pending, r.Session)
	}
	if r.gone {
		return nil
	}
	r.gone = true
	return []effect{doRefuse{r, err}}
}
