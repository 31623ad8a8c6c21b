package session

import (
	"testing"

	"sluice/actors/backend"
	"sluice/actors/statement"
	"sluice/tds"
)

// A reset that leaves the transaction open leaves the client its backend.
func TestSharedResetKeepsTransaction(t *testing.T) {
	s := &txServer{}
	n, _ := startShared(t, s, shared(2))
	c := n.connect(credentials())
	query(t, c, "BEGIN TRAN")
	descriptor := c.Transaction
	if err := c.Batch("SELECT 1", tds.StatusResetSkipTran); err != nil {
		t.Fatal(err)
	}
	if r, err := c.Read(); err != nil || r.Err() != nil || len(r.EnvChanges(tds.EnvResetConnection)) != 1 {
		t.Fatal(r, err)
	}
	n.gauges(1, 0, 1)
	if r := inTran(t, c, "SELECT 2", descriptor); r.Err() != nil {
		t.Error(r.Err())
	}
	if r := inTran(t, c, "COMMIT", descriptor); r.Err() != nil {
		t.Error(r.Err())
	}
	n.gauges(1, 1, 0)
	if err := c.Batch("SELECT 3", tds.StatusResetSkipTran); err != nil {
		t.Fatal(err)
	}
	if r, err := c.Read(); err != nil || r.Err() != nil {
		t.Fatal(r, err)
	}
	n.gauges(1, 1, 0)
}

// After an error that ends the connection nobody gets it, and the client is
// hung up on as the server would do.
func TestSharedFatalError(t *testing.T) {
	s := &txServer{}
	n, _ := startShared(t, s, shared(2))
	a, b := n.connect(credentials()), n.connect(credentials())
	if r, err := a.Query("fatal"); err != nil || r.Err() == nil {
		t.Fatal(r, err)
	}
	query(t, b, "SELECT 1")
	closed(t, a)
	n.gauges(1, 1, 0)
}

// A backend that is kept for a client dies in the moment in which the client's
// next request comes. The race detector looks on.
func TestSharedBackendDiesAsRequestComes(t *testing.T) {
	s := &txServer{}
	n, _ := startShared(t, s, shared(2))
	for range 50 {
		c := n.connect(credentials())
		query(t, c, "CREATE TABLE #t (a int)")
		query(t, c, "bye")
		if r, err := c.Query("SELECT 1"); err == nil && r.Err() == nil {
			t.Fatal("an answer of a server that has hung up")
		}
		_ = c.Close()
	}
	n.gone()
	n.gauges(0, 0, 0)
}

// TDS 7.1 has no ENVCHANGE for transactions, whatever the server is.
func TestAnnouncing(t *testing.T) {
	for v, want := range map[tds.Version]bool{tds.V71: false, tds.V72: true, tds.V73B: true} {
		a := backend.Answer{Ack: tds.LoginAck{Version: v, ProgName: "Microsoft SQL Server", ProgVersion: [4]byte{16}}}
		if got := announces(&a); got != want {
			t.Errorf("%v: %v", v, got)
		}
	}
}

// A server that is not known to change the database at a reset is told to
// before anybody else uses it.
func TestDatabaseAfterReset(t *testing.T) {
	base := statement.LoginDefaults(true).WithDatabase("app1")
	moved := statement.Settings{}.WithDatabase("app2")
	for suspect, want := range map[bool]string{true: "USE [app1]", false: ""} {
		l := sharedLogin{base: base, suspect: suspect}
		got, ok := statement.Replay(l.afterReset(moved), statement.Settings{}, base)
		if got != want || !ok {
			t.Errorf("suspect %v: %q, %v, want %q", suspect, got, ok, want)
		}
		if got := l.afterReset(statement.Settings{}); got != (statement.Settings{}) {
			t.Errorf("suspect %v: %+v where nobody has changed the database", suspect, got)
		}
	}
}

// The answer of a server that did not do the node's reset is nobody's.
func TestAnswerWithoutResetIsNotPassedOn(t *testing.T) {
	s := &txServer{deaf: true}
	n, _ := startShared(t, s, shared(1))
	a, b := n.connect(credentials()), n.connect(credentials())
	query(t, a, "EXEC unseen")
	r, err := b.Query("EXEC unseen")
	if err != nil || r.Err() == nil || r.Rows != 0 {
		t.Errorf("%d rows, %v, %v", r.Rows, r.Err(), err)
	}
}
