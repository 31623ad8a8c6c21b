package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"sluice/tds"
)

// An order arrives as it was given, and is a plain statement to all others.
func TestOrders(t *testing.T) {
	for _, o := range []order{
		{}, {takes: 10 * time.Millisecond}, {rows: 7, cells: cellsNarrow}, {takes: time.Second, rows: 1, cells: cellsWide},
	} {
		got, err := orderOf(o.text())
		if err != nil || got != o {
			t.Errorf("%+v became %+v, %v", o, got, err)
		}
		if !strings.HasPrefix(o.text(), "SELECT 1 --") {
			t.Errorf("%q is more than a statement with a comment", o.text())
		}
	}
	if _, err := orderOf(orderPrefix + " flies=1"); err == nil {
		t.Error("an order that is not known is taken")
	}
}

// Results of each kind of rows come whole, whatever their number.
func TestRowsOfAllKinds(t *testing.T) {
	l := testLab(t)
	for _, c := range []cells{cellsWide, cellsMixed, cellsNarrow} {
		client, err := dial(t.Context(), l.fast, login{}, false, readSize)
		if err != nil {
			t.Fatal(err)
		}
		defer client.close()
		s := newStormClient(client, 0, &atomic.Int64{})
		for _, n := range []int{1, 16, 17, 4088, 9000} {
			before := s.walker.Rows()
			if err := s.batch(order{rows: n, cells: c}.text()); err != nil {
				t.Fatalf("%s, %d rows: %v", c, n, err)
			}
			if got := s.walker.Rows() - before; got != uint64(n) {
				t.Errorf("%s: %d rows of %d", c, got, n)
			}
		}
		if n := c.size(1 << 20); n < 1 {
			t.Errorf("%s: %d rows make a MiB", c, n)
		}
	}
}

func TestServiceTime(t *testing.T) {
	l := testLab(t)
	c, err := dial(t.Context(), l.fast, login{}, false, idleReadSize)
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	start := time.Now()
	if _, err := c.exec(order{takes: 30 * time.Millisecond}.batch()); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(start); took < 30*time.Millisecond {
		t.Errorf("answered after %v", took)
	}
}

// All ways to run statements work, and a handle that is not there is seen.
func TestStormWays(t *testing.T) {
	l := testLab(t)
	var unknown atomic.Int64
	c, err := dial(t.Context(), l.fast, login{}, false, idleReadSize)
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	s := newStormClient(c, 3, &unknown)
	for range 3 {
		for _, way := range stormWays {
			if err := s.turn(way, 4); err != nil {
				t.Fatalf("%s: %v", way, err)
			}
		}
	}
	if n := unknown.Load(); n != 0 {
		t.Errorf("%d errors 8179", n)
	}
	if err := s.call(stormExecute(4711, 1)...); err != nil || unknown.Load() != 1 {
		t.Errorf("a handle that is not there: %v, counted %d times", err, unknown.Load())
	}
	if err := s.call(callHead(99)); err == nil {
		t.Error("a procedure that the server does not know was answered")
	}
}

func TestClients(t *testing.T) {
	l := testLab(t)
	c := clients{sets: map[string][]*conn{}}
	t.Cleanup(c.close)
	log := []string{"u", "p", "app1"}
	if a := c.follow(t.Context(), clientsOrder{Set: "s", Open: 5, Address: l.fast, Login: log}); a.Errors > 0 || len(c.sets["s"]) != 5 {
		t.Fatalf("%+v, %d open", a, len(c.sets["s"]))
	}
	o := clientsOrder{Set: "s", For: 100 * time.Millisecond, Active: 2, Takes: time.Millisecond, Every: 5 * time.Millisecond}
	a := c.follow(t.Context(), o)
	if a.Errors > 0 || len(a.Active) == 0 || len(a.Now) == 0 || a.Took < o.For {
		t.Errorf("%+v", a)
	}
	if o.Active = 6; c.follow(t.Context(), o).Errors == 0 {
		t.Error("six of five clients were active")
	}
	if a := c.follow(t.Context(), clientsOrder{Set: "t", Open: 1, Address: "127.0.0.1:1", Login: log}); a.Error == "" {
		t.Error("connected to nobody")
	}
}

func TestSumMetric(t *testing.T) {
	const page = "# HELP x\nx{bucket_id=\"a\",s=\"1\"} 2\nx{bucket_id=\"b\"} 3\nx_total{bucket_id=\"a\"} 100\nx 0.5\n"
	for _, c := range []struct {
		with string
		want float64
	}{{"", 5.5}, {`bucket_id="a"`, 2}, {"nothing", 0}} {
		if got, err := sumMetric(page, "x", c.with); err != nil || got != c.want {
			t.Errorf("with %q: %v, %v", c.with, got, err)
		}
	}
	if _, err := sumMetric("x{} much", "x", ""); err == nil {
		t.Error("a value that is no number was added")
	}
}

func TestSaveProfile(t *testing.T) {
	s := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(http.DefaultClient.CloseIdleConnections)
	t.Cleanup(s.Close)
	path := t.TempDir() + "/p"
	if err := profile(t.Context(), &node{debug: s.URL}, path, 0)(); err == nil {
		t.Error("a profile that is not there was saved")
	}
	if err := profile(t.Context(), nil, path, 0)(); err != nil {
		t.Error(err)
	}
}

func TestWalkCompares(t *testing.T) {
	l := testLab(t)
	r := &report{}
	if err := walk(t.Context(), r, l.targets[:1], cellsNarrow, 1<<20, 2, ""); err != nil {
		t.Fatal(err)
	}
	if rate, _ := r.median(measureWalk(cellsNarrow, 1<<20), "direct", "rate"); rate <= 0 {
		t.Errorf("%v MB/s", rate)
	}
}

// A report replaces its own part of a document and nothing else.
func TestDocumentParts(t *testing.T) {
	r := &report{}
	r.add("a measure", "direct", "rate", "1/s", 1, 2, 3)
	r.add("a measure", "other", "of direct", "", 0.5)
	r.goal("more than half", "a measure", "other", "of direct", true, 0.5)
	path := t.TempDir() + "/doc.md"
	from, to := partMarks("x")
	for range 2 {
		old := "# Title\n" + from + "what was\n" + to + "the end\n"
		if err := os.WriteFile(path, []byte(old), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := r.saveMarkdown(path, "x", "bench x"); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"# Title\n", "`bench x`", "| direct | 2.00 [1.50, 2.50] |  |", "| more than half | 0.50 | >= 0.50 | met |", "the end\n"} {
		if !bytes.Contains(got, []byte(want)) {
			t.Errorf("%q is not in\n%s", want, got)
		}
	}
	if bytes.Contains(got, []byte("what was")) {
		t.Error("the old part is still there")
	}
	if err := r.saveMarkdown(path, "y", "bench y"); err == nil {
		t.Error("a part that is not there was replaced")
	}
}

// testNode builds the node once; tests that need it are slow.
func testNode(t *testing.T) options {
	t.Helper()
	if testing.Short() {
		t.Skip("builds and starts nodes; run without -short")
	}
	path := t.TempDir() + "/sluice"
	p, err := startProcess(t.Context(), t.TempDir(), "build", "go", "build", "-trimpath", "-o", path, "../../cmd/node")
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Wait(); err != nil {
		t.Fatal(p.explain(err))
	}
	return options{sluice: path, user: "demo", password: "Demo-passw0rd", backend: backendSandbox, short: true}
}

// The measures of transaction pooling run, and find what has to hold on any
// machine: no errors, no pins.
func TestPoolingMeasures(t *testing.T) {
	o := testNode(t)
	l, err := buildLab(t.Context(), o, func(l *lab, direct target) error {
		return l.addSluice(t.Context(), targetTransaction, o.sluice, nodeSettings{limit: 2, pooling: poolingTransaction}, direct)
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.close)
	t.Cleanup(http.DefaultClient.CloseIdleConnections)
	r, err := l.storm(t.Context(), stormSizes{clients: 8, backends: 2, uses: 3, rounds: 1, length: 100 * time.Millisecond}, "", "")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"pins", "errors 8179", "errors of the node"} {
		if v, ok := r.median(measureStormPins, targetTransaction, name); !ok || v != 0 {
			t.Errorf("%v %s", v, name)
		}
	}
	for _, way := range stormWays {
		if v, _ := r.median(measureStorm, way, targetTransaction); v <= 0 {
			t.Errorf("%s: %v runs a second", way, v)
		}
	}
}

func TestRunCommands(t *testing.T) {
	for name, c := range commands() {
		if err := c(t.Context(), []string{"--help"}); err != nil {
			t.Errorf("%s --help: %v", name, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, name := range []string{"storm", "roundtrip", "walk"} {
		if err := commands()[name](ctx, []string{"--sluice", ""}); err == nil {
			t.Error(fmt.Errorf("%s ran without a node", name))
		}
	}
}

// What a node asks of a session gets the truth: a row that is made up would
// look like an open transaction.
func TestEchoAnswersQuestions(t *testing.T) {
	e := echoHandles{database: "app1"}
	for text, want := range map[string]string{
		"SELECT @@TRANCOUNT": "\xd1\x00\x00\x00\x00",
		"SELECT CONCAT(@@OPTIONS, '|') FROM sys.dm_exec_sessions": string(tds.AppendUTF16(nil, "|us_english|app1")),
	} {
		answer, ok := e.question(nil, text)
		if !ok || !bytes.Contains(answer, []byte(want)) {
			t.Errorf("%s: %x", text, answer)
		}
	}
	if _, ok := e.question(nil, "SELECT 1"); ok {
		t.Error("an ordinary statement is taken for a question")
	}
}
