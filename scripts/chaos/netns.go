package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"sluice/scripts/rig"
)

// Addresses within the namespaces. Nothing outside of them sees these.
const (
	subnet    = "10.231.0."
	prefixLen = "/24"
	hubHost   = 1
	redisHost = 2
	relayHost = 3  // another address of the hub
	nodeHost  = 10 // of node-0; node-1 has the next
)

// namespacePrefix, in the environment, tells the inner process that it runs in
// the hub and how the namespaces are called.
const namespacePrefix = "CHAOS_NAMESPACES"

// namespaces is a network with a namespace for each node and one for Redis.
// They meet at a bridge in the hub, where this process lives.
type namespaces struct{ prefix string }

func (n namespaces) Hub() string       { return fmt.Sprint(subnet, hubHost) }
func (n namespaces) Redis() string     { return fmt.Sprint(subnet, redisHost) }
func (n namespaces) Relay() string     { return fmt.Sprint(subnet, relayHost) }
func (n namespaces) Node(i int) string { return fmt.Sprint(subnet, nodeHost+i) }

func (n namespaces) Ports() (rig.NodePorts, error) {
	return rig.NodePorts{TDS: 1433, Health: 8080, Metrics: 9090, Gossip: 7946, Peer: 7947}, nil
}

func (n namespaces) Port(usual int) (int, error) { return usual, nil }

func (n namespaces) name(node int) string {
	if node == 0 {
		return n.prefix + "-redis"
	}
	return fmt.Sprintf("%s-node%d", n.prefix, node)
}

func (n namespaces) Command(node int) []string { return []string{"ip", "netns", "exec", n.name(node)} }

// packetFilter drops what comes from, or goes to, the addresses in two sets.
const packetFilter = `table inet chaos {
  set from { type ipv4_addr; }
  set to { type ipv4_addr; }
  chain in { type filter hook input priority 0; policy accept; ip saddr @from drop; }
  chain out { type filter hook output priority 0; policy accept; ip daddr @to drop; }
}`

func (n namespaces) cut(s Step) (func() error, error) {
	if s.Fault == Slow {
		return n.slow(s.Node)
	}
	var peers []string
	if s.Fault == CutRedis || s.Fault == CutBoth {
		peers = append(peers, n.Redis(), n.Relay())
	}
	if s.Fault == CutGossip || s.Fault == CutBoth {
		for i := 1; i <= maxNodes+1; i++ {
			if i != s.Node {
				peers = append(peers, n.Node(i))
			}
		}
	}
	var sets []string
	if s.Way != wayOut {
		sets = append(sets, "from")
	}
	if s.Way != wayIn {
		sets = append(sets, "to")
	}
	change := func(verb string) error {
		var text strings.Builder
		for _, set := range sets {
			fmt.Fprintf(&text, "%s element inet chaos %s { %s }\n", verb, set, strings.Join(peers, ", "))
		}
		return tool(text.String(), append(n.Command(s.Node), "nft", "-f", "-")...)
	}
	if err := change("add"); err != nil {
		return nil, err
	}
	return func() error { return change("delete") }, nil
}

// slowness is how late packets are, and by how much that varies.
const slowness, slownessVaries = "60ms", "40ms"

func (n namespaces) slow(node int) (func() error, error) {
	tc := func(args ...string) error {
		return tool("", append(append(n.Command(node), "tc", "qdisc"), args...)...)
	}
	if err := tc("add", "dev", "eth0", "root", "netem", "delay", slowness, slownessVaries); err != nil {
		return nil, fmt.Errorf("%w: %w", errSkipped, err)
	}
	return func() error { return tc("del", "dev", "eth0", "root") }, nil
}

// errSkipped says that this machine cannot do what a step wants.
var errSkipped = errors.New("skipped")

// create makes the namespaces of Redis and of that many nodes.
func (n namespaces) create(nodes int) error {
	hub := n.prefix + "-hub"
	lines := [][]string{
		{"ip", "netns", "add", hub},
		{"ip", "-n", hub, "link", "set", "lo", "up"},
		{"ip", "-n", hub, "link", "add", "bridge", "type", "bridge"},
		{"ip", "-n", hub, "addr", "add", n.Hub() + prefixLen, "dev", "bridge"},
		{"ip", "-n", hub, "addr", "add", n.Relay() + prefixLen, "dev", "bridge"},
		{"ip", "-n", hub, "link", "set", "bridge", "up"},
	}
	for i := range nodes + 1 {
		ns, addr, port := n.name(i), n.Node(i), fmt.Sprint("port", i)
		if i == 0 {
			addr = n.Redis()
		}
		lines = append(lines,
			[]string{"ip", "netns", "add", ns},
			[]string{"ip", "-n", ns, "link", "set", "lo", "up"},
			[]string{"ip", "-n", hub, "link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", ns},
			[]string{"ip", "-n", hub, "link", "set", port, "master", "bridge", "up"},
			[]string{"ip", "-n", ns, "addr", "add", addr + prefixLen, "dev", "eth0"},
			[]string{"ip", "-n", ns, "link", "set", "eth0", "up"},
		)
	}
	for _, argv := range lines {
		if err := tool("", argv...); err != nil {
			return err
		}
	}
	for i := 1; i <= nodes; i++ {
		if err := tool(packetFilter, append(n.Command(i), "nft", "-f", "-")...); err != nil {
			return err
		}
	}
	return nil
}

// remove deletes the namespaces that are there; with them go their links.
func (n namespaces) remove() error {
	out, err := exec.Command("ip", "netns", "list").Output()
	if err != nil {
		return err
	}
	var failed []error
	for line := range strings.Lines(string(out)) {
		name, _, _ := strings.Cut(strings.TrimSpace(line), " ")
		if strings.HasPrefix(name, n.prefix+"-") {
			failed = append(failed, tool("", "ip", "netns", "del", name))
		}
	}
	return errors.Join(failed...)
}

// tool runs a command to its end.
func tool(input string, argv ...string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Stdin = strings.NewReader(input)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w: %s", strings.Join(argv, " "), err, bytes.TrimSpace(out))
	}
	return nil
}

// errInner says that the inner process has failed, and has told.
var errInner = errors.New("the run in namespaces failed")

// runInNamespaces makes the namespaces, runs this program again within the hub
// and removes the namespaces when it has ended. The inner process is killed by
// the kernel if this one dies; it ends its own children by itself.
func runInNamespaces(nodes int, args []string) (err error) {
	if os.Geteuid() != 0 {
		return errors.New("--netns needs root")
	}
	n := namespaces{fmt.Sprintf("chaos%d", os.Getpid())}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(stop)
	defer func() { err = errors.Join(err, n.remove()) }()
	if err := n.create(nodes); err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	inner := exec.Command("ip", append([]string{"netns", "exec", n.prefix + "-hub", self}, args...)...)
	inner.Env = append(os.Environ(), namespacePrefix+"="+n.prefix)
	inner.Stdin, inner.Stdout, inner.Stderr = os.Stdin, os.Stdout, os.Stderr
	inner.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := inner.Start(); err != nil {
		return err
	}
	done := make(chan error, 1)
	go func() { done <- inner.Wait() }()
	for {
		select {
		case s := <-stop:
			_ = inner.Process.Signal(s) // it may have ended just now
		case err := <-done:
			var exit *exec.ExitError
			if errors.As(err, &exit) {
				err = errInner
			}
			return err
		}
	}
}
