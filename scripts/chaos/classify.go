package main

import (
	"errors"
	"fmt"
	"time"

	mssql "github.com/microsoft/go-mssqldb"

	"sluice/actors/refusal"
	"sluice/scripts/load"
)

// failureKind says how a client's session failed.
type failureKind int

const (
	failedOdd      failureKind = iota // nothing that a fault explains
	failedBusy                        // refused because there is no capacity: as documented
	failedDraining                    // the node shuts down
	failedFenced                      // the node gave up its connections
	failedServer                      // the node could not reach the server, or lost it
	failedNetwork                     // refused, closed or without an answer in time
	failedKilled                      // the server's own word that the session was killed
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
	if errors.As(err, &e) {
		return classifyNumber(e)
	}
	if text, ok := load.OfNetwork(err); ok {
		return failedNetwork, text
	}
	return failedOdd, err.Error()
}

// isOthersTable tells that a client found a temporary table where it has made none.
func isOthersTable(err error) bool {
	var e mssql.Error
	return errors.As(err, &e) && e.Number == objectExists
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
		case refusal.Draining:
			return failedDraining, text
		case refusal.SlotLost:
			return failedFenced, text
		case refusal.BackendUnavailable, refusal.BackendLost:
			return failedServer, text
		}
		return failedOdd, text + ": " + e.Message // no client of this rig should meet it
	}
	return failedOdd, fmt.Sprintf("%d (not documented): %s", e.Number, e.Message)
}

// excuseTime is how long after a fault what it caused may still come to light,
// beside the time that a fleet takes to see a node dead.
const excuseTime = 4 * time.Second

// unexplained is what explain returns if nothing does.
const unexplained = ""

// explain names what explains a failure: of the faults that can have led to it
// the likeliest, and of these the latest.
func explain(f failure, done []Mark, hold time.Duration) string {
	switch f.kind {
	case failedBusy:
		return "no capacity"
	case failedOdd:
		return unexplained
	}
	why, best := unexplained, no
	for _, m := range done {
		after := m.To.IsZero() || f.at.Before(m.To.Add(hold+excuseTime))
		if m.Step.Fault.quiet() || f.at.Before(m.From) || !after {
			continue
		}
		if l := explains(m.Step, f); l > no && l >= best {
			why, best = string(m.Step.Fault), l
		}
	}
	return why
}

// likelihood is whether a fault leads to a failure.
type likelihood int

const (
	no likelihood = iota
	perhaps
	likely
)

// explains tells whether a step can lead to a failure.
func explains(s Step, f failure) likelihood {
	when := func(is bool, l likelihood) likelihood {
		if is {
			return l
		}
		return no
	}
	ofNode := s.Fault.ofNode() && (s.Node == f.node || f.node == 0)
	switch f.kind {
	case failedKilled:
		return when(s.Fault == BackendKill || s.Fault == ServerAway, likely)
	case failedDraining:
		return when(ofNode && (s.Fault == Leave || s.Fault == Join), likely)
	case failedFenced:
		return when(ofNode || s.Fault.cuts() || faults[s.Fault].target == targetRedis, likely)
	case failedServer:
		return max(when(s.Fault.ofServer(), likely), when(ofNode, perhaps))
	}
	return max(when(ofNode, likely), when(s.Fault.cuts() || !s.Fault.ofNode(), perhaps))
}
