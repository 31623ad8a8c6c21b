package sandbox

import (
	"fmt"
	"io"
	"strconv"
	"time"

	"sluice/tds"
)

// progName is the product name of LOGINACK, with the two NULs that SQL Server
// sends behind it.
const progName = "Microsoft SQL Server\x00\x00"

// latin1 is SQL_Latin1_General_CP1_CI_AS, the server's collation.
var latin1 = [5]byte{0x09, 0x04, 0xD0, 0x00, 0x34}

// loginAnswer builds the server's answers to one LOGIN7.
type loginAnswer struct {
	conn    *conn
	login   *tds.Login7
	version tds.Version
	initial []byte // state, for session recovery
}

func (a *loginAnswer) message(dst []byte, number int32, class byte, text string) []byte {
	e := tds.ServerError{Number: number, State: 1, Class: class, Text: text, Server: a.conn.srv.opts.ServerName, Line: 1}
	return e.Append(dst, a.version)
}

// finish sends an answer after which the server closes.
func (a *loginAnswer) finish(tokens []byte) error {
	c := a.conn
	if err := c.send(0, tokens); err != nil {
		return err
	}
	// Closing with unread input would reset the connection, and the client
	// might lose the answer: give it a moment to close its end first.
	_ = c.raw.SetReadDeadline(time.Now().Add(lingerTime))
	if t, ok := c.raw.(interface{ CloseWrite() error }); ok {
		_ = t.CloseWrite()
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(c.raw, 1<<20))
	return errNoSession
}

// lingerTime is how long a connection stays half open after a final answer.
const lingerTime = time.Second

// failure sends ERROR tokens and DONE, and counts a failed login.
func (a *loginAnswer) failure(tokens []byte) error {
	a.conn.srv.witness.loginFailed(a.conn.seen, a.login.UserName, a.login.Database)
	return a.finish(tds.Done{Status: tds.DoneError}.Append(tokens, a.version))
}

func (a *loginAnswer) fail(number int32, class byte, text string) error {
	return a.failure(a.message(nil, number, class, text))
}

func loginFailedText(user string) string { return fmt.Sprintf("Login failed for user '%s'.", user) }

func (a *loginAnswer) failUser(user string) error { return a.fail(18456, 14, loginFailedText(user)) }

func (a *loginAnswer) noDatabase(user string) error {
	b := a.message(nil, 4060, 11, fmt.Sprintf("Cannot open database \"%s\" requested by the login. The login failed.", a.login.Database))
	return a.failure(a.message(b, 18456, 14, loginFailedText(user)))
}

// refuse answers a login past MaxConnections, which the witness has counted.
func (a *loginAnswer) refuse() error {
	b := a.message(nil, 17809, 20, fmt.Sprintf("Could not connect because the maximum number of '%d' user connections has already been reached. The system administrator can use sp_configure to increase the maximum value. The connection has been closed.", a.conn.srv.opts.MaxConnections))
	return a.finish(tds.Done{Status: tds.DoneError}.Append(b, a.version))
}

// success is the answer to a login that succeeds, in the order in which SQL
// Server gives it.
func (a *loginAnswer) success(packetSize int) []byte {
	b := a.greeting(packetSize)
	if features := a.features(); len(features) > 0 {
		b = tds.FeatureExtAck{Features: features}.Append(b)
	}
	return tds.Done{}.Append(b, a.version)
}

func (a *loginAnswer) greeting(packetSize int) []byte {
	language := a.login.Language
	if language == "" {
		language = "us_english"
	}
	v := a.version
	b := tds.EnvChange{Type: tds.EnvDatabase, New: a.login.Database, Old: "master"}.Append(nil)
	b = a.message(b, 5701, 10, fmt.Sprintf("Changed database context to '%s'.", a.login.Database))
	b = tds.EnvChange{Type: tds.EnvSQLCollation, NewBytes: latin1[:]}.Append(b)
	b = tds.EnvChange{Type: tds.EnvLanguage, New: language}.Append(b)
	b = a.message(b, 5703, 10, fmt.Sprintf("Changed language setting to %s.", language))
	b = tds.LoginAck{
		Interface: 1, Version: v, ProgName: progName,
		ProgVersion: [4]byte{version.Major, version.Minor, byte(version.Build >> 8), byte(version.Build & 0xFF)},
	}.Append(b)
	return tds.EnvChange{Type: tds.EnvPacketSize, New: strconv.Itoa(packetSize), Old: strconv.Itoa(tds.DefaultPacketSize)}.Append(b)
}

// recovers tells whether the client is told of its session's state. One that
// brings state of another session along is refused by silence: its driver takes
// the login for a new one that lacks it.
func (a *loginAnswer) recovers() bool {
	data, asked := a.login.Feature(tds.FeatureSessionRecovery)
	return asked && len(data) == 0 && a.version.AtLeast(tds.V74) && !a.conn.srv.opts.NoSessionRecovery
}

// features are those of the client's that the server has.
func (a *loginAnswer) features() []tds.Feature {
	if !a.version.AtLeast(tds.V74) {
		return nil
	}
	var fs []tds.Feature
	for _, f := range a.login.Features {
		switch {
		case f.ID == tds.FeatureUTF8Support:
			fs = append(fs, tds.Feature{ID: f.ID, Data: []byte{1}})
		case f.ID == tds.FeatureSessionRecovery && a.recovers():
			fs = append(fs, tds.Feature{ID: f.ID, Data: a.initial})
		}
	}
	return fs
}

// route sends the client to another server; the client closes.
func (a *loginAnswer) route(to tds.Routing) error {
	b := a.greeting(tds.DefaultPacketSize)
	b = tds.EnvChange{Type: tds.EnvRouting, Routing: to}.Append(b)
	return a.finish(tds.Done{}.Append(b, a.version))
}
