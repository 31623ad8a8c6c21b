package configs

import (
	"encoding/base64"
	"fmt"
	"net"
	"regexp"
	"strings"
	"time"
)

// minHoldTime leaves room for three reports to the ledger a second apart.
const minHoldTime = 3 * time.Second

func (v *checker) fleet() {
	v.redis()
	v.gossip()
	v.limits()
}

func (v *checker) redis() {
	r := v.c.Redis
	if r.Addr != "" {
		v.hostPort("redis.addr", r.Addr)
		v.fail(len(r.Addrs) == 0, "redis.addrs", r.Addrs, "must be left out, since redis.addr is set")
	}
	for i, addr := range r.Addrs {
		v.hostPort(fmt.Sprintf("redis.addrs[%d]", i), addr)
	}
	v.fail(len(r.Addrs) < 2 || r.MasterName != "" || r.Cluster, "redis.addrs", r.Addrs, "must be one address, or redis.master_name (Sentinels) or redis.cluster must be set")
	v.fail(r.MasterName == "" || v.c.Fleet(), "redis.addrs", r.Addrs, "must name the Sentinels, since redis.master_name is set")
	v.fail(!r.Cluster || v.c.Fleet(), "redis.addrs", r.Addrs, "must name nodes of the Redis Cluster, since redis.cluster is on")
	v.fail(!r.Cluster || r.MasterName == "", "redis.cluster", r.Cluster, "must be false, since redis.master_name is set: a Redis Cluster has no Sentinels")
	// An AUTH without a password is never sent, so the name would not count.
	v.fail(r.Username == "" || r.Password != "", "redis.password", r.Password, "must be set, since redis.username is")
	v.fail(r.SentinelUsername == "" || r.SentinelPassword != "", "redis.sentinel_password", r.SentinelPassword, "must be set, since redis.sentinel_username is")
	v.fail(r.DB >= 0 && r.DB <= maxRedisDB, "redis.db", r.DB, "must be the number of a Redis database, 0 or more")
	v.fail(!r.Cluster || r.DB == 0, "redis.db", r.DB, "must be 0, since redis.cluster is on: a Redis Cluster has no other")
	v.fail(r.TLSServerName == "" || isHost(r.TLSServerName), "redis.tls_server_name", r.TLSServerName, "must be a host name or an IP address, without a port")
	v.atLeastOne("redis.pool_size", r.PoolSize)
	v.positive("redis.dial_timeout", r.DialTimeout)
	v.positive("redis.read_timeout", r.ReadTimeout)
	v.positive("redis.write_timeout", r.WriteTimeout)
}

// clusterName keeps braces out of the key in Redis, whose hash tag they mark.
var clusterName = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

func (v *checker) gossip() {
	g := v.c.Gossip
	v.ip("gossip.bind_addr", g.BindAddr)
	v.ip("gossip.advertise_addr", g.AdvertiseAddr)
	if ip := net.ParseIP(g.AdvertiseAddr); ip != nil {
		v.fail(!ip.IsUnspecified(), "gossip.advertise_addr", g.AdvertiseAddr, "must be an address of this node alone")
	}
	if ip := net.ParseIP(g.BindAddr); ip != nil && ip.To4() == nil && ip.IsUnspecified() {
		v.fail(g.AdvertiseAddr != "", "gossip.advertise_addr", g.AdvertiseAddr, "must be set, since gossip.bind_addr is ::, for which none is found")
	}
	v.port("gossip.bind_port", g.BindPort)
	v.port("gossip.peer_port", g.PeerPort)
	v.differ("gossip.peer_port", g.PeerPort, "gossip.bind_port", g.BindPort)
	if v.c.Fleet() { // a single node opens neither port
		p := v.c.Proxy
		for _, own := range []struct {
			key  string
			port int
		}{{"gossip.bind_port", g.BindPort}, {"gossip.peer_port", g.PeerPort}} {
			v.differ(own.key, own.port, "proxy.listen_port", p.ListenPort)
			v.differ(own.key, own.port, "proxy.health_check_port", p.HealthCheckPort)
			v.differ(own.key, own.port, "proxy.metrics_port", p.MetricsPort)
		}
	}
	for i, node := range g.Join {
		if !isHost(node) {
			v.hostPort(fmt.Sprintf("gossip.join[%d]", i), node)
		}
	}
	v.fail(clusterName.MatchString(g.ClusterName), "gossip.cluster_name", g.ClusterName, "must be of letters, digits, ., - and _, at most 64")
	oneOf(v, "gossip.preset", g.Preset, GossipLAN, GossipWAN, GossipLocal)
	if g.SecretKey != "" {
		raw, err := base64.StdEncoding.DecodeString(g.SecretKey.Reveal())
		n := len(raw)
		v.fail(err == nil && (n == 16 || n == 24 || n == 32), "gossip.secret_key", g.SecretKey, "must be 16, 24 or 32 bytes in base64")
	}
}

// ip takes an IP address or nothing. Gossip resolves no name for itself.
func (v *checker) ip(key, addr string) {
	v.fail(addr == "" || net.ParseIP(addr) != nil, key, addr, "must be an IP address, without a port")
}

func (v *checker) limits() {
	l := v.c.Limits
	switch len(l.Witnesses) {
	case 0, 1, 3, 5:
	default:
		v.fail(false, "limits.witnesses", l.Witnesses, "must name no node, or 1, 3 or 5")
	}
	seen := map[string]bool{}
	for i, w := range l.Witnesses {
		v.fail(w != "" && !seen[strings.ToLower(w)], fmt.Sprintf("limits.witnesses[%d]", i), w, "must be an instance id that is not in the list already")
		seen[strings.ToLower(w)] = true
	}
	v.notNegative("limits.failover_lag", l.FailoverLag, "as Redis is set up")
	v.fail(l.HoldTime >= minHoldTime, "limits.hold_time", l.HoldTime, "must be 3s or more")
	heartbeat := v.c.Redis.HeartbeatInterval
	v.positive("redis.heartbeat_interval", heartbeat)
	v.positive("limits.loan_time", l.LoanTime)
	if third := l.HoldTime / 3; l.HoldTime >= minHoldTime { // else there is no saying what would be right
		want := "must be at most a third of limits.hold_time: " + formatDuration(third)
		v.fail(heartbeat <= third, "redis.heartbeat_interval", heartbeat, want)
		v.fail(l.LoanTime <= third, "limits.loan_time", l.LoanTime, want)
	}
}
