package main

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	_ "net/http/pprof"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestSpread(t *testing.T) {
	for _, c := range []struct {
		name   string
		values []float64
		want   spread
	}{
		{"nothing", nil, spread{}},
		{"one", []float64{7}, spread{7, 7, 7, 1}},
		{"between two", []float64{20, 10}, spread{15, 12.5, 17.5, 2}},
		{"odd, unsorted", []float64{5, 1, 3, 2, 4}, spread{3, 2, 4, 5}},
		{"one wild block", []float64{1, 1, 1, 1, 1000}, spread{1, 1, 1, 5}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := spreadOf(c.values); got != c.want {
				t.Errorf("%+v, want %+v", got, c.want)
			}
		})
	}
}

func TestQuantileOfMicros(t *testing.T) {
	var times []time.Duration
	for i := 1000; i > 0; i-- {
		times = append(times, time.Duration(i)*time.Microsecond)
	}
	sorted := micros(times)
	if p50, p99 := quantile(sorted, 0.5), quantile(sorted, 0.99); p50 != 500.5 || p99 < 990 || p99 > 991 {
		t.Errorf("p50 %v, p99 %v", p50, p99)
	}
}

func TestParseMemStats(t *testing.T) {
	const text = "heap profile: 1: 2 [3: 4] @ heap/1048576\n\n# runtime.MemStats\n# HeapInuse = 4096\n# Stack = 2048 / 8192\n"
	w, err := parseMemStats(strings.NewReader(text))
	if err != nil || w.heap != 4096 || w.stack != 2048 {
		t.Errorf("%+v, %v", w, err)
	}
	if _, err := parseMemStats(strings.NewReader("# HeapInuse = 4096\n")); !errors.Is(err, errNoMemStats) {
		t.Errorf("without Stack: %v", err)
	}
}

func TestGoals(t *testing.T) {
	r := &report{}
	r.add(measureThroughput, "sluice", "of haproxy", "", 1.1, 0.8, 1.2)
	r.add(measureRoundTrip, "sluice", "added, of haproxy", "", 1.6)
	r.judge()
	if len(r.Goals) != 2 || !r.Goals[0].Met || r.Goals[1].Met {
		t.Errorf("%+v", r.Goals)
	}
}

// testLab has the echo server in this process, reached directly and through
// HAProxy if it is installed.
func testLab(t *testing.T) *lab {
	t.Helper()
	l := &lab{dir: t.TempDir(), skipped: map[string]string{}, opts: options{backend: backendEcho}}
	for _, b := range []struct {
		address *string
		delay   time.Duration
	}{{&l.fast, 0}, {&l.slow, slowLogin}} {
		s, err := startEcho("127.0.0.1:0", b.delay)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(s.close)
		*b.address = s.listener.Addr().String()
	}
	direct := target{name: "direct", address: l.fast, slow: l.slow, pid: os.Getpid()}
	l.targets = append(l.targets, direct)
	t.Cleanup(l.close)
	if err := l.startHAProxies(t.Context(), direct); err != nil {
		t.Fatal(err)
	}
	direct.name, direct.encrypt = "direct tls", true
	l.targets = append(l.targets, direct)
	return l
}

func TestMeasures(t *testing.T) {
	l := testLab(t)
	for name, why := range l.skipped {
		t.Logf("without %s: %s", name, why)
	}
	s := sizes{
		roundTripBlocks: 2, roundTrips: 20, loopBlocks: 2, loopTime: 50 * time.Millisecond,
		connectBlocks: 2, connectTime: 50 * time.Millisecond, streamBlocks: 2, streamBytes: 1 << 20,
	}
	for _, c := range []struct {
		name string
		run  func(context.Context, *report) error
	}{
		{measureRoundTrip, func(ctx context.Context, r *report) error { return roundTrip(ctx, r, l.targets, s) }},
		{measureThroughput, func(ctx context.Context, r *report) error { return throughput(ctx, r, l.targets, s) }},
		{measureConnects(1, slowLogin), func(ctx context.Context, r *report) error { return connects(ctx, r, l.targets, s) }},
		{measureStream, func(ctx context.Context, r *report) error {
			return stream(ctx, r, l.targets, s, streamRequest(backendEcho, s.streamBytes))
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := &report{}
			if err := c.run(t.Context(), r); err != nil {
				t.Fatal(err)
			}
			for _, of := range l.targets {
				rate, isRate := r.median(c.name, of.name, "rate")
				p50, isTime := r.median(c.name, of.name, "p50")
				if isRate == isTime || rate+p50 <= 0 {
					t.Errorf("%s: rate %v, p50 %v", of.name, rate, p50)
				}
			}
		})
	}
}

func TestConnectsWaitForTheLogin(t *testing.T) {
	l := testLab(t)
	r := &report{}
	s := sizes{connectBlocks: 1, connectTime: 100 * time.Millisecond}
	if err := connectsOf(t.Context(), r, l.targets[:1], s, 1, slowLogin); err != nil {
		t.Fatal(err)
	}
	if rate, _ := r.median(measureConnects(1, slowLogin), "direct", "rate"); rate <= 0 || rate > 1/slowLogin.Seconds() {
		t.Errorf("%v connects a second with logins of %v", rate, slowLogin)
	}
}

func TestIdleSessions(t *testing.T) {
	l := testLab(t)
	// This process serves as the one that is weighed.
	debug := httptest.NewServer(http.DefaultServeMux)
	t.Cleanup(http.DefaultClient.CloseIdleConnections)
	t.Cleanup(debug.Close)
	r := &report{}
	of := subject{address: l.fast, debug: debug.URL + "/debug/pprof", pid: os.Getpid()}
	if err := idleSessions(t.Context(), r, "echo", of, 50); err != nil {
		t.Fatal(err)
	}
	if v, ok := r.median(measureMemory, "echo", "heap+stack"); !ok || v < 1000 {
		t.Errorf("%v bytes a session, of which each holds buffers of %d", v, 2*packetSize)
	}
}

func TestErrorsAreNotMeasured(t *testing.T) {
	l := testLab(t)
	c, err := dial(t.Context(), l.fast, login{}, false, idleReadSize)
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	if _, err := c.exec(batch(orderPrefix + " rows=many")); err == nil {
		t.Error("a server that hangs up counts as an answer")
	}
	if _, err := dial(t.Context(), "127.0.0.1:1", login{}, false, idleReadSize); err == nil {
		t.Error("connected to nobody")
	}
}
