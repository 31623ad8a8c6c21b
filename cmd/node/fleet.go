package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"sluice/actors/actor"
	"sluice/actors/bucket"
	"sluice/actors/keeper"
	"sluice/configs"
	"sluice/gossip"
	"sluice/limits"
	"sluice/limits/redisledger"
)

// fleet is a node's part in the fleet: the keeper of its slots, the ledger, and
// its ties to other nodes. A node that is alone has a keeper and a ledger in
// memory, nothing else.
type fleet struct {
	log     *slog.Logger
	self    limits.Process
	params  limits.Params
	alone   bool
	version int // of what nodes say to each other
	ledger  keeper.Ledger
	redis   *redisledger.Ledger // nil if alone
	keeper  keeper.Ref
	slots   *keeper.Shared
	workers *sync.WaitGroup
	gossip  atomic.Pointer[gossip.Gossip] // both nil before start, and if alone
	links   atomic.Pointer[gossip.Links]
	state   *stateFile
	guard   *guardProcess

	changed chan struct{} // gossip has news
	stop    context.CancelFunc
	watch   sync.WaitGroup

	mu    sync.Mutex
	heard map[limits.Process]map[string]heard // by process and bucket
}

// protocol is the version of what nodes say to each other.
const protocol = 1

// forever is how long the slots of a node last that is alone: nobody else could
// have them.
const forever = 50 * 365 * 24 * time.Hour

func random64() uint64 {
	var b [8]byte
	_, _ = rand.Read(b[:]) // it never fails
	return binary.BigEndian.Uint64(b[:])
}

func randomTag() string {
	var b [8]byte
	_, _ = rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

func fleetParams(cfg *configs.Config) limits.Params {
	if !cfg.Fleet() {
		return limits.Params{Hold: forever, Heartbeat: time.Second, Loan: time.Second, Bootstrap: true}
	}
	return limits.Params{
		Hold: cfg.Limits.HoldTime, Heartbeat: cfg.Redis.HeartbeatInterval, Loan: cfg.Limits.LoanTime, Lag: cfg.Limits.FailoverLag,
		Witnesses: cfg.Limits.Witnesses, Bootstrap: cfg.Limits.Bootstrap,
	}
}

// newFleet starts the keeper. Its ports open with start.
func newFleet(cfg *configs.Config, system *actor.System, workers *sync.WaitGroup, m *nodeMetrics, log *slog.Logger) (*fleet, error) {
	f := &fleet{
		log: log, self: limits.NewProcess(cfg.Proxy.InstanceID, random64()), params: fleetParams(cfg), alone: !cfg.Fleet(), version: protocol,
		workers: workers, changed: make(chan struct{}, 1), heard: map[limits.Process]map[string]heard{},
	}
	kc := keeper.Config{
		Self: f.self, Params: f.params, Clock: monotonic, Tag: randomTag, CallTimeout: callTimeout(f.params), Log: log,
		Send: func(limits.Process, []byte) {},
	}
	if f.alone {
		f.ledger = keeper.NewMemory()
	} else {
		rc, err := redisConfig(cfg)
		if err != nil {
			return nil, err
		}
		rc.Observe = m.redisCall
		if f.redis, err = redisledger.Open(rc); err != nil {
			return nil, err
		}
		f.ledger = f.redis
		if f.state, err = openState(cfg); err != nil {
			_ = f.redis.Close()
			return nil, err
		}
		kc.Send, kc.Publish, kc.Remember = f.send, f.publish, f.state.remember
	}
	kc.Ledger = f.ledger
	f.keeper, f.slots = keeper.Spawn(system, kc, workers)
	return f, nil
}

// callTimeout bounds a call to the ledger: one that takes longer is of little
// use to a heartbeat.
func callTimeout(p limits.Params) time.Duration { return min(time.Second, p.Heartbeat) }

// govern makes a bucket's settings those of a bucket whose slots are kept here.
func (f *fleet) govern(c *bucket.Config) {
	c.Governed = true
	c.Report, c.Admit, c.Why = f.slots.Report, f.slots.Admit(c.ID), f.slots.Why(c.ID)
}

// declare tells the fleet what the configuration says of each bucket.
func (f *fleet) declare(cfg *configs.Config, change bool) {
	declared := limits.Counts{}
	for _, b := range cfg.EffectiveBuckets() {
		declared[b.ID] = b.MaxConnections
	}
	if err := f.keeper.Tell(keeper.Configure{Declared: declared, Change: change}); err != nil {
		f.log.Error("the keeper of the slots does not take the configuration", "err", err)
	}
}

// limitsChanged tells whether an operator has changed a bucket's limit.
func limitsChanged(d configs.Diff) bool {
	return slices.ContainsFunc(d.Changed, func(c configs.BucketChange) bool { return c.Limit })
}

// hire makes g the governor of a bucket's slots until it ends. One that was
// told to shut has closed all connections then; of one that crashed the logins
// that were called off may take a moment longer. crashed tells which it was.
func (f *fleet) hire(id string, g bucket.Ref, crashed func() bool) {
	f.slots.Hire(id, g)
	f.watch.Go(func() {
		select {
		case <-g.Done():
		case <-f.keeper.Done():
			return
		}
		if crashed() {
			t := time.NewTimer(afterCrash)
			defer t.Stop()
			select {
			case <-t.C:
			case <-f.keeper.Done():
				return
			}
		}
		f.slots.Fire(id, g)
	})
}

// afterCrash is within what the sockets of a crashed governor are closed.
const afterCrash = 2 * time.Second

// describe is where the limits are kept, for the log.
func (f *fleet) describe() string {
	if f.alone {
		return "in memory: this node alone keeps the limits"
	}
	return "shared: the fleet keeps the limits together"
}

// start joins the other nodes.
func (f *fleet) start(cfg *configs.Config) error {
	ctx, cancel := context.WithCancel(context.Background())
	f.stop = cancel
	if f.alone {
		return nil
	}
	var key []byte
	if k := cfg.Gossip.SecretKey.Reveal(); k != "" {
		var err error
		if key, err = base64.StdEncoding.DecodeString(k); err != nil {
			return fmt.Errorf("gossip.secret_key: %w", err)
		}
	}
	g := cfg.Gossip
	links, err := gossip.Listen(gossip.LinkConfig{
		ID: string(f.self), Cluster: g.ClusterName, Protocol: f.version, SecretKey: key, BindAddr: g.BindAddr, Port: g.PeerPort,
		Resolve: func(id string) (string, bool) {
			if gs := f.gossip.Load(); gs != nil {
				return gs.Resolve(id)
			}
			return "", false
		},
		Handle: func(from string, msg []byte) {
			_ = f.keeper.Tell(keeper.Received{From: limits.Process(from), Bytes: msg}) // a full mailbox loses it, as a network might
		},
		Log: f.log,
	})
	if err != nil {
		return fmt.Errorf("listen for other nodes: %w", err)
	}
	f.links.Store(links)
	gs, err := gossip.Start(gossip.Config{
		ID: string(f.self), Name: f.self.Name(), Cluster: g.ClusterName, Protocol: f.version,
		Info: gossip.Info{
			PeerAddr: peerAddr(cfg, links), Version: version, Config: fmt.Sprintf("hold=%s loan=%s", f.params.Hold, f.params.Loan),
			Witnesses: strings.Join(slices.Sorted(slices.Values(f.params.Witnesses)), ","),
		},
		BindAddr: g.BindAddr, BindPort: g.BindPort, AdvertiseAddr: g.AdvertiseAddr, Join: g.Join,
		Preset: gossip.Preset(g.Preset), SecretKey: key, Log: f.log,
		OnChange: func() {
			select {
			case f.changed <- struct{}{}:
			default:
			}
		},
	})
	if err != nil {
		return fmt.Errorf("start gossip: %w", err)
	}
	f.gossip.Store(gs)
	f.watch.Go(func() { f.listen(ctx) })
	f.state.settlePredecessor(ctx, f)
	if cfg.Limits.Guard {
		if f.guard, err = startGuard(cfg, f.state); err != nil {
			f.log.Warn("no guard: should this process be killed, its slots are free again only after limits.hold_time", "err", err)
		}
	}
	return nil
}

// peerAddr is what other nodes are told of the links' port. Without a host it
// is the address that the node gossips from.
func peerAddr(cfg *configs.Config, l *gossip.Links) string {
	_, port, err := splitAddr(l.Addr().String())
	if err != nil {
		return ""
	}
	return cfg.Gossip.AdvertiseAddr + ":" + port
}

func (f *fleet) send(to limits.Process, msg []byte) {
	l := f.links.Load()
	if l == nil {
		return
	}
	if err := l.Send(string(to), msg); err != nil && !errors.Is(err, gossip.ErrUnknownPeer) {
		f.log.Debug("message to another node not sent", "to", to, "err", err)
	}
}

func (f *fleet) publish(b string, s keeper.Status) {
	g := f.gossip.Load()
	if g == nil {
		return
	}
	if err := g.Publish(b, s.Encode()); err != nil {
		f.log.Debug("usage not published", "bucket", b, "err", err)
	}
}

// leave gives everything back, once all backend connections are closed, and
// tells the other nodes.
func (f *fleet) leave(ctx context.Context) {
	left := make(chan struct{}, 1)
	done := func(struct{}) error {
		select {
		case left <- struct{}{}:
		default:
		}
		return nil
	}
	if f.keeper.Tell(keeper.Quit{Done: done}) == nil {
		select {
		case <-left:
			if f.state != nil {
				f.state.clear()
			}
		case <-f.keeper.Done():
		case <-ctx.Done():
			f.log.Warn("the ledger was not told that this node leaves; its guard goes on trying")
		}
	}
	if g := f.gossip.Load(); g != nil {
		if err := g.Leave(ctx); err != nil {
			f.log.Debug("gossip was not left in order", "err", err)
		}
	}
}

// close ends all that is left. The keeper's actor must have stopped.
func (f *fleet) close() {
	if f.stop != nil {
		f.stop()
	}
	if g := f.gossip.Load(); g != nil {
		_ = g.Close()
	}
	if l := f.links.Load(); l != nil {
		_ = l.Close()
	}
	f.watch.Wait()
	if f.redis != nil {
		_ = f.redis.Close()
	}
	if f.guard != nil {
		f.guard.release()
	}
	if f.state != nil {
		f.state.close()
	}
}
