package main

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"sluice/scripts/load"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		// net/http keeps this for a moment after an answer.
		goleak.IgnoreTopFunction("internal/poll.runtime_pollWait"),
	)
}

func TestCommandLines(t *testing.T) {
	for args, want := range map[string]string{
		"all --short":                           "baseline burst steady instance redis uneven scale-out long-transactions prepared",
		"redis burst":                           "redis burst",
		"baseline --dsn sqlserver://a:b@c":      "baseline",
		"all --break":                           "baseline burst steady instance redis uneven scale-out long-transactions prepared",
		"sing":                                  "",
		"baseline extra --short burst":          "",
		"baseline --pooling observe":            "",
		"baseline --dsn host=x":                 "",
		"burst --break --dsn sqlserver://a:b@c": "",
	} {
		o, err := parse(strings.Fields(args), t.Output())
		if want == "" {
			if !errors.Is(err, errOptions) {
				t.Errorf("%s: %v", args, err)
			}
			continue
		}
		if err != nil || strings.Join(names(o.chosen), " ") != want {
			t.Errorf("%s: %v, %v", args, o, err)
		}
	}
	o, err := parse([]string{"baseline", "--dsn", "sqlserver://me:p%40@db:99?encrypt=true&database=x"}, t.Output())
	if err != nil || o.direct.Addr != "db:99" || o.direct.Password != "p@" || o.direct.Params["encrypt"] != "true" || o.direct.Params["database"] != "" {
		t.Errorf("%+v, %v", o, err)
	}
}

// Every scenario can be broken on purpose, and says how.
func TestEveryScenarioHasABreak(t *testing.T) {
	if n := len(scenarios()); n != 9 {
		t.Errorf("%d scenarios", n)
	}
	inRun := []string{"scale-out", "long-transactions", "prepared"}
	for _, s := range scenarios() {
		changed := !slices.Equal(broken(s).set, s.fleet.set) || broken(s).limit != s.fleet.limit || broken(s).witnesses != s.fleet.witnesses || broken(s).hold != s.fleet.hold
		if s.broken == "" || changed == slices.Contains(inRun, s.name) {
			t.Errorf("%s: %q, another fleet: %v", s.name, s.broken, changed)
		}
	}
}

func TestVerdict(t *testing.T) {
	good, bad := row{checks: []Check{{OK: true}}}, row{checks: []Check{{OK: true}, {OK: false}}}
	broke := row{err: errors.New("no"), checks: []Check{{OK: true}}}
	for _, c := range []struct {
		breakIt bool
		rows    []row
		want    error
	}{
		{false, []row{good, good}, nil},
		{false, []row{good, bad}, errFailed},
		{false, []row{broke}, errFailed},
		{true, []row{bad, bad}, nil},
		{true, []row{bad, good}, errUnnoticed},
		{true, []row{broke}, errFailed},
	} {
		if err := verdict(&options{breakIt: c.breakIt}, c.rows); !errors.Is(err, c.want) {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

func TestReport(t *testing.T) {
	o := &options{out: t.TempDir(), short: true, command: "run.sh all --short"}
	var rows []row
	for _, s := range scenarios() {
		r := row{scenario: s, record: good(s.name), took: time.Minute}
		if s.name == "redis" {
			r.record.Loads[0].Result.Wrong = 7
		}
		r.checks = s.judge(r.record)
		rows = append(rows, r)
	}
	rows = append(rows, row{scenario: scenarios()[0], err: errors.New("no Redis")})
	var out strings.Builder
	printTable(&out, rows)
	for _, r := range rows {
		printChecks(&out, r)
	}
	for _, want := range []string{"baseline           pass", "redis              FAIL", "FAIL wrong answers: 7 (0)", "BROKE baseline: no Redis", "20/20"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
	if err := writeReport(o, rows); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(o.out, reportFile))
	if err != nil {
		t.Fatal(err)
	}
	for _, link := range strings.Split(string(text), "](scenarios/")[1:] {
		name, _, _ := strings.Cut(link, ")")
		if _, err := os.Stat(filepath.Join(o.out, chartsDir, name)); err != nil {
			t.Error(err)
		}
	}
	data, err := os.ReadFile(filepath.Join(o.out, dataFile))
	if err != nil {
		t.Fatal(err)
	}
	var all []struct {
		Scenario string
		Passed   bool
		Checks   []Check
	}
	if err := json.Unmarshal(data, &all); err != nil || len(all) != 10 || !all[0].Passed || all[4].Passed || len(all[4].Checks) == 0 {
		t.Errorf("%v: %s", err, data)
	}
}

// short runs a scenario for a moment with real processes.
func shortRun(t *testing.T, s scenario, breakIt bool) row {
	t.Helper()
	if testing.Short() {
		t.Skip("runs real processes")
	}
	for _, program := range []string{"redis-server", "haproxy"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("%s is not installed: %v", program, err)
		}
	}
	dir := t.TempDir()
	o := &options{short: true, breakIt: breakIt, pooling: "transaction", seed: 1}
	if err := o.program(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	record, err := run(t.Context(), o, s, filepath.Join(dir, "run"), t.Logf)
	if err != nil {
		t.Fatal(err)
	}
	r := row{scenario: s, record: record, checks: s.judge(record)}
	printChecks(t.Output(), r)
	return r
}

// The baseline, smaller and shorter, passes; with nodes that allow more than the
// limit it fails for that reason.
func TestLimitIsWitnessedWithRealProcesses(t *testing.T) {
	s := baseline()
	s.fleet.limit, s.fleet.nodes, s.fleet.witnesses, s.fleet.buckets = 10, 1, 0, 1
	s.run = func(ctx context.Context, tr *trial) error {
		c := pressing(40, 50*time.Millisecond)
		tr.record.Clients, tr.record.Hold = c.Clients, 0.05
		l, err := tr.start(ctx, clientsName, c)
		if err != nil {
			return err
		}
		return firstOf(tr.phase(ctx, steadyPhase, 0, 1500*time.Millisecond), l.end())
	}
	r := shortRun(t, s, false)
	for _, c := range r.checks {
		// How long clients wait depends on what else runs on this machine.
		if !c.OK && !strings.HasPrefix(c.What, "p99") {
			t.Errorf("%+v", c)
		}
	}
	if r.record.Loads[0].Result.Kind(load.Transaction).Count == 0 || len(r.record.Nodes) == 0 || len(r.record.Counts) == 0 {
		t.Errorf("nothing was measured: %+v", r.record)
	}
	if r := shortRun(t, s, true); r.checks[0].OK || r.record.Buckets[0].Peak != 15 {
		t.Errorf("15 connections of 10 were not noticed: %+v", r.checks)
	}
}
