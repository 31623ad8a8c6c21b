package load

import (
	"context"
	"slices"
	"testing"
	"time"

	"sluice/sandbox"
)

// server starts a sandbox that has the tables of a run.
func server(t *testing.T, o sandbox.Options, rows int, databases ...string) (*sandbox.Server, Target) {
	t.Helper()
	o.Databases, o.Encryption = databases, sandbox.EncryptionOff
	o.Logins = map[string]sandbox.Login{"sa": {Password: "secret"}}
	s, err := sandbox.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	target := Target{Addr: s.Addr().String(), User: "sa", Password: "secret"}
	for _, db := range databases {
		if err := Setup(t.Context(), target, db, rows); err != nil {
			t.Fatal(err)
		}
	}
	return s, target
}

func runTo(t *testing.T, ctx context.Context, c Config) Result {
	t.Helper()
	r, err := Start(ctx, c, func(r *Run, p Point) { t.Log(r.Progress(p)) })
	if err != nil {
		t.Fatal(err)
	}
	res, err := r.Wait()
	if err != nil {
		t.Fatal(err)
	}
	return res
}

func TestEveryKindOfOperation(t *testing.T) {
	s, target := server(t, sandbox.Options{}, 8, "app1", "app2")
	res := runTo(t, t.Context(), Config{
		Target: target, Buckets: []Bucket{{"app1", 3}, {"app2", 1}}, Clients: 8, Duration: time.Minute, MaxOperations: 600,
		Mix:            Mix{Simple: 20, ExecuteSQL: 20, Prepared: 20, Transaction: 15, Procedure: 15, DDL: 10},
		ConnectionTime: 50 * time.Millisecond, Tick: 50 * time.Millisecond, Seed: 1,
	})
	if res.Errors > 0 || res.Wrong > 0 || res.Operations != 600 || res.PerClient.Unserved > 0 {
		t.Errorf("%d operations, %d errors %+v, wrong %+v, per client %+v", res.Operations, res.Errors, res.Failures, res.WrongOnes, res.PerClient)
	}
	for _, k := range kinds {
		x := res.Kind(k)
		if x.Count == 0 || x.Response.Max < x.Response.P50 || x.Response.P50 <= 0 {
			t.Errorf("%+v", x)
		}
	}
	if res.Buckets[0].Clients != 6 || res.Buckets[1].Clients != 2 {
		t.Errorf("%+v", res.Buckets)
	}
	if s.TotalLogins() < 16 {
		t.Errorf("%d logins: connections were not renewed", s.TotalLogins())
	}
	sum := int64(0)
	for _, p := range res.Series {
		sum += p.Operations
	}
	if sum != res.Operations {
		t.Errorf("the series has %d operations", sum)
	}
}

// Two clients with the same row overwrite each other's values, which each must
// notice.
func TestWrongAnswersAreNoticed(t *testing.T) {
	_, target := server(t, sandbox.Options{}, 4, "app1")
	c := Config{Target: target, Buckets: []Bucket{{"app1", 1}}, Clients: 4, Duration: 30 * time.Second, MaxOperations: 400, Mix: Mix{Simple: 100}}
	first, err := Start(t.Context(), c, nil)
	if err != nil {
		t.Fatal(err)
	}
	c.Seed = 7
	second := runTo(t, t.Context(), c)
	res, err := first.Wait()
	if err != nil {
		t.Fatal(err)
	}
	if res.Wrong+second.Wrong == 0 || res.Errors+second.Errors > 0 || len(res.WrongOnes)+len(second.WrongOnes) == 0 {
		t.Errorf("wrong %d and %d, errors %+v %+v", res.Wrong, second.Wrong, res.Failures, second.Failures)
	}
}

func TestErrorsAreCountedByNumber(t *testing.T) {
	_, target := server(t, sandbox.Options{MaxConnections: 2}, 6, "app1")
	ctx, cancel := context.WithCancel(t.Context())
	r, err := Start(ctx, Config{Target: target, Buckets: []Bucket{{"app1", 1}}, Clients: 6, Duration: time.Minute, Mix: Mix{Simple: 100}, Interval: 5 * time.Millisecond, Tick: 10 * time.Millisecond},
		func(_ *Run, p Point) {
			if p.Errors > 0 {
				cancel() // as Ctrl-C does
			}
		})
	if err != nil {
		t.Fatal(err)
	}
	res, err := r.Wait()
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(res.Failures, func(f FailureResult) bool { return f.Number == 17809 })
	if i < 0 || res.Failures[i].Class != SQL || res.Failures[i].Kind != Connect || res.Failures[i].Text == "" {
		t.Errorf("%+v", res.Failures)
	}
	if res.PerClient.Unserved == 0 || res.Seconds > 30 {
		t.Errorf("%+v after %v s", res.PerClient, res.Seconds)
	}
}

// Of a server that stands still for a while, an open load must show how long
// those waited that were meant to start in the meantime.
func TestOpenLoadCountsFromTheIntendedStart(t *testing.T) {
	s, target := server(t, sandbox.Options{}, 1, "app1")
	c := Config{Target: target, Buckets: []Bucket{{"app1", 1}}, Clients: 1, Duration: time.Minute, MaxOperations: 60, Mix: Mix{Simple: 100}, Interval: 5 * time.Millisecond, Tick: 20 * time.Millisecond}
	s.SetFault(sandbox.Fault{Kind: sandbox.LateAnswer, Delay: 200 * time.Millisecond})
	r, err := Start(t.Context(), c, func(_ *Run, p Point) {
		if p.Operations > 0 {
			s.ClearFaults()
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	res, err := r.Wait()
	if err != nil {
		t.Fatal(err)
	}
	k := res.Kind(Simple)
	// One operation, or the few until the fault is cleared, took 200 ms; some
	// thirty more should have started in that time.
	if k.Service.P50 > 100 || k.Response.P50 < 50 || res.Errors > 0 {
		t.Errorf("median of the service %v ms, of the response %v ms; %+v", k.Service.P50, k.Response.P50, res.Failures)
	}
}

func TestHeldTransactions(t *testing.T) {
	_, target := server(t, sandbox.Options{}, 2, "app1")
	res := runTo(t, t.Context(), Config{Target: target, Buckets: []Bucket{{"app1", 1}}, Clients: 2, Duration: time.Minute, MaxOperations: 4, Mix: Mix{Transaction: 100}, Hold: 30 * time.Millisecond})
	if k := res.Kind(Transaction); k.Count != 4 || k.Service.P50 < 30 || res.Wrong > 0 {
		t.Errorf("%+v, %+v, %+v", k, res.Failures, res.WrongOnes)
	}
}
