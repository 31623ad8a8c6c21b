//go:build linux

package backend

import (
	"net"
	"sync/atomic"
	"testing"
)

func watcher(t *testing.T) *Watcher {
	t.Helper()
	w, err := NewWatcher()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	return w
}

// flush waits until w has dealt with everything that happened before.
func flush(t *testing.T, w *Watcher) {
	t.Helper()
	ours, theirs := tcpPair(t)
	seen := make(chan struct{})
	(&Conn{Net: ours, tcp: ours}).Watch(w, func() { close(seen) })
	theirs.Close()
	<-seen
}

func TestWatcherNoticesOnce(t *testing.T) {
	for name, hangUp := range map[string]func(*net.TCPConn){
		"FIN":             func(c *net.TCPConn) { c.Close() },
		"half close":      func(c *net.TCPConn) { _ = c.CloseWrite() },
		"RST":             func(c *net.TCPConn) { _ = c.SetLinger(0); c.Close() },
		"words, then FIN": func(c *net.TCPConn) { _, _ = c.Write([]byte("bye")); c.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			w := watcher(t)
			ours, theirs := tcpPair(t)
			var n atomic.Int32
			seen := make(chan struct{}, 9)
			c := &Conn{Net: ours, tcp: ours}
			c.Watch(w, func() { n.Add(1); seen <- struct{}{} })
			hangUp(theirs)
			<-seen
			theirs.Close()
			flush(t, w)
			if n.Load() != 1 {
				t.Errorf("told %d times", n.Load())
			}
		})
	}
}

func TestWatcherOfAPeerAlreadyGone(t *testing.T) {
	w := watcher(t)
	ours, theirs := tcpPair(t)
	c := &Conn{Net: ours, tcp: ours}
	theirs.Close()
	eventually(t, "FIN", func() bool { return !c.Alive() })
	seen := make(chan struct{})
	c.Watch(w, func() { close(seen) })
	<-seen
}

func TestWatcherIgnoresDataAndOwnClose(t *testing.T) {
	w := watcher(t)
	var n atomic.Int32
	for _, end := range []func(*Conn){(*Conn).Abort, (*Conn).Close} {
		ours, theirs := tcpPair(t)
		c := &Conn{Net: ours, tcp: ours}
		c.Watch(w, func() { n.Add(1) })
		_, _ = theirs.Write([]byte("a response"))
		flush(t, w)
		closed := make(chan struct{})
		go func() { end(c); close(closed) }()
		_, _ = theirs.Read(make([]byte, 1))
		theirs.Close()
		<-closed
		flush(t, w)
	}
	if n.Load() != 0 {
		t.Errorf("told %d times", n.Load())
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.entries) != 0 {
		t.Errorf("%d entries left", len(w.entries))
	}
}

// A connection that gets a closed one's descriptor must not inherit its watch,
// and must be noticed itself.
func TestWatcherReusedDescriptor(t *testing.T) {
	w := watcher(t)
	for range 50 {
		var old, young atomic.Int32
		a, aPeer := tcpPair(t)
		ca := &Conn{Net: a, tcp: a}
		ca.Watch(w, func() { old.Add(1) })
		ca.Abort()
		aPeer.Close()

		b, bPeer := tcpPair(t)
		cb := &Conn{Net: b, tcp: b}
		seen := make(chan struct{})
		cb.Watch(w, func() { young.Add(1); close(seen) })
		ca.Close() // again, late: must not end the watch of its successor
		bPeer.Close()
		<-seen
		cb.Abort()
		if old.Load() != 0 || young.Load() != 1 {
			t.Fatalf("the old one was told %d times, the new one %d", old.Load(), young.Load())
		}
	}
}

func TestWatcherClosed(t *testing.T) {
	w := watcher(t)
	w.Close()
	w.Close()
	ours, _ := tcpPair(t)
	c := &Conn{Net: ours, tcp: ours}
	c.Watch(w, func() { t.Error("told by a watcher that has ended") })
	c.Abort()
	var none *Watcher
	c.Watch(none, nil)
	none.Close()
	c.forget()
}
