package configs

import "time"

// Redis is the connection to the ledger of the fleet: a single server (Addr),
// one that Sentinels watch (Addrs, MasterName) or a Redis Cluster (Addrs,
// Cluster).
type Redis struct {
	Addr              string        `mapstructure:"addr" usage:"host:port of Redis (empty, and no redis.addrs: a single node)"`
	Addrs             []string      `mapstructure:"addrs" usage:"host:port of several Sentinels or Cluster nodes, separated by commas, instead of redis.addr"`
	MasterName        string        `mapstructure:"master_name" usage:"name of the Redis that the Sentinels at redis.addrs watch"`
	Cluster           bool          `mapstructure:"cluster" usage:"redis.addrs are nodes of a Redis Cluster"`
	Username          string        `mapstructure:"username" usage:"Redis user (empty: the default user)"`
	Password          Secret        `mapstructure:"password"`
	SentinelUsername  string        `mapstructure:"sentinel_username" usage:"user at the Sentinels"`
	SentinelPassword  Secret        `mapstructure:"sentinel_password"`
	DB                int           `mapstructure:"db" usage:"Redis database number"`
	TLS               bool          `mapstructure:"tls" usage:"TLS towards Redis and its Sentinels"`
	TLSCAFile         string        `mapstructure:"tls_ca_file" usage:"PEM certificates to trust (empty: those of the system)"`
	TLSServerName     string        `mapstructure:"tls_server_name" usage:"name expected in the certificate of Redis (empty: the host connected to)"`
	TLSSkipVerify     bool          `mapstructure:"tls_skip_verify" usage:"do not verify the certificate of Redis"`
	PoolSize          int           `mapstructure:"pool_size" usage:"connections to Redis"`
	DialTimeout       time.Duration `mapstructure:"dial_timeout" usage:"time-out of a connect to Redis"`
	ReadTimeout       time.Duration `mapstructure:"read_timeout" usage:"time-out of a reply from Redis"`
	WriteTimeout      time.Duration `mapstructure:"write_timeout" usage:"time-out of a command to Redis"`
	HeartbeatInterval time.Duration `mapstructure:"heartbeat_interval" usage:"time between two reports of a node to the ledger, at most a third of limits.hold_time"`
	HeartbeatTTL      time.Duration `mapstructure:"heartbeat_ttl" usage:"no longer used"`
}

// Seeds returns the addresses to connect to first: those of Addr or of Addrs.
// There are none in a node without a fleet.
func (r Redis) Seeds() []string {
	if r.Addr != "" {
		return []string{r.Addr}
	}
	return r.Addrs
}

// Fleet reports whether the node shares its limits with others, through the
// ledger in Redis. Otherwise each limit holds for the node alone, and neither
// gossip nor limits is used.
func (c *Config) Fleet() bool { return len(c.Redis.Seeds()) > 0 }

// GossipPreset names a set of times of the gossip protocol.
type GossipPreset string

// The gossip presets.
const (
	GossipLAN   GossipPreset = "lan"   // one data centre
	GossipWAN   GossipPreset = "wan"   // round trips of 100 ms and more
	GossipLocal GossipPreset = "local" // one machine
)

// Gossip is how nodes find and tell each other.
type Gossip struct {
	BindAddr      string       `mapstructure:"bind_addr" usage:"IP address of the gossip port and the peer port"`
	BindPort      int          `mapstructure:"bind_port" usage:"gossip port, TCP and UDP (0: any free port)"`
	AdvertiseAddr string       `mapstructure:"advertise_addr" usage:"IP address that other nodes reach this one at (empty: found by itself)"`
	PeerPort      int          `mapstructure:"peer_port" usage:"port of the nodes' own links, TCP (0: any free port)"`
	Join          []string     `mapstructure:"join" usage:"nodes to join, host or host:port, separated by commas"`
	ClusterName   string       `mapstructure:"cluster_name" usage:"name of the fleet, part of its key in Redis"`
	Preset        GossipPreset `mapstructure:"preset" usage:"lan, wan or local"`
	SecretKey     Secret       `mapstructure:"secret_key"` // base64 of 16, 24 or 32 bytes
}

// Limits are the times of the slot protocol between nodes and ledger, and what
// it may rely on.
type Limits struct {
	Witnesses   []string      `mapstructure:"witnesses" usage:"instance ids of the nodes that witness liveness (none, 1, 3 or 5), the same at every node"`
	HoldTime    time.Duration `mapstructure:"hold_time" usage:"how long a node keeps its slots unheard"`
	LoanTime    time.Duration `mapstructure:"loan_time" usage:"longest loan of a slot from node to node, at most a third of limits.hold_time"`
	FailoverLag time.Duration `mapstructure:"failover_lag" usage:"how long a Redis that lost a failover may go on answering (min-replicas-max-lag and 2s if it has replicas)"`
	StateDir    string        `mapstructure:"state_dir" usage:"directory of the file by which a restarted node proves that its predecessor is gone (empty: the system's directory for temporary files)"`
	Guard       bool          `mapstructure:"guard" usage:"watch the node from a small process of its own that reports its death at once"`
	Bootstrap   bool          `mapstructure:"bootstrap" usage:"create the ledger at once if Redis has none, only for a new fleet"`
}

// Fallback is what the proof of concept did without Redis. Both keys are read
// and have lost their meaning.
type Fallback struct {
	Enabled           bool `mapstructure:"enabled" usage:"no longer used"`
	LocalLimitDivisor int  `mapstructure:"local_limit_divisor" usage:"no longer used"`
}
