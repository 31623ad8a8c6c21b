package backend

import (
	"errors"
	"io"
	"net"
	"time"

	"sluice/tds"
)

// Conn is a connection to a server, logged in. It has one user at a time: the
// session that leases it, or the goroutine that cleans it.
type Conn struct {
	Net     net.Conn     // what to read and write: TCP, or TLS over it
	tcp     *net.TCPConn // nil in tests over pipes
	Answer  *Answer
	Key     Key
	Version tds.Version // layout of tokens
	SPID    uint16      // the server's session id
	Born    time.Time
	// IdleSince and CheckedAt belong to the governor: since when nobody has
	// leased the connection, and when its server last answered.
	IdleSince, CheckedAt time.Time
	// Session belongs to whoever has the connection: the session that leases it,
	// else the governor.
	Session Session
	// Kept says that something was set in the server's session that no reset takes
	// back: nobody else may have the connection (Clean). It is never unset, and
	// belongs to the same as Session.
	Kept bool

	bucket       string
	cleanTimeout time.Duration
	unwatch      func()
}

// Bucket is the id of the bucket the connection belongs to.
func (c *Conn) Bucket() string { return c.bucket }

// closeLinger is how long a closing connection waits for the server to close
// its side. Only then is the server's session certain to be gone, and the slot
// free to be used again.
const closeLinger = time.Second

// Close ends the connection in order: it says goodbye, waits up to a second
// for the server to hang up, and closes. It returns when the socket is closed.
func (c *Conn) Close() {
	c.forget()
	if c.tcp == nil {
		_ = c.Net.Close()
		return
	}
	CloseGracefully(c.tcp)
}

// CloseGracefully is Close for a connection that has not logged in yet.
func CloseGracefully(tcp *net.TCPConn) {
	if tcp.CloseWrite() == nil {
		_ = tcp.SetReadDeadline(time.Now().Add(closeLinger))
		_, _ = io.Copy(io.Discard, tcp)
	}
	_ = tcp.Close()
}

// Abort closes the socket at once, with an RST where there is TCP, which
// unblocks whoever uses it. It waits for nobody: TLS says no goodbye. It may be
// called by any goroutine, and returns when the socket is closed.
func (c *Conn) Abort() {
	c.forget()
	if c.tcp == nil {
		_ = c.Net.Close()
		return
	}
	abort(c.tcp)
}

func abort(tcp *net.TCPConn) {
	_ = tcp.SetLinger(0)
	_ = tcp.Close()
}

// Watch has died called once, on another goroutine, if the server hangs up
// before the connection is closed here. It must be called before the
// connection is shared, and died must not block.
func (c *Conn) Watch(w *Watcher, died func()) { c.unwatch = w.add(c.tcp, died) }

func (c *Conn) forget() {
	if c.unwatch != nil {
		c.unwatch()
	}
}

// ErrUnsynced says that a connection's reader and the server disagree on where
// a response ends; it can only be closed.
var ErrUnsynced = errors.New("backend: out of step with the server")
