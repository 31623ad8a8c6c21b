package session

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"sluice/actors/bucket"
	"sluice/actors/refusal"
	"sluice/tds"
	"sluice/tds/tdstest"
)

func startShared(t testing.TB, s *txServer, change func(*setup)) (*node, *tdstest.Server) {
	t.Helper()
	srv := newServer(t, s.script())
	return startNode(t, srv.Addr(), change), srv
}

func TestSharedManyClientsOnFewBackends(t *testing.T) {
	s := &txServer{}
	n, srv := startShared(t, s, shared(2))
	clients := make([]*tdstest.Client, 100)
	for i := range clients {
		clients[i] = n.connect(credentials())
	}
	if g := n.governor.Gauges.Leased.Load(); g != 0 {
		t.Errorf("%d backends are taken by idle clients", g)
	}
	var wg sync.WaitGroup
	for i, c := range clients {
		wg.Go(func() {
			for k := range 10 {
				r, err := c.Query(fmt.Sprintf("SELECT %d", i*100+k))
				if err != nil || r.Err() != nil || r.Rows != 1 {
					t.Errorf("client %d: %+v, %v", i, r, err)
					return
				}
			}
		})
	}
	wg.Wait()
	if l := len(received(srv, tds.PacketLogin7)); l > 2 {
		t.Errorf("%d backend logins", l)
	}
	for _, c := range clients {
		_ = c.Close()
	}
	n.gone()
	if n.governor.Gauges.Open.Load() > 2 {
		t.Error("too many backends")
	}
}

func TestSharedTransactions(t *testing.T) {
	for _, manager := range []bool{false, true} {
		t.Run(fmt.Sprint("manager ", manager), func(t *testing.T) {
			s := &txServer{}
			n, _ := startShared(t, s, shared(2))
			a, b := n.connect(credentials()), n.connect(credentials())
			tran := func(c *tdstest.Client, typ tds.TransMgrType, text string) {
				t.Helper()
				if !manager {
					query(t, c, text)
					return
				}
				if err := c.TransMgr(tds.TransMgr{Type: typ}); err != nil {
					t.Fatal(err)
				}
				if r, err := c.Read(); err != nil || r.Err() != nil {
					t.Fatal(r, err)
				}
			}
			tran(a, tds.TMBegin, "BEGIN TRAN")
			if a.Transaction == 0 {
				t.Fatal("no transaction")
			}
			n.gauges(1, 0, 1)
			query(t, b, "SELECT 1")
			query(t, a, "SELECT 2")
			n.gauges(2, 1, 1)
			tran(b, tds.TMBegin, "BEGIN TRAN")
			n.gauges(2, 0, 2)
			tran(a, tds.TMCommit, "COMMIT")
			n.gauges(2, 1, 1)
			tran(b, tds.TMRollback, "ROLLBACK")
			n.gauges(2, 2, 0)
		})
	}
}

// A request of a transaction that is over goes to no server.
func TestSharedStrayTransaction(t *testing.T) {
	s := &txServer{}
	n, _ := startShared(t, s, shared(2))
	c := n.connect(credentials())
	query(t, c, "SELECT 1")
	r := inTran(t, c, "DELETE everything", 77)
	if got := numbers(r); len(got) != 1 || got[0] != int32(refusal.StrayTransaction) {
		t.Errorf("got %v", got)
	}
	query(t, c, "SELECT 2")
	for _, text := range s.texts() {
		if text == "DELETE everything" {
			t.Error("it reached the server")
		}
	}
}

// A client that waits in vain gets an error, and its session goes on.
func TestSharedQueueTimeout(t *testing.T) {
	s := &txServer{}
	n, _ := startShared(t, s, func(o *setup) {
		shared(1)(o)
		o.queue = bucket.QueueSettings{Timeout: 50 * time.Millisecond, MaxSize: 10}
	})
	a, b := n.connect(credentials()), n.connect(credentials())
	query(t, a, "BEGIN TRAN")
	for _, text := range []string{"SELECT 1", longText("SELECT 2")} {
		r, err := b.Query(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := numbers(r); len(got) != 1 || got[0] != int32(refusal.QueueTimeout) {
			t.Errorf("got %v", got)
		}
	}
	query(t, a, "COMMIT")
	query(t, b, "SELECT 3")
}

func longText(s string) string {
	for len(s) < 3*maxJudged {
		s += " -- and so on, and so on, and so on\n"
	}
	return s
}

// Requests longer than what is read ahead pass too.
func TestSharedLongRequest(t *testing.T) {
	s := &txServer{}
	n, _ := startShared(t, s, shared(1))
	c := n.connect(credentials())
	long := longText("SELECT 2")
	for range 3 {
		query(t, c, long)
		n.gauges(1, 1, 0)
	}
	for _, text := range s.texts() {
		if text != long {
			t.Fatalf("the server got another text of %d bytes", len(text))
		}
	}
}

// Clients that leave at any time leave nothing behind.
func TestSharedDisconnect(t *testing.T) {
	s := &txServer{slow: untilAttention}
	n, srv := startShared(t, s, shared(1))
	t.Run("idle", func(t *testing.T) {
		c := n.connect(credentials())
		query(t, c, "SELECT 1")
		_ = c.Close()
		n.gone()
		n.gauges(1, 1, 0)
	})
	t.Run("in a transaction", func(t *testing.T) {
		c := n.connect(credentials())
		query(t, c, "BEGIN TRAN")
		_ = c.Close()
		n.gone()
		n.gauges(1, 1, 0)
		if s.resets == 0 {
			t.Error("the backend was not cleaned")
		}
	})
	t.Run("waiting", func(t *testing.T) {
		a, b := n.connect(credentials()), n.connect(credentials())
		query(t, a, "BEGIN TRAN")
		if err := b.Batch("SELECT 1", 0); err != nil {
			t.Fatal(err)
		}
		eventually(t, "it waits", func() bool { return n.governor.Gauges.Waiting.Load() == 1 })
		_ = b.Close()
		eventually(t, "it does not wait", func() bool { return n.governor.Gauges.Waiting.Load() == 0 })
		query(t, a, "COMMIT")
		_ = a.Close()
		n.gone()
		n.gauges(1, 1, 0)
	})
	t.Run("running", func(t *testing.T) {
		c := n.connect(credentials())
		startSlow(t, srv, c)
		_ = c.Close()
		n.gone()
		n.gauges(1, 1, 0)
		if k := len(received(srv, tds.PacketAttention)); k != 1 {
			t.Errorf("%d attentions", k)
		}
	})
	if l := len(received(srv, tds.PacketLogin7)); l != 1 {
		t.Errorf("%d backend logins", l)
	}
}

func TestSharedAttention(t *testing.T) {
	s := &txServer{slow: untilAttention}
	n, srv := startShared(t, s, shared(1))
	c := n.connect(credentials())
	attention := func(c *tdstest.Client) {
		t.Helper()
		if err := c.Attention(); err != nil {
			t.Fatal(err)
		}
	}
	query(t, c, "SELECT 1")
	for range 3 { // at rest, the backend is not its own
		attention(c)
		if got := statuses(t, c, 1); got[0] != tds.DoneAttention {
			t.Errorf("at rest: %v", got)
		}
	}
	for range 3 {
		startSlow(t, srv, c)
		attention(c)
		if got := statuses(t, c, 2); got[0]&tds.DoneError == 0 || got[1]&tds.DoneAttention == 0 {
			t.Errorf("running: %v", got)
		}
		n.gauges(1, 1, 0)
	}
	other := n.connect(credentials())
	query(t, other, "BEGIN TRAN")
	for range 3 {
		if err := c.Batch("SELECT 2", 0); err != nil {
			t.Fatal(err)
		}
		eventually(t, "it waits", func() bool { return n.governor.Gauges.Waiting.Load() == 1 })
		attention(c)
		if got := statuses(t, c, 2); got[0] != tds.DoneError || got[1] != tds.DoneAttention {
			t.Errorf("waiting: %v", got)
		}
		eventually(t, "it does not wait", func() bool { return n.governor.Gauges.Waiting.Load() == 0 })
	}
	query(t, other, "COMMIT")
	query(t, c, "SELECT 3")
	n.gauges(1, 1, 0)
	if k := len(received(srv, tds.PacketAttention)); k != 3 {
		t.Errorf("%d attentions reached the server", k)
	}
	for _, text := range s.texts() {
		if text == "SELECT 2" {
			t.Error("a request that was given up reached the server")
		}
	}
}

// Attentions race the grant and the end of the response, over and over.
func TestSharedAttentionRaces(t *testing.T) {
	s := &txServer{}
	n, _ := startShared(t, s, shared(1))
	a, b := n.connect(credentials()), n.connect(credentials())
	var wg sync.WaitGroup
	stop := make(chan struct{})
	wg.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				if r, err := b.Query("SELECT 1"); err != nil || r.Err() != nil {
					t.Error(r, err)
					return
				}
			}
		}
	})
	for i := range 300 {
		if err := a.Batch("SELECT 2", 0); err != nil {
			t.Fatal(err)
		}
		if err := a.Attention(); err != nil {
			t.Fatal(err)
		}
		r, err := a.Read()
		if err != nil {
			t.Fatal(err)
		}
		d, _ := r.Done()
		if d.Status&tds.DoneAttention == 0 {
			if got := statuses(t, a, 1); got[0]&tds.DoneAttention == 0 {
				t.Fatalf("request %d: %v", i, got)
			}
		}
	}
	close(stop)
	wg.Wait()
	query(t, a, "SELECT 3")
	n.gauges(1, 1, 0)
}

// A client that does not wait for its answers gets them in order.
func TestSharedPipelining(t *testing.T) {
	s := &txServer{}
	n, _ := startShared(t, s, shared(1))
	c := n.connect(credentials())
	for range 20 {
		for k := range 5 {
			if err := c.Batch(fmt.Sprint("SELECT ", k), 0); err != nil {
				t.Fatal(err)
			}
		}
		for range 5 {
			if r, err := c.Read(); err != nil || r.Rows != 1 {
				t.Fatal(r, err)
			}
		}
	}
	for i, text := range s.texts() {
		if text != fmt.Sprint("SELECT ", i%5) {
			t.Fatalf("request %d is %s", i, text)
		}
	}
}

// The login of a client whose credentials are proven takes no backend, though
// all are busy.
func TestSharedLoginWithoutBackend(t *testing.T) {
	s := &txServer{}
	n, srv := startShared(t, s, shared(1))
	a := n.connect(credentials())
	query(t, a, "BEGIN TRAN")
	for range 5 {
		b := n.connect(credentials())
		if b.Login.Err() != nil {
			t.Error(b.Login.Err())
		}
	}
	wrong := credentials()
	wrong.Login.Password = "other"
	query(t, a, "COMMIT")
	if l := len(received(srv, tds.PacketLogin7)); l != 1 {
		t.Errorf("%d backend logins", l)
	}
}

// A backend that the server closes while it is idle is not the clients' matter;
// one with a transaction is.
func TestSharedBackendDies(t *testing.T) {
	s := &txServer{}
	n, _ := startShared(t, s, shared(1))
	c := n.connect(credentials())
	r, err := c.Query("hangup")
	if err != nil || numbers(r)[0] != int32(refusal.BackendLost) {
		t.Fatal(r, err)
	}
	closed(t, c)
	c = n.connect(credentials())
	query(t, c, "SELECT 1")
}
