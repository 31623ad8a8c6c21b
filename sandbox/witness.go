package sandbox

import (
	"net"
	"sync"
	"time"
)

// EventKind is what an Event reports.
type EventKind string

// Kinds of events.
const (
	EventConnect EventKind = "connect" // TCP connection accepted
	EventLogin   EventKind = "login"   // session logged in
	EventRefuse  EventKind = "refuse"  // login refused: MaxConnections reached
	EventFailure EventKind = "failure" // login refused for another reason
	EventLogout  EventKind = "logout"  // session ended
	EventClose   EventKind = "close"   // TCP connection closed
)

// Event is one change of the counts. Connections and Sessions are the counts
// after it.
type Event struct {
	At          time.Duration // since the server's start, on the monotonic clock
	Kind        EventKind
	Connection  uint32 // number of the TCP connection, from 1
	SPID        int    // 0 before login
	User        string
	Database    string
	Connections int
	Sessions    int
}

// Stats are the server's counts.
type Stats struct {
	Connections      int // TCP connections open, from accept to close
	PeakConnections  int
	TotalConnections int
	Sessions         int // logged in
	PeakSessions     int
	TotalLogins      int
	FailedLogins     int // wrong password, unknown database and the like
	Refused          int // logins past MaxConnections
	Requests         int
	Attentions       int
	Resets           int
}

// witness counts connections and sessions. A connection whose client has
// already closed its end is not counted even if its goroutine has not noticed
// yet: otherwise one who closes a connection and then opens another could be
// seen with both.
type witness struct {
	start time.Time
	max   int // sessions; 0 no limit
	keep  int

	mu     sync.Mutex
	peers  *peerWatch // nil once the server is closed
	stats  Stats
	open   map[uint32]*witnessed
	events []Event // ring of keep events once full
	oldest int
}

// witnessed is what the witness knows of one TCP connection.
type witnessed struct {
	id       uint32
	gone     bool // counted out: closed by us or by the client
	session  bool // counted in Sessions
	spid     int
	user, db string
}

func newWitness(maxSessions, keep int) (*witness, error) {
	peers, err := newPeerWatch()
	if err != nil {
		return nil, err
	}
	return &witness{start: time.Now(), max: maxSessions, keep: keep, peers: peers, open: make(map[uint32]*witnessed)}, nil
}

// close ends the watch of the clients; the counts stay.
func (w *witness) close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.peers == nil {
		return nil
	}
	err := w.peers.close()
	w.peers = nil
	return err
}

// connected counts a connection that was just accepted.
func (w *witness) connected(conn net.Conn) *witnessed {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stats.TotalConnections++
	c := &witnessed{id: uint32(w.stats.TotalConnections)}
	if w.peers != nil {
		// Failing, the connection counts until its goroutine has noticed its end.
		_ = w.peers.add(conn, c.id)
	}
	w.open[c.id] = c
	w.stats.Connections++
	w.sweep() // of this one too: its client may have left before it was accepted
	w.stats.PeakConnections = max(w.stats.PeakConnections, w.stats.Connections)
	w.record(EventConnect, c)
	return c
}

// loggedIn counts a session, or reports that MaxConnections is reached.
func (w *witness) loggedIn(c *witnessed, spid int, user, db string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sweep()
	c.user, c.db = user, db
	if w.max > 0 && w.stats.Sessions >= w.max {
		w.stats.Refused++
		w.record(EventRefuse, c)
		return false
	}
	w.stats.TotalLogins++
	c.spid = spid
	if !c.gone {
		c.session = true
		w.stats.Sessions++
		w.stats.PeakSessions = max(w.stats.PeakSessions, w.stats.Sessions)
	}
	w.record(EventLogin, c)
	return true
}

func (w *witness) loginFailed(c *witnessed, user, db string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	c.user, c.db = user, db
	w.stats.FailedLogins++
	w.record(EventFailure, c)
}

// closed counts out a connection that the server closes.
func (w *witness) closed(c *witnessed) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.open, c.id)
	w.countOut(c)
}

func (w *witness) countOut(c *witnessed) {
	if c.gone {
		return
	}
	c.gone = true
	if c.session {
		c.session = false
		w.stats.Sessions--
		w.record(EventLogout, c)
	}
	w.stats.Connections--
	w.record(EventClose, c)
}

// sweep counts out the connections whose clients have closed their end.
func (w *witness) sweep() {
	if w.peers == nil {
		return
	}
	w.peers.closed(func(id uint32) {
		if c := w.open[id]; c != nil {
			w.countOut(c)
		}
	})
}

func (w *witness) record(kind EventKind, c *witnessed) {
	if w.keep == 0 {
		return
	}
	e := Event{
		At: time.Since(w.start), Kind: kind, Connection: c.id, SPID: c.spid, User: c.user, Database: c.db,
		Connections: w.stats.Connections, Sessions: w.stats.Sessions,
	}
	if len(w.events) < w.keep {
		w.events = append(w.events, e)
		return
	}
	w.events[w.oldest] = e
	w.oldest = (w.oldest + 1) % w.keep
}

func (w *witness) snapshot() Stats {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sweep()
	return w.stats
}

func (w *witness) log() []Event {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append(append([]Event(nil), w.events[w.oldest:]...), w.events[:w.oldest]...)
}
