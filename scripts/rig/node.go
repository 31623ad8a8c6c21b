package rig

import (
	"context"
	"fmt"
	"net"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// Node is one member of the fleet, which may be started many times.
type Node struct {
	Index   int // from 1
	Name    string
	Ports   NodePorts
	dir     string // of its files; kept over restarts
	cluster *Cluster
	relay   *Relay // to Redis; nil: none

	mu       sync.Mutex
	proc     *Process
	guards   []Kin // what its processes have started, for the check at the end
	watching sync.WaitGroup
}

const (
	nodeStartWithin = 30 * time.Second
	nodeStopWithin  = drainTime + 12*time.Second
)

// Addr is a port of the node with its host.
func (n *Node) Addr(port int) string {
	return net.JoinHostPort(n.cluster.opts.Network.Node(n.Index), strconv.Itoa(port))
}

// SlowRedis makes what the node and Redis send each other late, each way; 0: as
// fast as it goes again. Without relays it does nothing.
func (n *Node) SlowRedis(by time.Duration) {
	if n.relay != nil {
		n.relay.Link.Set(slowness(by))
	}
}

// redis is where the node finds Redis.
func (n *Node) redis() string {
	if n.relay == nil {
		return n.cluster.Redis.Address()
	}
	return n.relay.Address()
}

// Start runs the node; Ready tells when it serves.
func (n *Node) Start(extra ...string) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.proc != nil && n.proc.Running() {
		return fmt.Errorf("%s runs already", n.Name)
	}
	argv := append(n.cluster.opts.Network.Command(n.Index), n.cluster.opts.Sluice, "serve", "--config", n.proxyFile(), "--buckets", n.bucketsFile())
	p, err := StartProcess(n.Name, filepath.Join(n.cluster.opts.Dir, n.Name+".log"), append(argv, extra...))
	if err != nil {
		return err
	}
	n.proc = p
	n.watching.Go(func() {
		<-p.done
		if !p.expected.Load() {
			n.cluster.died(fmt.Sprintf("%s ended by itself: %v; it said:\n%s", n.Name, p.err, p.Tail()))
		}
	})
	return nil
}

// Current is the node's latest process, nil if it was never started.
func (n *Node) Current() *Process {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.proc
}

// Running tells whether the node has a process.
func (n *Node) Running() bool {
	p := n.Current()
	return p != nil && p.Running()
}

// End signals the node and waits for its end. withGuard kills what it has
// started as well, and first, so that nobody tells.
func (n *Node) End(s syscall.Signal, withGuard bool) error {
	p := n.Current()
	if p == nil || !p.Running() {
		return fmt.Errorf("%s does not run", n.Name)
	}
	kids := Children(p.cmd.Process.Pid)
	n.mu.Lock()
	n.guards = append(n.guards, kids...)
	n.mu.Unlock()
	p.expected.Store(true)
	if withGuard {
		// Stopped, it cannot see that its guard has gone before it goes itself.
		_ = p.Signal(syscall.SIGSTOP)
		for _, k := range kids {
			k.Kill()
		}
	}
	return p.End(s, nodeStopWithin)
}

// Signal sends a signal that does not end the node.
func (n *Node) Signal(s syscall.Signal) error {
	p := n.Current()
	if p == nil {
		return fmt.Errorf("%s does not run", n.Name)
	}
	return p.Signal(s)
}

// Ready waits until the node serves.
func (n *Node) Ready(ctx context.Context) error {
	if Eventually(ctx, nodeStartWithin, func() bool { return !n.Running() || n.cluster.Probe.Ready(ctx, n) }) && n.Running() {
		return nil
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return fmt.Errorf("%s does not become ready; it said:\n%s", n.Name, n.Current().Tail())
}

// Stop ends the node in whatever state it is, and waits until nobody of it is
// left. It returns what had to be killed.
func (n *Node) Stop() error {
	defer n.watching.Wait()
	var err error
	if n.Running() {
		_ = n.Signal(syscall.SIGCONT) // it may be stopped, and would not take the next signal
		err = n.End(syscall.SIGTERM, false)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	left := func() (pids []int) {
		for _, k := range n.guards {
			if k.Running() {
				pids = append(pids, k.PID)
			}
		}
		return pids
	}
	const within = 5 * time.Second
	if !Eventually(context.Background(), within, func() bool { return len(left()) == 0 }) {
		err = fmt.Errorf("%s has left processes behind: %v", n.Name, left())
		for _, k := range n.guards {
			k.Kill()
		}
	}
	return err
}
