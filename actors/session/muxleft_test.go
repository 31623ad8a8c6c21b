package session

import (
	"fmt"
	"strings"
	"testing"

	"sluice/actors/bucket"
	"sluice/tds"
	"sluice/tds/tdstest"
)

// A request that was given up before it was sent has not made its client the
// one that used the backend last: what is left there is another's.
func TestSharedGivenUpBeforeSent(t *testing.T) {
	replaying, goOn := make(chan struct{}, 1), make(chan struct{})
	hold := false
	srv := newServer(t, sqlServer(func(c *tdstest.ServerConn, m tds.Message, text string) error {
		var b []byte
		switch {
		case m.Type == tds.PacketAttention:
			return tdstest.AcknowledgeAttention(c)
		case m.Status&tds.StatusReset != 0:
			b = tds.EnvChange{Type: tds.EnvResetConnection}.Append(b)
		}
		if hold && text == "SET LOCK_TIMEOUT 5" {
			hold = false
			replaying <- struct{}{}
			if err := tdstest.WaitFor(goOn)(c); err != nil {
				return err
			}
		}
		return c.Reply(tds.Done{}.Append(b, c.Version))
	}))
	n := startNode(t, srv.Addr(), shared(1))
	a, b := n.connect(credentials()), n.connect(credentials())
	query(t, b, "SET LOCK_TIMEOUT 5")
	query(t, a, "INSERT INTO t VALUES (1)")
	hold = true
	if err := b.Batch("SELECT 1", 0); err != nil {
		t.Fatal(err)
	}
	<-replaying
	if err := b.Attention(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the attention is noticed", func() bool {
		for _, p := range n.env.sessions.ports() {
			p.mu.Lock()
			cancel := p.mx.core.cancel
			p.mu.Unlock()
			if cancel {
				return true
			}
		}
		return false
	})
	goOn <- struct{}{}
	statuses(t, b, 2)
	query(t, b, "SELECT @@IDENTITY")
	resets := 0
	for _, m := range received(srv, tds.PacketSQLBatch) {
		if m.Message.Status&tds.StatusReset != 0 {
			resets++
		}
	}
	if resets != 1 {
		t.Errorf("%d resets: it could read what another client has left", resets)
	}
}

// To ask for options would begin a transaction where each statement may do so.
func TestOptionsAreNotReadInImplicitTransactions(t *testing.T) {
	for _, text := range []string{"SET IMPLICIT_TRANSACTIONS ON SELECT 1/0", "SET NOCOUNT ON SELECT 1/0"} {
		t.Run(text, func(t *testing.T) {
			begins := strings.Contains(text, "NOCOUNT") // though nothing told so
			asked := false
			srv := newServer(t, optionsServer(func(c *tdstest.ServerConn) []byte {
				asked = true
				begin := tds.EnvChange{Type: tds.EnvBeginTransaction, NewBytes: tds.TransactionBytes(7)}.Append(nil)
				return append(begin, textAnswer("2|2147483647|-1|7|mdy|2|us_english|app")(c)...)
			}))
			n := startNode(t, srv.Addr(), shared(1))
			c := n.connect(credentials())
			if _, err := c.Query(text); err != nil {
				t.Fatal(err)
			}
			if asked != begins {
				t.Errorf("asked: %v", asked)
			}
			other := n.connect(credentials())
			if begins {
				closed(t, c)
				query(t, other, "SELECT 1")
				if l := len(received(srv, tds.PacketLogin7)); l != 2 {
					t.Errorf("%d backend logins: another client is in that transaction", l)
				}
				return
			}
			if got := pinned(n); got != "set_option" {
				t.Errorf("pinned by %q", got)
			}
		})
	}
}

// A server's numbers of prepared statements, named in a text, are found by
// nobody but who has them from that server.
func TestSharedHandlesOfOthersInText(t *testing.T) {
	batch := func(text string) func(*testing.T, *tdstest.Client) {
		return func(t *testing.T, c *tdstest.Client) {
			if err := c.Batch(text, 0); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, ask := range map[string]func(*testing.T, *tdstest.Client){
		"batch":      batch("EXEC sp_execute 1"),
		"long batch": batch(longText("EXEC sp_execute 1")),
		"dynamic":    batch("DECLARE @s varchar(99) = 'EXEC sp_' + 'execute 1' EXEC(@s)"),
		"sp_executesql": func(t *testing.T, c *tdstest.Client) {
			if err := c.RPC(tds.RPCHeader{ProcID: tds.ProcExecuteSQL}, textParam(nil, "", "EXEC sp_execute 1"), 0); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			n, srv, _ := startPrepared(t, 1)
			a, b := n.connect(credentials()), n.connect(credentials())
			rpc(t, a, tds.ProcPrepare, append(prepareParams("", "SELECT 41"), intParam(nil, 1)...))
			query(t, b, "SELECT 1") // takes the connection over as it is
			if resets := srv.Stats().Resets; resets != 0 {
				t.Fatalf("%d resets", resets)
			}
			ask(t, b)
			if r, err := b.Read(); err != nil || r.Rows != 0 {
				t.Errorf("%d rows of what another client has prepared, %v", r.Rows, err)
			}
			if resets := srv.Stats().Resets; resets != 1 {
				t.Errorf("%d resets", resets)
			}
		})
	}
}

// An attention that comes while its request is about to be sent reaches the
// server after it: ahead of it, it would be answered alone, and the response
// would go to whoever is next.
func TestSharedAttentionBeforeRequestIsSent(t *testing.T) {
	for _, leaves := range []bool{false, true} {
		t.Run(fmt.Sprint("leaves ", leaves), func(t *testing.T) {
			srv := newServer(t, sqlServer(answerAll))
			n := startNode(t, srv.Addr(), shared(1))
			c := n.connect(credentials())
			query(t, c, "SELECT 1")
			p := n.env.sessions.ports()[0]
			eventually(t, "the session is idle", func() bool {
				p.mu.Lock()
				defer p.mu.Unlock()
				return p.phase == phaseIdle
			})
			// Of the session's goroutine, which goes on reading the client.
			r := muxRequests.Get().(*muxRequest)
			r.begin(p)
			r.typ, r.status, r.whole, r.packets = tds.PacketSQLBatch, tds.StatusEOM, true, 1
			r.n = copy(r.buf[tds.HeaderSize:], tds.SQLBatch{Text: "SELECT 2"}.Append(nil, tds.V74))
			r.headers, _ = tds.DecodeAllHeaders(r.payload(), tds.V74)
			p.mu.Lock()
			p.setPhase(phaseBusy)
			p.mx.serving, p.mx.sent, p.mx.late, p.watching = true, false, false, true
			p.mu.Unlock()
			p.judge(r)
			p.step(event{what: hapRequest})
			if d := p.askBucket(r); d.act != actAttach {
				t.Fatal(d)
			}
			if d := p.attach(r); d.act != actSend {
				t.Fatal(d)
			}
			if leaves {
				_ = c.Close()
			} else if err := c.Attention(); err != nil {
				t.Fatal(err)
			}
			eventually(t, "that is noticed", func() bool {
				p.mu.Lock()
				defer p.mu.Unlock()
				return p.mx.late || p.attention
			})
			if _, _, ended := p.runRequest(r); ended != leaves {
				t.Errorf("ended: %v", ended)
			}
			if !leaves {
				p.rest(r)
			}
			r.done()
			if leaves {
				n.gone()
			} else if s := statuses(t, c, 2); s[1]&tds.DoneAttention == 0 {
				t.Errorf("statuses %v", s)
			}
			before := 0 // the attention: batches
			for _, m := range srv.Received() {
				if m.Message.Type == tds.PacketAttention {
					break
				}
				if m.Message.Type == tds.PacketSQLBatch {
					before++
				}
			}
			if before != 2 || len(received(srv, tds.PacketAttention)) != 1 {
				t.Errorf("%d batches before the attention", before)
			}
		})
	}
}

// Not every server leaves the isolation level alone when it resets: it is
// stated again.
func TestSharedIsolationAfterReset(t *testing.T) {
	const level = "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE"
	for _, own := range []bool{false, true} {
		t.Run(fmt.Sprint("own ", own), func(t *testing.T) {
			s := &txServer{}
			n, _ := startShared(t, s, shared(1))
			a, b := n.connect(credentials()), n.connect(credentials())
			query(t, a, level)
			if own {
				if err := a.Batch("SELECT 1", tds.StatusReset); err != nil {
					t.Fatal(err)
				}
				if _, err := a.Read(); err != nil {
					t.Fatal(err)
				}
			} else {
				query(t, b, "EXEC p") // so that there is a reset
			}
			before := len(s.texts())
			query(t, a, "SELECT 2")
			if got := s.texts()[before:]; len(got) != 2 || got[0] != level {
				t.Errorf("the server got %q", got)
			}
		})
	}
}

// A database that cannot be opened, of which servers say that the login failed
// too, does not make the logins of the same user's other clients unknown.
func TestSharedUnknownDatabaseOfOneClient(t *testing.T) {
	n, _, _ := startPrepared(t, 2)
	a, b := n.connect(credentials()), n.connect(credentials())
	c := n.dial()
	cfg := credentials()
	cfg.Login.Database = "none"
	if err := c.Connect(cfg); err == nil {
		t.Fatal("logged in")
	} else if got := numbers(c.Login); len(got) != 2 || got[1] != 18456 {
		t.Fatalf("got %v", got)
	}
	query(t, a, "BEGIN TRAN")
	query(t, b, "SELECT 1") // on a backend that is opened for it
}

// A session that stops before it has read that its login is kept says so too.
func TestSharedLoginOfStoppedSession(t *testing.T) {
	n, _, _ := startPrepared(t, 1)
	routing, arrived, goOn := *n.env.Routing.Load(), make(chan struct{}), make(chan struct{})
	routing.Route = func(*tds.Login7) string {
		close(arrived)
		<-goOn
		return "b1"
	}
	n.env.Routing.Store(&routing)
	c := n.dial()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if c.Connect(credentials()) == nil {
			t.Error("logged in")
		}
	}()
	<-arrived
	s, left := n.env.sessions.all()[0], make(chan uint64, 1)
	if err := s.Tell(granted{Grant: bucket.Grant{Kept: 7}, leave: func(kept uint64) { left <- kept }}); err != nil {
		t.Fatal(err)
	}
	s.Stop(nil)
	close(goOn)
	<-s.Done()
	<-ended
	select {
	case kept := <-left:
		if kept != 7 {
			t.Errorf("left %d", kept)
		}
	default:
		t.Error("the login is kept for ever")
	}
}
