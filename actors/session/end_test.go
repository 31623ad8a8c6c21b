package session

import (
	"testing"
	"time"

	"sluice/actors/refusal"
	"sluice/tds"
	"sluice/tds/tdstest"
)

// transactional answers BEGIN and COMMIT in text and as requests of their own.
func transactional(gate <-chan struct{}) handler {
	return func(c *tdstest.ServerConn, m tds.Message, text string) error {
		env := func(typ tds.EnvType) error {
			e := tds.EnvChange{Type: typ}
			if typ == tds.EnvBeginTransaction {
				e.NewBytes = tds.TransactionBytes(7)
			} else {
				e.OldBytes = tds.TransactionBytes(7)
			}
			return c.Reply(tds.Done{}.Append(e.Append(nil), c.Version))
		}
		if m.Type == tds.PacketTransMgr {
			t, err := tds.DecodeTransMgr(m.Payload, c.Version)
			if err != nil {
				return err
			}
			if t.Type == tds.TMBegin {
				return env(tds.EnvBeginTransaction)
			}
			return env(tds.EnvCommitTransaction)
		}
		switch text {
		case "BEGIN TRAN":
			return env(tds.EnvBeginTransaction)
		case "COMMIT":
			return env(tds.EnvCommitTransaction)
		case "wait":
			<-gate
		}
		return rows(c, m)
	}
}

func TestDrain(t *testing.T) {
	gate := make(chan struct{})
	s := newServer(t, sqlServer(transactional(gate)))
	n := startNode(t, s.Addr(), func(o *setup) { o.limit = 10 })
	fresh, idle, busy, inText, inTM := n.connect(credentials()), n.connect(credentials()), n.connect(credentials()), n.connect(credentials()), n.connect(credentials())
	silent := n.dial()
	query(t, idle, "SELECT n")
	query(t, inText, "BEGIN TRAN")
	if err := inTM.TransMgr(tds.TransMgr{Type: tds.TMBegin}); err != nil {
		t.Fatal(err)
	}
	if _, err := inTM.Read(); err != nil {
		t.Fatal(err)
	}
	if err := busy.Batch("wait", 0); err != nil {
		t.Fatal(err)
	}
	s.WaitReceived(tds.PacketSQLBatch, 3)
	eventually(t, "the silent client is here", func() bool { return n.env.Connections() == 6 })
	DrainAll(n.env)
	closed(t, fresh)
	closed(t, idle)
	closed(t, silent)
	eventually(t, "three stay", func() bool { return n.env.Connections() == 3 })
	// In a transaction one request follows the other.
	query(t, inText, "SELECT n")
	query(t, inText, "SELECT n")
	close(gate)
	if r, err := busy.Read(); err != nil || r.Rows != 1 {
		t.Errorf("got %d rows, %v", r.Rows, err)
	}
	closed(t, busy)
	eventually(t, "two stay", func() bool { return n.env.Connections() == 2 })
	query(t, inText, "SELECT n")
	// COMMIT in a batch is seen to have worked by the next request, which
	// carries no transaction any more.
	query(t, inText, "COMMIT")
	query(t, inText, "SELECT n")
	closed(t, inText)
	if err := inTM.TransMgr(tds.TransMgr{Type: tds.TMCommit}); err != nil {
		t.Fatal(err)
	}
	if _, err := inTM.Read(); err != nil {
		t.Fatal(err)
	}
	closed(t, inTM)
	n.gauges(5, 5, 0)
}

// A client that sends its next request with the answer to the last one, while
// the session leaves: the backend must not go back with that request on it.
func TestDrainRacesRequests(t *testing.T) {
	arrived := make(chan struct{}, 100)
	s := newServer(t, sqlServer(func(c *tdstest.ServerConn, m tds.Message, text string) error {
		if m.Type == tds.PacketAttention {
			return tdstest.AcknowledgeAttention(c)
		}
		if text == "x" {
			arrived <- struct{}{}
		}
		timer := time.NewTimer(watchAfter + time.Millisecond) // so that the client is watched
		defer timer.Stop()
		<-timer.C
		// With the acknowledgement of a reset, as drivers' pools ask for.
		b := tds.EnvChange{Type: tds.EnvResetConnection}.Append(nil)
		return c.Reply(append(b, tdstest.IntRows(1)(c, m)...))
	}))
	n := startNode(t, s.Addr(), nil)
	for range 30 {
		c := n.connect(credentials())
		if err := c.Batch("x", tds.StatusReset); err != nil {
			t.Fatal(err)
		}
		<-arrived
		DrainAll(n.env)
		if _, err := c.Read(); err != nil {
			t.Fatal(err)
		}
		_ = c.Batch("y", tds.StatusReset)
		_ = c.Close()
		n.gone()
		eventually(t, "the backend is back", func() bool {
			g := &n.governor.Gauges
			return g.Leased.Load() == 0 && g.Cleaning.Load() == 0 && g.Open.Load() == g.Idle.Load()
		})
	}
	if k := n.governor.CleanFailed.(*count).get(); k != 0 {
		t.Errorf("%d connections were given back with a request on them", k)
	}
}

func TestKill(t *testing.T) {
	s := newServer(t, sqlServer(interruptible(inTwo)))
	n := startNode(t, s.Addr(), nil)
	idle, busy, silent := n.connect(credentials()), n.connect(credentials()), n.dial()
	query(t, idle, "SELECT n")
	startSlow(t, s, busy)
	eventually(t, "three clients", func() bool { return n.env.Connections() == 3 })
	KillAll(n.env, refusal.Killed)
	closed(t, idle)
	closed(t, busy)
	closed(t, silent)
	s.WaitReceived(tds.PacketAttention, 1)
	n.gone()
	n.gauges(2, 2, 0)
}

// A request is stuck because the server does not read, and the session is to
// end.
func TestKillWhileTheServerDoesNotRead(t *testing.T) {
	s := newServer(t, tdstest.Script{plainBegin(), tdstest.LoginOK(), tdstest.WaitFor(make(chan struct{}))})
	n := startNode(t, s.Addr(), func(o *setup) { o.cleanTimeout = 50 * time.Millisecond })
	c := n.connect(credentials())
	sent := make(chan struct{})
	go func() {
		_ = c.Send(tds.PacketSQLBatch, 0, append([]byte{4, 0, 0, 0}, make([]byte, 16<<20)...))
		close(sent)
	}()
	packets := n.env.Routing.Load().Buckets["b1"].Metrics.ClientPackets[tds.PacketSQLBatch].(*count)
	eventually(t, "the request is under way", func() bool { return packets.get() > 0 })
	KillAll(n.env, refusal.Killed)
	<-sent
	n.gauges(0, 0, 0)
}

func TestSessionTimeout(t *testing.T) {
	gate := make(chan struct{})
	s := newServer(t, sqlServer(transactional(gate)))
	n := startNode(t, s.Addr(), func(o *setup) { o.sessionTimeout = 300 * time.Millisecond })
	idle, busy := n.connect(credentials()), n.connect(credentials())
	query(t, idle, "SELECT n")
	if err := busy.Batch("wait", 0); err != nil {
		t.Fatal(err)
	}
	closed(t, idle)
	eventually(t, "one stays", func() bool { return n.env.Connections() == 1 })
	close(gate)
	if r, err := busy.Read(); err != nil || r.Rows != 1 {
		t.Errorf("got %d rows, %v", r.Rows, err)
	}
	closed(t, busy)
	n.gauges(2, 2, 0)
}

// The actor stops without having been told that its client is gone: the
// backend must not stay leased, nor open without a slot.
func TestActorStops(t *testing.T) {
	for name, attach := range map[string]string{"pooled": "", "dedicated": "x.mdf"} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, sqlServer(interruptible(inTwo)))
			n := startNode(t, s.Addr(), nil)
			cfg := credentials()
			cfg.Login.AtchDBFile = attach
			idle, busy := n.connect(cfg), n.connect(cfg)
			startSlow(t, s, busy)
			for _, ref := range n.env.sessions.all() {
				ref.Stop(errTest)
			}
			closed(t, idle)
			closed(t, busy)
			n.gone()
			n.gauges(0, 0, 0)
			eventually(t, "the server's connections end", func() bool { return s.Open() == 0 })
		})
	}
}

type testError string

func (e testError) Error() string { return string(e) }

const errTest = testError("told to stop by the test")

// A panic in the code that serves one client ends that session alone.
func TestPanicEndsOneSession(t *testing.T) {
	s := newServer(t, sqlServer(answerAll))
	n := startNode(t, s.Addr(), nil)
	other, victim := n.connect(credentials()), n.connect(credentials())
	query(t, other, "SELECT n")
	b := n.env.Routing.Load().Buckets["b1"]
	b.Metrics.ClientPackets[tds.PacketTransMgr] = bomb{}
	if err := victim.TransMgr(tds.TransMgr{Type: tds.TMBegin}); err != nil {
		t.Fatal(err)
	}
	closed(t, victim)
	n.gauges(1, 0, 1)
	query(t, other, "SELECT n")
}

type bomb struct{}

func (bomb) Inc()    { panic("bomb") }
func (bomb) Add(int) { panic("bomb") }
