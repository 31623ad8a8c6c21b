// Package refusal lists the errors that a client can get from Sluice itself,
// as opposed to those a SQL Server sent. One cause has one number and no
// number has two causes.
package refusal

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"sluice/tds"
)

// Cause is why a client was refused or cut off. Its value is the error number.
type Cause int32

// The causes. docs/errors.md lists what each means to an operator.
const (
	Internal           Cause = 50000
	PoolExhausted      Cause = 50001 // no slot and no queueing allowed
	NoRoute            Cause = 50002
	BackendUnavailable Cause = 50003
	QueueTimeout       Cause = 50004
	QueueFull          Cause = 50005
	Draining           Cause = 50006 // the node is shutting down
	BackendLost        Cause = 50007 // the server closed or broke the connection
	EncryptionRequired Cause = 50008 // the client cannot or will not encrypt
	LoginNotSupported  Cause = 50009 // a kind of login that cannot be served here
	LoginRejected      Cause = 50010 // the node's own check of mapped credentials failed
	Overloaded         Cause = 50011 // a mailbox of the node is full
	SessionExpired     Cause = 50012 // session_timeout
	BucketRemoved      Cause = 50013 // the bucket left the configuration
	Killed             Cause = 50014 // ended by an operator
	Protocol           Cause = 50015 // the client broke the protocol
	SlotLost           Cause = 50016 // the node's right to the connection has ended
	StrayTransaction   Cause = 50017 // a request names a transaction that its session has not open
	Paused             Cause = 50018 // an operator paused the bucket
	NotAllowed         Cause = 50019 // the console login's roles do not include the command
	BadCommand         Cause = 50020 // the console does not know the command, or what it is about
)

// Numbers that SQL Server itself uses and drivers know.
const (
	CannotOpenDatabase = 4060  // login names a database that is not there
	LoginFailed        = 18456 // wrong user or password
	limitReached       = 10928 // Azure: resource limit
	serviceBusy        = 40501 // Azure: service busy
	unavailable        = 40613 // Azure: database not currently available
)

// Style says which of the two numbers of a cause a client sees first.
type Style int

// StyleSluice sends our number alone; StyleDrivers sends the number that
// drivers retry by themselves first, and ours behind it.
const (
	StyleSluice Style = iota
	StyleDrivers
)

// Info describes a cause.
type Info struct {
	Name   string // label of metrics and logs
	Class  byte
	Retry  int32 // number of StyleDrivers, 0 if there is none
	Text   string
	Closes bool // the connection does not outlive it
}

// Describe returns what there is to know of a cause.
func (c Cause) Describe() Info {
	switch c {
	case PoolExhausted:
		return Info{"pool_exhausted", 16, limitReached, "all connections are in use and waiting is not allowed", false}
	case NoRoute:
		return Info{"no_route", 16, 0, "no bucket serves this login", true}
	case BackendUnavailable:
		return Info{"backend_unavailable", 20, unavailable, "the server cannot be reached", true}
	case QueueTimeout:
		return Info{"queue_timeout", 16, limitReached, "no connection became free in time", false}
	case QueueFull:
		return Info{"queue_full", 16, serviceBusy, "too many requests are waiting for a connection", false}
	case Draining:
		return Info{"draining", 16, unavailable, "this node is shutting down", true}
	case BackendLost:
		return Info{"backend_lost", 20, unavailable, "the connection to the server was lost", true}
	case EncryptionRequired:
		return Info{"encryption_required", 16, 0, "encryption is required", true}
	case LoginNotSupported:
		return Info{"login_not_supported", 16, 0, "this kind of login is not supported", true}
	case LoginRejected:
		return Info{"login_rejected", 14, 0, "the login is not known or its password is wrong", true}
	case Overloaded:
		return Info{"overloaded", 16, serviceBusy, "the node is overloaded", false}
	case SessionExpired:
		return Info{"session_expired", 16, unavailable, "the session has reached session_timeout", true}
	case BucketRemoved:
		return Info{"bucket_removed", 16, unavailable, "the bucket was removed from the configuration", true}
	case Killed:
		return Info{"killed", 20, 0, "the session was ended by an operator", true}
	case Protocol:
		return Info{"protocol", 20, 0, "the client broke the TDS protocol", true}
	case SlotLost:
		return Info{"slot_lost", 20, unavailable, "this node may no longer use its connections: it lost touch with the fleet's ledger", true}
	case StrayTransaction:
		return Info{"stray_transaction", 16, 0, "the request belongs to a transaction that is not open in this session", false}
	case Paused:
		return Info{"paused", 16, serviceBusy, "the bucket is paused", false}
	case NotAllowed:
		return Info{"not_allowed", 14, 0, "this login may not use the command", false}
	case BadCommand:
		return Info{"bad_command", 15, 0, "the console cannot carry out the command", false}
	}
	return Info{"internal", 16, 0, "internal error", true}
}

// All returns every cause in the order of its number.
func All() []Cause {
	var all []Cause
	for c := Internal; c <= BadCommand; c++ {
		all = append(all, c)
	}
	return all
}

func (c Cause) String() string { return c.Describe().Name }

// Error is a refusal with its circumstances, which its text names.
type Error struct {
	Cause  Cause
	Bucket string
	Node   string
	Waited time.Duration // in the queue
	Detail string
	Err    error // what lies behind, for logs; clients see Detail
}

// At returns e with its node and bucket filled in where they are missing; e
// itself is not changed.
func (e *Error) At(node, bucket string) *Error {
	if e.Node != "" && (e.Bucket != "" || bucket == "") {
		return e
	}
	at := *e
	at.Node, at.Bucket = cmp.Or(e.Node, node), cmp.Or(e.Bucket, bucket)
	return &at
}

// After returns e as one that came after a wait, unless it says that already; e
// itself is not changed.
func (e *Error) After(wait time.Duration) *Error {
	if e.Waited != 0 || wait <= 0 {
		return e
	}
	after := *e
	after.Waited = wait
	return &after
}

func (e *Error) Unwrap() error { return e.Err }

func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("Sluice: ")
	b.WriteString(e.Cause.Describe().Text)
	if e.Detail != "" {
		b.WriteString(": ")
		b.WriteString(e.Detail)
	}
	var about []string
	if e.Bucket != "" {
		about = append(about, "bucket "+e.Bucket)
	}
	if e.Node != "" {
		about = append(about, "node "+e.Node)
	}
	if e.Waited > 0 {
		about = append(about, fmt.Sprintf("waited %v", e.Waited.Round(time.Millisecond)))
	}
	if len(about) > 0 {
		b.WriteString(" (" + strings.Join(about, ", ") + ")")
	}
	return b.String() + "."
}

// Tokens appends the ERROR tokens that tell a client. For NoRoute and
// LoginRejected the number that SQL Server would have used comes first,
// because drivers and tools know it.
func (e *Error) Tokens(dst []byte, v tds.Version, style Style) []byte {
	info := e.Cause.Describe()
	own := tds.ServerError{Number: int32(e.Cause), State: 1, Class: info.Class, Text: e.Error(), Server: e.Node, Line: 1}
	first := own
	switch {
	case e.Cause == NoRoute:
		first.Number, first.Class = CannotOpenDatabase, 11
	case e.Cause == LoginRejected:
		first.Number, first.Class = LoginFailed, 14
	case style == StyleDrivers && info.Retry != 0:
		first.Number = info.Retry
	default:
		return own.Append(dst, v)
	}
	return own.Append(first.Append(dst, v), v)
}
