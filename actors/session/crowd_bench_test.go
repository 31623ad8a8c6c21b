package session

import (
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sluice/actors/bucket"
	"sluice/actors/prepared"
	"sluice/actors/statement"
	"sluice/tds"
	"sluice/tds/tdstest"
)

// busyServer takes logins after a while, and answers every batch after 5 to
// 10 ms. It counts resets.
func busyServer(login time.Duration, resets *atomic.Int64) tdstest.Script {
	pause := func(*tdstest.ServerConn) error {
		<-time.After(login)
		return nil
	}
	return tdstest.Script{plainBegin(), pause, tdstest.LoginOK(), func(c *tdstest.ServerConn) error {
		for {
			m, err := c.Receive()
			if err != nil {
				return hangup(err)
			}
			var body []byte
			if m.Status&tds.StatusReset != 0 {
				body = tds.EnvChange{Type: tds.EnvResetConnection}.Append(body)
				resets.Add(1)
			}
			if q, err := tds.DecodeSQLBatch(m.Payload, c.Version); err == nil && q.Text == statement.ReadBack {
				if err := c.Reply(append(body, textAnswer("0|2147483647|-1|7|mdy|2|us_english|app")(c)...)); err != nil {
					return hangup(err)
				}
				continue
			}
			<-time.After(5*time.Millisecond + rand.N(5*time.Millisecond))
			if err := c.Reply(tds.Done{}.Append(body, c.Version)); err != nil {
				return hangup(err)
			}
		}
	}}
}

// BenchmarkSharedCrowd has 300 clients ask all the time for one of 50 backends.
// It tells how long a request takes, the wait included, as the longest of the
// clients has it and in the median.
func BenchmarkSharedCrowd(b *testing.B) {
	const clients, backends = 300, 50
	for _, kind := range []struct {
		name  string
		hold  time.Duration
		login time.Duration
		cold  bool          // the start counts too
		think time.Duration // of a client between its requests
		text  func(client, n int) string
	}{
		{"reads", 0, 0, false, 0, func(int, int) string { return "SELECT a FROM t" }},
		{"cold", 0, 200 * time.Millisecond, true, 0, func(int, int) string { return "SELECT a FROM t" }},
		{"inserts", 10 * time.Millisecond, 0, false, 0, func(_, n int) string {
			if n%4 == 0 {
				return "INSERT t VALUES (1)"
			}
			return "SELECT a FROM t"
		}},
		{"thinking", 10 * time.Millisecond, 0, false, 40 * time.Millisecond, func(_, n int) string {
			if n%4 == 0 {
				return "INSERT t VALUES (1)"
			}
			return "SELECT a FROM t"
		}},
		{"settings", 0, 0, false, 0, func(client, n int) string {
			if n == 0 {
				return []string{"SET NOCOUNT ON", "SET NOCOUNT OFF", "SET XACT_ABORT ON", "SET LOCK_TIMEOUT 100"}[client%4]
			}
			return "SELECT a FROM t"
		}},
	} {
		b.Run(kind.name, func(b *testing.B) {
			var resets atomic.Int64
			s := newServer(b, busyServer(kind.login, &resets))
			n := startNode(b, s.Addr(), func(o *setup) {
				o.limit = backends
				o.queue = bucket.QueueSettings{Timeout: time.Minute, MaxSize: clients}
				o.sharing = &Sharing{Statements: prepared.NewStore(prepared.Limits{}), Linger: kind.hold}
			})
			all := make([]*tdstest.Client, clients)
			for i := range all {
				all[i] = n.connect(credentials())
			}
			var mu sync.Mutex
			var took []time.Duration
			crowd := func(each int, from int) {
				var wg sync.WaitGroup
				for i, c := range all {
					wg.Go(func() {
						for k := range each {
							if kind.think > 0 {
								<-time.After(rand.N(2 * kind.think))
							}
							start := time.Now()
							r, err := c.Query(kind.text(i, from+k))
							d := time.Since(start)
							if err != nil || r.Err() != nil {
								b.Errorf("client %d: %v, %v", i, r.Err(), err) // one is enough
								return
							}
							mu.Lock()
							took = append(took, d)
							mu.Unlock()
						}
					})
				}
				wg.Wait()
			}
			if !kind.cold {
				crowd(3, 0)
				took = nil
			}
			start := time.Now()
			for b.Loop() {
				crowd(20, 3)
			}
			spent := time.Since(start)
			slices.Sort(took)
			median, worst := took[len(took)/2], took[len(took)-1]
			b.ReportMetric(float64(median.Microseconds())/1000, "median-ms")
			b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
			b.ReportMetric(float64(worst.Microseconds())/1000, "max-ms")
			b.ReportMetric(float64(worst)/float64(median), "max/median")
			b.ReportMetric(float64(len(took))/spent.Seconds(), "requests/s")
			b.ReportMetric(float64(resets.Load())/float64(len(took)), "resets/request")
		})
	}
}
