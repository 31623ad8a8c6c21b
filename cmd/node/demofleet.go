package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	_ "github.com/microsoft/go-mssqldb" // the demo's clients use it, as others do

	"sluice/configs"
	"sluice/sandbox/redisd"
)

// demoFleet is what a demo of several nodes has besides them: a Redis, clients,
// and a story that shows what happens to both.
type demoFleet struct {
	redis  *redisd.Server
	nodes  []*node
	out    io.Writer
	dir    string
	served atomic.Int64
	failed atomic.Int64
	hot    atomic.Int32 // the node that all clients use
}

// Times of the demo's slot protocol: shorter than in production, so that one
// sees something.
const (
	demoHold      = 10 * time.Second
	demoHeartbeat = time.Second
	demoLoan      = 3 * time.Second
)

// demoNodes starts count nodes before the same buckets. The first has the ports
// of base.
func demoNodes(base *configs.Config, count int, out, errs io.Writer) (*demoFleet, error) {
	d := &demoFleet{out: out}
	var err error
	if d.dir, err = os.MkdirTemp("", "sluice-demo-"); err != nil {
		return nil, err
	}
	if d.redis, err = redisd.Start("127.0.0.1:0"); err != nil {
		d.close()
		return nil, err
	}
	var names []string
	for i := range count {
		names = append(names, fmt.Sprintf("node-%d", i+1))
	}
	join := net.JoinHostPort("127.0.0.1", fmt.Sprint(takePort()))
	for i, name := range names {
		cfg := *base
		cfg.Proxy.InstanceID = name
		if i > 0 {
			cfg.Proxy.ListenPort, cfg.Proxy.HealthCheckPort, cfg.Proxy.MetricsPort = 0, 0, 0
		}
		cfg.Redis.Addr, cfg.Redis.HeartbeatInterval = d.redis.Addr(), demoHeartbeat
		cfg.Gossip.BindAddr, cfg.Gossip.BindPort, cfg.Gossip.PeerPort, cfg.Gossip.Preset = "127.0.0.1", 0, 0, configs.GossipLocal
		cfg.Gossip.ClusterName = "demo"
		if i == 0 {
			_, port, _ := strings.Cut(join, ":")
			_, _ = fmt.Sscan(port, &cfg.Gossip.BindPort)
		} else {
			cfg.Gossip.Join = []string{join}
		}
		cfg.Limits.HoldTime, cfg.Limits.LoanTime, cfg.Limits.StateDir = demoHold, demoLoan, d.dir
		cfg.Limits.Bootstrap, cfg.Limits.Guard = i == 0, false
		if count >= 3 {
			cfg.Limits.Witnesses = names[:3]
		}
		n, err := startedNode(&cfg, errs)
		if err != nil {
			d.close()
			return nil, err
		}
		d.nodes = append(d.nodes, n)
	}
	return d, nil
}

func (d *demoFleet) close() {
	var all sync.WaitGroup
	for _, n := range d.nodes {
		all.Go(n.drain)
	}
	all.Wait()
	if d.redis != nil {
		d.redis.Close()
	}
	_ = os.RemoveAll(d.dir)
}

// takePort returns a port that is free now.
func takePort() int {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

func (d *demoFleet) announce() {
	for _, n := range d.nodes {
		fmt.Fprintf(d.out, "%s tds=%s http=http://%s/debug/actors metrics=http://%s/metrics\n", n.env.Node, n.addrs["tds"], n.addrs["health"], n.addrs["metrics"])
	}
	fmt.Fprintf(d.out, "redis=%s (embedded)\n\n", d.redis.Addr())
}

// client connects to the hot node again and again, and keeps a connection for
// a while each time.
func (d *demoFleet) client(ctx context.Context) {
	for ctx.Err() == nil {
		err := d.useOnce(ctx)
		switch {
		case ctx.Err() != nil:
		case err == nil:
			d.served.Add(1)
		default:
			d.failed.Add(1)
			pauseFor(ctx, 200*time.Millisecond)
		}
	}
}

func (d *demoFleet) useOnce(ctx context.Context) error {
	addr := d.nodes[d.hot.Load()].addrs["tds"].(*net.TCPAddr)
	u := url.URL{
		Scheme: "sqlserver", User: url.UserPassword(demoUser, demoPassword), Host: addr.String(),
		RawQuery: url.Values{"database": {"app1"}, "encrypt": {"disable"}, "dial timeout": {"15"}}.Encode(),
	}
	db, err := sql.Open("sqlserver", u.String())
	if err != nil {
		return err
	}
	_, err = db.ExecContext(ctx, "WAITFOR DELAY '00:00:00.250'")
	return errors.Join(err, db.Close())
}

func pauseFor(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

// story shows what a fleet does, until ctx ends: all clients use one node, the
// ledger goes away and comes back, empty, and the clients move.
func (d *demoFleet) story(ctx context.Context, clients int, step time.Duration) {
	var all sync.WaitGroup
	defer all.Wait()
	for range clients {
		all.Go(func() { d.client(ctx) })
	}
	say := func(format string, args ...any) { fmt.Fprintf(d.out, "\n== "+format+"\n", args...) }
	acts := []func(){
		func() { say("%d clients use %s alone", clients, d.nodes[d.hot.Load()].env.Node) },
		func() { say("Redis stops"); d.redis.Stop(false) },
		func() {
			d.hot.Store((d.hot.Load() + 1) % int32(len(d.nodes)))
			say("without Redis, the clients move to %s, which borrows", d.nodes[d.hot.Load()].env.Node)
		},
		func() {
			say("Redis is back, empty")
			if err := d.redis.Restart(false); err != nil {
				say("it is not: %v", err)
			}
		},
	}
	for i := 0; ; i++ {
		acts[i%len(acts)]()
		for end := time.Now().Add(step); time.Now().Before(end); {
			if !pauseFor(ctx, 2*time.Second) {
				return
			}
			d.show()
		}
	}
}

// show prints a line of how the first bucket stands.
func (d *demoFleet) show() {
	var parts []string
	open, limit := int64(0), int64(0)
	for _, n := range d.nodes {
		v := n.fleet.slots.View()
		b := n.bucketList()[0]
		open += b.metrics.governor.Gauges.Open.Load()
		limit = b.metrics.governor.Gauges.Limit.Load()
		for _, s := range v.Buckets {
			if s.Bucket != b.ID {
				continue
			}
			part := fmt.Sprintf("%s owns %d", n.env.Node, s.Owned)
			if s.Borrowed > 0 {
				part += fmt.Sprintf(" +%d borrowed", s.Borrowed)
			}
			if s.Lent > 0 {
				part += fmt.Sprintf(" -%d lent", s.Lent)
			}
			parts = append(parts, part+fmt.Sprintf(", uses %d", s.InUse))
		}
	}
	fmt.Fprintf(d.out, "   ledger %-11s  open %d of %d  served %d, failed %d  | %s\n", d.nodes[0].fleet.slots.View().Ledger, open, limit, d.served.Load(), d.failed.Load(), strings.Join(parts, " | "))
}
