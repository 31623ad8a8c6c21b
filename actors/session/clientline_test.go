package session

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"sluice/actors/bucket"
)

// logBook is a log that is read while it is written.
type logBook struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBook) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBook) lines() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Split(strings.TrimSpace(l.b.String()), "\n")
}

// logged makes a node log at info, one of so many clients.
func (n *node) logged(sample int, slow time.Duration) *logBook {
	l := &logBook{}
	n.env.Log = slog.New(slog.NewTextHandler(l, nil))
	r := *n.env.Routing.Load()
	r.ClientSample, r.ClientSlow = sample, slow
	n.env.Routing.Store(&r)
	return l
}

func value(t *testing.T, line, name string) string {
	t.Helper()
	_, rest, ok := strings.Cut(line, " "+name+"=")
	if !ok {
		t.Fatalf("%s is not in %s", name, line)
	}
	v, _, _ := strings.Cut(rest, " ")
	return v
}

// The line of a client that has ended says where its time went.
func TestClientLine(t *testing.T) {
	for _, pooling := range []string{"session", "transaction"} {
		t.Run(pooling, func(t *testing.T) {
			s := &txServer{slow: untilAttention}
			n := startNode(t, newServer(t, s.script(), s.script(), s.script()).Addr(), func(o *setup) {
				if o.limit = 1; pooling == "transaction" {
					o.sharing = sharing()
				}
			})
			log := n.logged(1, 0)
			holder := n.connect(credentials())
			r, err := holder.Query("BEGIN TRAN")
			if err != nil || r.Err() != nil {
				t.Fatal(err, r.Err())
			}
			waiter := n.dial()
			served := make(chan error, 1)
			go func() {
				err := waiter.Connect(credentials())
				if err == nil {
					_, err = waiter.Query("SELECT 1")
				}
				served <- err
			}()
			eventually(t, "one waits", func() bool { return n.governor.Gauges.Waiting.Load() == 1 })
			<-time.After(20 * time.Millisecond)
			_ = holder.Close()
			if err := <-served; err != nil {
				t.Fatal(err)
			}
			_ = waiter.Close()
			n.gone()
			lines := log.lines()
			if len(lines) != 2 {
				t.Fatalf("%d lines: %q", len(lines), lines)
			}
			first, second := lines[0], lines[1]
			if value(t, first, "waits") != "0" { // they end at the same time
				first, second = second, first
			}
			for line, want := range map[string][]string{
				first:  {"client_left", "1", "0s", "0", "u", "b1"},
				second: {"client_left", "1", "", "1", "u", "b1"},
			} {
				for i, name := range []string{"reason", "requests", "queued", "waits", "user", "bucket"} {
					if got := value(t, line, name); got != want[i] && want[i] != "" {
						t.Errorf("%s is %s, want %s, in %s", name, got, want[i], line)
					}
				}
				for _, name := range []string{"bytes_in", "bytes_out", "lasted"} {
					if got := value(t, line, name); got == "0" || got == "0s" {
						t.Errorf("%s is %s in %s", name, got, line)
					}
				}
			}
			if q, err := time.ParseDuration(value(t, second, "queued")); err != nil || q < 20*time.Millisecond || q > time.Minute {
				t.Errorf("queued for %v, %v", q, err)
			}
			if d, err := time.ParseDuration(value(t, first, "in_transaction")); err != nil || d < 20*time.Millisecond {
				t.Errorf("in a transaction for %v, %v", d, err)
			}
		})
	}
}

// Of many clients as many are logged as was asked for, and all that failed or
// waited long.
func TestClientSample(t *testing.T) {
	var out logBook
	s := sampled(t, &out, 3, time.Second)
	for range 9 {
		s.logEnd(nil)
	}
	if n := len(out.lines()); n != 3 {
		t.Errorf("%d of 9 are logged, not each third", n)
	}
	var rest logBook
	s = sampled(t, &rest, 0, time.Second)
	s.logEnd(nil)
	s.logEnd(errors.New("torn"))
	s.port.times.longest = time.Second
	s.logEnd(nil)
	if l := rest.lines(); len(l) != 2 || !strings.Contains(l[0], "err=torn") || !strings.Contains(l[1], "longest_wait=1s") {
		t.Errorf("without a sample: %q", l)
	}
}

func sampled(t *testing.T, out io.Writer, sample int, slow time.Duration) *Session {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	env := &Env{Log: slog.New(slog.NewTextHandler(out, nil))}
	env.Routing.Store(&Routing{ClientSample: sample, ClientSlow: slow})
	s := &Session{env: env, port: &port{env: env, tcp: c.(*net.TCPConn)}}
	s.port.bucket = &Bucket{ID: "b1"}
	return s
}

// A client that is not logged costs no memory for it.
func TestUnsampledClientsCostNothing(t *testing.T) {
	s := sampled(t, io.Discard, 1<<30, time.Hour)
	if n := testing.AllocsPerRun(100, func() { s.logEnd(nil) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestWaitsAreAddedUp(t *testing.T) {
	p := &port{born: time.Now().Add(-time.Minute)}
	answer := func(asked time.Duration, g bucket.Grant) {
		p.asked = asked
		p.waitOver(g)
	}
	answer(50*time.Second, bucket.Grant{Lease: &bucket.Lease{Waited: 4 * time.Second}})
	answer(57*time.Second, bucket.Grant{Lease: &bucket.Lease{Waited: 2 * time.Second, Warm: true}})
	answer(59*time.Second, bucket.Grant{Err: context.Canceled})
	answer(0, bucket.Grant{Lease: &bucket.Lease{Waited: time.Hour}})
	got := p.times
	if got.queued != 6*time.Second || got.waits != 2 || got.longest != 4*time.Second || got.opening.Round(time.Second) != 7*time.Second {
		t.Errorf("spent: %+v", got)
	}
	if p.asked != 0 {
		t.Error("it still waits")
	}
}
