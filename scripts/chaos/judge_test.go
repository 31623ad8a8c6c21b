package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	mssql "github.com/microsoft/go-mssqldb"
)

// zero is the start of the times in these tests.
var zero = time.Unix(1_000_000, 0)

func sec(s float64) time.Time { return zero.Add(time.Duration(s * float64(time.Second))) }

func mark(f Fault, node int, from, to float64) Mark {
	m := Mark{Step: Step{Fault: f, Node: node}, From: sec(from)}
	if to > 0 {
		m.To = sec(to)
	}
	return m
}

func TestTolerated(t *testing.T) {
	const hold = 6 * time.Second
	for _, c := range []struct {
		name  string
		marks []Mark
		want  int
	}{
		{"short", []Mark{mark(Pause, 1, 10, 14)}, 0},
		{"long", []Mark{mark(LongPause, 1, 10, 18)}, 1},
		{"meant to be short, became long", []Mark{mark(Pause, 1, 10, 15.5)}, 1},
		{"still on", []Mark{mark(LongPause, 1, 10, 0)}, 0},
		{"short, Redis away: the witnesses heard it", []Mark{mark(RedisAway, 0, 2, 0), mark(Pause, 1, 10, 14)}, 0},
		{"short, cut from Redis: the witnesses heard it", []Mark{mark(CutRedis, 1, 2, 20), mark(Pause, 1, 10, 14)}, 0},
		{"short, cut from the others: Redis heard it", []Mark{mark(CutGossip, 1, 2, 20), mark(Pause, 1, 10, 14)}, 0},
		{"short, cut from both for long", []Mark{mark(CutBoth, 1, 8, 20), mark(Pause, 1, 10, 14)}, 1},
		{"short, cut from both just before", []Mark{mark(CutBoth, 1, 9.7, 20), mark(Pause, 1, 10, 14)}, 0},
		{"short, Redis away and a witness killed: one hears it still", []Mark{mark(RedisAway, 0, 2, 0), mark(Kill, 2, 5, 0), mark(Pause, 1, 10, 14)}, 0},
		{"short, Redis away and both other witnesses killed", []Mark{mark(RedisAway, 0, 2, 0), mark(Kill, 2, 5, 0), mark(Kill, 3, 5, 0), mark(Pause, 1, 10, 14)}, 1},
		{"a witness that has just come back does not count", []Mark{mark(RedisAway, 0, 2, 0), mark(Kill, 2, 5, 6), mark(Kill, 3, 5, 6), mark(Pause, 1, 10, 14)}, 1},
		{"short, slow to Redis: the witnesses heard it", []Mark{mark(SlowRedis, 1, 2, 20), mark(Pause, 1, 10, 14)}, 0},
		{"short, slow to Redis, cut from the others", []Mark{mark(SlowRedis, 1, 2, 20), mark(CutGossip, 1, 2, 20), mark(Pause, 1, 10, 14)}, 1},
		{"the other's cut", []Mark{mark(CutBoth, 2, 2, 20), mark(Pause, 1, 10, 14)}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := tolerated(c.marks, 3, hold)
			if len(got) != c.want {
				t.Fatalf("%v", got)
			}
			if c.want == 1 && (!got[0].has(sec(12)) || got[0].has(sec(20))) {
				t.Errorf("%v", got)
			}
		})
	}
}

func TestOnLoan(t *testing.T) {
	first, second := mark(Pause, 1, 10, 14), mark(Pause, 2, 12, 16)
	first.Borrowed, second.Borrowed = []int{2, 0}, []int{3, 1}
	other := mark(Kill, 3, 10, 16)
	other.Borrowed = []int{9}
	for _, c := range []struct {
		bucket int
		at     float64
		want   int
	}{{0, 9, 0}, {0, 11, 2}, {0, 13, 5}, {1, 13, 1}, {0, 14.5, 5}, {0, 15.5, 3}, {0, 18, 0}, {2, 13, 0}} {
		if got := onLoan([]Mark{first, second, other}, c.bucket, sec(c.at)); got != c.want {
			t.Errorf("bucket %d at %v: %d, want %d", c.bucket, c.at, got, c.want)
		}
	}
}

func TestToleratedWithoutWitnesses(t *testing.T) {
	marks := []Mark{mark(RedisAway, 0, 6, 0), mark(Pause, 1, 10, 14)}
	if got := tolerated(marks, 0, 6*time.Second); len(got) != 1 {
		t.Errorf("%v", got)
	}
}

func TestBefore(t *testing.T) {
	marks := []Mark{mark(Kill, 2, 1, 3), mark(LoadOn, 1, 4, 4), mark(RedisPause, 0, 5, 0), mark(Pause, 1, 30, 0)}
	if got, want := before(marks, sec(6), 3), "redis-pause (on for 1s), kill node-2 (over for 3s)"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got := before(marks, zero, 3); got != "nothing" {
		t.Errorf("%q", got)
	}
}

// ramp makes samples every 15 ms from a function of the seconds.
func ramp(to float64, held func(at float64) int) []Sample {
	var list []Sample
	for at := 0.0; at < to; at += 0.015 {
		n := held(at)
		list = append(list, Sample{At: sec(at), Held: []int{n}, ByNode: []int{n}})
	}
	return list
}

func TestRecoveries(t *testing.T) {
	list := ramp(30, func(at float64) int {
		if at > 5 && at < 7 || at > 20 {
			return 12
		}
		return 20
	})
	got := recoveries(list, []Mark{mark(Pause, 1, 1, 2), mark(Kill, 2, 5, 9), mark(LoadOn, 2, 6, 6), mark(Kill, 3, 20, 0)}, 20, 6*time.Second, sec(30))
	if len(got) != 2 || got[0].what != "kill" || !got[0].ok || got[0].took < 1990*time.Millisecond || got[0].took > 2030*time.Millisecond || got[1].ok {
		t.Errorf("%+v", got)
	}
	// What is missing only later, when the others take the node for dead, counts.
	if got := recoveries(list, []Mark{mark(CutBoth, 2, 1, 0)}, 20, 6*time.Second, sec(19.5)); len(got) != 1 || got[0].took < 5900*time.Millisecond || got[0].took > 6100*time.Millisecond {
		t.Errorf("%+v", got)
	}
	// What is disturbed again before it is over is left out.
	if got := recoveries(list, []Mark{mark(Kill, 2, 5, 0), mark(RedisFlush, 0, 6, 6)}, 20, 6*time.Second, sec(10)); len(got) != 0 {
		t.Errorf("%+v", got)
	}
}

func TestLedgerRecoveries(t *testing.T) {
	list := ramp(10, func(float64) int { return 20 })
	for i := range list {
		list[i].Strange = list[i].At.After(sec(2)) && list[i].At.Before(sec(5))
	}
	got := ledgerRecoveries(list, []Mark{mark(RedisKill, 0, 1, 4)}, sec(10))
	if len(got) != 1 || !got[0].ok || got[0].took < 990*time.Millisecond || got[0].took > 1030*time.Millisecond {
		t.Errorf("%+v", got)
	}
}

func TestShareAndHotPhases(t *testing.T) {
	list := ramp(10, func(at float64) int { return min(20, int(at*10)) })
	if got := share(list, 20, span{sec(3), sec(9)}); got != 1 {
		t.Errorf("share %v", got)
	}
	if got := share(nil, 20, span{}); got != 0 {
		t.Errorf("share of nothing %v", got)
	}
	lines, missed := hotPhases(list, []Mark{mark(LoadOn, 1, 0, 0), mark(RedisAway, 0, 4, 0)}, 20, sec(8))
	if len(missed) != 0 || len(lines) != 2 || !strings.Contains(lines[0], "Redis up: 95% after 1.9") || !strings.Contains(lines[1], "Redis down: 95% after 0.0") {
		t.Errorf("%q, %q", lines, missed)
	}
	if _, missed := hotPhases(list, []Mark{mark(LoadOn, 1, 0, 0)}, 20, sec(1)); len(missed) != 1 {
		t.Errorf("%q", missed)
	}
}

func TestClassify(t *testing.T) {
	for _, c := range []struct {
		err  error
		want failureKind
	}{
		{mssql.Error{Number: 50004}, failedBusy},
		{mssql.Error{Number: 50007}, failedServer},
		{mssql.Error{Number: 50006}, failedDraining},
		{mssql.Error{Number: 50016}, failedFenced},
		{mssql.Error{Number: 50017}, failedOdd},
		{mssql.Error{Number: 50000}, failedOdd},
		{mssql.Error{Number: 208}, failedOdd},
		{mssql.Error{Number: 596}, failedKilled},
		{mssql.Error{Number: 50999}, failedOdd},
		{fmt.Errorf("login: %w", &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}), failedNetwork},
		{fmt.Errorf("read: %w", io.EOF), failedNetwork},
		{fmt.Errorf("%w: %w", net.ErrClosed, errors.New("during the login")), failedNetwork},
		{errors.New("read tcp: connection reset by peer"), failedNetwork},
		{context.DeadlineExceeded, failedNetwork},
		{errors.New("no idea"), failedOdd},
	} {
		if got, text := classify(c.err); got != c.want {
			t.Errorf("%v: %v %q", c.err, got, text)
		}
	}
}

func TestExplain(t *testing.T) {
	const hold = 6 * time.Second
	for _, c := range []struct {
		name string
		f    failure
		mark Mark
		want bool
	}{
		{"no capacity", failure{at: sec(1), kind: failedBusy}, mark(Kill, 1, 5, 6), true},
		{"odd", failure{at: sec(5), node: 1, kind: failedOdd}, mark(Kill, 1, 5, 6), false},
		{"closed by its node's death", failure{at: sec(5), node: 1, kind: failedNetwork}, mark(Kill, 1, 5, 6), true},
		{"closed by another node", failure{at: sec(5), node: 2, kind: failedNetwork}, mark(Kill, 1, 5, 6), false},
		{"before the fault", failure{at: sec(4), node: 1, kind: failedNetwork}, mark(Kill, 1, 5, 6), false},
		{"long after", failure{at: sec(17), node: 1, kind: failedNetwork}, mark(Kill, 1, 5, 6), false},
		{"through a balancer", failure{at: sec(5), kind: failedNetwork}, mark(Kill, 1, 5, 6), true},
		{"fenced without Redis", failure{at: sec(9), node: 1, kind: failedNetwork}, mark(RedisAway, 0, 2, 0), true},
		{"fenced for a fault of Redis", failure{at: sec(5), node: 2, kind: failedFenced}, mark(RedisKill, 0, 5, 6), true},
		{"fenced, the other node was killed", failure{at: sec(5), node: 2, kind: failedFenced}, mark(Kill, 1, 5, 6), false},
		{"fenced, the server was away", failure{at: sec(5), node: 2, kind: failedFenced}, mark(ServerAway, 0, 5, 6), false},
		{"server lost, as it was told to", failure{at: sec(5), node: 2, kind: failedServer}, mark(BackendKill, 0, 5, 5), true},
		{"server lost, Redis was away", failure{at: sec(5), node: 2, kind: failedServer}, mark(RedisKill, 0, 5, 6), false},
		{"draining, it leaves", failure{at: sec(5), node: 1, kind: failedDraining}, mark(Leave, 1, 5, 6), true},
		{"draining, another leaves", failure{at: sec(5), node: 2, kind: failedDraining}, mark(Leave, 1, 5, 6), false},
		{"killed by the server, as it was told to", failure{at: sec(5.1), node: 1, kind: failedKilled}, mark(BackendKill, 0, 5, 5), true},
		{"killed by the server, for no reason", failure{at: sec(5.1), node: 1, kind: failedKilled}, mark(Kill, 1, 5, 6), false},
		{"closed without a server", failure{at: sec(5.1), node: 1, kind: failedNetwork}, mark(ServerAway, 0, 5, 6), true},
		{"slow to Redis, the other node", failure{at: sec(5.1), node: 2, kind: failedNetwork}, mark(SlowRedis, 1, 5, 6), false},
		{"a change of the load is no fault", failure{at: sec(5), node: 1, kind: failedServer}, mark(LoadOn, 1, 5, 6), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := explain(c.f, []Mark{c.mark}, hold); (got != unexplained) != c.want {
				t.Error(got)
			}
		})
	}
}

func TestTheLikeliestExplains(t *testing.T) {
	marks := []Mark{mark(ServerAway, 0, 5, 6), mark(Kill, 1, 6, 7), mark(CutGossip, 1, 7, 8), mark(RedisFlush, 0, 8, 8)}
	for kind, want := range map[failureKind]Fault{failedServer: ServerAway, failedFenced: RedisFlush, failedNetwork: CutGossip} {
		if got := explain(failure{at: sec(9), node: 1, kind: kind}, marks, 6*time.Second); got != string(want) {
			t.Errorf("%d: %s, want %s", kind, got, want)
		}
	}
}

func TestReport(t *testing.T) {
	r := &result{schedule: Generate(3, testPlan(true)), peaks: []int{20, 21}, ok: 5, refusedFor: map[string]int{"50004 queue_timeout": 3}}
	for i := range 2 * maxLines {
		r.violate("number %d", i)
	}
	r.recoveries = []recovery{{"kill", time.Second, true}, {"leave", 0, false}}
	var b strings.Builder
	r.print(&b, "run it again")
	summary(&b, []*result{r}, time.Minute, recoveryBound(6*time.Second))
	for _, want := range []string{"FAIL seed 3", "21/20", "VIOLATION number 0", "... and 10 more", "run it again", "kill 1.00s, leave never", "queue_timeout x3", "failed: seed 3"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, b.String())
		}
	}
}

func TestRecord(t *testing.T) {
	one := &result{schedule: Generate(3, testPlan(true)), peaks: []int{20}, ok: 5, failedOf: map[string]int{"50007 backend_lost (kill)": 2}}
	one.recoveries = []recovery{{"kill", time.Second, true}, {"kill", 3 * time.Second, true}, {"leave", 0, false}}
	two := &result{schedule: Generate(4, testPlan(true)), healed: sec(1), recovered: 2 * time.Second}
	two.recoveries = []recovery{{"kill", 2 * time.Second, true}}
	two.violate("over the limit")
	rec := newRecord("run.sh", []*result{one, two}, 0, time.Minute, 27*time.Second)
	want := []tableRow{{afterAll, 1, 0, 2, 2, 27}, {"kill", 3, 0, 2, 3, 27}, {"leave", 0, 1, 0, 0, 27}}
	if !slices.Equal(rec.Recoveries, want) {
		t.Errorf("%+v", rec.Recoveries)
	}
	path := filepath.Join(t.TempDir(), "report.md")
	if err := rec.write(path); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"`run.sh`", "| kill | 2.00 s | 3.00 s | 27 s | 3 | 0 |", "backend_lost (kill) | 2 |", "## seed 4", "- over the limit", "seed 4\nnodes 3"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	var again record
	data, err := os.ReadFile(filepath.Join(filepath.Dir(path), "report.json"))
	if err == nil {
		err = json.Unmarshal(data, &again)
	}
	if err != nil || !slices.Equal(again.Recoveries, want) {
		t.Errorf("%v: %+v", err, again)
	}
}
