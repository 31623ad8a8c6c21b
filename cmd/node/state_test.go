package main

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"sluice/configs"
	"sluice/limits"
)

func stateConfig(t *testing.T) *configs.Config {
	c := configs.Defaults()
	c.Proxy.InstanceID, c.Limits.StateDir = "node/1", t.TempDir()
	return c
}

func opened(t *testing.T, c *configs.Config) *stateFile {
	t.Helper()
	s, err := openState(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.close)
	return s
}

// recorded is what a guard would read.
func recorded(t *testing.T, c *configs.Config) stateRecord {
	t.Helper()
	f, err := os.Open(statePath(c))
	if err != nil {
		t.Fatal(err)
	}
	defer closing(t, f)
	r, err := readState(f)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestStateOfANodeInOrder(t *testing.T) {
	c := stateConfig(t)
	s := opened(t, c)
	if r := recorded(t, c); r.PID != os.Getpid() || r.Started == 0 || r.Boot == "" || len(r.Sessions) != 0 {
		t.Errorf("at first: %+v", r)
	}
	if filepath.Dir(s.path) != c.Limits.StateDir {
		t.Errorf("a name with a slash leads to %s", s.path)
	}
	if err := s.remember([]limits.Session{"a-session-with-a-long-name", "another"}, time.Hour); err != nil {
		t.Fatal(err)
	}
	if err := s.remember([]limits.Session{"s"}, 0); err != nil { // shorter than what the file has
		t.Fatal(err)
	}
	if r := recorded(t, c); !slices.Equal(r.Sessions, []limits.Session{"s"}) || r.LentUntil != 0 || s.settled() {
		t.Errorf("with a session: %+v", r)
	}
	s.clear()
	if r := recorded(t, c); len(r.Sessions) != 0 || !s.settled() {
		t.Errorf("after leaving: %+v", r)
	}
}

func TestNameIsTakenWhileTheProcessLives(t *testing.T) {
	c := stateConfig(t)
	s := opened(t, c)
	if _, err := openState(c); !errors.Is(err, errNameTaken) || !strings.Contains(err.Error(), "node/1") {
		t.Errorf("a second one: %v", err)
	}
	s.close()
	opened(t, c)
}

func TestSuccessorFindsThePredecessor(t *testing.T) {
	c := stateConfig(t)
	first := opened(t, c)
	if err := first.remember([]limits.Session{"x", "y"}, 42*time.Hour); err != nil {
		t.Fatal(err)
	}
	first.close()
	second := opened(t, c)
	if p := second.predecessor; !slices.Equal(p.Sessions, []limits.Session{"x", "y"}) || p.LentUntil != 42*time.Hour || p.PID != os.Getpid() {
		t.Errorf("predecessor: %+v", p)
	}
	if err := second.remember([]limits.Session{"z"}, 0); err != nil {
		t.Fatal(err)
	}
	// Should it be killed now, a third one has both to tell of.
	if r := recorded(t, c); !slices.Equal(r.Sessions, []limits.Session{"z", "x", "y"}) || r.LentUntil != 42*time.Hour {
		t.Errorf("recorded: %+v", r)
	}
	second.clear()
	if second.settled() {
		t.Error("settled, though the ledger does not know of the predecessor's end")
	}
}

func TestPredecessorOfAnEarlierBoot(t *testing.T) {
	c := stateConfig(t)
	text := `{"pid":1,"started":1,"boot":"another","sessions":["x"],"lent_until_ns":9000000000000000000}`
	if err := os.WriteFile(statePath(c), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s := opened(t, c)
	p := s.predecessor
	if !slices.Equal(p.Sessions, []limits.Session{"x"}) {
		t.Errorf("predecessor: %+v", p)
	}
	if left := p.LentUntil - monotonic(); left < c.Limits.LoanTime-time.Second || left > c.Limits.LoanTime {
		t.Errorf("loans of before the boot are waited for for %v, loan_time is %v", left, c.Limits.LoanTime)
	}
	if p.PID != 0 {
		t.Error("a process of another boot is looked for in this one")
	}
}

func TestDamagedStateFileIsNoObstacle(t *testing.T) {
	for _, text := range []string{"", "{", "null", `{"sessions":7}`, strings.Repeat("x", 1<<12), `{"pid":"one"}`} {
		c := stateConfig(t)
		if err := os.WriteFile(statePath(c), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		s := opened(t, c)
		if len(s.predecessor.Sessions) != 0 {
			t.Errorf("%.20q: predecessor %+v", text, s.predecessor)
		}
		if r := recorded(t, c); r.PID != os.Getpid() {
			t.Errorf("%.20q: recorded %+v", text, r)
		}
	}
}

func TestStateFileThatCannotBe(t *testing.T) {
	c := stateConfig(t)
	c.Limits.StateDir = filepath.Join(c.Limits.StateDir, "missing")
	if _, err := openState(c); err == nil || !strings.Contains(err.Error(), "limits.state_dir") {
		t.Errorf("a directory that is not there: %v", err)
	}
	c = stateConfig(t)
	elsewhere := filepath.Join(t.TempDir(), "victim")
	if err := os.WriteFile(elsewhere, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(elsewhere, statePath(c)); err != nil {
		t.Fatal(err)
	}
	if _, err := openState(c); err == nil {
		t.Error("a link in a shared directory is followed")
	}
	if b, err := os.ReadFile(elsewhere); string(b) != "precious" || err != nil {
		t.Errorf("the file it leads to has %q, %v", b, err)
	}
}

// deaths is a ledger that notes which sessions were ended.
type deaths struct {
	mu     sync.Mutex
	fail   int // so many calls get no answer
	refuse int // and so many after them another one than OK
	ended  []limits.Session
}

func (d *deaths) Do(_ context.Context, op limits.Op) (limits.Reply, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.fail > 0:
		d.fail--
		return limits.Reply{}, errors.New("no answer")
	case d.refuse > 0:
		d.refuse--
		return limits.Reply{Status: limits.Discont}, nil
	}
	d.ended = append(d.ended, op.(limits.Leave).Session)
	return limits.Reply{Status: limits.OK}, nil
}

func TestDeathIsReportedInTime(t *testing.T) {
	dead := stateRecord{PID: 1 << 30, Started: 1, Boot: bootID(), Sessions: []limits.Session{"x", "y"}}
	with := func(change func(*stateRecord)) stateRecord {
		r := dead
		change(&r)
		return r
	}
	const loan = 20 * time.Second
	for name, tc := range map[string]struct {
		record stateRecord
		ledger *deaths
		least  time.Duration
		most   time.Duration
	}{
		"at once":             {record: dead, least: settleTime, most: settleTime},
		"after its loans":     {record: with(func(r *stateRecord) { r.LentUntil = monotonic() + 30*time.Second }), least: 30 * time.Second, most: 31 * time.Second},
		"of an earlier boot":  {record: with(func(r *stateRecord) { r.Boot, r.LentUntil = "other", monotonic()+time.Hour }), least: loan + settleTime, most: loan + settleTime},
		"ledger away":         {record: dead, ledger: &deaths{fail: 4}, least: settleTime + 4*retryDeath, most: settleTime + 4*retryDeath},
		"ledger has no epoch": {record: dead, ledger: &deaths{refuse: 2}, least: settleTime + 2*retryDeath, most: settleTime + 2*retryDeath},
		"number used again":   {record: with(func(r *stateRecord) { r.PID = os.Getpid() }), least: settleTime, most: settleTime},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ledger, start := cmp.Or(tc.ledger, &deaths{}), time.Now()
				if err := reportDeath(t.Context(), ledger, tc.record, loan, slog.New(slog.DiscardHandler)); err != nil {
					t.Fatal(err)
				}
				if took := time.Since(start); took < tc.least || took > tc.most {
					t.Errorf("reported after %v, want %v to %v", took, tc.least, tc.most)
				}
				if !slices.Equal(ledger.ended, dead.Sessions) {
					t.Errorf("ended: %v", ledger.ended)
				}
			})
		})
	}
}

func TestLiveProcessIsNotReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l deaths
		alive := stateRecord{PID: os.Getpid(), Started: startedAt(os.Getpid()), Boot: bootID(), Sessions: []limits.Session{"x"}}
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		if err := reportDeath(ctx, &l, alive, time.Second, slog.New(slog.DiscardHandler)); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		if len(l.ended) > 0 {
			t.Errorf("ended %v of a process that lives", l.ended)
		}
	})
}

func FuzzState(f *testing.F) {
	f.Add(`{"pid":1,"started":2,"boot":"b","sessions":["x"],"lent_until_ns":3}` + "\n" + `ns":9}`)
	f.Add("{}")
	f.Fuzz(func(t *testing.T, text string) {
		_, _ = readState(strings.NewReader(text)) // an error, never a panic
	})
}
