package bucket

import (
	"errors"
	"net"
	"time"

	"sluice/actors/actor"
	"sluice/actors/backend"
	"sluice/tds"
)

// epoch is where the clocks of these tests begin.
var epoch = time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)

var (
	errDial     = errors.New("connection refused")
	errPassword = &backend.LoginError{Errors: []*tds.ServerError{{Number: 18456, State: 1, Class: 14, Text: "Login failed."}}}
	errDatabase = &backend.LoginError{Errors: []*tds.ServerError{
		{Number: 4060, State: 1, Class: 11, Text: "Cannot open database."}, {Number: 18456, State: 1, Class: 14, Text: "Login failed."},
	}}
)

// request is a request of a session for a user's connection to a database.
func request(id actor.ID, user, database, password string) *Request {
	r := &Request{
		Session: id,
		Key:     backend.Key{User: user, Database: database},
		Login:   &tds.Login7{UserName: user, Database: database, Password: password},
		cancel:  func() {},
	}
	copy(r.Digest[:], password)
	return r
}

// deadSocket is a connection of which nobody reads or writes.
type deadSocket struct{ net.Conn }

func (deadSocket) Close() error { return nil }

func newConn(k backend.Key, born time.Time) *backend.Conn {
	return &backend.Conn{Net: deadSocket{}, Key: k, Born: born}
}
