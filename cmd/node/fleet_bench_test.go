package main

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"io"
	"net"
	"net/url"
	"regexp"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sluice/configs"
)

// sumOf adds up all metrics of a name over all nodes.
func sumOf(b *testing.B, nodes []*node, name string) (sum float64) {
	b.Helper()
	line := regexp.MustCompile(`(?m)^` + name + ` (\S+)$`)
	for _, n := range nodes {
		var text bytes.Buffer
		n.metrics.write(&text)
		for _, m := range line.FindAllSubmatch(text.Bytes(), -1) {
			v, err := strconv.ParseFloat(string(m[1]), 64)
			if err != nil {
				b.Fatal(err)
			}
			sum += v
		}
	}
	return sum
}

// BenchmarkFleetAcquire connects to three nodes in turn, asks a question and
// leaves. It reports how many calls to Redis that takes for each backend
// connection handed out, heartbeats and watching included.
func BenchmarkFleetAcquire(b *testing.B) {
	cfg := configs.Defaults()
	cfg.Proxy.ListenAddr, cfg.Proxy.AdminAddr = "127.0.0.1", "127.0.0.1"
	cfg.Proxy.ListenPort, cfg.Proxy.HealthCheckPort, cfg.Proxy.MetricsPort = 0, 0, 0
	cfg.TLS.Mode, cfg.Log.Level, cfg.ShutdownTimeout = configs.TLSOff, "error", 2*time.Second
	servers, err := demoServers(cfg, 60, 0)
	if err != nil {
		b.Fatal(err)
	}
	cfg.DefaultBucket = cfg.Buckets[0].ID
	d, err := demoNodes(cfg, 3, io.Discard, io.Discard)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		d.close()
		for _, s := range servers {
			_ = s.Close()
		}
	})
	connect := func(n *node) error {
		u := url.URL{
			Scheme: "sqlserver", User: url.UserPassword(demoUser, demoPassword), Host: n.addrs["tds"].(*net.TCPAddr).String(),
			RawQuery: url.Values{"database": {"app1"}, "encrypt": {"disable"}}.Encode(),
		}
		db, err := sql.Open("sqlserver", u.String())
		if err != nil {
			return err
		}
		_, err = db.ExecContext(context.Background(), "SELECT 1")
		return errors.Join(err, db.Close())
	}
	const clients = 12
	run := func(count int) {
		var next atomic.Int64
		var all sync.WaitGroup
		for c := range clients {
			all.Go(func() {
				for next.Add(1) <= int64(count) {
					if err := connect(d.nodes[c%len(d.nodes)]); err != nil {
						b.Error(err)
						return
					}
				}
			})
		}
		all.Wait()
	}
	run(300) // the fleet has joined, the pools are warm
	calls, acquired := sumOf(b, d.nodes, `proxy_redis_operations_total\{[^}]*\}`), sumOf(b, d.nodes, `proxy_connections_total\{[^}]*acquired[^}]*\}`)
	b.ResetTimer()
	run(b.N)
	b.StopTimer()
	calls = sumOf(b, d.nodes, `proxy_redis_operations_total\{[^}]*\}`) - calls
	acquired = sumOf(b, d.nodes, `proxy_connections_total\{[^}]*acquired[^}]*\}`) - acquired
	b.ReportMetric(calls/acquired, "redis-calls/acquire")
	b.ReportMetric(calls/b.Elapsed().Seconds(), "redis-calls/s")
}
