package configs

import (
	"net"
	"strconv"
	"strings"
	"time"
)

// Bucket is one SQL Server instance as configured. A nil pointer inherits; use
// [Config.Effective] for the values that hold.
type Bucket struct {
	ID                string         `mapstructure:"id"`
	Host              string         `mapstructure:"host"`
	Port              int            `mapstructure:"port" default:"1433"`
	Database          string         `mapstructure:"database"`
	Databases         []string       `mapstructure:"databases"`
	Username          string         `mapstructure:"username"`
	Password          Secret         `mapstructure:"password"`
	MaxConnections    int            `mapstructure:"max_connections" default:"required"`
	MinIdle           *int           `mapstructure:"min_idle" default:"pool.min_idle"`
	MaxIdleTime       *time.Duration `mapstructure:"max_idle_time" default:"pool.max_idle_time"`
	MaxLifetime       *time.Duration `mapstructure:"max_lifetime" default:"pool.max_lifetime"`
	ConnectionTimeout *time.Duration `mapstructure:"connection_timeout" default:"15s"`
	QueueTimeout      *time.Duration `mapstructure:"queue_timeout" default:"proxy.queue_timeout"`
	MaxQueueSize      *int           `mapstructure:"max_queue_size" default:"proxy.max_queue_size"`
	BackendTLS        *BackendTLS    `mapstructure:"backend_tls"`
	Pooling           PoolingMode    `mapstructure:"pooling" default:"proxy.pooling"`
	Pins              *Pins          `mapstructure:"pins"`
}

// EffectiveBucket is a bucket with everything inherited filled in. It is a
// plain value: a copy shares nothing but Databases and Pins, which nobody changes.
type EffectiveBucket struct {
	ID        string
	Host      string
	Port      int
	Databases []string // database and databases together, in that order
	Username  string
	Password  Secret

	MaxConnections    int           // backend connections open at a time, idle ones included
	MinIdle           int           // idle backends kept ready, at most MaxConnections
	MaxIdleTime       time.Duration // > 0
	MaxLifetime       time.Duration // 0: no limit
	ConnectionTimeout time.Duration // connect and login together, > 0
	QueueTimeout      time.Duration // 0: a request may not wait
	MaxQueueSize      int           // 0: no limit
	BackendTLS        BackendTLS    // ServerName is set
	Pooling           PoolingMode   // of clients whose route does not say otherwise
	Pins              Pins          // the same
}

// defaultConnectionTimeout bounds connect plus login of one backend.
const defaultConnectionTimeout = 15 * time.Second

// defaultTDSPort is the port SQL Server listens on unless told otherwise.
const defaultTDSPort = 1433

// Addr returns host:port for a dial.
func (b EffectiveBucket) Addr() string {
	return net.JoinHostPort(b.Host, strconv.Itoa(b.Port))
}

// Effective returns b with the values it inherits from Proxy, Pool and
// BackendTLS.
func (c *Config) Effective(b Bucket) EffectiveBucket {
	e := EffectiveBucket{
		ID: b.ID, Host: b.Host, Port: b.Port,
		Databases: databases(b),
		Username:  b.Username, Password: b.Password,
		MaxConnections:    b.MaxConnections,
		MinIdle:           or(b.MinIdle, min(c.Pool.MinIdle, b.MaxConnections)),
		MaxIdleTime:       or(b.MaxIdleTime, c.maxIdleTime()),
		MaxLifetime:       or(b.MaxLifetime, c.Pool.MaxLifetime),
		ConnectionTimeout: or(b.ConnectionTimeout, defaultConnectionTimeout),
		QueueTimeout:      or(b.QueueTimeout, c.Proxy.QueueTimeout),
		MaxQueueSize:      or(b.MaxQueueSize, c.Proxy.MaxQueueSize),
		BackendTLS:        c.backendTLS(b),
		Pooling:           c.Proxy.Pooling,
		Pins:              b.Pins.or(Pins{}),
	}
	if b.Pooling != "" {
		e.Pooling = b.Pooling
	}
	if e.Port == 0 {
		e.Port = defaultTDSPort
	}
	return e
}

// EffectiveBuckets returns every bucket as Effective does, in their order.
func (c *Config) EffectiveBuckets() []EffectiveBucket {
	all := make([]EffectiveBucket, len(c.Buckets))
	for i, b := range c.Buckets {
		all[i] = c.Effective(b)
	}
	return all
}

// Bucket returns the bucket whose id is id, upper and lower case being the same.
func (c *Config) Bucket(id string) (EffectiveBucket, bool) {
	for _, b := range c.Buckets {
		if strings.EqualFold(b.ID, id) {
			return c.Effective(b), true
		}
	}
	return EffectiveBucket{}, false
}

func (c *Config) maxIdleTime() time.Duration {
	if c.Pool.MaxIdleTime > 0 {
		return c.Pool.MaxIdleTime
	}
	return c.Proxy.IdleTimeout
}

func (c *Config) backendTLS(b Bucket) BackendTLS {
	t := c.BackendTLS
	if own := b.BackendTLS; own != nil {
		if own.Mode != "" {
			t.Mode = own.Mode
		}
		if own.CAFile != "" {
			t.CAFile = own.CAFile
		}
		if own.ServerName != "" {
			t.ServerName = own.ServerName
		}
	}
	if t.ServerName == "" {
		t.ServerName = b.Host
	}
	return t
}

// databases returns the names a bucket answers for, without repeats.
func databases(b Bucket) []string {
	var names []string
	for _, name := range append([]string{b.Database}, b.Databases...) {
		if name != "" && !containsFold(names, name) {
			names = append(names, name)
		}
	}
	return names
}

func containsFold(list []string, s string) bool {
	for _, have := range list {
		if strings.EqualFold(have, s) {
			return true
		}
	}
	return false
}

func or[T any](p *T, inherited T) T {
	if p != nil {
		return *p
	}
	return inherited
}
