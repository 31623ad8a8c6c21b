package bucket

import (
	"context"
	"time"

	"sluice/actors/actor"
	"sluice/actors/backend"
	"sluice/tds"
)

// Digest identifies a login's credentials without revealing them.
type Digest [32]byte

// Request is a session's wish for a backend connection.
type Request struct {
	Session   actor.ID
	Key       backend.Key
	Digest    Digest
	Login     *tds.Login7 // what to send should a new connection be needed
	Dedicated bool        // only a slot is wanted; the session dials by itself
	// AnswerOnly says that a connection is wanted only if there is no other way to
	// answer the login: with proven credentials Grant.Answer will do.
	AnswerOnly bool
	// Trusted says that the session has logged in here. Any idle connection of its
	// key fits, and Login may be nil: what it was is kept for as long as the
	// server does not refute it.
	Trusted bool
	// Print is the fingerprint of the settings that the connection should have.
	// Of idle ones the session's own is preferred, then one that has them.
	Print uint64
	// Own says that the session asks for what it left in its own connection, which
	// is looked for however long that has been idle.
	Own bool

	arrived  time.Time
	deadline time.Time     // of waiting in the queue
	order    uint64        // place in the order of arrival
	waited   time.Duration // in the queue
	queued   bool          // in the queue, or on the way there or back
	reply    actor.Reply[Grant]
	cancel   func()       // ends the death watch
	died     func(*Lease) // tells the session that its backend is gone
	gone     bool         // the session has stopped or was answered
}

// GiveBack says in what state a lease's connection comes back.
type GiveBack int

// States of a returned connection.
const (
	Unused GiveBack = iota // nothing was sent on it: as good as new
	Used                   // in step with the server; must be cleaned
	Known                  // in step, and Conn.Session says in what state: for shared connections
	Broken                 // unknown state, or dead: must be closed
	Gone                   // already closed by the session (dedicated leases)
)

// Settings are what governs a bucket. All but Limit can change without
// touching a connection.
type Settings struct {
	Limit             int // open connections at most, unless an Entitle says otherwise
	MinIdle           int // idle ones kept from expiring
	MaxIdleTime       time.Duration
	MaxLifetime       time.Duration
	CheckEvery        time.Duration // health check of idle connections
	MaxParallelLogins int
	ReverifyAfter     time.Duration // age at which credentials count as unproven
}

// state is the governor without goroutines, sockets or a clock: every method
// takes what happened and returns what is to be done. Its invariant: open
// counts every connection from before it is dialled until its close is
// complete, and never exceeds the limit in force when it was raised.
type state struct {
	set     Settings
	open    int         // dialling, idle, leased, being cleaned, being closed
	dialing int         // backend logins under way or about to start
	dials   []*dial     // those under way, oldest first
	busy    []*cleaning // being cleaned or checked, oldest first
	closing int         // being closed to free their slots
	passing int         // being closed to pass their slots on
	doomed  int         // of dials and busy: those cut, whose end is still to be told
	warmUps int         // dials under way for nobody: for MinIdle, or with their request served
	line

	governed bool // an Entitle says how many may be open, not the settings
	slots    int
	version  uint64 // of the last Entitle seen
	acked    bool   // and that it was seen has been reported
	told     Usage  // what was last reported
	granted  uint64 // leases so far

	idle    idleSet
	oldest  time.Time // connections born before are closed when given back
	leases  map[actor.ID]*Lease
	pending map[actor.ID]*Request           // asked and not yet answered
	creds   map[string]credential           // by user
	answers map[backend.Key]*backend.Answer // to logins, of shared connections
	vault   *vault                          // their logins
	closed  bool                            // gives nothing out any more
	paused  bool                            // gives nothing out for now
	nextID  uint64                          // of leases
	arrived uint64                          // requests so far
}

// credential remembers that a user's password was right when last tried.
type credential struct {
	digest   Digest
	verified time.Time
}

// dial is a backend login under way.
type dial struct {
	req    *Request // nil to keep a connection warm
	passed bool     // req has got another connection
	cut    bool     // called off
	cancel context.CancelCauseFunc
}

// cleaning is a connection that is being cleaned or checked.
type cleaning struct {
	conn *backend.Conn
	cut  bool // closed meanwhile
}

// effect is something the shell has to do.
type effect interface{ effect() }

type (
	// doGrant answers a request with a lease.
	doGrant struct {
		req   *Request
		lease *Lease
	}
	// doAnswer answers a login without a lease.
	doAnswer struct {
		req    *Request
		answer *backend.Answer
	}
	// doRefuse answers a request with an error.
	doRefuse struct {
		req *Request
		err error
	}
	// doDial opens a connection.
	doDial struct{ dial *dial }
	// doClose closes a connection; then is told back with closed.
	doClose struct {
		conn *backend.Conn
		then *Request // waits for the slot
		why  string
		cut  bool // at once, instead of in order
	}
	// doClean cleans or checks a connection.
	doClean struct {
		conn  *backend.Conn
		check bool
	}
	// doEnqueue hands req to the queue; again says that it was taken before.
	doEnqueue struct {
		req   *Request
		again bool
	}
	// doOffer asks the queue for its first waiter, or with key for the first
	// that the idle connections of that key fit.
	doOffer struct {
		key    *backend.Key
		digest Digest
	}
	doCancel struct{ id actor.ID }
	// doTellDied tells a session that its backend is gone.
	doTellDied struct{ lease *Lease }
)

func (doGrant) effect()    {}
func (doAnswer) effect()   {}
func (doRefuse) effect()   {}
func (doDial) effect()     {}
func (doClose) effect()    {}
func (doClean) effect()    {}
func (doEnqueue) effect()  {}
func (doOffer) effect()    {}
func (doCancel) effect()   {}
func (doTellDied) effect() {}

func newState(set Settings) *state {
	return &state{
		set: set, idle: newIdleSet(), acked: true,
		leases:  map[actor.ID]*Lease{},
		pending: map[actor.ID]*Request{},
		creds:   map[string]credential{},
		answers: map[backend.Key]*backend.Answer{},
		vault:   newVault(),
	}
}
