package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"sluice/actors/actor"
	"sluice/actors/backend"
	"sluice/actors/bucket"
	"sluice/actors/refusal"
	"sluice/actors/session"
	"sluice/configs"
)

// node is one running Sluice node: it owns everything and decides the order in
// which parts start and end.
type node struct {
	log     *logger
	env     *session.Env
	system  *actor.System
	watcher *backend.Watcher
	metrics *nodeMetrics
	fleet   *fleet
	workers sync.WaitGroup // of the governors and the keeper
	accepts sync.WaitGroup
	web     sync.WaitGroup // HTTP servers

	mu      sync.Mutex // guards what a reload changes
	cfg     *configs.Config
	buckets map[string]*runningBucket
	again   func() (*configs.Config, error) // reads the configuration anew; nil: there is no file

	listener net.Listener
	servers  []*http.Server
	addrs    map[string]net.Addr // "tds", "health", "metrics", "debug"
	draining atomic.Bool
	scans    sync.Mutex // held by whoever looks at all sessions
	looks    overviews
	consoles context.Context // ends when operators are to be done
	silence  context.CancelFunc
	stopping chan struct{} // gets one when an operator wants the node to drain
	open     atomic.Bool   // clients are let in
	started  time.Time
}

type runningBucket struct {
	session.Bucket
	metrics *bucketMetrics
	target  *backend.Target
	pool    *pool
}

func newNode(cfg *configs.Config, log *logger) (*node, error) {
	for _, w := range cfg.Warnings {
		log.Warn(w)
	}
	watcher, err := backend.NewWatcher()
	if err != nil {
		return nil, err
	}
	n := &node{
		log: log, cfg: cfg, watcher: watcher, metrics: newNodeMetrics(), buckets: map[string]*runningBucket{},
		addrs: map[string]net.Addr{}, started: time.Now(), stopping: make(chan struct{}, 1),
	}
	n.consoles, n.silence = context.WithCancel(context.Background())
	n.system = actor.NewSystem(actor.OnPanic(func(i actor.Info, p *actor.PanicError) {
		log.Error("an actor panicked", "kind", i.Kind, "id", i.ID, "err", p.Error(), "stack", string(p.Stack))
	}))
	n.env = &session.Env{
		System: n.system, Node: cfg.Proxy.InstanceID, Log: log.Logger, Metrics: n.metrics.sessions,
		Credentials: session.NewCredentials(), TLSRequired: cfg.TLS.Mode == configs.TLSRequired, Strict: cfg.TLS.Strict,
		LoginTimeout: cfg.Proxy.LoginTimeout, CleanTimeout: cfg.Pool.CleanTimeout,
		ErrorStyle: errorStyle(cfg), Match: matching(cfg), Product: product, Watcher: watcher,
	}
	t, err := clientTLS(cfg, log)
	if err != nil {
		n.close()
		return nil, err
	}
	if t != nil {
		n.env.SetTLS(t)
	}
	if n.fleet, err = newFleet(cfg, n.system, &n.workers, n.metrics, log.Logger); err != nil {
		n.close()
		return nil, err
	}
	n.metrics.watch(n)
	n.fleet.declare(cfg, false)
	for _, b := range cfg.EffectiveBuckets() {
		if err := n.addBucket(cfg, b); err != nil {
			n.close()
			return nil, err
		}
	}
	n.publishRouting()
	return n, nil
}

// addBucket starts a bucket's governor. It is called before start or with mu held.
func (n *node) addBucket(cfg *configs.Config, b configs.EffectiveBucket) error {
	t, err := target(cfg, b)
	if err != nil {
		return err
	}
	m := n.metrics.bucket(b.ID)
	gc := bucket.Config{
		ID: b.ID, Node: cfg.Proxy.InstanceID, Settings: settings(cfg, b), Queue: queueSettings(b),
		Target: t, Warm: n.warm(cfg, b), Metrics: m.governor, Log: n.log.Logger,
	}
	rb := &runningBucket{metrics: m, target: t, pool: n.newPool(b.ID), Bucket: session.Bucket{
		ID: b.ID, Username: b.Username, Password: b.Password.Reveal(), Metrics: m.session,
	}}
	n.fleet.govern(&gc)
	rb.Governor = bucket.Spawn(n.system, gc, &n.workers, n.watcher)
	n.fleet.hire(b.ID, rb.Governor, func() bool {
		n.mu.Lock()
		defer n.mu.Unlock()
		now := n.buckets[b.ID]
		return now != nil && now.Governor == rb.Governor
	})
	n.buckets[b.ID] = rb
	return nil
}

// warm is the login for a bucket's min_idle connections, nil if it has no
// credentials of its own.
func (n *node) warm(cfg *configs.Config, b configs.EffectiveBucket) *bucket.Warm {
	l := warmLogin(cfg, b)
	if l == nil {
		return nil
	}
	login, key := backend.Request(l, n.env.Match)
	if b.Pooling == configs.PoolingTransaction {
		backend.Share(&login, &key)
	}
	return &bucket.Warm{Login: &login, Key: key, Digest: n.env.Credentials.Digest(b.ID, login.UserName, login.Password), Guess: true}
}

// publishRouting makes sessions see the current configuration.
func (n *node) publishRouting() {
	r := &session.Routing{Route: routeLogin(n.cfg), Mapping: mapping(n.cfg, n.env.Credentials), SessionTimeout: n.cfg.Proxy.SessionTimeout, Console: newConsole(n, n.cfg), ClientSample: n.cfg.Log.ClientSample, ClientSlow: n.cfg.Log.ClientSlow, Pooling: n.poolLogins(n.cfg), Buckets: map[string]*session.Bucket{}}
	for id, b := range n.buckets {
		r.Buckets[id] = &b.Bucket
	}
	n.env.Routing.Store(r)
}

// start opens the ports. The HTTP ones come first: whoever waits for the node
// to become ready asks there.
func (n *node) start() error {
	if err := n.startHTTP(); err != nil {
		return err
	}
	addr := net.JoinHostPort(n.cfg.Proxy.ListenAddr, strconv.Itoa(n.cfg.Proxy.ListenPort))
	lc := net.ListenConfig{KeepAliveConfig: net.KeepAliveConfig{
		Enable: n.cfg.Proxy.ClientKeepAlive > 0, Idle: n.cfg.Proxy.ClientKeepAlive, Interval: time.Second, Count: 10,
	}}
	l, err := lc.Listen(context.Background(), "tcp", addr)
	if err != nil {
		return fmt.Errorf("listen for clients: %w", err)
	}
	if err := n.fleet.start(n.cfg); err != nil {
		_ = l.Close()
		return err
	}
	n.listener, n.addrs["tds"] = l, l.Addr()
	n.open.Store(true)
	if err := n.env.StartDozing(dozeAfter); err != nil {
		return err
	}
	limit := n.cfg.Proxy.MaxClientConnections // only a restart changes it
	n.accepts.Go(func() { n.accept(limit) })
	n.log.Info("serving", "tds", l.Addr().String(), "buckets", len(n.buckets), "node", n.env.Node, "version", version,
		"ledger", n.fleet.describe())
	return nil
}

// accept serves at most limit clients at a time, 0 for any number.
func (n *node) accept(limit int) {
	for {
		c, err := n.listener.Accept()
		if err != nil {
			if errors.Is(err, net.ErrClosed) {
				return
			}
			// Out of file descriptors, mostly: it passes when clients leave.
			n.log.Error("accept failed", "err", err)
			time.Sleep(acceptRetry)
			continue
		}
		if limit > 0 && n.env.Connections() >= limit {
			// Before PRELOGIN there is no way to tell a client anything.
			n.metrics.sessions.Dropped("max_client_connections").Inc()
			_ = c.Close()
			continue
		}
		n.metrics.accepted.Inc()
		session.Accept(n.env, c.(*net.TCPConn))
	}
}

// acceptRetry is the pause after a failed accept.
const acceptRetry = 50 * time.Millisecond

// reload applies what of a new configuration can be applied to a running node.
// Connections of buckets that did not change are not touched.
func (n *node) reload(now *configs.Config) {
	n.mu.Lock()
	defer n.mu.Unlock()
	d := configs.Compare(n.cfg, now)
	for _, w := range now.Warnings {
		n.log.Warn(w)
	}
	for _, key := range d.Restart {
		n.log.Warn("changed, but takes effect only with a restart", "key", key)
	}
	n.log.level.Set(logLevel(now.Log.Level))
	for _, b := range d.Added {
		if err := n.addBucket(now, b); err != nil {
			n.log.Error("bucket could not be added", "bucket", b.ID, "err", err)
		}
	}
	for _, ch := range d.Changed {
		n.changeBucket(now, ch)
	}
	for _, b := range d.Removed {
		if rb := n.buckets[b.ID]; rb != nil {
			_ = rb.Governor.Tell(bucket.Shut{Cause: &refusal.Error{Cause: refusal.BucketRemoved, Bucket: b.ID, Node: n.env.Node}})
			delete(n.buckets, b.ID)
			n.metrics.forget(b.ID)
		}
	}
	n.fleet.declare(now, limitsChanged(d))
	n.cfg = now
	n.publishRouting()
	n.metrics.reloads.done(true)
	n.log.Info("reloaded", "added", len(d.Added), "changed", len(d.Changed), "removed", len(d.Removed), "buckets", len(n.buckets))
}

// bucketList returns the buckets in the order of their ids.
func (n *node) bucketList() []*runningBucket {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.SortedFunc(maps.Values(n.buckets), func(a, b *runningBucket) int { return strings.Compare(a.ID, b.ID) })
}

func (n *node) changeBucket(now *configs.Config, ch configs.BucketChange) {
	rb := n.buckets[ch.Old.ID]
	t, err := target(now, ch.New)
	if rb == nil || err != nil {
		n.log.Error("bucket could not be changed", "bucket", ch.New.ID, "err", err)
		return
	}
	changed := *rb
	changed.target, changed.Username, changed.Password = t, ch.New.Username, ch.New.Password.Reveal()
	n.buckets[ch.New.ID] = &changed
	_ = rb.Governor.Tell(bucket.Configure{Settings: settings(now, ch.New), Target: t, Queue: queueSettings(ch.New), Warm: n.warm(now, ch.New), Recycle: ch.Reconnect()})
}

// drain lets sessions end: new clients are turned away, idle ones are closed,
// the others go on until they are idle outside a transaction or
// shutdown_timeout ends.
func (n *node) drain() {
	n.mu.Lock()
	timeout := n.cfg.ShutdownTimeout
	n.mu.Unlock()
	n.log.Info("draining", "timeout", timeout, "clients", n.env.Connections())
	n.draining.Store(true) // the health check fails from now on
	if n.listener != nil {
		_ = n.listener.Close()
	}
	n.accepts.Wait()
	deadline := time.Now().Add(timeout)
	for n.env.Connections() > 0 && time.Now().Before(deadline) {
		session.DrainAll(n.env)
		time.Sleep(drainPoll)
	}
	if left := n.env.Connections(); left > 0 {
		n.log.Warn("shutdown_timeout reached, cutting the remaining clients", "clients", left)
	}
	n.close()
	n.log.Info("stopped")
}

// stop makes whoever runs the node drain it.
func (n *node) stop() {
	select {
	case n.stopping <- struct{}{}:
	default:
	}
}

// drainPoll is how often a draining node looks whether its clients have gone.
const drainPoll = 50 * time.Millisecond

// close ends everything at once. It may be called at any stage of starting.
func (n *node) close() {
	if n.listener != nil {
		_ = n.listener.Close()
	}
	n.accepts.Wait()
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	n.silence()
	session.KillAll(n.env, refusal.Draining)
	n.closeBuckets(ctx)
	if n.fleet != nil {
		n.fleet.leave(ctx)
	}
	_ = n.system.Shutdown(ctx, errors.New("the node is shutting down"))
	n.env.StopDozing()
	n.env.Ports.Wait()
	n.watcher.Close()
	n.workers.Wait()
	if n.fleet != nil {
		n.fleet.close()
	}
	for _, s := range n.servers {
		_ = s.Close()
	}
	n.web.Wait()
}

// closeBuckets closes backends in order, so that servers do not see them torn.
func (n *node) closeBuckets(ctx context.Context) {
	for id, b := range n.buckets {
		_ = b.Governor.Tell(bucket.Shut{Cause: &refusal.Error{Cause: refusal.Draining, Bucket: id, Node: n.env.Node}})
	}
	for _, b := range n.buckets {
		select {
		case <-b.Governor.Done():
		case <-ctx.Done():
		}
	}
}

// dozeAfter is how long a client is idle before its session gives up its
// goroutine. Shorter saves little memory and costs busy clients time.
const dozeAfter = time.Second

// closeTimeout bounds an orderly end.
const closeTimeout = 10 * time.Second
