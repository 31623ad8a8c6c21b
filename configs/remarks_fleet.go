package configs

import (
	"fmt"
	"net"
	"time"
)

// shortLoan is too short for a loan: what is borrowed must be given up more than
// a second before its end, and be asked for again before that.
const shortLoan = 2 * time.Second

// fleetRemarks returns warnings about redis, gossip and limits.
func (c *Config) fleetRemarks() []string {
	var w []string
	warn := func(format string, args ...any) { w = append(w, fmt.Sprintf(format, args...)) }

	if c.origins.has("redis.heartbeat_ttl") {
		warn("redis.heartbeat_ttl has no meaning: limits.hold_time says how long a node keeps its slots unheard")
	}
	if c.Limits.Bootstrap {
		warn("limits.bootstrap is on, which is for the first start of a new fleet only: remove it afterwards")
	}
	if !c.Fleet() {
		warn("redis.addr is not set: this is a single node, max_connections of each bucket holds for this node alone")
		if len(c.Gossip.Join) > 0 {
			warn("gossip.join is not used: gossip does not start in a single node, redis.addr is not set")
		}
		if len(c.Limits.Witnesses) > 0 {
			warn("limits.witnesses is not used: a single node needs none, redis.addr is not set")
		}
		return w
	}
	w = append(w, c.redisRemarks()...)

	g := c.Gossip
	if g.SecretKey == "" && !loopback(g.BindAddr) {
		warn("gossip.secret_key is not set: whoever reaches the gossip port can join the fleet and read what its nodes tell each other")
	}
	if c.Limits.LoanTime < shortLoan {
		warn("limits.loan_time %s is short: the last second of a loan is for closing, so nodes can hardly lend each other slots", formatDuration(c.Limits.LoanTime))
	}
	switch len(c.Limits.Witnesses) {
	case 0:
		warn("limits.witnesses is not set: an outage of Redis longer than limits.hold_time (%s) ends all backend connections", formatDuration(c.Limits.HoldTime))
	case 1:
		warn("limits.witnesses names one node: while that one is down, slots of dead nodes are not freed and an outage of Redis longer than limits.hold_time (%s) ends all backend connections; name 3 nodes", formatDuration(c.Limits.HoldTime))
	}
	return w
}

func (c *Config) redisRemarks() []string {
	var w []string
	warn := func(format string, args ...any) { w = append(w, fmt.Sprintf(format, args...)) }
	r := c.Redis
	if r.Password == "" {
		for _, seed := range r.Seeds() {
			host, _, err := net.SplitHostPort(seed)
			if err == nil && host != "" && !loopback(host) {
				warn("redis.password is not set: whoever reaches Redis at %s can change the ledger", seed)
				break
			}
		}
	}
	if c.Limits.FailoverLag == 0 && (r.MasterName != "" || r.Cluster) {
		warn("limits.failover_lag is 0: should Redis fail over, the old master may go on granting slots; set it to min-replicas-max-lag of Redis and 2s")
	}
	if r.MasterName == "" && (r.SentinelUsername != "" || r.SentinelPassword != "") {
		warn("redis.sentinel_username and redis.sentinel_password are not used: redis.master_name is not set")
	}
	switch {
	case !r.TLS && (r.TLSCAFile != "" || r.TLSServerName != "" || r.TLSSkipVerify):
		warn("redis.tls is off: redis.tls_ca_file, redis.tls_server_name and redis.tls_skip_verify are not used")
	case r.TLS && r.TLSSkipVerify && r.TLSCAFile != "":
		warn("redis.tls_ca_file is not used: redis.tls_skip_verify is on")
	case r.TLS && r.TLSSkipVerify:
		warn("redis.tls_skip_verify is on: whoever is between this node and Redis can change the ledger")
	}
	return w
}

// loopback reports whether only this machine reaches host.
func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
