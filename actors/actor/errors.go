package actor

import (
	"errors"
	"fmt"
	"runtime/debug"
)

var (
	// ErrFull reports that the mailbox had no room; the message was not accepted.
	ErrFull = errors.New("actor: mailbox full")
	// ErrStopped reports that the actor stops or has stopped; the message was not
	// accepted, or the question will not be answered.
	ErrStopped = errors.New("actor: stopped")
	// ErrAbandoned is what a Reply returns if nobody will see the answer: the asker
	// left, was told that the actor stopped, or has been answered before.
	ErrAbandoned = errors.New("actor: nobody waits for this reply")
	// ErrNotInspectable reports that the actor is no Inspector.
	ErrNotInspectable = errors.New("actor: not inspectable")
)

// errGoexit is the value of a PanicError made for runtime.Goexit.
var errGoexit = errors.New("runtime.Goexit called in an actor")

// PanicError is the reason of an actor that stopped or restarted because it panicked.
type PanicError struct {
	Value any    // what was passed to panic
	Stack []byte // stack of the panicking goroutine, as text
}

// Error returns the panic value without the stack, which may be long.
func (e *PanicError) Error() string { return fmt.Sprintf("actor: panic: %v", e.Value) }

// Unwrap returns the panic value if it was an error, such as a runtime.Error.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}

// caught makes a PanicError of what recover returned. It must run in the deferred
// call, while the stack still shows where the panic came from.
func caught(v any) *PanicError {
	if v == nil {
		v = errGoexit
	}
	return &PanicError{Value: v, Stack: debug.Stack()}
}

// contain calls f and returns its panic, if any.
func contain(f func()) (p *PanicError) {
	defer func() {
		if v := recover(); v != nil {
			p = caught(v)
		}
	}()
	f()
	return nil
}
