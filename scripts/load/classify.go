package load

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"

	mssql "github.com/microsoft/go-mssqldb"

	"sluice/actors/refusal"
)

// Class says what sort of error a client met.
type Class string

// Classes of errors.
const (
	Busy    Class = "busy"    // refused because there is no capacity: a documented number of ours
	Refused Class = "refused" // another documented number of ours
	SQL     Class = "sql"     // an error of the SQL server
	Network Class = "network" // refused, closed or without an answer in time
	Other   Class = "other"
)

// Failure is an error as it is counted: one for each number, or text, and kind
// of operation.
type Failure struct {
	Class  Class  `json:"class"`
	Number int32  `json:"number,omitempty"` // of the first error the server sent; 0: none
	Text   string `json:"text"`
	Kind   Kind   `json:"kind"`
}

// errWrong says that a client did not get what it had written.
var errWrong = errors.New("wrong answer")

// classify says what an error is. Its text is short and, but for the errors of
// a SQL server, the same for the same cause.
func classify(err error) Failure {
	var e mssql.Error
	if errors.As(err, &e) {
		return classifyNumber(e)
	}
	if text, ok := OfNetwork(err); ok {
		return Failure{Class: Network, Text: text}
	}
	if errors.Is(err, sql.ErrConnDone) {
		return Failure{Class: Network, Text: connectionClosed}
	}
	return Failure{Class: Other, Text: err.Error()}
}

const connectionClosed = "connection closed"

// OfNetwork tells whether an error, which is none that a server has sent, is
// the network's, and describes it in words that are the same for the same cause.
func OfNetwork(err error) (text string, ok bool) {
	var op *net.OpError
	switch {
	case errors.Is(err, context.DeadlineExceeded), isTimeout(err):
		return "no answer in time", true
	case errors.As(err, &op) && op.Op == "dial":
		return "connection refused", true
	case errors.Is(err, driver.ErrBadConn), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed), errors.As(err, &op):
		return connectionClosed, true
	}
	for _, s := range []string{"EOF", "connection reset", "broken pipe"} {
		if strings.Contains(err.Error(), s) {
			return connectionClosed, true // the driver does not always wrap
		}
	}
	return "", false
}

func isTimeout(err error) bool {
	var t interface{ Timeout() bool }
	return errors.As(err, &t) && t.Timeout()
}

func classifyNumber(e mssql.Error) Failure {
	c := refusal.Cause(e.Number)
	if c < refusal.Internal || int(c-refusal.Internal) >= len(refusal.All()) {
		return Failure{Class: SQL, Number: e.Number, Text: e.Message}
	}
	f := Failure{Class: Refused, Number: e.Number, Text: fmt.Sprintf("%s: %s", c, c.Describe().Text)}
	switch c {
	case refusal.PoolExhausted, refusal.QueueTimeout, refusal.QueueFull, refusal.Overloaded:
		f.Class = Busy
	}
	return f
}

// keepsConnection tells whether a connection outlives an error.
func keepsConnection(err error) bool {
	var e mssql.Error
	if !errors.As(err, &e) || e.Class >= 20 {
		return false
	}
	f := classifyNumber(e)
	return f.Class != Busy && f.Class != Refused || !refusal.Cause(e.Number).Describe().Closes
}
