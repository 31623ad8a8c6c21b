package bucket

import (
	"context"
	"io"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"sluice/actors/actor"
	"sluice/actors/backend"
	"sluice/tds"
)

// BenchmarkGrantLocalSlot measures from a request to its grant where a slot is
// free: with a warm connection, and with a login that takes no time. The time
// of an operation holds the give-back too; p50-ns and p99-ns do not.
func BenchmarkGrantLocalSlot(b *testing.B) {
	b.Run("warm", func(b *testing.B) { benchmarkGrant(b, Unused) })
	b.Run("slot", func(b *testing.B) { benchmarkGrant(b, Broken) })
}

// slots are enough for connections to be closed while others are opened.
const slots = 1 << 20

func benchmarkGrant(b *testing.B, how GiveBack) {
	var workers sync.WaitGroup
	sys := actor.NewSystem()
	c := &counter{}
	set := Settings{Limit: slots, MaxParallelLogins: 8, ReverifyAfter: time.Hour}
	_, gov := spawn(sys, Config{
		ID: "bucket-001", Node: "n1", Settings: set, Target: &backend.Target{}, Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
		Metrics: &Metrics{
			Acquired: c, AcquiredAfterWait: c, Released: c, QueueTimeout: c, QueueFull: c, Cancelled: c,
			DialFailed: c, CleanFailed: c, QueueWait: c, AcquireSeconds: c, LoginSeconds: c,
		},
		dial: func(_ context.Context, _ *backend.Target, _ *tds.Login7, k backend.Key) (*backend.Conn, error) {
			return newConn(k, time.Now()), nil
		},
		clean:    func(context.Context, *backend.Conn) error { return nil },
		close:    func(*backend.Conn) {},
		Governed: true, Report: func(Usage) {}, Admit: func() bool { return true },
	}, &workers, nil)
	if err := gov.Tell(Entitle{Version: 1, Slots: slots}); err != nil {
		b.Fatal(err)
	}
	s := actor.Spawn(sys, "session", func() actor.Actor[sessionMsg] { return &session{} }, actor.With())
	grants := make(chan Grant, 1)
	ask := Acquire{
		Watch: func(c *actor.Context[Msg], wrap func(actor.Down) Msg) func() { return actor.Watch(c, s, wrap) },
		Reply: func(g Grant) error { grants <- g; return nil },
		Died:  func(*Lease) {},
	}
	took := make([]time.Duration, 0, b.N)
	b.ReportAllocs()
	for b.Loop() {
		ask.Request = request(s.ID(), "ann", "db", "p")
		start := time.Now()
		if err := gov.TellHere(ask); err != nil {
			b.Fatal(err)
		}
		g := <-grants
		took = append(took, time.Since(start))
		if g.Err != nil {
			b.Fatal(g.Err)
		}
		if err := gov.TellHere(Release{Session: s.ID(), Lease: g.Lease, How: how}); err != nil {
			b.Fatal(err)
		}
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2]), "p50-ns")
	b.ReportMetric(float64(took[len(took)*99/100]), "p99-ns")
	if err := sys.Shutdown(context.Background(), nil); err != nil {
		b.Fatal(err)
	}
	workers.Wait()
}
