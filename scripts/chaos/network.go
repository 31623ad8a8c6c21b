package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
)

// network says where processes live and what can be done to their links.
type network interface {
	// hub is the address of this process: the servers and clients.
	hub() string
	// redis is the address of Redis, node that of a node, from 1.
	redis() string
	node(i int) string
	// command returns what a command of a node, or of Redis (0), begins with.
	command(node int) []string
	// cut severs the links that a fault names and returns how to mend them.
	cut(s Step) (mend func() error, err error)
	// ports returns the ports of a node, which it keeps for the whole run.
	ports() (nodePorts, error)
}

// nodePorts are the ports of a node.
type nodePorts struct{ tds, health, metrics, gossip, peer int }

// loopback has everything on 127.0.0.1.
type loopback struct{ taken *portPicker }

var errNoNamespaces = errors.New("links can be cut with --netns only")

func (loopback) hub() string                     { return "127.0.0.1" }
func (loopback) redis() string                   { return "127.0.0.1" }
func (loopback) node(int) string                 { return "127.0.0.1" }
func (loopback) command(int) []string            { return nil }
func (loopback) cut(Step) (func() error, error)  { return nil, errNoNamespaces }
func (l loopback) ports() (p nodePorts, _ error) { return p, l.taken.fill(&p) }

// portPicker finds ports that nothing listens on. They are below those that the
// kernel gives to outgoing connections: a node that is away for a while must
// find its ports free again.
type portPicker struct{ next int }

const (
	firstPort = 15000
	lastPort  = 32000
)

var errNoPorts = errors.New("no free ports on 127.0.0.1")

func newPortPicker() *portPicker { return &portPicker{firstPort + rand.IntN(lastPort-firstPort)} }

// take returns one port that is free for TCP and UDP.
func (p *portPicker) take() (int, error) {
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

func (p *portPicker) fill(to *nodePorts) (err error) {
	for _, port := range []*int{&to.tds, &to.health, &to.metrics, &to.gossip, &to.peer} {
		if *port, err = p.take(); err != nil {
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
