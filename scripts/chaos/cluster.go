package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"sluice/sandbox"
)

// cluster is a fleet of nodes with everything around it. It owns all processes.
type cluster struct {
	opts    *Options
	dir     string // of files and logs
	net     network
	limit   int
	knows   capabilities
	servers []*server
	redis   *redisServer
	nodes   []*node // the last one is there for a join
	balance *balancer
	probe   *probe

	watching sync.WaitGroup // of the probe
	unwatch  context.CancelFunc

	mu     sync.Mutex
	deaths []string // of nodes that ended by themselves
}

// server is the SQL server of one bucket, which counts its connections.
type server struct {
	*sandbox.Server
	host string
	port int
	base time.Time // moment 0 of its events
}

// keepEvents is how many events a server remembers between two looks.
const keepEvents = 4096

// newCluster starts servers and Redis and prepares the nodes.
func newCluster(ctx context.Context, o *Options, s Schedule, dir string, n network) (c *cluster, err error) {
	c = &cluster{opts: o, dir: dir, net: n, limit: s.Limit, knows: o.knows, probe: newProbe()}
	defer func() {
		if err != nil {
			err = errors.Join(err, c.close())
		}
	}()
	for i := range s.Buckets {
		srv, err := startServer(ctx, n.hub(), i)
		if err != nil {
			return nil, err
		}
		c.servers = append(c.servers, srv)
	}
	if err := c.startRedis(ctx, s); err != nil {
		return nil, err
	}
	for i := 1; i <= s.Nodes+1; i++ {
		n := &node{index: i, name: nodeName(i), dir: filepath.Join(dir, nodeName(i)), cluster: c}
		if n.ports, err = c.net.ports(); err != nil {
			return nil, err
		}
		if err := os.MkdirAll(n.dir, 0o700); err != nil {
			return nil, err
		}
		c.nodes = append(c.nodes, n)
	}
	for _, n := range c.nodes {
		if err := c.writeConfig(n); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// startServer starts a server and makes the clients' table in it.
func startServer(ctx context.Context, host string, i int) (*server, error) {
	srv, err := sandbox.Start(sandbox.Options{
		Addr: net.JoinHostPort(host, "0"), ServerName: bucketName(i), Databases: []string{database(i)},
		Logins: map[string]sandbox.Login{sqlUser: {Password: sqlPassword}}, Encryption: sandbox.EncryptionOff, KeepEvents: keepEvents,
	})
	if err != nil {
		return nil, err
	}
	addr := srv.Addr().(*net.TCPAddr)
	s := &server{Server: srv, host: host, port: addr.Port}
	before := time.Now()
	if err := prepareTable(ctx, addr.String(), database(i)); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", bucketName(i), err), srv.Close())
	}
	s.base = before.Add(-srv.Events()[0].At)
	return s, nil
}

func (c *cluster) startRedis(ctx context.Context, s Schedule) error {
	path, err := exec.LookPath("redis-server")
	if err != nil {
		return fmt.Errorf("redis-server is needed: %w", err)
	}
	c.redis = &redisServer{
		path: path, prefix: c.net.command(0), host: c.net.redis(), port: 6379,
		dir: filepath.Join(c.dir, "redis"), persistence: s.Persistence,
	}
	if l, ok := c.net.(loopback); ok {
		if c.redis.port, err = l.taken.take(); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(c.redis.dir, 0o700); err != nil {
		return err
	}
	return c.redis.start(ctx)
}

// start runs the nodes, all but the last, and waits until they serve.
func (c *cluster) start(ctx context.Context) error {
	first := c.nodes[:len(c.nodes)-1]
	for i, n := range first {
		var extra []string
		if i == 0 && c.opts.Bootstrap && c.knows["limits.bootstrap"] {
			extra = append(extra, "--limits.bootstrap=true")
		}
		if err := n.start(extra...); err != nil {
			return err
		}
	}
	for _, n := range first {
		if err := n.ready(ctx); err != nil {
			return err
		}
	}
	watched, cancel := context.WithCancel(ctx)
	c.unwatch = cancel
	for _, n := range c.nodes {
		c.watching.Go(func() { c.probe.watch(watched, n) })
	}
	if !eventually(ctx, nodeStartWithin, func() bool { return c.probe.isUp(1) }) {
		return errors.New("node-1 does not answer health checks")
	}
	if !c.opts.HAProxy {
		return nil
	}
	b, err := c.startBalancer(ctx)
	c.balance = b
	return err
}

// died takes note of a node that ended without being asked to.
func (c *cluster) died(text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.deaths = append(c.deaths, text)
}

// ownDeaths are the notes of died.
func (c *cluster) ownDeaths() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.deaths
}

// stopNodes ends all nodes at the same time.
func (c *cluster) stopNodes() error {
	var wg sync.WaitGroup
	failed := make([]error, len(c.nodes))
	for i, n := range c.nodes {
		wg.Go(func() { failed[i] = n.stop() })
	}
	wg.Wait()
	return errors.Join(failed...)
}

// close ends everything, in whatever state it is.
func (c *cluster) close() error {
	if c.unwatch != nil {
		c.unwatch()
	}
	c.watching.Wait()
	var failed []error
	if c.balance != nil {
		failed = append(failed, c.balance.proc.end(syscall.SIGTERM, redisStopWithin))
	}
	failed = append(failed, c.stopNodes())
	if c.redis != nil {
		failed = append(failed, c.redis.kill())
	}
	for _, s := range c.servers {
		failed = append(failed, s.Close())
	}
	return errors.Join(failed...)
}
