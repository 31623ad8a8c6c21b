package rig

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

// Balancer is HAProxy in TCP mode before the nodes.
type Balancer struct {
	proc *Process
	Addr string // of the clients
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

func (c *Cluster) startBalancer(ctx context.Context) (*Balancer, error) {
	path, err := exec.LookPath("haproxy")
	if err != nil {
		return nil, fmt.Errorf("--haproxy: %w", err)
	}
	port, err := c.opts.Network.Port(balancerPort)
	if err != nil {
		return nil, err
	}
	addr := net.JoinHostPort(c.opts.Network.Hub(), strconv.Itoa(port))
	var text strings.Builder
	fmt.Fprintf(&text, balancerConfig, addr)
	for _, n := range c.Nodes {
		fmt.Fprintf(&text, "  server %s %s port %d\n", n.Name, n.Addr(n.Ports.TDS), n.Ports.Health)
	}
	file := filepath.Join(c.opts.Dir, "haproxy.cfg")
	if err := os.WriteFile(file, []byte(text.String()), 0o600); err != nil {
		return nil, err
	}
	p, err := StartProcess("haproxy", filepath.Join(c.opts.Dir, "haproxy.log"), []string{path, "-db", "-f", file})
	if err != nil {
		return nil, err
	}
	b := &Balancer{p, addr}
	up := Eventually(ctx, redisStartWithin, func() bool {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			return !p.Running()
		}
		conn.Close()
		return true
	})
	if !up || !p.Running() {
		return b, fmt.Errorf("haproxy does not listen at %s:\n%s", addr, p.Tail())
	}
	return b, nil
}
