package bucket

import (
	"crypto/subtle"
	"errors"
	"slices"
	"time"

	"sluice/actors/actor"
	"sluice/actors/backend"
)

// dialed is the end of a doDial. The connection is r's, unless r's session has
// gone meanwhile: then it stays as an idle one, because a login is too dear to
// throw away.
func (s *state) dialed(d *dial, c *backend.Conn, err error, now time.Time) []effect {
	r := d.req
	if d.passed {
		return s.warmed(d, r.Key.User, r.Digest, c, err, now)
	}
	s.dialEnded(d)
	if err != nil {
		s.open--
		s.refuted(r.Key.User, r.Digest, err)
		return append(s.refuse(r, err), s.offer()...)
	}
	s.opened(c, r.Key.User, r.Digest, now)
	s.vault.keep(r)
	switch {
	case d.cut: // too late
		return append(s.refuse(r, errLost), s.cut(c))
	case r.gone || s.closed:
		return append(s.refuse(r, errClosed), s.rest(c, now)...)
	}
	return append(s.grant(r, c, false), s.offer()...)
}

// warmed is the end of a doDial without a request, or whose request has got
// another connection.
func (s *state) warmed(d *dial, user string, sum Digest, c *backend.Conn, err error, now time.Time) []effect {
	s.dialEnded(d)
	s.warmUps--
	if err != nil {
		s.open--
		s.refuted(user, sum, err)
		return s.offer()
	}
	s.opened(c, user, sum, now)
	if d.cut {
		return []effect{s.cut(c)}
	}
	return s.rest(c, now)
}

// dial starts a dial for r, or to keep a connection warm if r is nil.
func (s *state) dial(r *Request) effect {
	d := &dial{req: r}
	s.dialing++
	s.dials = append(s.dials, d)
	return doDial{d}
}

func (s *state) dialEnded(d *dial) {
	s.dialing--
	if i := slices.Index(s.dials, d); i >= 0 {
		s.dials = slices.Delete(s.dials, i, i+1)
	}
	if d.cut {
		s.doomed--
	}
}

// opened notes that the server took a login, unless it was the server of a
// target that has changed meanwhile.
func (s *state) opened(c *backend.Conn, user string, d Digest, now time.Time) {
	c.CheckedAt = now
	if !c.Born.Before(s.oldest) {
		s.creds[user] = credential{d, now}
		if c.Key.Shared {
			s.keepAnswer(c)
		}
	}
}

// maxAnswers bounds the answers to logins that are kept. Without one a login
// takes a connection for a moment.
const maxAnswers = 4096

// keepAnswer keeps the answer that logins with the key of c get. Clients choose
// much of a key, so there is no end to them.
func (s *state) keepAnswer(c *backend.Conn) {
	if _, known := s.answers[c.Key]; !known && len(s.answers) >= maxAnswers {
		for k := range s.answers {
			delete(s.answers, k) // any
			break
		}
	}
	s.answers[c.Key] = c.Answer
}

// classLogin is the class of errors by which a server says that a login or its
// password is not, or no longer, good.
const classLogin = 14

// refuted forgets credentials that the server took once and now refuses: the
// password was changed, or the login locked. Other refusals say nothing about
// them. A database that cannot be opened is one: servers say that first, and
// then that the login failed.
func (s *state) refuted(user string, d Digest, err error) {
	var refused *backend.LoginError
	if !errors.As(err, &refused) || len(refused.Errors) == 0 || refused.Errors[0].Class != classLogin {
		return
	}
	s.vault.forget(user, d)
	if c, known := s.creds[user]; known && subtle.ConstantTimeCompare(c.digest[:], d[:]) == 1 {
		delete(s.creds, user)
	}
}

func (s *state) close(c *backend.Conn, why string) effect {
	s.closing++
	return doClose{conn: c, why: why}
}

// cut closes a connection at once.
func (s *state) cut(c *backend.Conn) effect {
	s.closing++
	return doClose{conn: c, why: "slot lost", cut: true}
}

func (s *state) clean(c *backend.Conn, check bool) effect {
	s.busy = append(s.busy, &cleaning{conn: c})
	return doClean{c, check}
}

func (s *state) tooOld(c *backend.Conn, now time.Time) bool {
	return s.set.MaxLifetime > 0 && now.Sub(c.Born) >= s.set.MaxLifetime
}

// rest puts a clean connection to the idle ones, or closes it if it is not to
// be used again.
func (s *state) rest(c *backend.Conn, now time.Time) []effect {
	switch {
	case s.closed:
		return []effect{s.close(c, "shutting down")}
	case s.paused:
		return []effect{s.close(c, "paused")}
	case s.surplus() > 0:
		return []effect{s.close(c, "over the limit")}
	case c.Born.Before(s.oldest):
		return []effect{s.close(c, "target changed")}
	case s.tooOld(c, now):
		return []effect{s.close(c, "max_lifetime")}
	}
	c.IdleSince = now
	if out := s.pass(c); out != nil {
		return out
	}
	s.idle.put(c)
	s.rested(&c.Key)
	return s.offer()
}

// pass gives a connection that would be idle to the first request that a login
// is under way for: it is ahead of all who wait in the queue, and would get its
// own connection later than those would get this one. The login goes on, for
// whoever is next. nil if there is no such request. It is for sessions that
// share: for others the login is the proof of their password.
func (s *state) pass(c *backend.Conn) []effect {
	var to *dial
	for _, d := range s.dials {
		r := d.req
		if r == nil || d.passed || d.cut || r.gone || !r.Trusted || r.Key != c.Key {
			continue
		}
		if to == nil || r.order < to.req.order {
			to = d
		}
	}
	if to == nil {
		return nil
	}
	to.passed = true
	s.warmUps++
	return s.grant(to.req, c, true)
}

// slotClosed is the end of a doClose.
func (s *state) slotClosed(then *Request) []effect {
	if then == nil {
		s.closing--
		s.open--
		return s.offer()
	}
	s.passing--
	if !then.Dedicated {
		s.dialing-- // useSlot counts it again
	}
	warm := then.Trusted && s.idle.has(&then.Key) // since the slot was looked for
	if !then.gone && !s.closed && !s.paused && s.open <= s.limit() && !warm {
		return s.useSlot(then)
	}
	s.open--
	var out []effect
	switch {
	case warm && !then.gone && !s.closed:
		out = s.grant(then, s.idle.takeFor(then), true)
	case s.closed:
		out = s.refuse(then, errClosed)
	case !then.gone: // the limit was lowered in between, or the bucket paused
		out = s.requeue(then)
	}
	return append(out, s.offer()...)
}

// cleaned is the end of a doClean. A health check does not make a connection
// younger: it goes on being idle since it was.
func (s *state) cleaned(c *backend.Conn, check bool, err error, now time.Time) []effect {
	at := slices.IndexFunc(s.busy, func(b *cleaning) bool { return b.conn == c })
	cut := s.busy[at].cut
	s.busy = slices.Delete(s.busy, at, at+1)
	switch {
	case cut:
		s.doomed--
		return []effect{s.cut(c)}
	case err != nil:
		return []effect{s.close(c, "clean failed")}
	}
	c.CheckedAt = now
	since := c.IdleSince
	out := s.rest(c, now)
	if check && s.idle.remove(c) {
		c.IdleSince = since
		s.idle.put(c)
	}
	return out
}

// release takes a lease back. A lease that is not out any more is ignored: it
// has come back another way before.
func (s *state) release(session actor.ID, id uint64, how GiveBack, now time.Time) []effect {
	l := s.leases[session]
	if l == nil || l.ID != id {
		return nil
	}
	delete(s.leases, session)
	switch {
	case l.Conn == nil:
		s.open--
		return s.offer()
	case how == Unused:
		return s.rest(l.Conn, now)
	case how == Known:
		l.Conn.CheckedAt = now // its server has just answered
		return s.rest(l.Conn, now)
	case how == Used && l.Conn.Born.Before(s.oldest):
		return []effect{s.close(l.Conn, "target changed")}
	case how == Used && s.paused:
		return []effect{s.close(l.Conn, "paused")}
	case how == Used && s.surplus() > 0:
		return []effect{s.close(l.Conn, "over the limit")}
	case how == Used:
		return []effect{s.clean(l.Conn, false)}
	}
	// Also for Gone: that a pooled connection is closed is known when it was
	// closed here.
	return []effect{s.close(l.Conn, "broken")}
}

// down says that a session has stopped. What it had asked for is dropped; what
// it still held is in an unknown state.
func (s *state) down(session actor.ID, now time.Time) []effect {
	var out []effect
	if r := s.pending[session]; r != nil {
		delete(s.pending, session)
		r.gone = true
		out = append(out, doCancel{session})
	}
	if l := s.leases[session]; l != nil {
		how := Broken
		if l.dedicated {
			how = Gone
		}
		out = append(out, s.release(session, l.ID, how, now)...)
	}
	return out
}

// died says that a server has hung up. An idle connection is closed; the
// session that has it leased is told, since its client may be idle as well.
func (s *state) died(c *backend.Conn) (out []effect, idle bool) {
	if s.idle.remove(c) {
		return []effect{s.close(c, "died while idle")}, true
	}
	for _, l := range s.leases {
		if l.Conn == c {
			return []effect{doTellDied{l}}, false
		}
	}
	return nil, false
}
