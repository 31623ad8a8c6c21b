package sandbox

import (
	"bytes"
	"crypto/subtle"
	"errors"
	"fmt"
	"strings"
	"sync"

	"sluice/sandbox/tsql"
	"sluice/tds"
)

// errNoSession says that a login has been answered and no session follows.
var errNoSession = errors.New("sandbox: login refused or routed elsewhere")

// loginStore holds the logins. Passwords change when a client says so in LOGIN7.
type loginStore struct {
	mu     sync.Mutex
	byUser map[string]Login // by lower-case name
}

// check returns the login of a user with the right password. With newPassword
// set it also changes the password.
func (ls *loginStore) check(user, password string, newPassword *string) (Login, bool) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	l, ok := ls.byUser[strings.ToLower(user)]
	if !ok || subtle.ConstantTimeCompare([]byte(l.Password), []byte(password)) != 1 {
		return l, false
	}
	if newPassword != nil {
		l.Password = *newPassword
		ls.byUser[strings.ToLower(user)] = l
	}
	return l, true
}

// login answers LOGIN7 with a session or an error.
func (c *conn) login(l *tds.Login7, r *packetReader) (*session, error) {
	if _, ok := c.fault(StallLogin); ok {
		return nil, c.stall(r)
	}
	if err := c.wait(c.srv.opts.LoginDelay); err != nil {
		return nil, err
	}
	v, err := l.Version.Normalize()
	if err != nil {
		return nil, err
	}
	if c.strict {
		v = tds.V80
	}
	a := loginAnswer{conn: c, login: l, version: v}
	if _, ok := l.Feature(tds.FeatureFedAuth); ok {
		return nil, a.fail(18456, 14, fmt.Sprintf("Login failed for user '%s'. Reason: This server has no federated authentication.", l.UserName))
	}
	user, account, err := c.authenticate(&a, r)
	if err != nil {
		return nil, err
	}
	if l.Database == "" {
		l.Database = c.srv.opts.defaultDatabase(account)
	}
	if !c.srv.engine.HasDatabase(l.Database) {
		return nil, a.noDatabase(user)
	}
	if l.ReadOnly() && c.srv.opts.ReadOnlyRouting != "" {
		return nil, a.route(c.srv.opts.routing)
	}
	return c.open(&a, r, user)
}

// authenticate finds out who logs in; a refusal has been sent when it fails.
func (c *conn) authenticate(a *loginAnswer, r *packetReader) (user string, account Login, err error) {
	l := a.login
	if !l.Integrated() {
		var change *string
		if l.OptionFlags3&tds.LoginChangePassword != 0 {
			change = &l.NewPassword
		}
		account, ok := c.srv.logins.check(l.UserName, l.Password, change)
		if !ok {
			return "", account, a.failUser(l.UserName)
		}
		return l.UserName, account, nil
	}
	s := c.srv.opts.SSPI
	if s == nil {
		return "", account, a.fail(18452, 14, "Login failed. The login is from an untrusted domain and cannot be used with Integrated authentication.")
	}
	if err := c.send(0, tds.AppendSSPI(nil, s.Challenge)); err != nil {
		return "", account, err
	}
	m, err := r.message(tds.MaxLogin7)
	if err != nil {
		return "", account, err
	}
	if m.typ != tds.PacketSSPI {
		return "", account, fmt.Errorf("%w: %v where an SSPI message was due", errProtocol, m.typ)
	}
	if len(m.payload) == 0 || len(s.Reply) > 0 && !bytes.Equal(m.payload, s.Reply) {
		return "", account, a.failUser(s.User)
	}
	return s.User, Login{Database: s.Database}, nil
}

// open makes the session and answers the login.
func (c *conn) open(a *loginAnswer, r *packetReader, user string) (*session, error) {
	l := a.login
	ses := newSession(c, r, a.version)
	ses.packetSize = c.grantPacketSize(l.PacketSize)
	ses.spid = c.srv.addSession(ses)
	if !c.srv.witness.loggedIn(c.seen, ses.spid, user, l.Database) {
		ses.cancel(nil)
		c.srv.removeSession(ses.spid)
		return nil, a.refuse()
	}
	engine, err := c.srv.engine.NewSession(ses.spid, tsql.LoginOptions{
		User: user, Database: l.Database, Language: l.Language, AppName: l.AppName, HostName: l.HostName,
		ANSIDefaults: l.OptionFlags2&tds.LoginODBC != 0 || l.TypeFlags&tds.LoginOLEDB != 0,
	})
	if err != nil {
		ses.cancel(nil)
		c.srv.removeSession(ses.spid)
		return nil, errors.Join(a.fail(4060, 11, fmt.Sprintf("Cannot open database \"%s\" requested by the login. The login failed.", l.Database)), err)
	}
	ses.engine = engine
	if a.recovers() {
		ses.recovery.teller, _ = engine.(stateTeller)
		a.initial = ses.recovery.begin()
	}
	if err := c.send(ses.spid, a.success(ses.packetSize)); err != nil {
		ses.close()
		return nil, err
	}
	r.packetSize = ses.packetSize
	r.exact = a.version.AtLeast(tds.V73A)
	ses.out = newResponseWriter(c, ses.spid, ses.packetSize)
	ses.sink.ses, ses.sink.out = ses, ses.out
	return ses, nil
}

// grantPacketSize answers the packet size that a client asks for. Inside TLS a
// packet must fit one record.
func (c *conn) grantPacketSize(asked int) int {
	const largestRecord = 16383
	limit := c.srv.opts.PacketSizeMax
	if c.encrypted {
		limit = min(limit, largestRecord)
	}
	if asked == 0 {
		asked = tds.DefaultPacketSize
	}
	return min(max(asked, tds.MinPacketSize), limit)
}

// stall reads and drops what the client sends until the connection ends.
func (c *conn) stall(r *packetReader) error {
	for {
		if _, _, err := r.next(); err != nil {
			return err
		}
	}
}
