package session

import (
	"sluice/actors/backend"
	"sluice/actors/bucket"
	"sluice/actors/refusal"
)

// state is the session's own knowledge, without sockets, goroutines or a
// clock: what happened goes in, what is to be done comes out.
type state struct {
	stage    stage
	lease    *bucket.Lease
	ending   bool // the port was told to end, or has ended
	shared   bool // transaction pooling: backends are the port's, request by request
	draining bool
	console  bool          // the node itself serves the client
	drainFor refusal.Cause // 0 is a drain of the node
}

type stage uint8

const (
	stageLogin     stage = iota // the client has not sent its login yet
	stageAcquiring              // a backend was asked for
	stageServing                // the client has a backend
	stageEnded
)

func (s stage) String() string {
	return [...]string{"login", "acquiring", "serving", "ended"}[s]
}

// effect is something the actor has to do.
type effect interface{ effect() }

type (
	doAcquire struct{ login *loggedIn } // route, check, and ask the bucket
	doServe   struct{ lease *bucket.Lease }
	// doServeShared answers the login, which has taken no backend or given it back.
	doServeShared struct{ answer *backend.Answer }
	doRefuse      struct{ err error }
	doRelease     struct {
		lease *bucket.Lease
		how   bucket.GiveBack
	}
	doEndPort     struct{ cause error }         // close the client now
	doDrainPort   struct{ cause refusal.Cause } // close the client when it is idle
	doBackendDied struct{}                      // close the client unless a response will tell it
	doSharedDied  struct{ lease *bucket.Lease } // the port knows if it still matters
	doStop        struct{ reason error }
)

func (doAcquire) effect()     {}
func (doServe) effect()       {}
func (doServeShared) effect() {}
func (doSharedDied) effect()  {}
func (doRefuse) effect()      {}
func (doRelease) effect()     {}
func (doEndPort) effect()     {}
func (doDrainPort) effect()   {}
func (doBackendDied) effect() {}
func (doStop) effect()        {}

// step is the whole of what a session decides.
func (s *state) step(m Msg) []effect {
	switch m := m.(type) {
	case loggedIn:
		if s.stage != stageLogin || s.ending {
			return nil
		}
		s.stage = stageAcquiring
		return []effect{doAcquire{&m}}
	case granted:
		return s.granted(m)
	case portEnded:
		return s.portEnded(m)
	case backendDied:
		if s.shared && s.stage == stageServing && !s.ending {
			return []effect{doSharedDied(m)}
		}
		if s.stage == stageServing && s.lease == m.lease && !s.ending {
			return []effect{doBackendDied{}}
		}
	case Drain:
		if s.console {
			return nil // whoever drains may want to look on
		}
		s.draining, s.drainFor = true, m.Cause
		switch s.stage {
		case stageLogin:
			return []effect{doDrainPort{m.Cause}}
		case stageAcquiring:
			// Who waits is let through: it was here before the drain began.
		case stageServing:
			return []effect{doDrainPort{m.Cause}}
		}
	case Kill:
		if s.stage != stageEnded && !s.ending {
			s.ending = true
			return []effect{doEndPort{&refusal.Error{Cause: m.Cause}}}
		}
	}
	return nil
}

func (s *state) granted(m granted) []effect {
	l := m.Lease
	switch {
	case s.stage != stageAcquiring:
		// The client left while the grant was on its way.
		if l == nil {
			return nil
		}
		how := bucket.Unused
		if l.Conn == nil {
			how = bucket.Gone
		}
		return []effect{doRelease{l, how}, doStop{}}
	case m.Err != nil:
		s.stage = stageServing // the port ends it, having told the client
		return []effect{doRefuse{m.Err}}
	}
	s.stage = stageServing
	var out []effect
	switch {
	case s.shared && l != nil:
		out = []effect{doRelease{l, bucket.Unused}, doServeShared{l.Conn.Answer}}
	case s.shared:
		out = []effect{doServeShared{m.Answer}}
	default:
		s.lease = l
		out = []effect{doServe{l}}
	}
	if s.draining {
		out = append(out, doDrainPort{s.drainFor})
	}
	return out
}

func (s *state) portEnded(m portEnded) []effect {
	if s.stage == stageEnded {
		return nil
	}
	s.stage, s.ending = stageEnded, true
	out := []effect{}
	if l := s.lease; l != nil {
		s.lease = nil
		out = append(out, doRelease{l, m.how})
	}
	// Stopping withdraws a request that still waits: the bucket watches.
	return append(out, doStop{})
}
