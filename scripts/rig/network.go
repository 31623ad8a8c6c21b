package rig

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
)

// Network says where processes live.
type Network interface {
	// Hub is the address of this process: the servers and clients.
	Hub() string
	// Redis is the address of Redis, Node that of a node, from 1.
	Redis() string
	Node(i int) string
	// Relay is the address, of this process, at which nodes find the relays to Redis.
	Relay() string
	// Command returns what a command of a node, or of Redis (0), begins with.
	Command(node int) []string
	// Ports returns the ports of a node, which it keeps for the whole run.
	Ports() (NodePorts, error)
	// Port returns the port of a program that listens on one by convention:
	// that one, where it has an address for itself.
	Port(usual int) (int, error)
}

// NodePorts are the ports of a node.
type NodePorts struct{ TDS, Health, Metrics, Gossip, Peer int }

// Loopback has everything on 127.0.0.1.
type Loopback struct{ taken *PortPicker }

// NewLoopback returns a network on 127.0.0.1.
func NewLoopback() Loopback { return Loopback{NewPortPicker()} }

func (Loopback) Hub() string                     { return "127.0.0.1" }
func (Loopback) Redis() string                   { return "127.0.0.1" }
func (Loopback) Relay() string                   { return "127.0.0.1" }
func (Loopback) Node(int) string                 { return "127.0.0.1" }
func (Loopback) Command(int) []string            { return nil }
func (l Loopback) Ports() (p NodePorts, _ error) { return p, l.taken.fill(&p) }
func (l Loopback) Port(int) (int, error)         { return l.taken.Take() }

// PortPicker finds ports that nothing listens on. They are below those that the
// kernel gives to outgoing connections: a node that is away for a while must
// find its ports free again.
type PortPicker struct{ next int }

const (
	firstPort = 15000
	lastPort  = 32000
)

var errNoPorts = errors.New("no free ports on 127.0.0.1")

// NewPortPicker returns a picker that begins somewhere.
func NewPortPicker() *PortPicker { return &PortPicker{firstPort + rand.IntN(lastPort-firstPort)} }

// Take returns one port that is free for TCP and UDP.
func (p *PortPicker) Take() (int, error) {
	for range 2000 {
		if p.next++; p.next >= lastPort {
			p.next = firstPort
		}
		if free(p.next) {
			return p.next, nil
		}
	}
	return 0, errNoPorts
}

func (p *PortPicker) fill(to *NodePorts) (err error) {
	for _, port := range []*int{&to.TDS, &to.Health, &to.Metrics, &to.Gossip, &to.Peer} {
		if *port, err = p.Take(); err != nil {
			return fmt.Errorf("ports of a node: %w", err)
		}
	}
	return nil
}

func free(port int) bool {
	addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return false
	}
	defer l.Close()
	u, err := net.ListenPacket("udp", addr)
	if err != nil {
		return false
	}
	return u.Close() == nil
}
