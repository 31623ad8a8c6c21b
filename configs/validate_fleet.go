package configs

import (
	"encoding/base64"
	"fmt"
	"strings"
)

func (v *checker) fleet() {
	r := v.c.Redis
	if r.Addr != "" {
		v.hostPort("redis.addr", r.Addr)
	}
	v.fail(r.DB >= 0 && r.DB <= maxRedisDB, "redis.db", r.DB, "must be the number of a Redis database, 0 or more")
	v.atLeastOne("redis.pool_size", r.PoolSize)
	v.positive("redis.dial_timeout", r.DialTimeout)
	v.positive("redis.read_timeout", r.ReadTimeout)
	v.positive("redis.write_timeout", r.WriteTimeout)
	v.positive("redis.heartbeat_interval", r.HeartbeatInterval)
	v.fail(r.HeartbeatTTL > r.HeartbeatInterval, "redis.heartbeat_ttl", r.HeartbeatTTL, "must be longer than redis.heartbeat_interval")

	g := v.c.Gossip
	v.bindAddr("gossip.bind_addr", g.BindAddr)
	v.port("gossip.bind_port", g.BindPort)
	for i, node := range g.Join {
		if !isHost(node) {
			v.hostPort(fmt.Sprintf("gossip.join[%d]", i), node)
		}
	}
	if g.SecretKey != "" {
		raw, err := base64.StdEncoding.DecodeString(g.SecretKey.Reveal())
		n := len(raw)
		v.fail(err == nil && (n == 16 || n == 24 || n == 32), "gossip.secret_key", g.SecretKey, "must be 16, 24 or 32 bytes in base64")
	}

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
	v.positive("limits.hold_time", l.HoldTime)
	v.fail(l.LoanTime > 0 && l.LoanTime < l.HoldTime, "limits.loan_time", l.LoanTime, "must be above 0 and shorter than limits.hold_time")
}
