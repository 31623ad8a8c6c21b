package sandbox

import (
	"bytes"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"testing"
	"time"

	"sluice/sandbox/tsql"
	"sluice/tds"
)

// client is a TDS client that shows every message as it came.
type client struct {
	t       testing.TB
	raw     net.Conn
	conn    net.Conn
	version tds.Version
	size    int
	tran    uint64
}

// dial connects; the connection ends with the test.
func dial(t testing.TB, s *Server) *client {
	t.Helper()
	nc, err := net.Dial("tcp", s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = nc.Close() })
	_ = nc.SetDeadline(time.Now().Add(20 * time.Second))
	return &client{t: t, raw: nc, conn: nc, version: tds.V74, size: tds.DefaultPacketSize}
}

func (c *client) preLogin(e tds.Encryption) tds.PreLogin {
	c.t.Helper()
	p := tds.PreLogin{Encryption: e, Instance: []byte{0}}
	p.Set(tds.OptVersion, tds.OptEncryption, tds.OptInstance, tds.OptThreadID, tds.OptMARS)
	c.send(tds.PacketPreLogin, 0, p.Append(nil))
	m := c.recv()
	answer, err := tds.DecodePreLogin(m.Payload)
	if err != nil {
		c.t.Fatal(err)
	}
	return answer
}

// wrapTLS runs the handshake inside PRELOGIN packets.
func (c *client) wrapTLS() *tls.Conn {
	c.t.Helper()
	hs := tds.NewClientHandshakeConn(c.raw, 1<<20)
	tc := tls.Client(hs, &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12, DynamicRecordSizingDisabled: true})
	if err := tc.Handshake(); err != nil {
		c.t.Fatal(err)
	}
	if err := hs.Finish(); err != nil {
		c.t.Fatal(err)
	}
	return tc
}

func (c *client) login(l tds.Login7) []token {
	c.t.Helper()
	if l.Version == 0 {
		l.Version = c.version
	}
	c.send(tds.PacketLogin7, 0, l.Append(nil))
	return c.answer()
}

// connect logs in without encryption.
func connect(t testing.TB, s *Server, l tds.Login7) *client {
	t.Helper()
	c := dial(t, s)
	if l.Version != 0 {
		c.version = l.Version
	}
	if l.UserName == "" {
		l.UserName = "sa"
	}
	c.preLogin(tds.EncryptNotSupported)
	ts := c.login(l)
	if find(ts, tds.TokenLoginAck) == nil {
		t.Fatalf("login failed: %v", ts)
	}
	for _, tk := range ts {
		if tk.env.Type == tds.EnvPacketSize {
			_, _ = fmt.Sscan(tk.env.New, &c.size)
		}
	}
	return c
}

func (c *client) send(typ tds.PacketType, st tds.Status, payload []byte) {
	c.t.Helper()
	if _, err := c.conn.Write(tds.AppendMessage(nil, typ, st, 0, c.size, payload)); err != nil {
		c.t.Fatal(err)
	}
}

func (c *client) recv() tds.Message {
	c.t.Helper()
	m, err := c.tryRecv()
	if err != nil {
		c.t.Fatal(err)
	}
	return m
}

func (c *client) tryRecv() (tds.Message, error) {
	m, err := tds.ReadMessage(c.conn, nil, 64<<20)
	if err == nil && m.Type != tds.PacketReply {
		err = fmt.Errorf("message of type %v", m.Type)
	}
	return m, err
}

// answer reads one response message.
func (c *client) answer() []token {
	c.t.Helper()
	ts := parse(c.t, c.recv().Payload, c.version)
	for _, tk := range ts {
		switch tk.env.Type {
		case tds.EnvBeginTransaction:
			c.tran = tk.env.Descriptor()
		case tds.EnvCommitTransaction, tds.EnvRollbackTransaction, tds.EnvResetConnection:
			c.tran = 0
		}
	}
	return ts
}

func (c *client) batch(sql string) []token {
	c.t.Helper()
	c.sendBatch(sql, 0)
	return c.answer()
}

func (c *client) sendBatch(sql string, st tds.Status) {
	c.t.Helper()
	b := tds.SQLBatch{Headers: tds.AllHeaders{Transaction: c.tran}, Text: sql}
	c.send(tds.PacketSQLBatch, st, b.Append(nil, c.version))
}

func (c *client) attention() {
	c.t.Helper()
	if _, err := c.conn.Write(tds.AppendAttention(nil)); err != nil {
		c.t.Fatal(err)
	}
}

// expectEOF waits until the server has closed the connection.
func (c *client) expectEOF() {
	c.t.Helper()
	if m, err := c.tryRecv(); err == nil {
		c.t.Fatalf("message % x where the connection should end", m.Payload)
	} else if ne := net.Error(nil); errors.As(err, &ne) && ne.Timeout() {
		c.t.Fatal("connection is still open")
	}
}

// token is one token of a response, with what it holds.
type token struct {
	kind   tds.Token
	done   tds.Done
	msg    *tds.ServerError
	env    tds.EnvChange
	cols   []tds.Column
	row    []tsql.Value
	status int32
	ret    tds.ReturnValue
	body   []byte
}

func (t token) String() string {
	switch {
	case t.msg != nil:
		return fmt.Sprintf("message(%d %q)", t.msg.Number, t.msg.Text)
	case t.row != nil:
		return fmt.Sprintf("row%v", t.row)
	case t.env.Type != 0:
		return fmt.Sprintf("env(%d %q)", t.env.Type, t.env.New)
	case t.kind == tds.TokenDone, t.kind == tds.TokenDoneProc, t.kind == tds.TokenDoneInProc:
		return fmt.Sprintf("done(%x %03x %x %d)", byte(t.kind), uint16(t.done.Status), t.done.CurCmd, t.done.Count)
	case t.kind == tds.TokenReturnStatus:
		return fmt.Sprintf("status(%d)", t.status)
	case t.kind == tds.TokenReturnValue:
		return fmt.Sprintf("return(%d %q)", t.ret.Ordinal, t.ret.Name)
	}
	return fmt.Sprintf("%x", byte(t.kind))
}

func find(ts []token, kind tds.Token) *token {
	for i := range ts {
		if ts[i].kind == kind {
			return &ts[i]
		}
	}
	return nil
}

// kinds is the sequence of token types, rows counted once.
func kinds(ts []token) []tds.Token {
	var ks []tds.Token
	for _, tk := range ts {
		if tk.row == nil || len(ks) == 0 || ks[len(ks)-1] != tk.kind {
			ks = append(ks, tk.kind)
		}
	}
	return ks
}

// parse splits a response into tokens.
func parse(t testing.TB, b []byte, v tds.Version) []token {
	t.Helper()
	var (
		ts   []token
		cols []tds.Column
	)
	for len(b) > 0 {
		tk := token{kind: tds.Token(b[0])}
		var err error
		switch tk.kind {
		case tds.TokenColMetadata:
			var n int
			cols, n, err = tds.DecodeColMetadata(b[1:], v)
			tk.cols, b = cols, b[1+n:]
		case tds.TokenRow, tds.TokenNBCRow:
			r := valueReader{b: b[1:]}
			var nulls []byte
			if tk.kind == tds.TokenNBCRow {
				nulls = r.take((len(cols) + 7) / 8)
			}
			tk.row = make([]tsql.Value, len(cols))
			for i, c := range cols {
				if nulls == nil || nulls[i/8]&(1<<(i%8)) == 0 {
					_, tk.row[i] = r.value(c.Type, true)
				}
			}
			err, b = r.err, r.b
		case tds.TokenReturnValue:
			tk.ret, b, err = parseReturnValue(b[1:], v)
		default:
			if tk.kind, tk.body, b, err = tds.NextToken(b, v); err != nil {
				break
			}
			switch tk.kind {
			case tds.TokenDone, tds.TokenDoneProc, tds.TokenDoneInProc:
				tk.done, err = tds.DecodeDone(tk.kind, tk.body, v)
			case tds.TokenError, tds.TokenInfo:
				tk.msg, err = tds.DecodeServerError(tk.body, v)
			case tds.TokenEnvChange:
				tk.env, err = tds.DecodeEnvChange(tk.body)
			case tds.TokenReturnStatus:
				tk.status = int32(binary.LittleEndian.Uint32(tk.body))
			}
		}
		if err != nil {
			t.Fatalf("token 0x%02x after %v: %v", byte(tk.kind), ts, err)
		}
		ts = append(ts, tk)
	}
	return ts
}

// parseReturnValue reads a RETURNVALUE of which it knows the type's layout.
func parseReturnValue(b []byte, v tds.Version) (tds.ReturnValue, []byte, error) {
	at := 2 + 1 + 2*int(b[2]) + 1 + 4 + 2
	if !v.AtLeast(tds.V72) {
		at -= 2
	}
	ti, n, err := tds.DecodeTypeInfo(b[at:], false)
	if err != nil {
		return tds.ReturnValue{}, nil, err
	}
	r := valueReader{b: b[at+n:]}
	r.value(ti, true)
	if r.err != nil {
		return tds.ReturnValue{}, nil, r.err
	}
	rv, err := tds.DecodeReturnValue(bytes.Clone(b[:len(b)-len(r.b)]), v, false)
	return rv, r.b, err
}
