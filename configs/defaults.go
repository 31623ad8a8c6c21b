package configs

import (
	"os"
	"time"
)

// Defaults returns the configuration of a node that was told nothing. It has no
// buckets, so it is not valid yet.
func Defaults() *Config {
	c := base()
	c.resolve()
	return c
}

// base returns the defaults that depend on nothing.
func base() *Config {
	return &Config{
		Proxy: Proxy{
			ListenAddr:          "0.0.0.0",
			ListenPort:          defaultTDSPort,
			IdleTimeout:         time.Minute,
			QueueTimeout:        30 * time.Second,
			MaxQueueSize:        1000,
			Pooling:             PoolingSession,
			HealthCheckInterval: 15 * time.Second,
			HealthCheckPort:     8080,
			MetricsPort:         9090,
			// The load balancer must reach /health. /debug on the same port
			// answers loopback peers or admin.token only.
			AdminAddr:       "0.0.0.0",
			LoginTimeout:    15 * time.Second,
			ClientKeepAlive: 30 * time.Second,
			PacketSizeLimit: 8000,
		},
		TLS:        TLS{Mode: TLSOn, MinVersion: "1.2", Strict: true},
		BackendTLS: BackendTLS{Mode: BackendTLSRequired},
		Auth:       Auth{Mode: AuthPassthrough, ReverifyAfter: 10 * time.Minute},
		Pool: Pool{
			MaxLifetime:       time.Hour,
			MaxParallelLogins: 8,
			MatchAppName:      true,
			CleanTimeout:      5 * time.Second,
			Procedures:        ProceduresTrust,
			AskTransactions:   AskAuto,
			IdentityHold:      10 * time.Millisecond,
		},
		Errors: Errors{Style: ErrorStyleSluice},
		Log:    Log{Level: "info", Format: "text", ClientSlow: 5 * time.Second},
		Admin:  Admin{Database: "sluice"},
		Redis: Redis{
			PoolSize:          20,
			DialTimeout:       5 * time.Second,
			ReadTimeout:       3 * time.Second,
			WriteTimeout:      3 * time.Second,
			HeartbeatInterval: 3 * time.Second,
		},
		Gossip: Gossip{
			BindAddr:    "0.0.0.0",
			BindPort:    7946,
			PeerPort:    7947,
			ClusterName: "sluice",
			Preset:      GossipLAN,
		},
		Limits:          Limits{HoldTime: 45 * time.Second, LoanTime: 10 * time.Second, Guard: true},
		ShutdownTimeout: 30 * time.Second,
	}
}

// resolve fills in the defaults that depend on the machine or on other keys.
func (c *Config) resolve() {
	if c.Proxy.InstanceID == "" {
		name, err := os.Hostname()
		if err != nil || name == "" {
			name = "sluice" // a machine without a name still needs one in its logs
		}
		c.Proxy.InstanceID = name
	}
	if c.Pool.MaxIdleTime == 0 {
		c.Pool.MaxIdleTime = c.Proxy.IdleTimeout
	}
	for i := range c.Buckets {
		if c.Buckets[i].Port == 0 && !c.origins.has(bucketKey(i, "port")) {
			c.Buckets[i].Port = defaultTDSPort
		}
	}
}
