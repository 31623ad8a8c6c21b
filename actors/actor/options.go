package actor

import "time"

const (
	defaultMailbox = 1024
	maxMailbox     = 1 << 30
)

// Options is the behaviour of a kind of actors. It is made once by With and shared by
// all of them; it cannot be changed.
type Options struct {
	mailbox  int
	restarts int
	within   time.Duration
	backoff  time.Duration
}

// Option sets one part of Options.
type Option func(*Options)

// With returns the default options (a mailbox of 1024 messages, no restart) changed
// by o.
func With(o ...Option) *Options {
	opts := &Options{mailbox: defaultMailbox}
	for _, set := range o {
		set(opts)
	}
	return opts
}

// Mailbox bounds the mailbox to n messages, at least 1. Memory is taken as messages
// queue up, not ahead of them.
func Mailbox(n int) Option {
	return func(o *Options) { o.mailbox = min(max(n, 1), maxMailbox) }
}

// Restart replaces an actor that panicked by a fresh one from its constructor, after
// the pause backoff, up to n times in any period of length within (in its whole life
// if within is 0); the next panic stops it. Ref, mailbox and watches stay; the message
// that caused the panic is not delivered again, and questions the old instance had
// taken but not answered end with ErrStopped.
//
// The fresh instance may therefore be sent a Down it did not ask for itself.
func Restart(n int, within, backoff time.Duration) Option {
	return func(o *Options) { o.restarts, o.within, o.backoff = n, within, backoff }
}
