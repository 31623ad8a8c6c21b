package configs

import "time"

// Redis is the connection to the ledger of the fleet.
type Redis struct {
	Addr              string        `mapstructure:"addr" usage:"host:port of Redis (empty: a single node)"`
	Password          Secret        `mapstructure:"password"`
	DB                int           `mapstructure:"db" usage:"Redis database number"`
	PoolSize          int           `mapstructure:"pool_size" usage:"connections to Redis"`
	DialTimeout       time.Duration `mapstructure:"dial_timeout" usage:"time-out of a connect to Redis"`
	ReadTimeout       time.Duration `mapstructure:"read_timeout" usage:"time-out of a reply from Redis"`
	WriteTimeout      time.Duration `mapstructure:"write_timeout" usage:"time-out of a command to Redis"`
	HeartbeatInterval time.Duration `mapstructure:"heartbeat_interval" usage:"time between two heartbeats"`
	HeartbeatTTL      time.Duration `mapstructure:"heartbeat_ttl" usage:"age at which a heartbeat counts no more"`
}

// Gossip is how nodes find and tell each other.
type Gossip struct {
	BindAddr  string   `mapstructure:"bind_addr" usage:"address of the gossip port"`
	BindPort  int      `mapstructure:"bind_port" usage:"gossip port, TCP and UDP"`
	Join      []string `mapstructure:"join" usage:"nodes to join, host or host:port, separated by commas"`
	SecretKey Secret   `mapstructure:"secret_key"` // base64 of 16, 24 or 32 bytes
}

// Limits are the times of the slot protocol between nodes and ledger.
type Limits struct {
	Witnesses []string      `mapstructure:"witnesses" usage:"instance ids of the nodes that witness liveness (none, 1, 3 or 5)"`
	HoldTime  time.Duration `mapstructure:"hold_time" usage:"how long a node keeps its slots unheard"`
	LoanTime  time.Duration `mapstructure:"loan_time" usage:"longest loan of a slot from node to node"`
}

// Fallback is what the proof of concept did without Redis. Both keys are read
// and have lost their meaning.
type Fallback struct {
	Enabled           bool `mapstructure:"enabled" usage:"no longer used"`
	LocalLimitDivisor int  `mapstructure:"local_limit_divisor" usage:"no longer used"`
}
