package rig

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Balancer is HAProxy in TCP mode before the nodes.
type Balancer struct {
	proc  *Process
	Addr  string // of the clients
	admin string
}

const balancerConfig = `global
  maxconn 4000
  stats socket ipv4@%s level admin
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

// Its ports in a network where it has an address for itself.
const (
	balancerPort      = 1433
	balancerAdminPort = 9999
)

// Drain keeps new clients away from a node; those it has stay. Admit lets them
// come again.
func (b *Balancer) Drain(n *Node) error {
	return b.command("set server nodes/" + n.Name + " state drain")
}

// Admit ends what Drain began.
func (b *Balancer) Admit(n *Node) error {
	return b.command("set server nodes/" + n.Name + " state ready")
}

// command sends one command to HAProxy, which answers those that succeed with
// an empty line.
func (b *Balancer) command(line string) error {
	c, err := net.Dial("tcp", b.admin)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(redisStopWithin)); err != nil {
		return err
	}
	if _, err := fmt.Fprintln(c, line); err != nil {
		return err
	}
	answer, err := io.ReadAll(c)
	if text := strings.TrimSpace(string(answer)); err == nil && text != "" {
		err = errors.New(text)
	}
	if err != nil {
		return fmt.Errorf("haproxy: %s: %w", line, err)
	}
	return nil
}

func (c *Cluster) startBalancer(ctx context.Context) (*Balancer, error) {
	path, err := exec.LookPath("haproxy")
	if err != nil {
		return nil, fmt.Errorf("--haproxy: %w", err)
	}
	port, err := c.opts.Network.Port(balancerPort)
	if err != nil {
		return nil, err
	}
	adminPort, err := c.opts.Network.Port(balancerAdminPort)
	if err != nil {
		return nil, err
	}
	addr := net.JoinHostPort(c.opts.Network.Hub(), strconv.Itoa(port))
	admin := net.JoinHostPort(c.opts.Network.Hub(), strconv.Itoa(adminPort))
	var text strings.Builder
	fmt.Fprintf(&text, balancerConfig, admin, addr)
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
	b := &Balancer{p, addr, admin}
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
	for _, n := range c.Nodes {
		if n.Running() {
			continue
		}
		// HAProxy takes a server for good until its first checks have failed.
		if err := b.command("set server nodes/" + n.Name + " health down"); err != nil {
			return b, err
		}
	}
	return b, nil
}
