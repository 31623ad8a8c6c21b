package main

import (
	"os/exec"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"sluice/scripts/rig"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		// net/http keeps this for a moment after an answer.
		goleak.IgnoreTopFunction("internal/poll.runtime_pollWait"),
	)
}

// program builds the node for a test that runs it.
func program(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("runs real processes")
	}
	if _, err := exec.LookPath("redis-server"); err != nil {
		t.Skip("redis-server is not installed: ", err)
	}
	path, err := rig.Build(t.Context(), t.TempDir(), false)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// runOf runs one schedule with the options of a command line.
func runOf(t *testing.T, sluice, schedule string, args ...string) *result {
	t.Helper()
	o, err := parseOptions(append(args, "--sluice", sluice), t.Output())
	if err != nil {
		t.Fatal(err)
	}
	if o.knows, err = rig.AskCapabilities(sluice); err != nil {
		t.Fatal(err)
	}
	s, err := ParseSchedule(strings.NewReader(schedule))
	if err != nil {
		t.Fatal(err)
	}
	res, err := runSchedule(t.Context(), o, s, t.TempDir(), loopback{rig.NewLoopback()}, t.Logf)
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

// The faults of servers and links, with clients that share backends.
func TestOneNodeWithABadServerAndSlowLinks(t *testing.T) {
	const schedule = `
nodes 1
limit 8
duration 5s
pooling transaction
at 500ms slow-redis node-1 by 50ms for 2s
at 1s backend-kill bucket-1 count 3
at 1500ms slow-server bucket-1 by 20ms for 1s
at 2s backend-kill bucket-1
at 3s server-away bucket-1 for 1s
`
	res := runOf(t, program(t), schedule, "--nodes", "1", "--linger", "50")
	if len(res.violations) > 0 || len(res.notes) > 0 || res.peaks[0] < mostly(8) || res.ok == 0 || res.failed == 0 {
		t.Errorf("%+v", res)
	}
}

// Nodes without Redis know nothing of each other: together they are over the
// limit, and that must come to light.
func TestTooManyConnectionsAreNoticed(t *testing.T) {
	const schedule = "nodes 2\nlimit 8\nduration 1s\n"
	res := runOf(t, program(t), schedule, "--nodes", "2", "--linger", "100", "--set", "redis.addr=")
	over := slices.ContainsFunc(res.violations, func(v string) bool { return strings.Contains(v, "over the limit: bucket-1") })
	if !over || res.peaks[0] < 12 {
		t.Errorf("%+v", res)
	}
}
