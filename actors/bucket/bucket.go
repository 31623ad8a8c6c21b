// Package bucket holds the governor of one bucket: the actor that decides who
// may have a backend connection open. It counts every connection from before
// it is dialled until its close is complete, keeps idle ones for reuse, and
// hands requests that must wait to the bucket's queue.
package bucket

import (
	"errors"
	"time"

	"sluice/actors/actor"
	"sluice/actors/backend"
	"sluice/actors/queue"
	"sluice/actors/refusal"
	"sluice/tds"
)

// Msg is a message to a governor.
type Msg interface{ bucketMsg() }

// Acquire asks for a backend connection. It is answered once, by Reply. The
// session is watched from then on: should it stop, what it asked for or held
// is taken back. A session has at most one request or lease at a time.
type Acquire struct {
	Request *Request
	// Watch starts the death watch on the asking session.
	Watch func(c *actor.Context[Msg], wrap func(actor.Down) Msg) (cancel func())
	Reply actor.Reply[Grant]
	// Died is called, and must not block, when the server of the connection
	// that was granted hangs up.
	Died func(*Lease)
}

// Grant answers Acquire: with a lease, or with why there is none, which is a
// *refusal.Error, a *backend.LoginError, or another error that names a fault
// of ours.
type Grant struct {
	Lease *Lease
	// Answer is set instead of Lease where AnswerOnly could be met so.
	Answer *backend.Answer
	Err    error
	// Kept, if not 0, is for the Left of a session whose login is kept until then.
	Kept uint64
}

// Withdraw takes an Acquire back that is not answered yet: its answer will be
// ErrWithdrawn. One that has been answered stays so, and a lease that was
// granted has to be given back.
type Withdraw struct{ Request *Request }

// ErrWithdrawn answers a request that was withdrawn.
var ErrWithdrawn = errors.New("bucket: the request was withdrawn")

// Release gives a lease back.
type Release struct {
	Session actor.ID
	Lease   *Lease
	How     GiveBack
}

// Configure changes the settings of a running bucket, and the target of
// connections opened from now on if it is not nil.
type Configure struct {
	Settings Settings
	Target   *backend.Target
	Queue    QueueSettings
	Warm     *Warm
	// Recycle closes connections that were opened with the old target as they
	// become idle.
	Recycle bool
}

// Warm is a login with credentials of the bucket's own.
type Warm struct {
	Login  *tds.Login7
	Key    backend.Key
	Digest Digest
	// Guess says that the login's shape (application name, options, features)
	// is nobody's yet: the first client with these credentials gives its own.
	Guess bool
}

// QueueSettings bound waiting.
type QueueSettings struct {
	Timeout time.Duration // 0: nobody waits
	MaxSize int           // 0: no limit
}

// Shut refuses all further requests, closes idle connections, and stops the
// governor when the last lease is back and every connection closed.
type Shut struct{ Cause error }

// Left says that a session has ended for which Grant.Kept was set. Its login is
// not kept for its sake any more.
type Left struct {
	Key    backend.Key
	Digest Digest
	Kept   uint64
}

// Forget drops what is known of a user's credentials: they were changed.
type Forget struct{ User string }

type (
	dialed struct {
		dial *dial
		user string
		sum  Digest
		conn *backend.Conn
		err  error
	}
	closed  struct{ then *Request }
	cleaned struct {
		conn  *backend.Conn
		check bool
		err   error
	}
	fromQueue struct{ event queue.Event[*Request] }
	queueDown struct{}
	queueLost struct{}
	// answer repeats an answer that a session's mailbox had no room for.
	answer struct{ effect effect }
	down   struct{ session actor.ID }
	gone   struct{ session actor.ID }
	died   struct{ conn *backend.Conn }
	tick   struct{}
)

func (Acquire) bucketMsg()   {}
func (Withdraw) bucketMsg()  {}
func (Release) bucketMsg()   {}
func (Configure) bucketMsg() {}
func (Shut) bucketMsg()      {}
func (Forget) bucketMsg()    {}
func (Left) bucketMsg()      {}
func (dialed) bucketMsg()    {}
func (closed) bucketMsg()    {}
func (cleaned) bucketMsg()   {}
func (fromQueue) bucketMsg() {}
func (queueDown) bucketMsg() {}
func (queueLost) bucketMsg() {}
func (answer) bucketMsg()    {}
func (down) bucketMsg()      {}
func (gone) bucketMsg()      {}
func (died) bucketMsg()      {}
func (tick) bucketMsg()      {}

// Discarded answers a request that a stopped governor did not read.
func (a Acquire) Discarded() {
	_ = a.Reply(Grant{Err: &refusal.Error{Cause: refusal.BucketRemoved, Detail: "its governor has stopped"}})
}

// Discarded closes a connection that a stopped governor did not take.
func (d dialed) Discarded() {
	if d.conn != nil {
		d.conn.Abort()
	}
}

// Discarded closes a connection that a stopped governor did not take.
func (c cleaned) Discarded() { c.conn.Abort() }
