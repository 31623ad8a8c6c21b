package gossip

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/memberlist"
)

// Gossip is this process's part in a cluster. Its methods may be called by any
// goroutine.
type Gossip struct {
	cfg     Config
	pace    pace
	mult    int // memberlist's RetransmitMult
	log     *slog.Logger
	list    *memberlist.Memberlist
	net     *transport
	members *members
	store   *store
	queue   *queue
	book    *book

	meta      atomic.Pointer[[]byte]
	remeta    chan struct{} // holds one: the description of this member changed
	wake      chan struct{} // holds one: something changed
	malformed atomic.Uint64

	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup
	// life is held while leaving, and makes Close wait for that.
	life         sync.Mutex
	left, closed atomic.Bool
	// compareAgain says that the list of members changed, not only values.
	compareAgain atomic.Bool
}

// Start opens the port, and then looks for other members until Close. That it
// finds none is no error; Problems has what stands in the way.
func Start(cfg Config) (*Gossip, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	ml, pace, err := cfg.Preset.settings()
	if err != nil {
		return nil, err
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Lookup == nil {
		cfg.Lookup = func(ctx context.Context, host string) ([]netip.Addr, error) {
			return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
		}
	}
	cfg.SecretKey, cfg.Join = slices.Clone(cfg.SecretKey), slices.Clone(cfg.Join)
	now := time.Now()
	g := &Gossip{
		cfg: cfg, pace: pace, mult: ml.RetransmitMult, log: cfg.Log,
		members: newMembers(Member{ID: cfg.ID, Name: cfg.Name, Self: true, State: Alive, Info: cfg.Info, Joined: now, Since: now}),
		store:   newStore(), queue: newQueue(), book: newBook(),
		remeta: make(chan struct{}, 1), wake: make(chan struct{}, 1),
	}
	if err := g.setMeta(cfg.Info); err != nil {
		return nil, err
	}
	if err := g.open(ml); err != nil {
		return nil, err
	}
	g.ctx, g.cancel = context.WithCancel(context.Background())
	g.wg.Go(g.upkeep)
	g.wg.Go(g.keepJoined)
	return g, nil
}

// open makes the transport and the library's part.
func (g *Gossip) open(ml *memberlist.Config) error {
	cfg := &g.cfg
	logger := libraryLogger(g.log, g.note)
	inner := cfg.Transport
	if inner == nil {
		t, err := listenNet(cfg.BindAddr, cfg.BindPort, logger)
		if err != nil {
			return err
		}
		cfg.BindPort = t.GetAutoBindPort()
		inner = t
	}
	g.net = wrapTransport(inner)
	if cfg.AdvertisePort == 0 {
		cfg.AdvertisePort = cfg.BindPort
	}
	d := delegate{g}
	ml.Name, ml.Label, ml.Transport, ml.Logger = cfg.ID, cfg.Cluster, g.net, logger
	ml.BindAddr, ml.BindPort = cfg.BindAddr, cfg.BindPort
	ml.AdvertiseAddr, ml.AdvertisePort = cfg.AdvertiseAddr, cfg.AdvertisePort
	ml.Delegate, ml.Events, ml.Alive, ml.Conflict = d, d, d, d
	ml.SecretKey = cfg.SecretKey
	ml.DeadNodeReclaimTime = 10 * time.Second
	// Its LZW needs a 64 KiB table for each packet and gains little on values
	// that are binary already.
	ml.EnableCompression = false
	// Nothing of ours asks it to look up names.
	ml.DNSConfigPath = ""
	list, err := memberlist.Create(ml)
	if err != nil {
		_ = g.net.Shutdown()
		return fmt.Errorf("gossip: start: %w", err)
	}
	g.list = list
	addr := g.net.addr.Load()
	g.members.setSelf(func(m *Member) {
		m.Addr = addr.String()
		m.Info.PeerAddr = withHost(m.Info.PeerAddr, addr.IP)
	})
	return nil
}

func (g *Gossip) setMeta(info Info) error {
	b, err := meta{protocol: g.cfg.Protocol, name: g.cfg.Name, info: info}.encode()
	if err == nil {
		g.meta.Store(&b)
	}
	return err
}

// SetInfo changes what others are told about this member.
func (g *Gossip) SetInfo(info Info) error {
	// A member that left is not in the library's list for long, and it must
	// not be asked to change it then.
	if g.closed.Load() || g.left.Load() {
		return ErrClosed
	}
	if err := g.setMeta(info); err != nil {
		return err
	}
	ip := g.net.addr.Load().IP
	g.members.setSelf(func(m *Member) {
		m.Info = info
		m.Info.PeerAddr = withHost(info.PeerAddr, ip)
	})
	select {
	case g.remeta <- struct{}{}:
	default:
	}
	g.membersChanged()
	return nil
}

// Addr is the address others are told, host:port.
func (g *Gossip) Addr() string { return g.net.addr.Load().String() }

// Members returns this member and then the others by ID, those too that left
// or failed within the last minute.
func (g *Gossip) Members() []Member { return g.members.list() }

// Resolve returns the address of a member's Links. It knows those that are
// thought to have failed, for a minute: that may be wrong.
func (g *Gossip) Resolve(id string) (addr string, ok bool) {
	m, ok := g.members.get(id)
	if !ok || m.State == Left || m.Info.PeerAddr == "" {
		return "", false
	}
	return m.Info.PeerAddr, true
}

// Publish makes value the newest of this member under key, for all members. It
// is absolute: others may never see the one before. Publish takes value over;
// the caller must not change it. It does not wait.
func (g *Gossip) Publish(key string, value []byte) error {
	switch {
	case g.closed.Load():
		return ErrClosed
	case key == "" || len(key) > MaxKey:
		return fmt.Errorf("%w: key has %d bytes, not 1 to %d", ErrConfig, len(key), MaxKey)
	case len(key)+len(value) > MaxEntry:
		return fmt.Errorf("value of %.40q has %d bytes with its key, limit %d: %w", key, len(key)+len(value), MaxEntry, ErrTooLarge)
	}
	e, err := g.store.put(g.cfg.ID, key, value, time.Now())
	if err != nil {
		return err
	}
	g.queue.add(g.cfg.ID, key, e, 0)
	return nil
}

// Each calls f for every value that another member published and that is known
// here. Versions of one key rise by one with each Publish. age is the time
// since then, a little less where it was under way. f must not change value.
// Values of members that left or failed are there for a minute more.
func (g *Gossip) Each(f func(from, key string, version uint64, value []byte, age time.Duration)) {
	var buf []keyed
	for _, o := range g.store.list() {
		if o.id == g.cfg.ID || !g.members.known(o.id) {
			continue
		}
		buf = g.store.of(o, buf[:0])
		now := time.Now()
		for _, e := range buf {
			if e.key != byeKey {
				f(o.id, e.key, e.version, e.value, max(now.Sub(e.at), 0))
			}
		}
	}
}

// Problems returns what an operator should know, oldest first.
func (g *Gossip) Problems() []Problem { return g.book.list() }

// Stats are figures since Start.
type Stats struct {
	Live        int    // live members with this one
	Queued      int    // values waiting to be sent or sent again
	PacketsSent uint64 // of all kinds
	BytesSent   uint64 // in packets; exchanges of full state are not counted
	Malformed   uint64 // messages that could not be read
	// Health is 0 if this process keeps its own times, up to 7 if not.
	Health int
}

// Stats returns figures.
func (g *Gossip) Stats() Stats {
	return Stats{
		Live: int(g.members.live.Load()), Queued: g.queue.len(),
		PacketsSent: g.net.packets.Load(), BytesSent: g.net.bytes.Load(),
		Malformed: g.malformed.Load(), Health: g.list.GetHealthScore(),
	}
}

// moreTimes is added to the library's rule for how often something is sent.
// By that rule alone a value misses a member, until the exchange of full state,
// once in 130 times with 3 members and once in 5,000 with 16: with this once in
// 30,000 and seldomer. Under load it costs nothing, for what was sent less
// often goes first.
const moreTimes = 4

// transmits is how often a value is sent by each who has it.
func (g *Gossip) transmits() int {
	return g.mult*int(math.Ceil(math.Log10(float64(g.members.live.Load()+1)))) + moreTimes
}

func (g *Gossip) note(kind Kind, subject, text string) {
	if g.book.note(kind, subject, text, time.Now()) {
		g.changed()
	}
}

// changed wakes upkeep and never waits.
func (g *Gossip) changed() {
	select {
	case g.wake <- struct{}{}:
	default:
	}
}

func (g *Gossip) membersChanged() {
	g.compareAgain.Store(true)
	g.changed()
}

// leaveTime is how long Leave waits without a deadline of its own, and
// leavePoll how often it looks.
const (
	leaveTime = 5 * time.Second
	leavePoll = 20 * time.Millisecond
)

// Leave tells the others that this member goes, and waits until that is sent.
// Close has to follow.
func (g *Gossip) Leave(ctx context.Context) error {
	g.life.Lock()
	defer g.life.Unlock()
	if g.closed.Load() {
		return ErrClosed
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("gossip: leave: %w", err)
	}
	if g.left.Swap(true) {
		return nil
	}
	limit := leaveTime
	if at, ok := ctx.Deadline(); ok {
		limit = max(min(limit, time.Until(at)), time.Millisecond)
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	e, err := g.store.put(g.cfg.ID, byeKey, nil, time.Now())
	if err != nil {
		return err
	}
	g.queue.first(g.cfg.ID, byeKey, e)
	if err := g.list.Leave(limit); err != nil {
		return fmt.Errorf("gossip: leave: %w", err)
	}
	tick := time.NewTicker(leavePoll)
	defer tick.Stop()
	for g.queue.has(g.cfg.ID, byeKey) && g.members.live.Load() > 1 {
		select {
		case <-ctx.Done():
			return fmt.Errorf("gossip: leave: %w", ctx.Err())
		case <-tick.C:
		}
	}
	return nil
}

// Close ends everything. Without Leave before it the others find out by
// themselves that this member is gone.
func (g *Gossip) Close() error {
	if g.closed.Swap(true) {
		return nil
	}
	g.cancel()
	g.net.cancel()
	g.life.Lock() // waits for Leave
	defer g.life.Unlock()
	err := g.list.Shutdown()
	g.wg.Wait()
	return err
}
