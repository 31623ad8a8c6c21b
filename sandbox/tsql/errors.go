package tsql

import (
	"errors"
	"fmt"
)

// severity tells how much an error ends.
type severity uint8

const (
	endsStatement severity = iota // the next statement goes on
	endsBatch                     // the batch ends
)

// sqlError is an error that the client sees as an ERROR token.
type sqlError struct {
	msg  Message
	ends severity
	// terminated: the server adds INFO 3621 (statement terminated).
	terminated bool
	// raised: by RAISERROR or THROW, which XACT_ABORT treats differently.
	raised bool
	throws bool // by THROW: ends the batch
}

func (e *sqlError) Error() string { return fmt.Sprintf("%d: %s", e.msg.Number, e.msg.Text) }

// numberOf is the number of an error that the client sees, 0 for any other.
func numberOf(err error) int32 {
	var e *sqlError
	if errors.As(err, &e) {
		return e.msg.Number
	}
	return 0
}

// errf is an error of class 16 that ends the statement.
func errf(number int32, format string, args ...any) *sqlError {
	return &sqlError{msg: Message{Number: number, State: 1, Class: 16, Text: fmt.Sprintf(format, args...)}}
}

// abortf is an error of class 16 that ends the batch.
func abortf(number int32, format string, args ...any) *sqlError {
	e := errf(number, format, args...)
	e.ends = endsBatch
	return e
}

func (e *sqlError) class(c byte) *sqlError { e.msg.Class = c; return e }
func (e *sqlError) state(s byte) *sqlError { e.msg.State = s; return e }
func (e *sqlError) line(l int32) *sqlError { e.msg.Line = l; return e }
func (e *sqlError) fatal() *sqlError       { e.ends = endsBatch; return e }
func (e *sqlError) terminates() *sqlError  { e.terminated = true; return e }
func errSyntax(near string) *sqlError {
	return abortf(102, "Incorrect syntax near '%s'.", near).class(15)
}

func errUnsupported(what string) *sqlError {
	return abortf(40517, "%s is not supported by this server.", what)
}
func errNoColumn(name string) *sqlError { return abortf(207, "Invalid column name '%s'.", name) }
func errNoObject(name string) *sqlError { return abortf(208, "Invalid object name '%s'.", name) }
func errNoProcedure(name string) *sqlError {
	return errf(2812, "Could not find stored procedure '%s'.", name).state(62)
}

func errDivideByZero() *sqlError { return errf(8134, "Divide by zero error encountered.").terminates() }

func errNoDatabase(name string) *sqlError {
	return errf(911, "Database '%s' does not exist. Make sure that the name is entered correctly.", name)
}

func errNoHandle(h int64) *sqlError {
	return errf(8179, "Could not find prepared statement with handle %d.", h)
}

func errLockTimeout() *sqlError {
	return errf(1222, "Lock request time out period exceeded.").state(51)
}

func errConvertDate() *sqlError {
	return abortf(241, "Conversion failed when converting date and/or time from character string.")
}

func errDateRange(from, to typ) *sqlError {
	return abortf(242, "The conversion of a %s data type to a %s data type resulted in an out-of-range value.", kindNames[from.kind], kindNames[to.kind]).state(3)
}

func errOverflow(t typ) *sqlError {
	return errf(8115, "Arithmetic overflow error converting expression to data type %s.", kindNames[t.kind]).state(2).terminates()
}

func errConvert(from, to typ) *sqlError {
	return abortf(8114, "Error converting data type %s to %s.", kindNames[from.kind], kindNames[to.kind]).state(5)
}

func errConvertValue(from typ, value string, to typ) *sqlError {
	return abortf(245, "Conversion failed when converting the %s value '%s' to data type %s.", kindNames[from.kind], value, kindNames[to.kind])
}

func errConversionNotAllowed(from, to typ) *sqlError {
	return abortf(529, "Explicit conversion from data type %s to %s is not allowed.", kindNames[from.kind], kindNames[to.kind]).state(2)
}
