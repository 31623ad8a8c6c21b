// Package keeper holds the actor that keeps a node's slots: the shell around
// [limits.Node]. It tells the governors of all buckets how many connections
// they may have open, and talks to the ledger and to other nodes so that the
// fleet together stays within each bucket's max_connections.
package keeper

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"sluice/actors/actor"
	"sluice/actors/bucket"
	"sluice/limits"
)

// Ledger is where calls to the ledger go. An error says that no answer came:
// what was asked may still be done.
type Ledger interface {
	Do(ctx context.Context, op limits.Op) (limits.Reply, error)
}

// Config is what a keeper is made from.
type Config struct {
	Self   limits.Process
	Params limits.Params
	Ledger Ledger
	// Send hands a message to another process. It must not block; a message
	// that cannot be sent is lost.
	Send func(to limits.Process, msg []byte)
	// Publish spreads how a bucket stands, at most once a second for each. It
	// must not block. nil: nobody listens.
	Publish func(bucket string, s Status)
	// Remember is told which sessions of this process the ledger may know, and
	// until when slots of them may be in others' hands, before anybody else
	// can act on it. An error is logged. nil: not remembered.
	Remember func(sessions []limits.Session, lentUntil time.Duration) error
	// Clock goes on while the machine sleeps, and is never set.
	Clock func() time.Duration
	// Tag returns random text, new with every call.
	Tag func() string
	// CallTimeout bounds a call to the ledger.
	CallTimeout time.Duration
	Log         *slog.Logger
}

// Keeper is the actor around a [limits.Node].
type Keeper struct {
	cfg     Config
	node    *limits.Node
	self    actor.Ref[Msg]
	ctx     context.Context // ends with the keeper
	cancel  context.CancelFunc
	workers *sync.WaitGroup
	shared  *Shared

	timer      *actor.Timer
	wakeAt     time.Duration
	remembered memory
	forgetful  bool                   // what should be remembered could not be
	relays     map[uint64]bool        // calls under way by way of another process
	asked      map[limits.Process]int // calls under way for others
	quit       []actor.Reply[struct{}]
	left       bool
	published  map[string]Status
	publishAt  time.Duration
	viewAt     time.Duration
}

type memory struct {
	sessions  int
	newest    limits.Session
	lentUntil time.Duration
}

// Msg is a message to a keeper.
type Msg interface{ keeperMsg() }

type (
	// Received is a message that another process sent with Config.Send.
	Received struct {
		From  limits.Process
		Bytes []byte
	}
	// Peers are the other processes that are believed to be alive.
	Peers struct{ Processes []limits.Process }
	// Hint is how another process said its buckets stand.
	Hint struct {
		From   limits.Process
		Status map[string]Status
	}
	// Configure tells what this node's configuration says of each bucket's
	// max_connections. With Change an operator has just changed it.
	Configure struct {
		Declared limits.Counts
		Change   bool
	}
	// Quit tells that all governors have stopped and all connections are
	// closed. Done is answered when the ledger knows.
	Quit struct{ Done actor.Reply[struct{}] }

	usageReady struct{}
	answered   struct {
		answer limits.Answer
		// for another process, if not empty
		relay limits.Process
	}
	wake struct{}
)

func (Received) keeperMsg()   {}
func (Peers) keeperMsg()      {}
func (Hint) keeperMsg()       {}
func (Configure) keeperMsg()  {}
func (Quit) keeperMsg()       {}
func (usageReady) keeperMsg() {}
func (answered) keeperMsg()   {}
func (wake) keeperMsg()       {}

// Ref addresses a keeper.
type Ref = actor.Ref[Msg]

// mailbox is large enough that a fleet's messages of several seconds fit.
const mailbox = 16 << 10

// Spawn starts a keeper. Workers counts the goroutines that call the ledger for it.
func Spawn(s *actor.System, cfg Config, workers *sync.WaitGroup) (Ref, *Shared) {
	k := newKeeper(cfg, workers)
	sh := k.shared
	ref := actor.Spawn(s, "keeper", func() actor.Actor[Msg] { return k }, actor.With(actor.Mailbox(mailbox)))
	sh.setPoke(func() error { return ref.Tell(usageReady{}) })
	return ref, sh
}

func newKeeper(cfg Config, workers *sync.WaitGroup) *Keeper {
	ctx, cancel := context.WithCancel(context.Background())
	return &Keeper{
		cfg: cfg, ctx: ctx, cancel: cancel, workers: workers, shared: newShared(cfg.Clock), relays: map[uint64]bool{},
		asked: map[limits.Process]int{}, published: map[string]Status{},
		node: limits.NewNode(cfg.Self, cfg.Params, cfg.Tag, cfg.Clock()),
	}
}

// Started implements actor.Starter.
func (k *Keeper) Started(c *actor.Context[Msg]) {
	k.self = c.Self()
	k.step(c, limits.Tick{})
}

// Stopped implements actor.Stopper. A keeper that ends without having left can
// vouch for nothing: every governor closes at once what it has.
func (k *Keeper) Stopped(reason error) {
	k.cancel()
	if k.left {
		return
	}
	if reason != nil {
		k.cfg.Log.Error("the keeper of the slots stopped, all backend connections are closed", "err", reason)
	}
	k.shared.closeAll()
}

// Receive implements actor.Actor.
func (k *Keeper) Receive(c *actor.Context[Msg], m Msg) {
	switch m := m.(type) {
	case usageReady:
		for _, u := range k.shared.take() {
			k.step(c, k.usage(u))
		}
	case Received:
		k.received(c, m)
	case answered:
		k.answered(c, m)
	case wake:
		k.timer = nil
		k.step(c, limits.Tick{})
	case Peers:
		k.step(c, limits.Peers{Processes: m.Processes})
	case Hint:
		spare := limits.Counts{}
		for b, s := range m.Status {
			spare[b] = s.Spare
		}
		k.step(c, limits.Hint{From: m.From, Spare: spare})
	case Configure:
		k.step(c, limits.Configure{Declared: m.Declared, Change: m.Change})
	case Quit:
		k.quit = append(k.quit, m.Done)
		k.step(c, limits.Quit{})
	}
	k.arm(c)
}

// step gives the node an event and does what it wants.
func (k *Keeper) step(c *actor.Context[Msg], e limits.Event) {
	if k.left {
		return
	}
	effects := k.node.Step(k.cfg.Clock(), e)
	k.shared.setUntil(k.node)
	k.remember()
	noted := false
	for _, x := range effects {
		noted = k.do(c, x) || noted
	}
	k.show(noted)
}

// do carries out an effect, and tells whether an operator should see it soon.
func (k *Keeper) do(c *actor.Context[Msg], x limits.Effect) (noted bool) {
	switch x := x.(type) {
	case limits.Entitle:
		k.shared.entitle(x)
	case limits.Send:
		if l, ok := x.Msg.(limits.Lend); ok && l.N > 0 && k.forgetful {
			return false // like a message that is lost: nobody may use what a successor would not wait for
		}
		k.send(x)
	case limits.CallLedger:
		k.call(x)
	case limits.Note:
		k.log(x)
		return true
	case limits.Began:
		k.cfg.Log.Debug("session with the ledger", "session", x.Session)
	case limits.Left:
		k.left = true
		for _, done := range k.quit {
			_ = done(struct{}{})
		}
		c.Stop(nil)
	}
	return false
}

// remember writes down what a guard of this process must know, before a slot
// can be used on the strength of it.
func (k *Keeper) remember() {
	if k.cfg.Remember == nil {
		return
	}
	all := k.node.Sessions()
	m := memory{len(all), all[0], k.node.LentUntil()}
	if m == k.remembered {
		return
	}
	err := k.cfg.Remember(all, m.lentUntil)
	if err != nil && !k.forgetful {
		k.cfg.Log.Error("what a successor must know could not be written; no slots are lent until it can", "err", err)
	}
	if k.forgetful = err != nil; !k.forgetful {
		k.remembered = m
	}
}

func (k *Keeper) log(x limits.Note) {
	level := slog.LevelInfo
	switch x.Kind {
	case limits.NoteFence, limits.NoteLost, limits.NoteConflict, limits.NoteLoanLost, limits.NoteDuplicate:
		level = slog.LevelWarn
	}
	if x.Kind == limits.NoteFence {
		k.shared.fences.Add(1)
	}
	k.cfg.Log.Log(k.ctx, level, string(x.Kind), "what", x.Text)
}

// usage is a governor's report as the node takes it.
func (k *Keeper) usage(u bucket.Usage) limits.Usage {
	var age time.Duration
	if !u.Oldest.IsZero() {
		age = time.Since(u.Oldest)
	}
	return limits.Usage{Bucket: u.Bucket, Version: u.Version, Open: u.Open, InUse: u.InUse, Waiting: u.Waiting, Age: age}
}

// arm sets the timer for when the node wants to look again.
func (k *Keeper) arm(c *actor.Context[Msg]) {
	at := k.node.Wake()
	if k.timer != nil {
		if at >= k.wakeAt {
			return
		}
		k.timer.Stop()
	}
	k.wakeAt = at
	k.timer = c.After(max(at-k.cfg.Clock(), 0), wake{})
}

const (
	publishEvery = time.Second
	viewEvery    = 200 * time.Millisecond
)

// show makes the present state visible to others, not too often.
func (k *Keeper) show(now bool) {
	t := k.cfg.Clock()
	if now || t-k.viewAt >= viewEvery {
		k.viewAt = t
		v := k.node.View(t)
		k.shared.view.Store(&v)
	}
	if k.cfg.Publish == nil || t-k.publishAt < publishEvery {
		return
	}
	k.publishAt = t
	for _, b := range k.node.View(t).Buckets {
		if s := StatusOf(b); s != k.published[b.Bucket] {
			k.published[b.Bucket] = s
			k.cfg.Publish(b.Bucket, s)
		}
	}
}

// Inspect implements actor.Inspector.
func (k *Keeper) Inspect() any { return k.node.View(k.cfg.Clock()) }

// counters are what a keeper has done so far.
type counters struct {
	fences, borrowed, lent, relayed atomic.Uint64
}
