package actor

import (
	"context"
	"math"
	"sync/atomic"
)

// Reply answers one question. It may be kept, handed to another actor, and called by
// any goroutine, once. An error means that nobody will see the answer, so that whatever
// it grants still belongs to the caller. It never blocks.
type Reply[R any] func(R) error

// ReplyTo makes a Reply that arrives at an actor as the message wrap makes of it: the
// way one actor asks another. wrap runs in the goroutine that replies.
//
// nil means that the mailbox accepted the answer, but the asker may stop before it reads
// it: a granter whose grants must not be lost also watches the actor it grants to. The
// asker in turn watches the actor it asked: that one may stop without answering.
func ReplyTo[M, R any](to Ref[M], wrap func(R) M) Reply[R] {
	return func(r R) error { return to.Tell(wrap(r)) }
}

// Ask sends the message that mk makes of a Reply and waits for the answer. It is for
// plain goroutines and must not be called inside Receive.
//
// It fails with ErrFull if the mailbox has no room, with the error of ctx when that
// ends first, and with ErrStopped as soon as the actor stops, or the instance that took
// the question is replaced by a restart, without an answer given. After an error the
// Reply returns ErrAbandoned; if the Reply returned nil, Ask returns that answer, even
// if ctx ended in the same moment.
func Ask[M, R any](ctx context.Context, to Ref[M], mk func(Reply[R]) M) (R, error) {
	var none R
	if to.cell == nil {
		return none, ErrStopped
	}
	if err := ctx.Err(); err != nil {
		return none, err
	}
	q := newQuestion[R]()
	if err := to.cell.post(mk(q.reply), &q.elem, false); err != nil {
		q.fail() // mk may have let the Reply out
		return none, err
	}
	return q.wait(ctx, &to.cell.core)
}

// asked is a question in the list of the actor it was put to.
type asked struct {
	question failer
	place    uint64 // messages taken from the mailbox before the question is taken
}

// failer is a question of any type.
type failer interface{ fail() }

// inControlLane is the place of a question that is in no mailbox.
const inControlLane = math.MaxUint64

// States of a question. It leaves open once, and whoever moves it decides what both
// sides see.
const (
	open      = iota
	answered  // the replier's answer is the asker's
	abandoned // the asker left
	failed    // the actor stopped
)

type question[R any] struct {
	state  atomic.Uint32
	elem   elem[asked]   // in the asked actor's list while open
	answer R             // written by the one who moved state to answered
	done   chan struct{} // gets one value after state became answered or failed
}

func newQuestion[R any]() *question[R] {
	q := &question[R]{done: make(chan struct{}, 1)}
	q.elem.value = asked{question: q, place: inControlLane}
	return q
}

func (q *question[R]) reply(r R) error {
	if !q.state.CompareAndSwap(open, answered) {
		return ErrAbandoned
	}
	q.answer = r
	q.done <- struct{}{}
	return nil
}

func (q *question[R]) fail() {
	if q.state.CompareAndSwap(open, failed) {
		q.done <- struct{}{}
	}
}

// wait returns what became of the question put to c.
func (q *question[R]) wait(ctx context.Context, c *core) (R, error) {
	var none R
	select {
	case <-q.done:
	case <-ctx.Done():
		if q.state.CompareAndSwap(open, abandoned) {
			c.forget(&q.elem)
			return none, ctx.Err()
		}
		<-q.done // the other side was told that it won: its result stands
	}
	c.forget(&q.elem)
	if q.state.Load() == failed {
		return none, ErrStopped
	}
	return q.answer, nil
}

// forget takes a question that has been decided out of the list.
func (c *core) forget(e *elem[asked]) {
	c.mu.Lock()
	c.asks.remove(e)
	c.mu.Unlock()
}
