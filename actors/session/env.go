package session

import (
	"crypto/tls"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"sluice/actors/actor"
	"sluice/actors/backend"
	"sluice/actors/bucket"
	"sluice/actors/refusal"
	"sluice/actors/tenants"
	"sluice/tds"
)

// Env is what all sessions of a node share.
type Env struct {
	System      *actor.System
	Node        string
	Log         *slog.Logger
	Metrics     *Metrics
	Credentials *Credentials
	// Routing is replaced as a whole by a reload.
	Routing atomic.Pointer[Routing]

	TLS          *tls.Config // nil: clients are told there is no encryption
	TLSRequired  bool
	Strict       bool // TDS 8.0 is served
	LoginTimeout time.Duration
	CleanTimeout time.Duration // for the answer to an attention whose client is gone
	ErrorStyle   refusal.Style
	Match        backend.Match
	Product      tds.ProductVersion // told in PRELOGIN answers

	Watcher *backend.Watcher // of connections that sessions open themselves

	// Ports counts the goroutines that serve sockets.
	Ports    sync.WaitGroup
	sessions registry
	dozer    atomic.Pointer[dozer]
	finished atomic.Uint64 // clients that could be of the sample
	conns    atomic.Int64
	wrapped  *tls.Config // TLS for TDS 7.x
}

// Routing is the part of Env that a reload replaces.
type Routing struct {
	// Route returns the id of the bucket that serves a login, "" if none does.
	Route          func(*tds.Login7) string
	Mapping        Mapping
	SessionTimeout time.Duration // of sessions that start from now on; 0: none
	Console        Console       // nil: there is none
	ClientSample   int           // one of so many clients is logged when it ends; 0: none
	ClientSlow     time.Duration // one that waited so long is logged in any case; 0: never
	// Pooling says how the sessions of a login that goes to a bucket share its
	// backends; nil: as the bucket says.
	Pooling func(*tds.Login7, *Bucket) (*Sharing, *Observing)
	Buckets map[string]*Bucket
}

// Bucket is a bucket as sessions see it.
type Bucket struct {
	ID                 string
	Governor           bucket.Ref
	Username, Password string // for mapped logins without credentials of their own
	Metrics            *BucketMetrics
	// Sharing makes sessions of pooled logins take backends request by request;
	// nil: each has its own until it ends.
	Sharing *Sharing
	// Observing counts what transaction pooling would pin; nil: nobody asks.
	Observing *Observing
}

// Counter and Summary are what sessions need of a metrics library.
type (
	Counter interface{ Inc() }
	Summary interface{ Update(v float64) }
)

// Metrics are a node's instruments for sessions. All must be set.
type Metrics struct {
	LoginSeconds Summary // from accept to the login's answer
	// Dropped counts clients that were dropped before they had logged in, by reason.
	Dropped func(reason string) Counter
	Clients atomic.Int64 // connected
	// Handshakes counts TLS handshakes with clients by version, "" for those
	// that failed; nil: nobody counts.
	Handshakes func(version string) Counter
	// Tenants is told what leases have cost whom; nil: nobody asks.
	Tenants *tenants.Table
}

// BucketMetrics are a bucket's instruments for sessions. QuerySeconds,
// ServerPackets and Errors must be set, the others may be nil.
type BucketMetrics struct {
	QuerySeconds Summary
	Requests     [256]Counter // by packet type
	// Cancels counts attentions of clients, Abandoned those sent for clients
	// that had left.
	Cancels, Abandoned Counter
	// Replays counts batches of ours that gave a backend a client's settings,
	// Resets the resets between two clients that went out with a request.
	Replays, Resets Counter
	// Packets counts packets by direction and type.
	ClientPackets [256]Counter // by packet type, nil where there is none
	ServerPackets Counter
	Errors        func(kind string) Counter
}

// Connections is the number of client connections that are open.
func (e *Env) Connections() int { return int(e.conns.Load()) }
