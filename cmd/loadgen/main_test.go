package main

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"sluice/sandbox"
	"sluice/scripts/load"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// server is a sandbox with two databases.
func server(t *testing.T) *sandbox.Server {
	t.Helper()
	s, err := sandbox.Start(sandbox.Options{
		Databases: []string{"app1", "app2"}, Encryption: sandbox.EncryptionOff,
		Logins: map[string]sandbox.Login{"sa": {Password: "secret"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestARunWithBothReports(t *testing.T) {
	s := server(t)
	figures, report := filepath.Join(t.TempDir(), "load.json"), filepath.Join(t.TempDir(), "load.html")
	var out, errs strings.Builder
	err := run(t.Context(), []string{
		"--target", s.Addr().String(), "--password", "secret", "--setup", "--buckets", "app1=3,app2=1", "--total-connections", "8",
		"--include-ddl", "--include-sprocs", "--max-operations", "400", "--connection-duration", "100ms", "--json", figures, "--report", report,
	}, &out, &errs)
	if err != nil {
		t.Fatalf("%v\n%s", err, errs.String())
	}
	text, err := os.ReadFile(figures)
	if err != nil {
		t.Fatal(err)
	}
	var res load.Result
	if err := json.Unmarshal(text, &res); err != nil {
		t.Fatal(err)
	}
	if res.Operations != 400 || res.Errors > 0 || res.Wrong > 0 || len(res.Buckets) != 2 || res.Buckets[0].Clients != 6 {
		t.Errorf("%s\n%s", out.String(), text)
	}
	html, err := os.ReadFile(report)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"400 operations", "<svg", "transaction", "app2"} {
		if !strings.Contains(string(html), want) {
			t.Errorf("the report has no %q", want)
		}
	}
	if strings.Contains(string(html), "http://") && strings.Count(string(html), "http://") != strings.Count(string(html), "http://www.w3.org/2000/svg") {
		t.Error("the report asks for something from outside")
	}
}

// Ctrl-C ends a run with its reports.
func TestInterruptedRunReports(t *testing.T) {
	s := server(t)
	if err := run(t.Context(), []string{"--target", s.Addr().String(), "--password", "secret", "--setup-only", "--total-connections", "4"}, &strings.Builder{}, &strings.Builder{}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	figures := filepath.Join(t.TempDir(), "load.json")
	done := make(chan error, 1)
	var out, errs strings.Builder
	go func() {
		done <- run(ctx, []string{"--target", s.Addr().String(), "--password", "secret", "--total-connections", "4", "--duration", "10m", "--json", figures}, &out, &errs)
	}()
	for s.Sessions() < 4 {
		select {
		case err := <-done:
			t.Fatalf("it ended by itself: %v", err)
		case <-time.After(time.Millisecond):
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(figures); err != nil || !strings.Contains(out.String(), "operations in") {
		t.Errorf("%v\n%s", err, out.String())
	}
}

// Without tables every operation fails, which is no failure of the program.
func TestErrorsAreInTheSummary(t *testing.T) {
	s := server(t)
	var out, errs strings.Builder
	err := run(t.Context(), []string{"--target", s.Addr().String(), "--password", "secret", "--total-connections", "2", "--max-operations", "10", "--query-mix", "simple"}, &out, &errs)
	if err != nil || !strings.Contains(out.String(), "208") || !strings.Contains(out.String(), "10 errors") {
		t.Errorf("%v\n%s", err, out.String())
	}
}

func TestCommandLines(t *testing.T) {
	o, err := parse(strings.Fields("--dsn sqlserver://me:p%40ss@db.example?encrypt=true&database=x --buckets a,b=2.5 --query-mix prepared"), t.Output())
	if err != nil {
		t.Fatal(err)
	}
	want := load.Target{Addr: "db.example:1433", User: "me", Password: "p@ss", Params: map[string]string{"encrypt": "true"}}
	if !reflect.DeepEqual(o.config.Target, want) || !reflect.DeepEqual(o.config.Buckets, []load.Bucket{{Database: "a", Weight: 1}, {Database: "b", Weight: 2.5}}) {
		t.Errorf("%+v", o.config)
	}
	o, err = parse(strings.Fields("--buckets 2"), t.Output())
	if err != nil || !reflect.DeepEqual(o.config.Buckets, []load.Bucket{{Database: "app1", Weight: 1}, {Database: "app2", Weight: 1}}) {
		t.Errorf("%+v, %v", o, err)
	}
	for _, args := range []string{"--buckets 0", "--query-mix all", "--buckets a=x", "--buckets ,", "--dsn host=x", "--dsn sqlserver://", "extra", "--buckets a=-1"} {
		if _, err := parse(strings.Fields(args), t.Output()); !errors.Is(err, load.ErrConfig) {
			t.Errorf("%s: %v", args, err)
		}
	}
}
