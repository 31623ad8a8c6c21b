package gossip

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"sluice/gossip/gossiptest"
)

// node is a peer with what it received.
type node struct {
	*Links
	mu  sync.Mutex
	got []string // "from: message"
}

func (n *node) received() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.got)
}

// directory is a resolver that tests change.
type directory struct {
	mu sync.Mutex
	m  map[string]string
}

func (d *directory) set(id, addr string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if addr == "" {
		delete(d.m, id)
	} else {
		d.m[id] = addr
	}
}

func (d *directory) resolve(id string) (string, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	a, ok := d.m[id]
	return a, ok
}

type linkRig struct {
	t   *testing.T
	net *gossiptest.Network
	dir *directory
}

func newLinkRig(t *testing.T) *linkRig {
	return &linkRig{t: t, net: gossiptest.New(), dir: &directory{m: map[string]string{}}}
}

// listen starts a peer on a host of the network in memory.
func (r *linkRig) listen(id, ip string, change ...func(*LinkConfig)) *node {
	r.t.Helper()
	h := r.net.Host(ip)
	ln, err := h.Listen(0)
	if err != nil {
		r.t.Fatal(err)
	}
	n := &node{}
	cfg := LinkConfig{ID: id, Cluster: "test", Protocol: 1, Resolve: r.dir.resolve, Listener: ln, Dial: h.Dial}
	cfg.Handle = func(from string, msg []byte) {
		n.mu.Lock()
		defer n.mu.Unlock()
		n.got = append(n.got, from+": "+string(msg))
	}
	for _, f := range change {
		f(&cfg)
	}
	if n.Links, err = Listen(cfg); err != nil {
		r.t.Fatal(err)
	}
	r.dir.set(id, ln.Addr().String())
	r.t.Cleanup(func() { _ = n.Close() })
	return n
}

func send(t *testing.T, l *node, to, msg string) {
	t.Helper()
	if err := l.Send(to, []byte(msg)); err != nil {
		t.Fatal(err)
	}
}

func (n *node) of(id string) PeerStats {
	for _, s := range n.Stats() {
		if s.ID == id {
			return s
		}
	}
	return PeerStats{}
}

func linkProblem(n *node, k Kind) (Problem, bool) { return problemOf(n.Problems(), k) }

var testKey = []byte("0123456789abcdef0123456789abcdef")

func withKey(k string) func(*LinkConfig) {
	return func(c *LinkConfig) { c.SecretKey = []byte(k) }
}

// bubble runs a test without a key and with one.
func bubble(t *testing.T, f func(*testing.T, *linkRig, func(*LinkConfig))) {
	for _, key := range []string{"", string(testKey)} {
		t.Run(fmt.Sprintf("key of %d bytes", len(key)), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { f(t, newLinkRig(t), withKey(key)) })
		})
	}
}

func TestLinkOrder(t *testing.T) {
	bubble(t, func(t *testing.T, r *linkRig, key func(*LinkConfig)) {
		r.net.SetDelay(time.Millisecond, 5*time.Millisecond)
		a, b := r.listen("a", "10.0.0.1", key), r.listen("b", "10.0.0.2", key)
		const count = 3000
		for i := range count {
			for errors.Is(a.Send("b", []byte(fmt.Sprint(i))), ErrFull) {
				<-time.After(time.Millisecond)
			}
			if i%3 == 0 {
				send(t, b, "a", fmt.Sprint(i))
			}
		}
		big := strings.Repeat("x", MaxMessage)
		send(t, a, "b", big)
		send(t, a, "b", "")
		until(t, 5*time.Second, "all messages", func() bool { return len(b.received()) == count+2 && len(a.received()) == count/3 })
		got := b.received()
		for i := range count {
			if got[i] != fmt.Sprint("a: ", i) {
				t.Fatalf("message %d is %q", i, got[i])
			}
		}
		if got[count] != "a: "+big || got[count+1] != "a: " {
			t.Error("the largest or the empty message is wrong")
		}
		if err := a.Send("b", make([]byte, MaxMessage+1)); !errors.Is(err, ErrTooLarge) {
			t.Error(err)
		}
		for _, to := range []string{"nobody", "a"} {
			if err := a.Send(to, nil); !errors.Is(err, ErrUnknownPeer) {
				t.Error(to, err)
			}
		}
		s, in := a.of("b"), b.of("a")
		if !s.Connected || !s.Inbound || s.Sent != count+2 || s.Received != count/3 || in.Received != count+2 || in.BytesReceived != s.BytesSent || s.LastError != "" {
			t.Errorf("%+v\n%+v", s, in)
		}
		// Idle, it stays up.
		<-time.After(5 * time.Minute)
		if s := a.of("b"); !s.Connected || s.LastError != "" {
			t.Errorf("after a while: %+v", s)
		}
	})
}

func TestLinkRestart(t *testing.T) {
	bubble(t, func(t *testing.T, r *linkRig, key func(*LinkConfig)) {
		a, b := r.listen("a", "10.0.0.1", key), r.listen("b", "10.0.0.2", key)
		send(t, a, "b", "1")
		until(t, time.Second, "1", func() bool { return len(b.received()) == 1 })
		_ = b.Close()
		send(t, a, "b", "lost or late") // its address answers with a refusal
		b = r.listen("b", "10.0.0.3", key)
		d := until(t, 5*time.Second, "a message at the new address", func() bool {
			_ = a.Send("b", []byte("2"))
			return len(b.received()) > 0
		})
		t.Logf("after %v", d)
		// Gone for good: the address is unknown and the record goes.
		_ = b.Close()
		r.dir.set("b", "")
		_ = a.Send("b", []byte("3"))
		until(t, 2*time.Minute, "the record is gone", func() bool { return len(a.Stats()) == 0 })
		if err := a.Send("b", nil); !errors.Is(err, ErrUnknownPeer) {
			t.Error(err)
		}
	})
}

// TestLinkCut: TCP does not tell of a cut; the link finds out, drops what is
// late, and is there again soon after the cut is over.
func TestLinkCut(t *testing.T) {
	for _, oneWay := range []bool{false, true} {
		bubble(t, func(t *testing.T, r *linkRig, key func(*LinkConfig)) {
			a, b := r.listen("a", "10.0.0.1", key), r.listen("b", "10.0.0.2", key)
			send(t, a, "b", "1")
			until(t, time.Second, "1", func() bool { return len(b.received()) == 1 })
			if r.net.Cut("10.0.0.2", "10.0.0.1"); !oneWay {
				r.net.Cut("10.0.0.1", "10.0.0.2")
			}
			d := until(t, silence+time.Second, "noticed", func() bool { return !a.of("b").Connected })
			t.Logf("noticed after %v", d)
			send(t, a, "b", "late")
			<-time.After(time.Minute)
			s := a.of("b")
			if s.Dropped == 0 || s.LastError == "" || s.Queued != 0 {
				t.Errorf("%+v", s)
			}
			r.net.Heal()
			d = until(t, 3*time.Second, "a message", func() bool {
				_ = a.Send("b", []byte("2"))
				got := b.received()
				return got[len(got)-1] == "a: 2"
			})
			t.Logf("back after %v", d)
			if slices.Contains(b.received(), "a: late") {
				t.Error("a message of a minute ago arrived")
			}
		})
	}
}

func TestLinkFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newLinkRig(t)
		a := r.listen("a", "10.0.0.1")
		r.dir.set("b", "10.0.0.9:1") // nobody answers there
		full := 0
		for range QueueMessages + 100 {
			if err := a.Send("b", []byte("m")); errors.Is(err, ErrFull) {
				full++
			} else if err != nil {
				t.Fatal(err)
			}
		}
		if s := a.of("b"); full < 99 || s.Dropped != uint64(full) || s.Queued > QueueMessages {
			t.Errorf("%d refused, %+v", full, s)
		}
		until(t, time.Minute, "all late", func() bool { return a.of("b").Queued == 0 })
		big := make([]byte, MaxMessage)
		var err error
		for range 2 * QueueBytes / MaxMessage {
			err = errors.Join(err, a.Send("b", big))
		}
		if !errors.Is(err, ErrFull) {
			t.Error("bytes are not bounded")
		}
		until(t, time.Minute, "all late", func() bool { return a.of("b").Queued == 0 })
		a.mu.Lock()
		o := a.peers["b"].queue
		a.mu.Unlock()
		o.mu.Lock()
		defer o.mu.Unlock()
		if o.bytes != 0 {
			t.Errorf("%d bytes counted in an empty queue", o.bytes)
		}
	})
}
