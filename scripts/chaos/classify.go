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

func isTimeout(err error) bool {
	var t interface{ Timeout() bool }
	return errors.As(err, &t) && t.Timeout()
}

func classifyNumber(e mssql.Error) (failureKind, string) {
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

// excused tells whether a fault explains a failure: a lost connection needs one
// of the node it went through, or one that makes nodes give up their
// connections; an error of the documented ones any at all.
func excused(f failure, done []Mark, hold time.Duration) bool {
	if f.kind == failedBusy {
		return true
	}
	if f.kind == failedOdd {
		return false
	}
	for _, m := range done {
		after := m.To.IsZero() || f.at.Before(m.To.Add(hold+excuseTime))
		if m.Step.Fault.quiet() || f.at.Before(m.From) || !after {
			continue
		}
		ofNode := faults[m.Step.Fault].target == targetNode
		if f.kind == failedSQL || f.node == 0 || !ofNode || m.Step.Node == f.node || m.Step.Fault.cuts() {
			return true
		}
	}
	return false
}
