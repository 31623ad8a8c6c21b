package main

import (
	"context"
	"time"

	"sluice/scripts/load"
	"sluice/scripts/rig"
)

// scenario is one row: how to make it happen, and when it has passed.
type scenario struct {
	name, title string
	broken      string // what the break of --break is
	fleet       fleet
	run         func(ctx context.Context, t *trial) error
	judge       func(r Record) []Check
}

// fleet is what a scenario stands on.
type fleet struct {
	nodes, spare, buckets int
	limit                 int
	loginDelay            time.Duration // of the embedded servers
	set                   []string      // of every node's configuration
	witnesses             int
	hold                  time.Duration // limits.hold_time; 0: the rig's
}

// scenarios are the nine rows, in order.
func scenarios() []scenario {
	return []scenario{
		baseline(), burst(), steady(), instance(), redis(), uneven(), scaleOut(), longTransactions(), preparedStorm(),
	}
}

// names are the names of scenarios.
func names(list []scenario) []string {
	var all []string
	for _, s := range list {
		all = append(all, s.name)
	}
	return all
}

// pressing are clients that press against the limit: each does a transaction
// that keeps its connection for a while, and then the next.
func pressing(clients int, hold time.Duration) load.Config {
	return load.Config{Clients: clients, Mix: load.Mix{load.Transaction: 100}, Hold: hold}
}

// evenly has the same weight for every bucket.
func evenly(buckets int) []load.Bucket {
	var all []load.Bucket
	for i := range buckets {
		all = append(all, load.Bucket{Database: rig.Database(i), Weight: 1})
	}
	return all
}
