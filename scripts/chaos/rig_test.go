package main

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		// net/http keeps this for a moment after an answer.
		goleak.IgnoreTopFunction("internal/poll.runtime_pollWait"),
	)
}

// program builds the node once for the tests that run it.
func program(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("runs real processes")
	}
	if _, err := exec.LookPath("redis-server"); err != nil {
		t.Skip("redis-server is not installed: ", err)
	}
	o := &Options{Sluice: filepath.Join(t.TempDir(), "sluice")}
	if err := build(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	return o.Sluice
}

// runOf runs one schedule with the options of a command line.
func runOf(t *testing.T, sluice, schedule string, args ...string) *result {
	t.Helper()
	o, err := parseOptions(append(args, "--sluice", sluice), t.Output())
	if err != nil {
		t.Fatal(err)
	}
	if o.knows, err = askCapabilities(sluice); err != nil {
		t.Fatal(err)
	}
	s, err := ParseSchedule(strings.NewReader(schedule))
	if err != nil {
		t.Fatal(err)
	}
	res, err := runSchedule(t.Context(), o, s, t.TempDir(), loopback{newPortPicker()}, t.Logf)
	if err != nil {
		t.Fatal(err)
	}
	res.print(t.Output(), "")
	return res
}

func TestOneNodeKeepsItsLimit(t *testing.T) {
	const schedule = `
nodes 1
limit 8
duration 3s
at 500ms kill node-1 for 500ms
at 1s redis-flush
at 2s pause node-1 for 300ms
at 2s redis-kill for 500ms
`
	res := runOf(t, program(t), schedule, "--nodes", "1", "--linger", "50", "--strict")
	if len(res.violations) > 0 || len(res.notes) > 0 || res.peaks[0] < mostly(8) || res.ok == 0 || res.failed == 0 {
		t.Errorf("%+v", res)
	}
}

// Nodes without Redis know nothing of each other: together they are over the
// limit, and that must come to light.
func TestTooManyConnectionsAreNoticed(t *testing.T) {
	const schedule = "nodes 2\nlimit 8\nduration 1s\n"
	res := runOf(t, program(t), schedule, "--nodes", "2", "--linger", "100", "--set", "redis.addr=")
	if len(res.violations) == 0 || !strings.Contains(res.violations[0], "over the limit: bucket-1") || res.peaks[0] < 12 {
		t.Errorf("%+v", res)
	}
}

func TestProcessThatIgnoresSignals(t *testing.T) {
	log := filepath.Join(t.TempDir(), "log")
	p, err := startProcess("stubborn", log, []string{"sh", "-c", "trap '' TERM; echo here; while :; do sleep 0.1; done"})
	if err != nil {
		t.Fatal(err)
	}
	if !eventually(t.Context(), 5*time.Second, func() bool { return strings.Contains(p.tail(), "here") }) {
		t.Error("it said nothing:", p.tail())
	}
	if err := p.end(syscall.SIGTERM, 100*time.Millisecond); err == nil || p.running() {
		t.Errorf("%v, running %v", err, p.running())
	}
	if err := p.signal(syscall.SIGTERM); !errors.Is(err, os.ErrProcessDone) {
		t.Error(err)
	}
}

func TestChildren(t *testing.T) {
	p, err := startProcess("parent", filepath.Join(t.TempDir(), "log"), []string{"sh", "-c", "sleep 60 & wait"})
	if err != nil {
		t.Fatal(err)
	}
	var kids []kin
	eventually(t.Context(), 5*time.Second, func() bool { kids = children(p.cmd.Process.Pid); return len(kids) == 1 })
	if len(kids) != 1 || !kids[0].running() {
		t.Fatalf("%v", kids)
	}
	if (kin{kids[0].pid, "1"}).running() {
		t.Error("taken for an earlier process of that number")
	}
	kids[0].kill()
	if !eventually(t.Context(), 5*time.Second, func() bool { return !kids[0].running() }) {
		t.Error("it runs on")
	}
	if err := p.end(syscall.SIGKILL, time.Second); err != nil {
		t.Error(err)
	}
}

func TestWaitsEndWithTheirContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if sleep(ctx, time.Hour) || eventually(ctx, time.Hour, func() bool { return false }) {
		t.Error("waited to the end")
	}
}

func TestPorts(t *testing.T) {
	p := newPortPicker()
	seen := map[int]bool{}
	for range 20 {
		port, err := p.take()
		if err != nil {
			t.Fatal(err)
		}
		if seen[port] || port < firstPort || port > lastPort {
			t.Errorf("port %d", port)
		}
		seen[port] = true
	}
}
