package session

import (
	"fmt"
	"strings"
	"testing"

	"sluice/actors/statement"
	"sluice/tds"
	"sluice/tds/tdstest"
)

// stateToken is a SESSIONSTATE of one state.
func stateToken(seq uint32, good bool, id byte, size int) []byte {
	return tds.SessionState{SeqNo: seq, Recoverable: good, States: []tds.SessionStateValue{{ID: id, Value: make([]byte, size)}}}.Append(nil)
}

// inPackets sends a response in packets of so many bytes of payload.
func inPackets(c *tdstest.ServerConn, payload []byte, size int) error {
	var b []byte
	for len(payload) > 0 {
		n := min(size, len(payload))
		h := tds.Header{Type: tds.PacketReply, Length: tds.HeaderSize + n}
		if n == len(payload) {
			h.Status = tds.StatusEOM
		}
		b = append(h.Append(b), payload[:n]...)
		payload = payload[n:]
	}
	_, err := c.Conn().Write(b)
	return err
}

// What the server says of its session reaches no client, however it comes in
// packets, and all the rest does.
func TestSessionStateIsLeftOut(t *testing.T) {
	for _, value := range []int{0, 1, 300} {
		t.Run(fmt.Sprint(value, " bytes"), func(t *testing.T) {
			rows := tdstest.IntRows(1, 2)(&tdstest.ServerConn{Version: tds.V74}, tds.Message{})
			at := len(rows) - 13 // of the DONE
			want := string(rows)
			whole := append(append(rows[:at:at], stateToken(1, true, 7, value)...), rows[at:]...)
			size := 1
			srv := newServer(t, sqlServer(func(c *tdstest.ServerConn, m tds.Message, text string) error {
				switch {
				case m.Type == tds.PacketAttention:
					return tdstest.AcknowledgeAttention(c)
				case strings.HasPrefix(text, "SELECT"):
					return inPackets(c, whole, size)
				}
				return c.Reply(tds.Done{}.Append(nil, c.Version))
			}))
			n := startNode(t, srv.Addr(), shared(1))
			login := credentials()
			login.Login.Features = []tds.Feature{{ID: tds.FeatureSessionRecovery}}
			c := n.connect(login)
			for _, tk := range c.Login.Tokens {
				if tk.Kind == tds.TokenFeatureExtAck {
					t.Errorf("the client was told of session recovery: % x", tk.Body)
				}
			}
			for ; size <= len(whole); size++ {
				if value == 300 && size > 40 && size < len(whole)-40 {
					size += 7
				}
				r, err := c.Query("SELECT 1")
				if err != nil || r.Rows != 2 || string(r.Message.Payload) != want {
					t.Fatalf("packets of %d: %v, % x", size, err, r.Message.Payload)
				}
			}
			n.gauges(1, 1, 0)
			asked := false
			for _, m := range received(srv, tds.PacketLogin7) {
				l, err := tds.DecodeLogin7(m.Message.Payload)
				if err != nil {
					t.Fatal(err)
				}
				_, asked = l.Feature(tds.FeatureSessionRecovery)
			}
			if !asked {
				t.Error("the server was not asked for session recovery")
			}
		})
	}
}

// A session that keeps its backend asks for nothing and is told nothing: what
// it relays must not depend on who had the backend before.
func TestSessionPoolingAsksForNoRecovery(t *testing.T) {
	srv := newServer(t, sqlServer(answerAll))
	n := startNode(t, srv.Addr(), nil)
	login := credentials()
	login.Login.Features = []tds.Feature{{ID: tds.FeatureSessionRecovery}}
	c := n.connect(login)
	query(t, c, "SELECT 1")
	l, err := tds.DecodeLogin7(received(srv, tds.PacketLogin7)[0].Message.Payload)
	if err != nil {
		t.Fatal(err)
	}
	if _, asked := l.Feature(tds.FeatureSessionRecovery); asked {
		t.Error("the server was asked")
	}
}

// tellingServer adds to the answer what the first word of a batch says: BAD and
// GOOD tell of a state, TRANBAD begins a transaction and does as well, COMMIT
// ends it.
func tellingServer() tdstest.Script {
	return sqlServer(func(c *tdstest.ServerConn, m tds.Message, text string) error {
		if m.Type == tds.PacketAttention {
			return tdstest.AcknowledgeAttention(c)
		}
		var b []byte
		if m.Status&tds.StatusReset != 0 {
			b = tds.EnvChange{Type: tds.EnvResetConnection}.Append(b)
		}
		d := tds.TransactionBytes(5)
		switch word := strings.TrimPrefix(text, "SELECT '"); {
		case strings.HasPrefix(word, "BAD"):
			b = append(b, stateToken(1, false, 8, 1)...)
		case strings.HasPrefix(word, "GOOD"):
			b = append(b, stateToken(2, true, 8, 1)...)
		case strings.HasPrefix(word, "OFF"):
			b = append(b, stateToken(tds.RecoveryOff, false, 8, 1)...)
		case strings.HasPrefix(text, "BEGIN"):
			b = append(tds.EnvChange{Type: tds.EnvBeginTransaction, NewBytes: d}.Append(b), stateToken(1, false, 9, 1)...)
		case strings.HasPrefix(text, "COMMIT"):
			b = append(tds.EnvChange{Type: tds.EnvCommitTransaction, OldBytes: d}.Append(b), stateToken(2, true, 9, 1)...)
		}
		return c.Reply(tds.Done{}.Append(b, c.Version))
	})
}

// A server that says that its session could not be made anew binds the client
// to it until it says otherwise.
func TestServerStatePins(t *testing.T) {
	srv := newServer(t, tellingServer())
	n := startNode(t, srv.Addr(), shared(2))
	c := n.connect(credentials())
	step := func(text, want string) {
		t.Helper()
		query(t, c, text)
		if got := pinned(n); got != want {
			t.Errorf("%s: pinned by %q, want %q", text, got, want)
		}
	}
	step("SELECT 'BAD'", "server_state")
	step("SELECT 1", "server_state")
	step("CREATE TABLE #t (a int)", "server_state temp_table")
	step("SELECT 'GOOD'", "temp_table") // evidence against, never for
	step("DROP TABLE #t", "")
	step("BEGIN TRAN", "") // held as it is
	n.gauges(1, 0, 1)
	step("COMMIT", "")
	n.gauges(1, 1, 0)
	step("BEGIN TRAN", "")
	step("SELECT 'BAD'", "")
	step("COMMIT", "server_state")
	step("SELECT 'GOOD'", "")
	step("CREATE TABLE #t (a int)", "temp_table")
	step("SELECT 'BAD'", "temp_table")
	step("DROP TABLE #t", "server_state")
	if err := c.Batch("SELECT 1", tds.StatusReset); err != nil { // the client's own
		t.Fatal(err)
	}
	if r, err := c.Read(); err != nil || len(r.EnvChanges(tds.EnvResetConnection)) != 1 {
		t.Fatal(r, err)
	}
	if got := pinned(n); got != "" {
		t.Errorf("after a reset: pinned by %q", got)
	}
	step("SELECT 'OFF'", "server_state") // no word of this server counts any more
	step("SELECT 'GOOD'", "server_state")
	_ = c.Close()
	n.gone()
	n.gauges(0, 0, 0) // nor would anybody learn of what the next client leaves
}

// Silenced reasons do not pin, but a reset comes before anybody else.
func TestSilencedReasons(t *testing.T) {
	srv := newServer(t, tellingServer())
	n := startNode(t, srv.Addr(), func(o *setup) {
		shared(1)(o)
		o.sharing.Silenced = statement.SetOf(statement.ServerState, statement.TempTable)
	})
	a, b := n.connect(credentials()), n.connect(credentials())
	for i, text := range []string{"SELECT 'BAD'", "CREATE TABLE #t (a int)"} {
		query(t, a, text)
		n.gauges(1, 1, 0)
		query(t, a, "SELECT 1") // the same client, and nobody in between
		if got := resetsSeen(srv); got != i {
			t.Errorf("%s: %d resets before the client's own request", text, got)
		}
		query(t, b, "SELECT 1")
		if got := resetsSeen(srv); got != i+1 {
			t.Errorf("%s: %d resets before another client", text, got)
		}
		query(t, a, "SELECT 1")
	}
	if got := pinned(n); got != "" {
		t.Errorf("pinned by %q", got)
	}
}

// resetsSeen counts requests with a reset.
func resetsSeen(srv *tdstest.Server) (n int) {
	for _, r := range srv.Received() {
		if r.Message.Status&tds.StatusReset != 0 {
			n++
		}
	}
	return n
}

// pinned is what the node's sessions are pinned by, as Inspect tells.
func pinned(n *node) string {
	var all []string
	for _, p := range n.env.sessions.ports() {
		p.mu.Lock()
		for _, pin := range p.mx.pinInfos() {
			all = append(all, pin.Reason)
		}
		p.mu.Unlock()
	}
	return strings.Join(all, " ")
}
