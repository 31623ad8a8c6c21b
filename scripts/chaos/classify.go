package main

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	mssql "github.com/microsoft/go-mssqldb"

	"sluice/actors/refusal"
)

// failureKind says how a client's session failed.
type failureKind int

const (
	failedOdd     failureKind = iota // nothing that a fault explains
	failedBusy                       // refused because there is no capacity: as documented
	failedSQL                        // a documented error that comes with faults
	failedNetwork                    // refused, closed or without an answer in time
	failedKilled                     // the server's own word that the session was killed
)

// failure is a session that failed.
type failure struct {
	at   time.Time
	node int // 0: not known, through a balancer
	kind failureKind
	text string
}

// errWrongAnswer says that a client did not get what it had written.
var errWrongAnswer = errors.New("wrong answer")

// classify says what an error of a client is. Its text is short and the same
// for the same cause.
func classify(err error) (failureKind, string) {
	var e mssql.Error
	var op *net.OpError
	switch {
	case errors.As(err, &e):
		return classifyNumber(e)
	case errors.Is(err, context.DeadlineExceeded), isTimeout(err):
		return failedNetwork, "no answer in time"
	case errors.As(err, &op) && op.Op == "dial":
		return failedNetwork, "connection refused"
	case errors.Is(err, driver.ErrBadConn), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed), errors.As(err, &op):
		return failedNetwork, "connection closed"
	}
	for _, s := range []string{"EOF", "connection reset", "broken pipe"} {
		if strings.Contains(err.Error(), s) {
			return failedNetwork, "connection closed" // the driver does not always wrap
		}
	}
	return failedOdd, err.Error()
}

// isOthersTable tells that a client found a temporary table where it has made none.
func isOthersTable(err error) bool {
	var e mssql.Error
	return errors.As(err, &e) && e.Number == objectExists
}

func isTimeout(err error) bool {
	var t interface{ Timeout() bool }
	return errors.As(err, &t) && t.Timeout()
}

// Numbers of SQL Server.
const (
	sessionKilled = 596
	objectExists  = 2714
)

func classifyNumber(e mssql.Error) (failureKind, string) {
	if e.Number == sessionKilled {
		return failedKilled, fmt.Sprintf("%d of the server", e.Number)
	}
	for _, c := range refusal.All() {
		if int32(c) != e.Number {
			continue
		}
		text := fmt.Sprintf("%d %s", e.Number, c)
		switch c {
		case refusal.PoolExhausted, refusal.QueueTimeout, refusal.QueueFull, refusal.Overloaded:
			return failedBusy, text
		case refusal.Internal, refusal.NoRoute, refusal.EncryptionRequired, refusal.LoginNotSupported,
			refusal.LoginRejected, refusal.Killed, refusal.Protocol, refusal.BucketRemoved:
			return failedOdd, text + ": " + e.Message
		}
		return failedSQL, text
	}
	return failedOdd, fmt.Sprintf("%d (not documented): %s", e.Number, e.Message)
}

// excuseTime is how long after a fault what it caused may still come to light,
// beside the time that a fleet takes to see a node dead.
const excuseTime = 4 * time.Second

// unexplained is what explain returns if nothing does.
const unexplained = ""

// explain names what explains a failure: the latest fault that can have led to
// it. A lost connection needs one of the node it went through, or one that makes
// nodes give up their connections; the server's word that a session was killed
// needs that; an error of the documented ones any fault at all.
func explain(f failure, done []Mark, hold time.Duration) string {
	switch f.kind {
	case failedBusy:
		return "no capacity"
	case failedOdd:
		return unexplained
	}
	why := unexplained
	for _, m := range done {
		after := m.To.IsZero() || f.at.Before(m.To.Add(hold+excuseTime))
		if m.Step.Fault.quiet() || f.at.Before(m.From) || !after {
			continue
		}
		ok := false
		switch f.kind {
		case failedKilled:
			ok = m.Step.Fault == BackendKill || m.Step.Fault == ServerAway
		case failedSQL:
			ok = true
		default:
			ok = f.node == 0 || !m.Step.Fault.ofNode() || m.Step.Node == f.node || m.Step.Fault.cuts()
		}
		if ok {
			why = string(m.Step.Fault)
		}
	}
	return why
}
