package gossip

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// LinkConfig says what Listen needs.
type LinkConfig struct {
	// ID, Cluster, Protocol and SecretKey are those of Config.
	ID, Cluster string
	Protocol    int
	SecretKey   []byte
	// BindAddr is an IP address, empty for all; Port 0 is any port.
	BindAddr string
	Port     int
	// Resolve returns the present address of a peer, host:port. It is called
	// often, by several goroutines, and must not wait.
	Resolve func(id string) (addr string, ok bool)
	// Handle gets a message, which is its own to keep. Messages of one peer
	// come one after the other, those of several at the same time. It runs on
	// the goroutine that reads the link and must not wait, nor call Close.
	Handle func(from string, msg []byte)
	Log    *slog.Logger

	// Listener and Dial replace the network, in tests.
	Listener net.Listener
	Dial     func(ctx context.Context, addr string) (net.Conn, error)
}

// Limits and times of links.
const (
	QueueMessages = 1024    // waiting for one peer
	QueueBytes    = 4 << 20 // and their bytes
	// MaxWait is how long a message waits for a connection. Then it is
	// dropped: what is late is of no use to those who send heartbeats.
	MaxWait = 10 * time.Second

	dialTime     = 3 * time.Second
	greetTime    = 5 * time.Second
	writeTime    = 5 * time.Second
	pingEvery    = 3 * time.Second
	silence      = 9 * time.Second // without a pong, or anything from a dialler
	firstBackoff = 50 * time.Millisecond
	lastBackoff  = 2 * time.Second
	forgetIdle   = time.Minute
	maxPeers     = 8192
	maxGreeting  = 64 // connections that have not said yet who they are
	linkBuffer   = 4 << 10
)

// Links are this process's connections to its peers. Each side dials the
// connection that it sends on; the other direction of it carries only proofs
// of life. Its methods may be called by any goroutine.
type Links struct {
	cfg      LinkConfig
	log      *slog.Logger
	hello    hello
	tls      *tls.Config // nil without a key
	listener net.Listener
	book     *book

	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup
	greets chan struct{} // one for each connection that is being greeted

	mu     sync.Mutex
	peers  map[string]*peer
	closed bool
}

// Listen opens the port of this process's links.
func Listen(cfg LinkConfig) (*Links, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	l := &Links{
		cfg: cfg, log: cfg.Log, hello: hello{protocol: cfg.Protocol, cluster: cfg.Cluster, id: cfg.ID},
		book: newBook(), greets: make(chan struct{}, maxGreeting), peers: map[string]*peer{},
	}
	if l.log == nil {
		l.log = slog.New(slog.DiscardHandler)
	}
	l.ctx, l.cancel = context.WithCancel(context.Background())
	keepAlive := net.KeepAliveConfig{Enable: true, Idle: 15 * time.Second, Interval: 5 * time.Second, Count: 3}
	if len(cfg.SecretKey) > 0 {
		var err error
		if l.tls, err = tlsConfig(cfg.SecretKey); err != nil {
			return nil, err
		}
	}
	if l.listener = cfg.Listener; l.listener == nil {
		lc := net.ListenConfig{KeepAliveConfig: keepAlive}
		ln, err := lc.Listen(l.ctx, "tcp", net.JoinHostPort(cfg.BindAddr, strconv.Itoa(cfg.Port)))
		if err != nil {
			return nil, fmt.Errorf("links: %w", err)
		}
		l.listener = ln
	}
	if l.cfg.Dial == nil {
		l.cfg.Dial = func(ctx context.Context, addr string) (net.Conn, error) {
			d := net.Dialer{KeepAliveConfig: keepAlive}
			return d.DialContext(ctx, "tcp", addr)
		}
	}
	l.wg.Go(l.accept)
	l.wg.Go(l.tidy)
	return l, nil
}

func (c *LinkConfig) check() error {
	var errs []error
	if !printable(c.ID, MaxID) || !printable(c.Cluster, MaxCluster) || c.Protocol < 0 {
		errs = append(errs, fmt.Errorf("%w: ID %.40q, cluster %.40q or protocol %d", ErrConfig, c.ID, c.Cluster, c.Protocol))
	}
	if net.ParseIP(c.BindAddr) == nil && c.BindAddr != "" {
		errs = append(errs, fmt.Errorf("%w: bind address %q is not an IP address", ErrConfig, c.BindAddr))
	}
	if c.Port < 0 || c.Port > 65535 {
		errs = append(errs, fmt.Errorf("%w: port %d does not exist", ErrConfig, c.Port))
	}
	if c.Resolve == nil || c.Handle == nil {
		errs = append(errs, fmt.Errorf("%w: links need Resolve and Handle", ErrConfig))
	}
	return errors.Join(append(errs, checkKey(c.SecretKey))...)
}

// Addr is the address the links are listening on.
func (l *Links) Addr() net.Addr { return l.listener.Addr() }

// Send queues a message for a peer and never waits. It arrives at most once,
// after those sent before it on the same connection; when a connection breaks,
// what was under way is lost. Send takes msg over. The error is ErrFull,
// ErrUnknownPeer, ErrTooLarge or ErrClosed.
func (l *Links) Send(to string, msg []byte) error {
	if len(msg) > MaxMessage {
		return fmt.Errorf("message of %d bytes, limit %d: %w", len(msg), MaxMessage, ErrTooLarge)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return ErrClosed
	}
	p := l.peers[to]
	if p == nil || p.stop == nil {
		if err := l.dialer(to); err != nil {
			return err
		}
		p = l.peers[to]
	}
	return p.enqueue(msg, time.Now())
}

// dialer starts the goroutine that sends to a peer. The lock is held.
func (l *Links) dialer(to string) error {
	if _, ok := l.cfg.Resolve(to); !ok || to == l.cfg.ID {
		return fmt.Errorf("%.60q: %w", to, ErrUnknownPeer)
	}
	p, err := l.peer(to)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(l.ctx)
	p.stop = cancel
	l.wg.Go(func() {
		defer cancel()
		p.run(ctx)
	})
	return nil
}

// peer returns the record of a peer. The lock is held.
func (l *Links) peer(id string) (*peer, error) {
	p := l.peers[id]
	if p == nil {
		if len(l.peers) >= maxPeers {
			return nil, fmt.Errorf("%d peers already: %w", maxPeers, ErrFull)
		}
		p = &peer{links: l, id: id, queue: newOutbox()}
		p.used.Store(time.Now())
		l.peers[id] = p
	}
	return p, nil
}

// PeerStats are figures of one peer.
type PeerStats struct {
	ID string
	// Connected says that the connection we send on is up; Inbound that the
	// peer has one to us.
	Connected, Inbound       bool
	Queued                   int
	Sent, Received           uint64 // messages handed to the connection; handled
	Dropped                  uint64 // full queue, late, or lost with a connection
	BytesSent, BytesReceived uint64 // of messages
	LastError                string
	LastErrorAt              time.Time
}

// Stats returns figures of all peers, by ID. They start anew for a peer that
// was forgotten after a minute without a link.
func (l *Links) Stats() []PeerStats {
	l.mu.Lock()
	all := make([]PeerStats, 0, len(l.peers))
	for _, p := range l.peers {
		all = append(all, p.stats())
	}
	l.mu.Unlock()
	slices.SortFunc(all, func(a, b PeerStats) int { return strings.Compare(a.ID, b.ID) })
	return all
}

// Problems returns what an operator should know, oldest first: who could not
// be a peer, and why.
func (l *Links) Problems() []Problem { return l.book.list() }

// refuse records an error with a peer or host that is more than a lost
// connection.
func (l *Links) refuse(subject string, err error) {
	var kind Kind
	switch {
	case errors.Is(err, ErrOtherKey):
		kind = OtherKey
	case errors.Is(err, ErrOtherCluster):
		kind = OtherCluster
	case errors.Is(err, ErrOtherProtocol):
		kind = OtherProtocol
	case errors.Is(err, ErrNotPeer), errors.Is(err, ErrTooLarge):
		kind = NotPeer
	default:
		return
	}
	text := "link with " + subject + ": " + shown(err.Error())
	if l.book.note(kind, subject, text, time.Now()) {
		l.log.Warn("gossip: "+text, "kind", string(kind), "subject", subject)
	}
}

// tidy forgets peers that Resolve does not know any more, and old problems.
func (l *Links) tidy() {
	tick := time.NewTicker(pingEvery)
	defer tick.Stop()
	for {
		select {
		case <-l.ctx.Done():
			return
		case <-tick.C:
		}
		now := time.Now()
		l.book.sweep(now)
		l.mu.Lock()
		ids := make([]string, 0, len(l.peers))
		for id := range l.peers {
			ids = append(ids, id)
		}
		l.mu.Unlock()
		for _, id := range ids {
			if _, ok := l.cfg.Resolve(id); !ok {
				l.forget(id, now)
			}
		}
	}
}

func (l *Links) forget(id string, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	p := l.peers[id]
	if p == nil || p.queue.len() > 0 || now.Sub(p.used.Load().(time.Time)) < forgetIdle {
		return
	}
	if p.stop != nil {
		p.stop()
		p.stop = nil
	}
	if p.in == nil {
		delete(l.peers, id)
	}
}

// Close ends all links and waits for their goroutines. What is queued is lost.
func (l *Links) Close() error {
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return nil
	}
	l.closed = true
	l.mu.Unlock()
	l.cancel()
	err := l.listener.Close()
	l.wg.Wait()
	return err
}
