package redisledger

import (
	"crypto/tls"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// Config says where the ledger is.
type Config struct {
	// Addrs are host:port of the one server, of the sentinels, or of some of
	// the cluster's nodes.
	Addrs []string
	// Username and Password are for Redis itself; without a user name the
	// password is that of the default user.
	Username, Password string
	// DB is the number of the database. A cluster has number 0 alone.
	DB int
	// MasterName makes Addrs sentinels, and names the master they watch.
	MasterName                         string
	SentinelUsername, SentinelPassword string
	// Cluster makes Addrs nodes of a Redis Cluster.
	Cluster bool
	// TLS is nil for connections in clear.
	TLS *tls.Config
	// PoolSize is how many connections there are at most. A node has one call
	// under way, and those it passes on for others; 0 means 4.
	PoolSize int
	// The time-outs are those of go-redis where they are 0. The context of a
	// call may end it earlier.
	DialTimeout, ReadTimeout, WriteTimeout time.Duration
	// Key is the fleet's hash, see [Key].
	Key string
	// Observe is told the end of each call, from the caller's goroutine: the
	// op's name, the status or "ERROR", and the time taken. It may be nil.
	Observe func(operation, status string, took time.Duration)
}

// Key names the hash of a fleet. The braces keep all that Redis Cluster might
// split in one slot.
func Key(cluster string) string { return "sluice:{" + cluster + "}:ledger" }

const defaultPool = 4

// check returns all that is wrong with c.
func (c Config) check() error {
	var errs []error
	if len(c.Addrs) == 0 {
		errs = append(errs, errors.New("no address"))
	}
	for _, a := range c.Addrs {
		if a == "" {
			errs = append(errs, errors.New("an empty address"))
		}
	}
	switch {
	case c.Cluster && c.MasterName != "":
		errs = append(errs, errors.New("a cluster has no sentinels"))
	case c.Cluster && c.DB != 0:
		errs = append(errs, fmt.Errorf("database %d: a cluster has database 0 alone", c.DB))
	case !c.Cluster && c.MasterName == "" && len(c.Addrs) > 1:
		errs = append(errs, fmt.Errorf("%d addresses, but neither a cluster nor the name of a master", len(c.Addrs)))
	}
	if c.DB < 0 {
		errs = append(errs, fmt.Errorf("database %d", c.DB))
	}
	if from := strings.IndexByte(c.Key, '{'); from < 0 || strings.IndexByte(c.Key[from:], '}') < 2 {
		errs = append(errs, fmt.Errorf("key %q has no hash tag {...}", c.Key))
	}
	return errors.Join(errs...)
}

func (c Config) options() *redis.UniversalOptions {
	pool := c.PoolSize
	if pool <= 0 {
		pool = defaultPool
	}
	return &redis.UniversalOptions{
		Addrs: c.Addrs, Username: c.Username, Password: c.Password, DB: c.DB,
		MasterName: c.MasterName, SentinelUsername: c.SentinelUsername, SentinelPassword: c.SentinelPassword,
		IsClusterMode: c.Cluster, TLSConfig: c.TLS, PoolSize: pool,
		DialTimeout: c.DialTimeout, ReadTimeout: c.ReadTimeout, WriteTimeout: c.WriteTimeout,
		// Who calls decides when to call again, with an op that has its number.
		// A cluster's redirections are not repetitions, but its client does
		// repeat a call that failed: no harm, the ops bear it.
		MaxRetries: -1, DialerRetries: 1, ContextTimeoutEnabled: true,
		// Nothing beyond the rights that the package names.
		Protocol: 2, DisableIdentity: true,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	}
}
