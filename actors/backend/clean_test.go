package backend

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"sluice/tds"
	"sluice/tds/tdstest"
)

// dialed returns a connection to a server that goes on with steps after login.
func dialed(t *testing.T, steps ...tdstest.Step) (*Conn, *tdstest.Server) {
	t.Helper()
	s := tdstest.NewServer(t, append(tdstest.Script{plain(), tdstest.LoginOK()}, steps...))
	c, err := Dial(context.Background(), target(s), login(), Key{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Abort)
	return c, s
}

func TestClean(t *testing.T) {
	done := func(s tds.DoneStatus) []byte { return tds.Done{Status: s}.Append(nil, tds.V74) }
	reset := tds.EnvChange{Type: tds.EnvResetConnection}.Append(nil)
	answer := func(b ...[]byte) tdstest.Step {
		var all []byte
		for _, part := range b {
			all = append(all, part...)
		}
		return func(c *tdstest.ServerConn) error {
			if _, err := c.Expect(tds.PacketSQLBatch); err != nil {
				return err
			}
			return c.Reply(all)
		}
	}
	failed := (&tds.ServerError{Number: 3902, Class: 16, Text: "no"}).Append(nil, tds.V74)
	info := (&tds.ServerError{Number: 5701, Text: "Changed database context"}).Append(nil, tds.V74)
	half := tds.AppendMessage(nil, tds.PacketReply, 0, 51, 4096, append(reset, done(0)...))
	wait := tdstest.WaitFor(never)
	expect := tdstest.Expect(tds.PacketSQLBatch, nil)
	for _, tc := range []struct {
		name  string
		steps tdstest.Script
		is    error // nil with ok
		text  string
		ok    bool
	}{
		{"acknowledged", tdstest.Script{answer(reset, done(0)), wait}, nil, "", true},
		{"acknowledged with an info", tdstest.Script{answer(info, reset, done(tds.DoneMore), done(0)), wait}, nil, "", true},
		{"not acknowledged", tdstest.Script{answer(done(0)), wait}, ErrNotReset, "", false},
		{"error", tdstest.Script{answer(reset, failed, done(tds.DoneError)), wait}, nil, "3902", false},
		{"error without a token", tdstest.Script{answer(reset, done(tds.DoneError)), wait}, ErrUnsynced, "", false},
		{"the end of an attention", tdstest.Script{answer(reset, done(tds.DoneAttention)), wait}, ErrUnsynced, "", false},
		{"noise", tdstest.Script{answer([]byte{1, 2, 3}), wait}, tds.ErrUnknownToken, "", false},
		{"another packet type", tdstest.Script{expect, tdstest.SendRaw(tds.AppendMessage(nil, tds.PacketSQLBatch, 0, 0, 4096, done(0))), wait}, ErrUnsynced, "", false},
		{"cut in the answer", tdstest.Script{expect, tdstest.SendRaw(half[:12]), tdstest.Hangup}, nil, "unexpected EOF", false},
		{"hung up", tdstest.Script{expect, tdstest.Hangup}, nil, "EOF", false},
		{"too long", tdstest.Script{answer(reset, make([]byte, maxCleanResponse)), wait}, tds.ErrMessageTooLong, "", false},
		// One write, so that both have arrived when the first is read.
		{"says more than was asked", tdstest.Script{expect, tdstest.SendRaw(append(half[:len(half):len(half)], half...)), wait}, ErrUnsynced, "", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			c, s := dialed(t, tc.steps...)
			err := c.Clean(context.Background())
			switch {
			case tc.ok != (err == nil), tc.is != nil && !errors.Is(err, tc.is):
				t.Errorf("got %v, want %v", err, tc.is)
			case err != nil && !strings.Contains(err.Error(), tc.text):
				t.Errorf("got %v, want %q", err, tc.text)
			}
			batch := received(s, tds.PacketSQLBatch)[0]
			if batch.Status != tds.StatusReset|tds.StatusEOM {
				t.Errorf("sent with status %#x", batch.Status)
			}
			b, derr := tds.DecodeSQLBatch(batch.Payload, tds.V74)
			if derr != nil || !strings.Contains(b.Text, "ISOLATION LEVEL READ COMMITTED") || b.Headers.Transaction != 0 {
				t.Errorf("sent %+v, %v", b, derr)
			}
		})
	}
}

func TestCleanTimesOut(t *testing.T) {
	c, _ := dialed(t, tdstest.Expect(tds.PacketSQLBatch, nil), tdstest.WaitFor(never))
	c.cleanTimeout = 50 * time.Millisecond
	if err := c.Clean(context.Background()); err == nil || !strings.Contains(err.Error(), "timeout") {
		t.Errorf("got %v", err)
	}
}

func TestCleanCancelled(t *testing.T) {
	c, s := dialed(t, tdstest.Expect(tds.PacketSQLBatch, nil), tdstest.WaitFor(never))
	ctx, cancel := context.WithCancel(context.Background())
	failed := make(chan error, 1)
	go func() { failed <- c.Clean(ctx) }()
	s.WaitReceived(tds.PacketSQLBatch, 1)
	cancel()
	if err := <-failed; err == nil {
		t.Error("cleaned")
	}
}

// What one Clean sets must not reach the next user of the connection.
func TestCleanLeavesNoDeadline(t *testing.T) {
	release := make(chan struct{})
	late := func(c *tdstest.ServerConn, m tds.Message) []byte {
		if m.Status&tds.StatusReset == 0 {
			<-release
		}
		return tds.Done{}.Append(nil, c.Version)
	}
	c, s := dialed(t, tdstest.Serve(map[tds.PacketType]tdstest.Answer{tds.PacketSQLBatch: late}))
	c.cleanTimeout = time.Second
	if err := c.Clean(context.Background()); err != nil {
		t.Fatal(err)
	}
	timer := time.AfterFunc(1100*time.Millisecond, func() { close(release) }) // past the deadline of Clean
	defer timer.Stop()
	batch := tds.SQLBatch{Text: "x"}.Append(nil, tds.V74)
	if _, err := c.Net.Write(tds.AppendMessage(nil, tds.PacketSQLBatch, 0, 0, 4096, batch)); err != nil {
		t.Fatal(err)
	}
	if _, err := tds.ReadMessage(c.Net, nil, 1<<10); err != nil {
		t.Error(err)
	}
	if n := len(received(s, tds.PacketSQLBatch)); n != 2 {
		t.Errorf("%d batches", n)
	}
}

// Servers that are not known to go back to the login's database at a reset are
// told to.
func TestCleanGoesBackToTheDatabase(t *testing.T) {
	recovery := []tds.Feature{{ID: tds.FeatureSessionRecovery}}
	for _, tc := range []struct {
		a    Answer
		want string
	}{
		{Answer{Database: "app1"}, " IF CONTEXT_INFO() IS NOT NULL SET CONTEXT_INFO 0x USE [app1]"},
		{Answer{Database: "a]b"}, " IF CONTEXT_INFO() IS NOT NULL SET CONTEXT_INFO 0x USE [a]]b]"},
		{Answer{Database: "app1", Features: recovery}, ""},
		{Answer{}, ""},
	} {
		if got := tc.a.afterReset(); got != tc.want {
			t.Errorf("%+v: %q, want %q", tc.a, got, tc.want)
		}
	}
}

// Nobody else gets a session with something in it that outlives resets.
func TestCleanRefusesWhatIsKept(t *testing.T) {
	c, s := dialed(t, tdstest.WaitFor(never))
	c.Kept = true
	if err := c.Clean(context.Background()); !errors.Is(err, ErrKept) {
		t.Errorf("got %v", err)
	}
	if n := len(received(s, tds.PacketSQLBatch)); n != 0 {
		t.Errorf("%d batches", n)
	}
}
