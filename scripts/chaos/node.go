package main

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

// node is one member of the fleet, which may be started many times.
type node struct {
	index   int // from 1
	name    string
	dir     string // of its files; kept over restarts
	ports   nodePorts
	cluster *cluster

	mu       sync.Mutex
	proc     *process
	guards   []kin // what its processes have started, for the check at the end
	watching sync.WaitGroup
}

const (
	nodeStartWithin = 30 * time.Second
	nodeStopWithin  = drainTime + 12*time.Second
)

func (n *node) addr(port int) string {
	return net.JoinHostPort(n.cluster.net.node(n.index), strconv.Itoa(port))
}

// start runs the node; ready tells when it serves.
func (n *node) start(extra ...string) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.proc != nil && n.proc.running() {
		return fmt.Errorf("%s runs already", n.name)
	}
	argv := append(n.cluster.net.command(n.index), n.cluster.opts.Sluice, "serve", "--config", n.proxyFile(), "--buckets", n.bucketsFile())
	p, err := startProcess(n.name, filepath.Join(n.cluster.dir, n.name+".log"), append(argv, extra...))
	if err != nil {
		return err
	}
	n.proc = p
	n.watching.Go(func() {
		<-p.done
		if !p.expected.Load() {
			n.cluster.died(fmt.Sprintf("%s ended by itself: %v; it said:\n%s", n.name, p.err, p.tail()))
		}
	})
	return nil
}

// current is the node's latest process, nil if it was never started.
func (n *node) current() *process {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.proc
}

func (n *node) running() bool {
	p := n.current()
	return p != nil && p.running()
}

// end signals the node and waits for its end. withGuard kills what it has
// started as well, and first, so that nobody tells.
func (n *node) end(s syscall.Signal, withGuard bool) error {
	p := n.current()
	if p == nil || !p.running() {
		return fmt.Errorf("%s does not run", n.name)
	}
	kids := children(p.cmd.Process.Pid)
	n.mu.Lock()
	n.guards = append(n.guards, kids...)
	n.mu.Unlock()
	p.expected.Store(true)
	if withGuard {
		// Stopped, it cannot see that its guard has gone before it goes itself.
		_ = p.signal(syscall.SIGSTOP)
		for _, k := range kids {
			k.kill()
		}
	}
	return p.end(s, nodeStopWithin)
}

func (n *node) signal(s syscall.Signal) error {
	p := n.current()
	if p == nil {
		return fmt.Errorf("%s does not run", n.name)
	}
	return p.signal(s)
}

// ready waits until the node serves.
func (n *node) ready(ctx context.Context) error {
	if eventually(ctx, nodeStartWithin, func() bool { return !n.running() || n.cluster.probe.ready(ctx, n) }) && n.running() {
		return nil
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return fmt.Errorf("%s does not become ready; it said:\n%s", n.name, n.current().tail())
}

// stop ends the node in whatever state it is, and waits until nobody of it is
// left. It returns what had to be killed.
func (n *node) stop() error {
	defer n.watching.Wait()
	var err error
	if n.running() {
		_ = n.signal(syscall.SIGCONT) // it may be stopped, and would not take the next signal
		err = n.end(syscall.SIGTERM, false)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	left := func() (pids []int) {
		for _, k := range n.guards {
			if k.running() {
				pids = append(pids, k.pid)
			}
		}
		return pids
	}
	const within = 5 * time.Second
	if !eventually(context.Background(), within, func() bool { return len(left()) == 0 }) {
		err = fmt.Errorf("%s has left processes behind: %v", n.name, left())
		for _, k := range n.guards {
			k.kill()
		}
	}
	return err
}
