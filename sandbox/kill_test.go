package sandbox

import (
	"slices"
	"testing"

	"sluice/tds"
)

func TestKill(t *testing.T) {
	s, e := startFake(t, Options{})
	busy, idle := connect(t, s, tds.Login7{}), connect(t, s, tds.Login7{})
	busy.sendBatch("wait", 0)
	waitFor(t, "the request runs", func() bool { return s.Stats().Requests == 1 })
	if !s.KillSession(firstSPID) || s.KillSession(99) {
		t.Error("KillSession does not know its sessions")
	}
	if ts := busy.answer(); ts[0].msg == nil || ts[0].msg.Number != 596 {
		t.Errorf("tokens %v", ts)
	}
	busy.expectEOF()
	if n := s.KillAll(); n < 1 {
		t.Errorf("%d killed", n)
	}
	idle.expectEOF()
	waitFor(t, "both are closed", func() bool {
		e.mu.Lock()
		defer e.mu.Unlock()
		return slices.Contains(e.log, "close 51") && slices.Contains(e.log, "close 52")
	})
	waitFor(t, "both are counted out", func() bool { return s.Sessions() == 0 })
}

// A client that sees its connection closed and comes back at once is not
// counted twice, whatever the goroutine of the first is at.
func TestKilledIdleSessionIsCountedOutAtOnce(t *testing.T) {
	s, _ := startFake(t, Options{})
	c := connect(t, s, tds.Login7{})
	s.KillAll()
	if n := s.Sessions(); n != 0 {
		t.Errorf("%d sessions", n)
	}
	c.expectEOF()
}

func TestKillStatement(t *testing.T) {
	s, _ := startFake(t, Options{})
	victim, c := connect(t, s, tds.Login7{}), connect(t, s, tds.Login7{})
	for _, tc := range []struct{ sql, want string }{
		{"KILL 52", `[message(6104 "Cannot use KILL to kill your own process.") done(fd 002 fd 0)]`},
		{"kill 999;", `[message(6106 "Process ID 999 is not an active process ID.") done(fd 002 fd 0)]`},
		{" Kill 51 ;", "[done(fd 000 fd 0)]"},
		{"kill", "[done(fd 000 fd 0)]"}, // the fake engine's
	} {
		if got := sprint(c.batch(tc.sql)); got != tc.want {
			t.Errorf("%q: %s, want %s", tc.sql, got, tc.want)
		}
	}
	victim.expectEOF()
}
