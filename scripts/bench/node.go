package main

import (
	"context"
	"fmt"
)

// node is a running node.
type node struct {
	process *process
	address string
	debug   string // base URL of /debug/pprof
	metrics string // URL of /metrics
}

// nodeSettings are what nodes of one benchmark differ in.
type nodeSettings struct {
	limit   int    // of connections to each backend
	pooling string // as proxy.pooling; empty: session
	more    string // of the node's configuration
}

func (l *lab) addSluice(ctx context.Context, name, path string, s nodeSettings, direct target) error {
	n, err := l.startSluice(ctx, name, path, s)
	if err != nil {
		return err
	}
	t := direct
	t.name, t.address, t.slow, t.node = name, n.address, n.address, n
	t.pid = n.process.cmd.Process.Pid
	l.targets = append(l.targets, t)
	return nil
}

// startSluice starts a node before both backends.
func (l *lab) startSluice(ctx context.Context, name, path string, s nodeSettings) (*node, error) {
	ports, err := freePorts(3)
	if err != nil {
		return nil, err
	}
	if s.pooling == "" {
		s.pooling = poolingSession
	}
	fast, slow := l.fast, l.slow
	proxy, err := l.write(name+"-proxy.yaml", fmt.Sprintf(proxyConfig, name, ports[0], ports[1], ports[2], s.pooling, s.more))
	if err != nil {
		return nil, err
	}
	buckets, err := l.write(name+"-buckets.yaml", fmt.Sprintf(bucketsConfig,
		port(fast), fastDatabase, s.limit, port(slow), slowDatabase, s.limit))
	if err != nil {
		return nil, err
	}
	p, err := l.start(ctx, name, path, "serve", "--config", proxy, "--buckets", buckets)
	if err != nil {
		return nil, err
	}
	n := &node{
		process: p, address: local(ports[0]),
		debug: "http://" + local(ports[1]) + "/debug/pprof", metrics: "http://" + local(ports[2]) + "/metrics",
	}
	return n, p.waitReady(ctx, n.address, login{l.opts.user, l.opts.password, fastDatabase})
}

// stop ends the node ahead of the lab.
func (l *lab) stop(n *node) {
	n.process.stop()
	for i, p := range l.running {
		if p == n.process {
			l.running = append(l.running[:i], l.running[i+1:]...)
			return
		}
	}
}

// Values of proxy.pooling.
const (
	poolingSession     = "session"
	poolingTransaction = "transaction"
)

const proxyConfig = `proxy:
  instance_id: %s
  listen_addr: 127.0.0.1
  listen_port: %d
  admin_addr: 127.0.0.1
  health_check_port: %d
  metrics_port: %d
  pooling: %s
  idle_timeout: 10m
pool: {max_parallel_logins: 64}
log: {level: warn}
shutdown_timeout: 2s
%s`

const bucketsConfig = `buckets:
  - id: fast
    host: 127.0.0.1
    port: %s
    databases: [%s]
    max_connections: %d
    backend_tls: {mode: "off"}
  - id: slow
    host: 127.0.0.1
    port: %s
    databases: [%s]
    max_connections: %d
    backend_tls: {mode: "off"}
`
