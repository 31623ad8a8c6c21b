package configs

import (
	"slices"
	"testing"
	"time"
)

func TestFleetValues(t *testing.T) {
	c := mustParse(t, oneBucket+`
redis: {addrs: "s1:26379, s2:26379", master_name: main, username: u, password: p, sentinel_password: q, tls: true}
gossip: {advertise_addr: "fd00::1", preset: WAN, cluster_name: east-1, peer_port: 0, secret_key: MDEyMzQ1Njc4OWFiY2RlZg==}
limits: {witnesses: [a, b, c], failover_lag: 12s, guard: false, hold_time: 6s, loan_time: 2s, state_dir: .}
`, "redis: {heartbeat_interval: 1s}")
	r, g, l := c.Redis, c.Gossip, c.Limits
	if !c.Fleet() || !slices.Equal(r.Seeds(), []string{"s1:26379", "s2:26379"}) || !r.TLS || r.SentinelPassword.Reveal() != "q" {
		t.Errorf("redis %+v", r)
	}
	if g.Preset != GossipWAN || g.ClusterName != "east-1" || g.PeerPort != 0 || g.AdvertiseAddr != "fd00::1" {
		t.Errorf("gossip %+v", g)
	}
	if l.FailoverLag != 12*time.Second || l.Guard || l.Bootstrap || l.HoldTime != 6*time.Second || l.StateDir != "." {
		t.Errorf("limits %+v", l)
	}
	if len(c.Warnings) != 1 || !hasWarning(c, "self-signed") {
		t.Errorf("warnings %q", c.Warnings)
	}

	d := Defaults()
	if d.Fleet() || d.Redis.HeartbeatInterval != 3*time.Second || d.Redis.HeartbeatTTL != 0 || !d.Limits.Guard ||
		d.Gossip.Preset != GossipLAN || d.Gossip.ClusterName != "sluice" || d.Gossip.PeerPort != 7947 {
		t.Errorf("defaults %+v %+v %+v", d.Redis, d.Gossip, d.Limits)
	}
	if c := mustParse(t, oneBucket+"redis: {addr: ':6379'}\n"); !c.Fleet() || !slices.Equal(c.Redis.Seeds(), []string{":6379"}) {
		t.Errorf("seeds %q", c.Redis.Seeds())
	}
	// A single node opens no gossip port: it may use the number itself.
	mustParse(t, oneBucket+"proxy: {listen_port: 7946}\n")
}

func TestFleetWarnings(t *testing.T) {
	const (
		noWitness = "limits.witnesses is not set: an outage of Redis longer than limits.hold_time (45s) ends all backend connections"
		noKey     = "gossip.secret_key is not set"
		noPass    = "redis.password is not set"
	)
	all := []string{
		noWitness, noKey, noPass, "limits.witnesses names one node", "limits.bootstrap is on", "gossip.join is not used",
		"limits.witnesses is not used", "redis.heartbeat_ttl has no meaning", "sentinel_password are not used",
		"redis.tls is off", "redis.tls_skip_verify is on: whoever", "redis.tls_ca_file is not used", "single node", "limits.failover_lag is 0",
	}
	tests := []struct {
		yaml string
		want []string
	}{
		{"", []string{"single node"}},
		{"gossip: {join: [n1]}", []string{"single node", "gossip.join is not used"}},
		{"limits: {witnesses: [a]}", []string{"single node", "limits.witnesses is not used"}},
		{"redis: {heartbeat_ttl: 30s}", []string{"single node", "redis.heartbeat_ttl has no meaning"}},
		{"redis: {addr: 'r:6379'}", []string{noPass, noKey, noWitness}},
		{"redis: {addr: '127.0.0.1:6379'}", []string{noKey, noWitness}},
		{"redis: {addr: 'localhost:6379'}\ngossip: {bind_addr: 127.0.0.1, join: ['127.0.0.1:7946']}", []string{noWitness}},
		{"redis: {addr: '[::1]:6379'}\ngossip: {advertise_addr: 127.0.0.1}", []string{noKey, noWitness}},
		{"redis: {addrs: ['127.0.0.1:1', 'r:1'], master_name: m, tls: true, tls_skip_verify: true}", []string{noPass, noKey, noWitness, "redis.tls_skip_verify is on: whoever", "limits.failover_lag is 0"}},
		{"redis: {addrs: ['127.0.0.1:1'], cluster: true}", []string{noKey, noWitness, "limits.failover_lag is 0"}},
		{"redis: {addrs: ['127.0.0.1:1'], cluster: true}\nlimits: {failover_lag: 12s}", []string{noKey, noWitness}},
		{"redis: {addr: 'r:1', password: p}\nlimits: {witnesses: [a]}", []string{noKey, "limits.witnesses names one node"}},
		// This node need not be among the witnesses.
		{"redis: {addr: 'r:1', password: p}\nproxy: {instance_id: z}\nlimits: {witnesses: [a, b, c]}", []string{noKey}},
		{"redis: {addr: ':1', sentinel_password: p, tls_server_name: r}\nlimits: {bootstrap: true, witnesses: [a, b, c]}", []string{"limits.bootstrap is on", noKey, "sentinel_password are not used", "redis.tls is off"}},
	}
	for _, tt := range tests {
		t.Run(tt.yaml, func(t *testing.T) {
			c := mustParse(t, tt.yaml+"\n"+oneBucket)
			for _, part := range all {
				if want := slices.Contains(tt.want, part); hasWarning(c, part) != want {
					t.Errorf("warning %q: want %v in %q", part, want, c.Warnings)
				}
			}
		})
	}
}
