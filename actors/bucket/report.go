package bucket

import (
	"slices"
	"time"
)

// Usage is what a governor reports to the owner of its slots, as it is at the
// end of one of its turns.
//
// A report with a new Version acknowledges that Entitle. From then on, until a
// later one is seen, Open never exceeds the larger of Slots and the Open of
// this report; while it is above Slots it only falls, and each fall is reported.
type Usage struct {
	Bucket  string
	Version uint64 // of the last Entitle seen
	Slots   int    // that may be used
	Open    int    // connections, from before their dial until they are closed
	InUse   int    // leases, and dials for requests with what they wait for
	Idle    int
	Waiting int // requests in the queue; 0 while the bucket is paused
	// Oldest is when the request that has waited longest arrived; zero if none waits.
	Oldest   time.Time
	Acquired uint64 // grants so far
}

// usage returns what is to be reported, but for the bucket's name.
func (s *state) usage() Usage {
	u := Usage{
		Version: s.version, Slots: s.limit(), Open: s.open, Idle: s.idle.len(), Waiting: s.wanting(), Acquired: s.granted,
		InUse: s.open - s.idle.len() - len(s.busy) - s.closing - s.warmUps,
	}
	if r := s.waiters.oldest(); r != nil && !s.paused {
		u.Oldest = r.arrived
	}
	return u
}

// reportDue tells, at the end of a turn, whether its outcome is to be reported
// at once or, with tick, as one change among others. A grant within the slots,
// with nobody waiting, is not.
func (s *state) reportDue(tick bool) bool {
	t := &s.told
	switch {
	case !s.acked, (s.wanting() > 0) != (t.Waiting > 0):
		return true
	case s.open != t.Open && (s.waiting > 0 || s.closed || max(s.open, t.Open) > s.limit()):
		return true
	}
	return tick && s.usage() != *t
}

// report returns the usage to report and notes that it is.
func (s *state) report() Usage {
	s.acked, s.told = true, s.usage()
	return s.told
}

// waiters are the requests in the queue in the order of their arrival. One that
// has left is dropped when it is met in front or, at the latest, when most are
// such.
type waiters []*Request

func (w *waiters) add(r *Request, waiting int) {
	if len(*w) > 2*waiting+16 {
		*w = slices.DeleteFunc(*w, func(r *Request) bool { return !r.queued })
	}
	at := len(*w)
	for at > 0 && (*w)[at-1].order > r.order {
		at--
	}
	if at > 0 && (*w)[at-1] == r {
		return // back before it was dropped
	}
	*w = slices.Insert(*w, at, r)
}

// oldest returns the first that still waits, nil if none does.
func (w *waiters) oldest() *Request {
	q := *w
	for len(q) > 0 && (!q[0].queued || q[0].gone) {
		q[0] = nil
		q = q[1:]
	}
	*w = q
	if len(q) == 0 {
		*w = nil
		return nil
	}
	return q[0]
}
