package rig

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
	User     = "sa"
	Password = "Chaos-passw0rd"
)

// gossipKey is the key of every fleet of this rig.
const gossipKey = "c2x1aWNlLWNoYW9zLXJpZw=="

// Capabilities are the configuration keys that the program under test knows.
type Capabilities map[string]bool

var flagName = regexp.MustCompile(`--([a-z_]+\.[a-z_]+)`)

// AskCapabilities reads them from the help of the program: every key that is no
// secret has a flag.
func AskCapabilities(sluice string) (Capabilities, error) {
	out, err := exec.Command(sluice, "serve", "--help").CombinedOutput()
	found := Capabilities{}
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
func (c *Cluster) nodeSettings(n *Node) settings {
	o := c.opts
	s := settings{}
	host := o.Network.Node(n.Index)
	for key, v := range map[string]any{
		"proxy.listen_addr": host, "proxy.listen_port": n.Ports.TDS, "proxy.instance_id": n.Name,
		"proxy.admin_addr": host, "proxy.health_check_port": n.Ports.Health, "proxy.metrics_port": n.Ports.Metrics,
		"proxy.queue_timeout": o.QueueTimeout.String(), "proxy.idle_timeout": "20s", "proxy.health_check_interval": "1s",
		"tls.mode": "off", "backend_tls.mode": "off", "log.level": o.LogLevel, "log.format": "text",

		"redis.addr": n.redis(), "redis.heartbeat_interval": o.Heartbeat.String(),
		"redis.dial_timeout": "500ms", "redis.read_timeout": "500ms", "redis.write_timeout": "500ms",

		"gossip.bind_addr": host, "gossip.bind_port": n.Ports.Gossip, "gossip.advertise_addr": host,
		"gossip.peer_port": n.Ports.Peer, "gossip.cluster_name": o.Name, "gossip.preset": "local",

		"limits.hold_time": o.Hold.String(), "limits.loan_time": o.Loan.String(), "limits.state_dir": n.dir,
	} {
		s.set(key, v)
	}
	var join []string
	for _, other := range c.Nodes {
		if other != n {
			join = append(join, fmt.Sprintf("%s:%d", o.Network.Node(other.Index), other.Ports.Gossip))
		}
	}
	s.set("gossip.join", join)
	var witnesses []string
	for i := 1; i <= o.Witnesses; i++ {
		witnesses = append(witnesses, NodeName(i))
	}
	s.set("limits.witnesses", witnesses)
	for _, kv := range o.Set {
		key, value, _ := strings.Cut(kv, "=")
		s.set(key, value)
	}
	for group, keys := range s {
		for name := range keys {
			if !o.Knows[group+"."+name] {
				delete(keys, name)
			}
		}
	}
	s.set("gossip.secret_key", gossipKey) // a secret, which has no flag
	return s
}

// writeConfig writes the two files of a node.
func (c *Cluster) writeConfig(n *Node) error {
	proxy := map[string]any{"shutdown_timeout": drainTime.String()}
	for group, keys := range c.nodeSettings(n) {
		proxy[group] = keys
	}
	var list []map[string]any
	for i, b := range c.buckets {
		list = append(list, map[string]any{
			"id": BucketName(i), "host": b.Host, "port": b.Port, "database": b.Database, "max_connections": c.opts.Limit,
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

func (n *Node) proxyFile() string   { return filepath.Join(n.dir, "proxy.yaml") }
func (n *Node) bucketsFile() string { return filepath.Join(n.dir, "buckets.yaml") }

// CheckConfig lets the program read a node's files and returns its warnings.
func (c *Cluster) CheckConfig(n *Node) ([]string, error) {
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

// NodeName is the name of a node, from 1; BucketName that of a bucket, from 0,
// and Database its database.
func NodeName(i int) string   { return fmt.Sprintf("node-%d", i) }
func BucketName(i int) string { return fmt.Sprintf("bucket-%d", i+1) }
func Database(i int) string   { return fmt.Sprintf("app%d", i+1) }
