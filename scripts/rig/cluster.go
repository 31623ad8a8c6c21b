package rig

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
)

// Cluster is a fleet of nodes with everything around it. It owns all processes.
type Cluster struct {
	Servers []*Server // none if the buckets' servers are not of this rig
	Redis   *Redis
	Nodes   []*Node // those to spare are last
	Balance *Balancer
	Probe   *Probe

	opts    Options
	buckets []Address

	watching sync.WaitGroup // of the probe
	unwatch  context.CancelFunc

	mu     sync.Mutex
	deaths []string // of nodes that ended by themselves
}

// NewCluster starts servers and Redis and prepares the nodes. Close must be
// called of what it returns.
func NewCluster(ctx context.Context, o Options) (c *Cluster, err error) {
	c = &Cluster{opts: o, Probe: newProbe(), buckets: o.External}
	defer func() {
		if err != nil {
			err = errors.Join(err, c.Close())
		}
	}()
	if len(o.External) == 0 {
		if err := c.startServers(ctx); err != nil {
			return nil, err
		}
	}
	if err := c.startRedis(ctx); err != nil {
		return nil, err
	}
	for i := 1; i <= o.Nodes+o.Spare; i++ {
		n := &Node{Index: i, Name: NodeName(i), dir: filepath.Join(o.Dir, NodeName(i)), cluster: c}
		if n.Ports, err = o.Network.Ports(); err != nil {
			return nil, err
		}
		if err := os.MkdirAll(n.dir, 0o700); err != nil {
			return nil, err
		}
		if o.RelayRedis {
			if n.relay, err = startRelay(o.Network.Relay(), c.Redis.Address()); err != nil {
				return nil, err
			}
		}
		c.Nodes = append(c.Nodes, n)
	}
	for _, n := range c.Nodes {
		if err := c.writeConfig(n); err != nil {
			return nil, err
		}
	}
	return c, nil
}

func (c *Cluster) startServers(ctx context.Context) error {
	for i := range c.opts.Buckets {
		s, err := startServer(ctx, c.opts, i)
		if err != nil {
			return err
		}
		c.Servers = append(c.Servers, s)
		c.buckets = append(c.buckets, Address{s.host, s.port, Database(i)})
	}
	return nil
}

func (c *Cluster) startRedis(ctx context.Context) error {
	path, err := exec.LookPath("redis-server")
	if err != nil {
		return fmt.Errorf("redis-server is needed: %w", err)
	}
	network := c.opts.Network
	c.Redis = &Redis{
		path: path, prefix: network.Command(0), host: network.Redis(),
		dir: filepath.Join(c.opts.Dir, "redis"), persistence: c.opts.Persistence,
	}
	if c.Redis.port, err = network.Port(redisPort); err != nil {
		return err
	}
	if err := os.MkdirAll(c.Redis.dir, 0o700); err != nil {
		return err
	}
	return c.Redis.Start(ctx)
}

// Start runs the nodes, but for those to spare, and waits until they serve.
func (c *Cluster) Start(ctx context.Context) error {
	first := c.Nodes[:c.opts.Nodes]
	for i, n := range first {
		var extra []string
		if i == 0 && c.opts.Bootstrap && c.opts.Knows["limits.bootstrap"] {
			extra = append(extra, "--limits.bootstrap=true")
		}
		if err := n.Start(extra...); err != nil {
			return err
		}
	}
	for _, n := range first {
		if err := n.Ready(ctx); err != nil {
			return err
		}
	}
	watched, cancel := context.WithCancel(ctx)
	c.unwatch = cancel
	for _, n := range c.Nodes {
		c.watching.Go(func() { c.Probe.Watch(watched, n) })
	}
	if !Eventually(ctx, nodeStartWithin, func() bool { return c.Probe.IsUp(1) }) {
		return errors.New("node-1 does not answer health checks")
	}
	if !c.opts.HAProxy {
		return nil
	}
	b, err := c.startBalancer(ctx)
	c.Balance = b
	return err
}

// died takes note of a node that ended without being asked to.
func (c *Cluster) died(text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.deaths = append(c.deaths, text)
}

// OwnDeaths says which nodes ended by themselves, and what they wrote last.
func (c *Cluster) OwnDeaths() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.deaths
}

// StopNodes ends all nodes at the same time.
func (c *Cluster) StopNodes() error {
	var wg sync.WaitGroup
	failed := make([]error, len(c.Nodes))
	for i, n := range c.Nodes {
		wg.Go(func() { failed[i] = n.Stop() })
	}
	wg.Wait()
	return errors.Join(failed...)
}

// Close ends everything, in whatever state it is.
func (c *Cluster) Close() error {
	if c.unwatch != nil {
		c.unwatch()
	}
	c.watching.Wait()
	var failed []error
	if c.Balance != nil {
		failed = append(failed, c.Balance.proc.End(syscall.SIGTERM, redisStopWithin))
	}
	failed = append(failed, c.StopNodes())
	for _, n := range c.Nodes {
		if n.relay != nil {
			failed = append(failed, n.relay.Close())
		}
	}
	if c.Redis != nil {
		failed = append(failed, c.Redis.Kill())
	}
	for _, s := range c.Servers {
		failed = append(failed, s.Close())
	}
	return errors.Join(failed...)
}
