package session

import (
	"encoding/binary"
	"strings"
	"testing"

	"sluice/actors/refusal"
	"sluice/tds"
	"sluice/tds/tdstest"
)

// A response that nobody can follow is passed on, and binds the client to a
// connection that nobody gets after it.
func TestSharedUnreadableResponse(t *testing.T) {
	garbage := append([]byte{0x42}, "this is no token"...)
	srv := newServer(t, sqlServer(func(c *tdstest.ServerConn, m tds.Message, text string) error {
		switch {
		case m.Type == tds.PacketAttention:
			return tdstest.AcknowledgeAttention(c)
		case text == "odd":
			return c.Reply(garbage)
		}
		return rows(c, m)
	}))
	n := startNode(t, srv.Addr(), shared(2))
	c := n.connect(credentials())
	if err := c.Batch("odd", 0); err != nil {
		t.Fatal(err)
	}
	m, err := tds.ReadMessage(c.Conn(), nil, 1<<16)
	if err != nil || string(m.Payload) != string(garbage) {
		t.Fatalf("%q, %v", m.Payload, err)
	}
	if got := pinned(n); got != "out_of_step" {
		t.Errorf("pinned by %q", got)
	}
	n.gauges(1, 0, 1)
	query(t, c, "SELECT 1") // its own goes on
	n.gauges(1, 0, 1)
	query(t, n.connect(credentials()), "SELECT 1")
	_ = c.Close()
	eventually(t, "the connection is closed", func() bool { return srv.Open() == 1 })
}

// What cannot be read is no reason to tell the client of the server's state.
func TestSharedUnreadableThenState(t *testing.T) {
	srv := newServer(t, sqlServer(func(c *tdstest.ServerConn, m tds.Message, text string) error {
		switch {
		case m.Type == tds.PacketAttention:
			return tdstest.AcknowledgeAttention(c)
		case text == "odd":
			return c.Reply([]byte{0x42})
		}
		return c.Reply(tds.Done{}.Append(stateToken(1, true, 7, 1), c.Version))
	}))
	n := startNode(t, srv.Addr(), shared(1))
	c := n.connect(credentials())
	if err := c.Batch("odd", 0); err != nil {
		t.Fatal(err)
	}
	if _, err := tds.ReadMessage(c.Conn(), nil, 1<<16); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		r, err := c.Query("SELECT 1")
		if err != nil || len(r.Tokens) != 1 {
			t.Fatal(r, err)
		}
	}
}

// A server that answers twice is out of step: what it said goes to nobody else,
// and the client, which has its answer, is closed with the connection.
func TestSharedServerAnswersTwice(t *testing.T) {
	srv := newServer(t, sqlServer(func(c *tdstest.ServerConn, m tds.Message, text string) error {
		if m.Type == tds.PacketAttention {
			return tdstest.AcknowledgeAttention(c)
		}
		if text == "twice" {
			b := tdstest.IntRows(1)(c, m)
			_, err := c.Conn().Write(append(tds.AppendMessage(nil, tds.PacketReply, 0, 0, 4096, b), tds.AppendMessage(nil, tds.PacketReply, 0, 0, 4096, b)...))
			return err
		}
		return rows(c, m)
	}))
	n := startNode(t, srv.Addr(), shared(1))
	c := n.connect(credentials())
	r, err := c.Query("twice")
	if err != nil || r.Rows != 1 {
		t.Fatal(r, err)
	}
	closed(t, c)
	other := n.connect(credentials())
	if r, err := other.Query("SELECT 1"); err != nil || r.Rows != 1 || len(r.Tokens) != 2 {
		t.Errorf("another client: %+v, %v", r, err)
	}
	if l := len(received(srv, tds.PacketLogin7)); l != 2 {
		t.Errorf("%d backend logins", l)
	}
}

// A second answer that comes late finds the connection idle.
func TestSharedServerSpeaksUnasked(t *testing.T) {
	late := make(chan struct{})
	srv := newServer(t, tdstest.Script{plainBegin(), tdstest.LoginOK(), func(c *tdstest.ServerConn) error {
		m, err := c.Receive()
		if err != nil {
			return hangup(err)
		}
		if err := rows(c, m); err != nil {
			return err
		}
		<-late
		return c.Reply(tdstest.IntRows(7, 8)(c, m))
	}, loop(answerAll)})
	n := startNode(t, srv.Addr(), shared(1))
	c := n.connect(credentials())
	query(t, c, "CREATE TABLE #t (a int)") // so that the client holds it
	close(late)
	for range 3 {
		r, err := c.Query("SELECT 1")
		if err != nil {
			break // closed with the connection
		}
		if len(r.Errors()) == 0 && r.Rows != 1 && r.Rows != 2 {
			t.Errorf("%+v", r)
		}
	}
	_ = c.Close()
	r, err := n.connect(credentials()).Query("SELECT 1")
	if err != nil || r.Rows == 2 {
		t.Errorf("another client: %+v, %v", r, err)
	}
}

// A handle of another client is unknown, whoever had the connection.
func TestSharedForeignHandle(t *testing.T) {
	ran := make(chan tds.Message, 10)
	srv := newServer(t, sqlServer(func(c *tdstest.ServerConn, m tds.Message, _ string) error {
		if m.Type == tds.PacketAttention {
			return tdstest.AcknowledgeAttention(c)
		}
		if m.Type != tds.PacketRPC {
			return rows(c, m)
		}
		ran <- m
		rv := tds.ReturnValue{Status: 1, Type: tds.TypeInfo{ID: tds.TypeIntN, Size: 4}, Value: []byte{4, 1, 0, 0, 0}}
		b := rv.Append([]byte{byte(tds.TokenReturnStatus), 0, 0, 0, 0}, c.Version)
		return c.Reply(tds.Done{Kind: tds.TokenDoneProc}.Append(b, c.Version))
	}))
	n := startNode(t, srv.Addr(), shared(1))
	a, b := n.connect(credentials()), n.connect(credentials())
	handle := func(n int32) []byte {
		h := tds.ParamHeader{Type: tds.TypeInfo{ID: tds.TypeIntN, Size: 4}}
		return binary.LittleEndian.AppendUint32(append(h.Append(nil), 4), uint32(n))
	}
	text := func(s string) []byte {
		h := tds.ParamHeader{Type: tds.TypeInfo{ID: tds.TypeNVarChar, Size: 8000}}
		u := tds.AppendUTF16(nil, s)
		return append(binary.LittleEndian.AppendUint16(h.Append(nil), uint16(len(u))), u...)
	}
	output := append(tds.ParamHeader{Status: tds.ParamByRef, Type: tds.TypeInfo{ID: tds.TypeIntN, Size: 4}}.Append(nil), 0)
	if err := a.RPC(tds.RPCHeader{ProcID: tds.ProcPrepare}, append(append(output, text("")...), text("SELECT 1")...), 0); err != nil {
		t.Fatal(err)
	}
	r, err := a.Read()
	if err != nil || len(r.Errors()) != 0 {
		t.Fatal(r, err)
	}
	<-ran
	given := int32(0)
	for _, tk := range r.Tokens {
		if tk.Kind == tds.TokenReturnValue {
			rv, err := tds.DecodeReturnValue(tk.Body, tds.V74, false)
			if err != nil {
				t.Fatal(err)
			}
			given, _ = rv.Int()
		}
	}
	for _, number := range []int32{given, 1} { // the other client's, and the server's own
		if err := b.RPC(tds.RPCHeader{ProcID: tds.ProcExecute}, handle(number), 0); err != nil {
			t.Fatal(err)
		}
		r, err := b.Read()
		if got := numbers(r); err != nil || len(got) != 1 || got[0] != 8179 || r.Errors()[0].Server != "scripted" {
			t.Errorf("handle %d: %v, %v", number, got, err)
		}
	}
	if len(ran) != 0 {
		t.Errorf("%d calls reached the server", len(ran))
	}
	if err := a.RPC(tds.RPCHeader{ProcID: tds.ProcExecute}, handle(given), 0); err != nil {
		t.Fatal(err)
	}
	if r, err := a.Read(); err != nil || len(r.Errors()) != 0 {
		t.Error("its own:", r, err)
	}
}

// A descriptor that is nobody's, or another client's, takes no backend.
func TestSharedStrayDescriptors(t *testing.T) {
	s := &txServer{}
	n, _ := startShared(t, s, shared(2))
	owner, c := n.connect(credentials()), n.connect(credentials())
	query(t, owner, "BEGIN TRAN")
	query(t, c, "SELECT 1")
	n.gauges(2, 1, 1)
	ran := len(s.texts())
	for _, d := range []uint64{owner.Transaction, 1 << 63, 4711} {
		r := inTran(t, c, "DELETE everything", d)
		if got := numbers(r); len(got) != 1 || got[0] != int32(refusal.StrayTransaction) {
			t.Errorf("descriptor %d: %v", d, got)
		}
		if !strings.Contains(r.Err().Error(), "transaction") {
			t.Errorf("the error does not say what is wrong: %v", r.Err())
		}
	}
	if got := len(s.texts()); got != ran {
		t.Errorf("%d requests reached a server", got-ran)
	}
	n.gauges(2, 1, 1)
	query(t, c, "SELECT 2")
	query(t, owner, "COMMIT")
}
