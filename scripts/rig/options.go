package rig

import (
	"context"
	"time"
)

// Options describe a fleet.
type Options struct {
	Dir     string // of files and logs; each run has its own
	Sluice  string // path of the program
	Knows   Capabilities
	Network Network
	Name    string // of the fleet

	Nodes int // that Start starts
	Spare int // more of them, for a join
	Limit int // max_connections of each bucket
	// Buckets is how many there are, each with a SQL server within this
	// process; with External they are those servers instead.
	Buckets    int
	External   []Address
	LoginDelay time.Duration // of the buckets' servers
	// Prepare, if not nil, makes what clients need in a new server.
	Prepare func(ctx context.Context, addr, database string) error

	Persistence string // of Redis
	RelayRedis  bool   // each node reaches Redis over a relay, which can be slow
	HAProxy     bool   // clients come through HAProxy
	Bootstrap   bool   // the first start of node-1 creates the ledger at once
	Witnesses   int    // the first nodes
	Hold, Loan  time.Duration
	Heartbeat   time.Duration
	// QueueTimeout is proxy.queue_timeout.
	QueueTimeout time.Duration
	LogLevel     string
	Set          []string // group.key=value, for every node's configuration
}

// Address is where a bucket's SQL server is. Its login is that of the clients.
type Address struct {
	Host     string
	Port     int
	Database string
}
