package main

import (
	"time"

	"sluice/scripts/load"
)

// Record is everything that was measured in one run of a scenario; judges look
// at nothing else. Times are seconds since Started.
type Record struct {
	Scenario string    `json:"scenario"`
	Short    bool      `json:"short"`
	Limit    int       `json:"limit"`  // max_connections of each bucket
	Hold     float64   `json:"hold_s"` // of the transactions of the clients that press against the limit
	Clients  int       `json:"clients"`
	Started  time.Time `json:"started"`
	Seconds  float64   `json:"seconds"`

	Witness string        `json:"witness"` // how sessions were counted
	Buckets []BucketCount `json:"buckets"`
	Missed  int           `json:"missed"` // looks at a server that came too late to see every event
	Deaths  []string      `json:"deaths"` // of nodes that ended by themselves

	Phases []Phase      `json:"phases"`
	Marks  []Mark       `json:"marks"`
	Counts []Count      `json:"-"`
	Nodes  []NodeSample `json:"-"`
	Loads  []Load       `json:"loads"`
}

// BucketCount is what the server of a bucket saw.
type BucketCount struct {
	Name     string `json:"name"`
	Peak     int    `json:"peak_connections"`
	Sessions int    `json:"peak_sessions"`
	Over     int    `json:"over"`     // stretches of time over the limit
	Doubtful int    `json:"doubtful"` // of one count only: closed by its client before it was accepted
}

// Phase is a named stretch of a run.
type Phase struct {
	Name string  `json:"name"`
	From float64 `json:"from"`
	To   float64 `json:"to"`
}

// Mark is something that was done.
type Mark struct {
	At   float64 `json:"at"`
	Text string  `json:"text"`
}

// Count is how many sessions each server had at a moment.
type Count struct {
	At       float64
	Sessions []int
}

// NodeSample is what a node said of itself; values with one entry for each
// bucket are in their order.
type NodeSample struct {
	At                    float64
	Node                  int // from 1
	Heap, RSS, Goroutines float64
	Clients, Pinned       float64
	Open, Idle            []float64
	Waiting, Slots        []float64
}

// Load is what a group of clients measured.
type Load struct {
	Name   string      `json:"name"`
	Offset float64     `json:"offset"` // of its start
	Result load.Result `json:"result"`
}

// Check is one pass condition with what was measured.
type Check struct {
	What string `json:"what"`
	Got  string `json:"got"`
	Want string `json:"want"`
	OK   bool   `json:"ok"`
}

// phase returns a phase by its name; an empty one if there is none.
func (r Record) phase(name string) Phase {
	for _, p := range r.Phases {
		if p.Name == name {
			return p
		}
	}
	return Phase{Name: name}
}

// load returns a group of clients by its name.
func (r Record) load(name string) Load {
	for _, l := range r.Loads {
		if l.Name == name {
			return l
		}
	}
	return Load{Name: name}
}
