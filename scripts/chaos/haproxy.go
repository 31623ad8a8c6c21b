package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// balancer is HAProxy in TCP mode before the nodes.
type balancer struct {
	proc *process
	addr string // of the clients
}

const balancerConfig = `global
  maxconn 4000
defaults
  mode tcp
  timeout connect 2s
  timeout client 60s
  timeout server 60s
listen nodes
  bind %s
  balance leastconn
  option redispatch
  option httpchk GET /health/ready
  default-server check inter 300ms fall 2 rise 1
`

// balancerPort is its port in a network where it has an address for itself.
const balancerPort = 1433

func (c *cluster) startBalancer(ctx context.Context) (*balancer, error) {
	path, err := exec.LookPath("haproxy")
	if err != nil {
		return nil, fmt.Errorf("--haproxy: %w", err)
	}
	port := balancerPort
	if l, ok := c.net.(loopback); ok {
		if port, err = l.taken.take(); err != nil {
			return nil, err
		}
	}
	addr := net.JoinHostPort(c.net.hub(), strconv.Itoa(port))
	var text strings.Builder
	fmt.Fprintf(&text, balancerConfig, addr)
	for _, n := range c.nodes {
		fmt.Fprintf(&text, "  server %s %s port %d\n", n.name, n.addr(n.ports.tds), n.ports.health)
	}
	file := filepath.Join(c.dir, "haproxy.cfg")
	if err := os.WriteFile(file, []byte(text.String()), 0o600); err != nil {
		return nil, err
	}
	p, err := startProcess("haproxy", filepath.Join(c.dir, "haproxy.log"), []string{path, "-db", "-f", file})
	if err != nil {
		return nil, err
	}
	b := &balancer{p, addr}
	up := eventually(ctx, redisStartWithin, func() bool {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			return !p.running()
		}
		conn.Close()
		return true
	})
	if !up || !p.running() {
		return b, fmt.Errorf("haproxy does not listen at %s:\n%s", addr, p.tail())
	}
	return b, nil
}
