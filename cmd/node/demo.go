package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"strconv"
	"time"

	"sluice/configs"
	"sluice/limits/redisledger"
	"sluice/sandbox"
)

// The demo's login. It guards nothing: everything listens on loopback.
const (
	demoUser     = "sa"
	demoPassword = "Sluice!123"
)

// demo runs a node before two embedded SQL servers, each a bucket with a
// database of its own.
func demo(ctx context.Context, args []string, out, errs io.Writer) error {
	fs := flags("demo", out)
	port := fs.Int("port", 14330, "TDS port; any free one if it is taken")
	httpPort := fs.Int("http-port", 18080, "HTTP port of /health and /debug/actors; any free one if it is taken")
	metricsPort := fs.Int("metrics-port", 19090, "HTTP port of /metrics; any free one if it is taken")
	limit := fs.Int("max-connections", 20, "backend connections of each bucket")
	level := fs.String("log", "warn", "log level")
	loginDelay := fs.Duration("login-delay", 0, "what a login costs at the embedded servers")
	encryption := fs.String("tls", "on", "off, on or required")
	nodes := fs.Int("nodes", 1, "nodes; several share an embedded Redis, and clients show what it is good for")
	clients := fs.Int("clients", 40, "with several nodes: clients of the story (0: no story)")
	step := fs.Duration("step", 12*time.Second, "with several nodes: time of each part of the story")
	if err := fs.Parse(args); err != nil {
		return err
	}
	raiseFileLimit()
	cfg := configs.Defaults()
	cfg.Proxy.InstanceID, cfg.Proxy.ListenAddr, cfg.Proxy.AdminAddr = "demo", "127.0.0.1", "127.0.0.1"
	cfg.Proxy.ListenPort, cfg.Proxy.HealthCheckPort, cfg.Proxy.MetricsPort = freePort(*port), freePort(*httpPort), freePort(*metricsPort)
	cfg.TLS.Mode = configs.TLSMode(*encryption)
	cfg.Log.Level = *level
	cfg.ShutdownTimeout = 2 * time.Second
	cfg.Admin.Users = []configs.AdminUser{{User: demoUser, Password: demoPassword, Roles: []string{configs.RoleAdmin}}}
	servers, err := demoServers(cfg, *limit, *loginDelay)
	defer func() {
		for _, s := range servers {
			_ = s.Close()
		}
	}()
	if err != nil {
		return err
	}
	cfg.DefaultBucket = cfg.Buckets[0].ID
	if err := cfg.Validate(); err != nil {
		return err
	}
	if *nodes > 1 {
		return demoOfFleet(ctx, cfg, *nodes, *clients, *step, out, errs)
	}
	n, err := startedNode(cfg, errs)
	if err != nil {
		return err
	}
	announce(out, n)
	select {
	case <-ctx.Done():
	case <-n.stopping:
	}
	n.drain()
	return nil
}

func demoOfFleet(ctx context.Context, cfg *configs.Config, nodes, clients int, step time.Duration, out, errs io.Writer) error {
	redisledger.LogClient(newLogger(errs, cfg.Log).Logger)
	d, err := demoNodes(cfg, nodes, out, errs)
	if err != nil {
		return err
	}
	defer d.close()
	announce(out, d.nodes[0])
	d.announce()
	if clients > 0 {
		d.story(ctx, clients, step)
	}
	<-ctx.Done()
	return nil
}

// demoServers starts the embedded servers and adds them as buckets.
func demoServers(cfg *configs.Config, limit int, loginDelay time.Duration) ([]*sandbox.Server, error) {
	var servers []*sandbox.Server
	for i, database := range []string{"app1", "app2"} {
		s, err := sandbox.Start(sandbox.Options{
			ServerName: "SQL" + strconv.Itoa(i+1), Databases: []string{database}, LoginDelay: loginDelay,
			Logins: map[string]sandbox.Login{demoUser: {Password: demoPassword, Database: database}},
		})
		if err != nil {
			return servers, err
		}
		servers = append(servers, s)
		addr := s.Addr().(*net.TCPAddr)
		cfg.Buckets = append(cfg.Buckets, configs.Bucket{
			ID: fmt.Sprintf("bucket-%03d", i+1), Host: addr.IP.String(), Port: addr.Port,
			Databases: []string{database}, MaxConnections: limit,
		})
	}
	return servers, nil
}

// announce prints what scripts and people want to know. The first line is for
// scripts and does not change.
func announce(out io.Writer, n *node) {
	tds := n.addrs["tds"].(*net.TCPAddr)
	fmt.Fprintf(out, "READY host=%s port=%d user=%s password=%s database=app1\n", tds.IP, tds.Port, demoUser, demoPassword)
	fmt.Fprintf(out, "http=http://%s\n", n.addrs["health"])
	fmt.Fprintf(out, "metrics=http://%s/metrics\n\n", n.addrs["metrics"])
	fmt.Fprintf(out, "Databases app1 and app2 are on two embedded servers behind this one port. Try:\n\n")
	fmt.Fprintf(out, "  tsql -H %s -p %d -U %s -P '%s' -D app2\n", tds.IP, tds.Port, demoUser, demoPassword)
	fmt.Fprintf(out, "  sqlserver://%s:%s@%s:%d?database=app1\n\n", demoUser, "Sluice%21123", tds.IP, tds.Port)
	fmt.Fprintf(out, "With the database %s instead the node itself answers: SHOW HELP.\n", n.cfg.Admin.Database)
	fmt.Fprintf(out, "Look at http://%s/debug/actors while you do. Ctrl-C ends it.\n", n.addrs["health"])
}

// freePort returns port if it can be listened on now, else 0: any free one.
func freePort(port int) int {
	l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return 0
	}
	_ = l.Close()
	return port
}
