package load

import (
	"errors"
	"fmt"
	"time"
)

// ErrConfig says that a run cannot be made as it is configured.
var ErrConfig = errors.New("load: invalid configuration")

// Bucket is a database that clients use.
type Bucket struct {
	Database string  `json:"database"`
	Weight   float64 `json:"weight"` // share of the clients, relative to the others'
}

// Target says where clients connect to.
type Target struct {
	Addr           string // host:port
	User, Password string
	Params         map[string]string // more of the driver's connection string
	DialTimeout    time.Duration     // of the TCP connect; 0: 5 s
}

// Config describes a run.
type Config struct {
	Target  Target   `json:"-"`
	Buckets []Bucket `json:"buckets"`
	Clients int      `json:"clients"`
	Mix     Mix      `json:"mix"`

	// Interval is the time between the starts of two operations of a client; 0:
	// the next one starts when the one before has ended.
	Interval time.Duration `json:"interval_ns"`
	// Eager is how many operations each client begins with before the interval
	// counts, one after the other.
	Eager int `json:"eager,omitempty"`
	// ConnectionTime is how long a client uses a connection before it makes a
	// new one, a fifth more or less; 0: for as long as it works.
	ConnectionTime time.Duration `json:"connection_time_ns"`
	RampUp         time.Duration `json:"ramp_up_ns"`  // over which clients start evenly
	Duration       time.Duration `json:"duration_ns"` // of everything, ramp-up included
	MaxOperations  int64         `json:"max_operations"`
	// Hold is how long a transaction stays open between its first statement and
	// its last. Transactions that are held write nothing: their locks would stop
	// others for another reason than the pool.
	Hold time.Duration `json:"hold_ns"`
	// OperationTimeout bounds an operation and, separately, a login.
	OperationTimeout time.Duration `json:"operation_timeout_ns"`
	// OnConnect is sent first on each connection; empty: nothing.
	OnConnect string `json:"on_connect,omitempty"`
	// FirstRow is the row of the first client. Runs at the same time need rows
	// of their own.
	FirstRow int           `json:"first_row"`
	Tick     time.Duration `json:"tick_ns"` // of the time series
	Seed     uint64        `json:"seed"`
}

// Bounds of a run.
const (
	maxClients  = 50_000
	maxDuration = 24 * time.Hour
	maxTicks    = 100_000
)

// withDefaults returns a complete copy, or what is wrong with c.
func (c Config) withDefaults() (Config, error) {
	if c.OperationTimeout == 0 {
		c.OperationTimeout = 30 * time.Second
	}
	if c.Tick == 0 {
		c.Tick = time.Second
	}
	weights := 0.0
	for _, b := range c.Buckets {
		if b.Weight < 0 {
			return c, fmt.Errorf("%w: weight %g of %s", ErrConfig, b.Weight, b.Database)
		}
		weights += b.Weight
	}
	switch {
	case len(c.Buckets) == 0 || weights <= 0:
		return c, fmt.Errorf("%w: no bucket has a weight", ErrConfig)
	case c.Clients < 1 || c.Clients > maxClients:
		return c, fmt.Errorf("%w: %d clients, want 1 to %d", ErrConfig, c.Clients, maxClients)
	case c.Duration <= 0 || c.Duration > maxDuration:
		return c, fmt.Errorf("%w: duration %v, want up to %v", ErrConfig, c.Duration, maxDuration)
	case c.Interval < 0 || c.ConnectionTime < 0 || c.RampUp < 0 || c.Hold < 0 || c.OperationTimeout < 0 || c.Tick < 0 || c.MaxOperations < 0 || c.Eager < 0 || c.FirstRow < 0:
		return c, fmt.Errorf("%w: a negative time or number", ErrConfig)
	case c.Duration/c.Tick > maxTicks:
		return c, fmt.Errorf("%w: more than %d ticks of %v in %v", ErrConfig, maxTicks, c.Tick, c.Duration)
	}
	return c, c.Mix.check()
}

// Rows is how many rows a bucket's table must have for the run.
func (c Config) Rows() int { return c.FirstRow + c.Clients }
