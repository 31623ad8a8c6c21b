package session

import (
	"sync"
	"testing"

	"sluice/tds"
	"sluice/tds/tdstest"
)

// interruptible answers batches but "slow", which only an attention ends, in
// the way that end says.
func interruptible(end func(c *tdstest.ServerConn) error) handler {
	return func(c *tdstest.ServerConn, m tds.Message, text string) error {
		switch {
		case m.Type == tds.PacketAttention:
			return end(c)
		case text == "slow":
			return nil
		}
		return rows(c, m)
	}
}

func reply(status tds.DoneStatus) func(*tdstest.ServerConn) error {
	return func(c *tdstest.ServerConn) error { return c.Reply(tds.Done{Status: status}.Append(nil, c.Version)) }
}

// inTwo is how SQL Server ends a request that was cancelled.
func inTwo(c *tdstest.ServerConn) error {
	if err := reply(tds.DoneError)(c); err != nil {
		return err
	}
	return tdstest.AcknowledgeAttention(c)
}

func startSlow(t *testing.T, s *tdstest.Server, c *tdstest.Client) {
	t.Helper()
	before := len(received(s, tds.PacketSQLBatch))
	if err := c.Batch("slow", 0); err != nil {
		t.Fatal(err)
	}
	s.WaitReceived(tds.PacketSQLBatch, before+1)
}

// statuses reads n messages and returns what their last tokens say.
func statuses(t *testing.T, c *tdstest.Client, n int) (all []tds.DoneStatus) {
	t.Helper()
	for range n {
		r, err := c.Read()
		d, ok := r.Done()
		if err != nil || !ok {
			t.Fatalf("got %+v, %v", r, err)
		}
		all = append(all, d.Status)
	}
	return all
}

func TestAttentionWhileRunning(t *testing.T) {
	for _, tc := range []struct {
		name string
		end  func(*tdstest.ServerConn) error
		n    int // messages to the client
	}{
		{"response, then acknowledgement", inTwo, 2},
		{"acknowledged in the response", reply(tds.DoneError | tds.DoneAttention), 1},
		{"acknowledgement only", tdstest.AcknowledgeAttention, 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := newServer(t, sqlServer(interruptible(tc.end)))
			n := startNode(t, s.Addr(), nil)
			c := n.connect(credentials())
			for range 3 {
				startSlow(t, s, c)
				if err := c.Attention(); err != nil {
					t.Fatal(err)
				}
				got := statuses(t, c, tc.n)
				if got[tc.n-1]&tds.DoneAttention == 0 {
					t.Errorf("got %v", got)
				}
				if r := query(t, c, "next"); r.Rows != 1 {
					t.Errorf("%d rows", r.Rows)
				}
			}
			_ = c.Close()
			n.gauges(1, 1, 0)
			if k := len(received(s, tds.PacketLogin7)); k != 1 {
				t.Errorf("%d backend logins", k)
			}
		})
	}
}

// The second attention comes before the first is acknowledged: one
// acknowledgement answers both.
func TestAttentionTwice(t *testing.T) {
	release := make(chan struct{})
	s := newServer(t, sqlServer(interruptible(func(c *tdstest.ServerConn) error {
		<-release
		return inTwo(c)
	})))
	n := startNode(t, s.Addr(), nil)
	c := n.connect(credentials())
	startSlow(t, s, c)
	for range 2 {
		if err := c.Attention(); err != nil {
			t.Fatal(err)
		}
	}
	s.WaitReceived(tds.PacketAttention, 1)
	close(release)
	statuses(t, c, 2)
	query(t, c, "next")
	_ = c.Close()
	n.gauges(1, 1, 0)
}

// An attention with nothing to interrupt is acknowledged by the server, as is
// one that meets the end of its response.
func TestAttentionWhenIdle(t *testing.T) {
	s := newServer(t, sqlServer(interruptible(tdstest.AcknowledgeAttention)))
	n := startNode(t, s.Addr(), nil)
	c := n.connect(credentials())
	for range 3 {
		if err := c.Attention(); err != nil {
			t.Fatal(err)
		}
		if got := statuses(t, c, 1); got[0] != tds.DoneAttention {
			t.Errorf("got %v", got)
		}
		query(t, c, "next")
	}
	_ = c.Close()
	n.gauges(1, 1, 0)
}

// Attentions race the end of their responses, over and over; the client sees
// the response whole or cut, then one acknowledgement, and stays in step.
func TestAttentionRacesTheResponse(t *testing.T) {
	s := newServer(t, sqlServer(interruptible(tdstest.AcknowledgeAttention)))
	n := startNode(t, s.Addr(), nil)
	c := n.connect(credentials())
	for i := range 150 {
		if err := c.Batch("quick", 0); err != nil {
			t.Fatal(err)
		}
		var racing sync.WaitGroup
		if i%2 == 0 {
			racing.Go(func() { _ = c.Attention() })
		}
		r, err := c.Read()
		if err != nil || r.Rows != 1 {
			t.Fatalf("request %d: %d rows, %v", i, r.Rows, err)
		}
		if i%2 == 0 {
			if got := statuses(t, c, 1); got[0]&tds.DoneAttention == 0 {
				t.Fatalf("request %d: %v", i, got)
			}
		}
		racing.Wait()
	}
	_ = c.Close()
	n.gauges(1, 1, 0)
	if k := len(received(s, tds.PacketAttention)); k != 75 {
		t.Errorf("%d attentions at the server", k)
	}
}

// With two requests on their way nobody can tell which one an attention cut
// short: the session ends and the backend is not used again.
func TestAttentionOfPipelinedRequests(t *testing.T) {
	s := newServer(t, sqlServer(interruptible(inTwo)))
	n := startNode(t, s.Addr(), nil)
	c := n.connect(credentials())
	startSlow(t, s, c)
	if err := c.Batch("slow", 0); err != nil {
		t.Fatal(err)
	}
	s.WaitReceived(tds.PacketSQLBatch, 2)
	if err := c.Attention(); err != nil {
		t.Fatal(err)
	}
	statuses(t, c, 2)
	closed(t, c)
	n.gauges(0, 0, 0)
}

// A message given up half-way ends with the IGNORE bit and gets one answer and
// no acknowledgement (MS-TDS 2.2.1.7).
func TestIgnoredRequest(t *testing.T) {
	s := newServer(t, sqlServer(func(c *tdstest.ServerConn, m tds.Message, _ string) error {
		if m.Status&tds.StatusIgnore != 0 {
			return reply(tds.DoneError)(c)
		}
		return rows(c, m)
	}))
	n := startNode(t, s.Addr(), nil)
	c := n.connect(credentials())
	body := tds.SQLBatch{Text: "SELECT"}.Append(nil, tds.V74)
	b := append(tds.Header{Type: tds.PacketSQLBatch, Length: 8 + len(body)}.Append(nil), body...)
	b = tds.Header{Type: tds.PacketSQLBatch, Status: tds.StatusEOM | tds.StatusIgnore, Length: 8, PacketID: 2}.Append(b)
	if _, err := c.Conn().Write(b); err != nil {
		t.Fatal(err)
	}
	if got := statuses(t, c, 1); got[0] != tds.DoneError {
		t.Errorf("got %v", got)
	}
	query(t, c, "next")
}
