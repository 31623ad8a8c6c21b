package main

import (
	"fmt"
	"slices"
	"strings"
)

// Fault is something that is done to the fleet.
type Fault string

// The faults. Those of a node name it; the others do not.
const (
	Kill        Fault = "kill"          // SIGKILL; started again under the same name at the end
	KillGuard   Fault = "kill-guard"    // the same, with the process that would report it
	Leave       Fault = "leave"         // SIGTERM; started again at the end
	Pause       Fault = "pause"         // SIGSTOP for less than the hold time
	LongPause   Fault = "long-pause"    // SIGSTOP for longer than the hold time
	Join        Fault = "join"          // a node more; it leaves at the end
	CutRedis    Fault = "cut-redis"     // a node and Redis do not hear each other
	CutGossip   Fault = "cut-gossip"    // a node and the other nodes do not hear each other
	CutBoth     Fault = "cut-both"      // both of these
	Slow        Fault = "slow"          // every packet that a node sends is late (needs netem)
	RedisKill   Fault = "redis-kill"    // SIGKILL; comes back empty
	RedisBack   Fault = "redis-restart" // saved and killed; comes back with what it had
	RedisOld    Fault = "redis-old"     // SIGKILL; comes back as it was at the last redis-save
	RedisSave   Fault = "redis-save"    // no fault: keeps a copy for redis-old
	RedisFlush  Fault = "redis-flush"   // FLUSHALL
	RedisPause  Fault = "redis-pause"   // SIGSTOP
	RedisHang   Fault = "redis-hang"    // CLIENT PAUSE ALL
	RedisAway   Fault = "redis-away"    // SIGKILL for the rest of the schedule
	SlowRedis   Fault = "slow-redis"    // what a node and Redis say to each other is late
	SlowServer  Fault = "slow-server"   // what a bucket's server and the nodes say to each other is late
	BackendKill Fault = "backend-kill"  // a bucket's server kills sessions
	ServerAway  Fault = "server-away"   // a bucket's server kills all sessions and resets who connects
	LoadUniform Fault = "load-uniform"  // no fault: clients choose any node
	LoadOn      Fault = "load-on"       // no fault: clients choose this node
)

// target is what a fault is done to; two faults of one target cannot overlap.
type target int

const (
	targetNode target = iota
	targetRedis
	targetLoad
	targetRedisLink // of a node
	targetServer    // of a bucket
	targetServerLink
)

// traits say how a fault is used.
type traits struct {
	target  target
	lasts   bool // it has a length
	network bool // it needs a namespace per node
	weight  int  // how often a random schedule takes it; 0 never by itself
}

var faults = map[Fault]traits{
	Kill:        {target: targetNode, lasts: true, weight: 4},
	KillGuard:   {target: targetNode, lasts: true, weight: 2},
	Leave:       {target: targetNode, lasts: true, weight: 3},
	Pause:       {target: targetNode, lasts: true, weight: 4},
	LongPause:   {target: targetNode, lasts: true, weight: 1},
	Join:        {target: targetNode, lasts: true, weight: 2},
	CutRedis:    {target: targetNode, lasts: true, network: true, weight: 5},
	CutGossip:   {target: targetNode, lasts: true, network: true, weight: 5},
	CutBoth:     {target: targetNode, lasts: true, network: true, weight: 3},
	Slow:        {target: targetNode, lasts: true, network: true, weight: 2},
	RedisKill:   {target: targetRedis, lasts: true, weight: 3},
	RedisBack:   {target: targetRedis, lasts: true, weight: 2},
	RedisOld:    {target: targetRedis, lasts: true, weight: 2},
	RedisSave:   {target: targetRedis},
	RedisFlush:  {target: targetRedis, weight: 2},
	RedisPause:  {target: targetRedis, lasts: true, weight: 2},
	RedisHang:   {target: targetRedis, lasts: true, weight: 2},
	RedisAway:   {target: targetRedis, weight: 1},
	SlowRedis:   {target: targetRedisLink, lasts: true, weight: 3},
	SlowServer:  {target: targetServerLink, lasts: true, weight: 3},
	BackendKill: {target: targetServer, weight: 3},
	ServerAway:  {target: targetServer, lasts: true, weight: 2},
	LoadUniform: {target: targetLoad},
	LoadOn:      {target: targetLoad},
}

// quiet tells that a step is no disturbance.
func (f Fault) quiet() bool { return f == RedisSave || f == LoadUniform || f == LoadOn }

// namesNode tells that a step of this kind names a node.
func (f Fault) namesNode() bool { return f.ofNode() || f == LoadOn }

// ofNode tells that a fault strikes one node, and others by way of it only.
func (f Fault) ofNode() bool {
	t := faults[f].target
	return t == targetNode || t == targetRedisLink
}

// ofServer tells that a fault is one of a bucket's server, which the step names.
func (f Fault) ofServer() bool {
	t := faults[f].target
	return t == targetServer || t == targetServerLink
}

// slows tells that a fault makes a link late, by as much as the step says.
func (f Fault) slows() bool { return f == SlowRedis || f == SlowServer }

// cuts tells that a fault severs links, so that it can go one way.
func (f Fault) cuts() bool { return f == CutRedis || f == CutGossip || f == CutBoth }

// randomFaults lists the faults that random schedules choose from, in the order
// of their names.
func randomFaults(network bool) []Fault {
	var all []Fault
	for f, t := range faults {
		if t.weight > 0 && (network || !t.network) {
			all = append(all, f)
		}
	}
	slices.Sort(all)
	return all
}

// parseFaults reads names with commas between them; empty means all that the
// network allows.
func parseFaults(text string, network bool) ([]Fault, error) {
	if text == "" {
		return randomFaults(network), nil
	}
	var list []Fault
	for name := range strings.SplitSeq(text, ",") {
		f := Fault(strings.TrimSpace(name))
		t, ok := faults[f]
		switch {
		case !ok || t.weight == 0:
			return nil, fmt.Errorf("--faults: %q is none of %v", name, randomFaults(true))
		case t.network && !network:
			return nil, fmt.Errorf("--faults: %s needs --netns", f)
		}
		if !slices.Contains(list, f) {
			list = append(list, f)
		}
	}
	slices.Sort(list)
	return list, nil
}
