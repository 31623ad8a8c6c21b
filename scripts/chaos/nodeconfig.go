package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// Login of the clients and of the servers.
const (
	sqlUser     = "sa"
	sqlPassword = "Chaos-passw0rd"
)

// gossipKey is the key of every fleet of this rig.
const gossipKey = "c2x1aWNlLWNoYW9zLXJpZw=="

// capabilities are the configuration keys that the program under test knows.
type capabilities map[string]bool

var flagName = regexp.MustCompile(`--([a-z_]+\.[a-z_]+)`)

// askCapabilities reads them from the help of the program: every key that is no
// secret has a flag.
func askCapabilities(sluice string) (capabilities, error) {
	out, err := exec.Command(sluice, "serve", "--help").CombinedOutput()
	found := capabilities{}
	for _, m := range flagName.FindAllStringSubmatch(string(out), -1) {
		found[m[1]] = true
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("%s serve --help names no keys: %w", sluice, err)
	}
	return found, nil
}

// settings are groups of keys, as in proxy.yaml.
type settings map[string]map[string]any

func (s settings) set(key string, value any) {
	group, name, _ := strings.Cut(key, ".")
	if s[group] == nil {
		s[group] = map[string]any{}
	}
	s[group][name] = value
}

// drainTime is shutdown_timeout of the nodes.
const drainTime = 3 * time.Second

// nodeSettings is the configuration of a node of a fleet.
func (c *cluster) nodeSettings(n *node) settings {
	o := c.opts
	s := settings{}
	host := c.net.node(n.index)
	for key, v := range map[string]any{
		"proxy.listen_addr": host, "proxy.listen_port": n.ports.tds, "proxy.instance_id": n.name,
		"proxy.admin_addr": host, "proxy.health_check_port": n.ports.health, "proxy.metrics_port": n.ports.metrics,
		"proxy.queue_timeout": o.QueueTimeout.String(), "proxy.idle_timeout": "20s", "proxy.health_check_interval": "1s",
		"tls.mode": "off", "backend_tls.mode": "off", "log.level": o.LogLevel, "log.format": "text",

		"redis.addr": c.redis.address(), "redis.heartbeat_interval": o.Heartbeat.String(),
		"redis.dial_timeout": "500ms", "redis.read_timeout": "500ms", "redis.write_timeout": "500ms",

		"gossip.bind_addr": host, "gossip.bind_port": n.ports.gossip, "gossip.advertise_addr": host,
		"gossip.peer_port": n.ports.peer, "gossip.cluster_name": "chaos", "gossip.preset": "local",

		"limits.hold_time": o.Hold.String(), "limits.loan_time": o.Loan.String(), "limits.state_dir": n.dir,
	} {
		s.set(key, v)
	}
	var join []string
	for _, other := range c.nodes {
		if other != n {
			join = append(join, fmt.Sprintf("%s:%d", c.net.node(other.index), other.ports.gossip))
		}
	}
	s.set("gossip.join", join)
	var witnesses []string
	for i := 1; i <= o.Witnesses; i++ {
		witnesses = append(witnesses, nodeName(i))
	}
	s.set("limits.witnesses", witnesses)
	for _, kv := range o.Set {
		key, value, _ := strings.Cut(kv, "=")
		s.set(key, value)
	}
	for group, keys := range s {
		for name := range keys {
			if !c.knows[group+"."+name] {
				delete(keys, name)
			}
		}
	}
	s.set("gossip.secret_key", gossipKey) // a secret, which has no flag
	return s
}

// writeConfig writes the two files of a node.
func (c *cluster) writeConfig(n *node) error {
	proxy := map[string]any{"shutdown_timeout": drainTime.String()}
	for group, keys := range c.nodeSettings(n) {
		proxy[group] = keys
	}
	var list []map[string]any
	for i, s := range c.servers {
		list = append(list, map[string]any{
			"id": bucketName(i), "host": s.host, "port": s.port, "database": database(i), "max_connections": c.limit,
		})
	}
	for path, v := range map[string]any{n.proxyFile(): proxy, n.bucketsFile(): map[string]any{"buckets": list}} {
		text, err := yaml.Marshal(v)
		if err != nil {
			return err
		}
		if err := os.WriteFile(path, text, 0o600); err != nil {
			return err
		}
	}
	return nil
}

func (n *node) proxyFile() string   { return filepath.Join(n.dir, "proxy.yaml") }
func (n *node) bucketsFile() string { return filepath.Join(n.dir, "buckets.yaml") }

// checkConfig lets the program read a node's files and returns its warnings.
func (c *cluster) checkConfig(n *node) ([]string, error) {
	cmd := exec.Command(c.opts.Sluice, "check", "--config", n.proxyFile(), "--buckets", n.bucketsFile())
	cmd.Env = environment()
	out, err := cmd.CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("the nodes' configuration: %w\n%s", err, out)
	}
	var warnings []string
	for line := range strings.Lines(string(out)) {
		if w, ok := strings.CutPrefix(line, "warning: "); ok {
			warnings = append(warnings, strings.TrimSpace(w))
		}
	}
	return warnings, nil
}

func nodeName(i int) string   { return fmt.Sprintf("node-%d", i) }
func bucketName(i int) string { return fmt.Sprintf("bucket-%d", i+1) }
func database(i int) string   { return fmt.Sprintf("app%d", i+1) }
