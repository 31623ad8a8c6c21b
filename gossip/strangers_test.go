package gossip

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// TestLinkStrangers: who does not belong here is told apart, on both sides
// where both can know, and changes nothing.
func TestLinkStrangers(t *testing.T) {
	otherKey := strings.Repeat("k", 32)
	for _, tt := range []struct {
		name         string
		ours, theirs func(*LinkConfig)
		at           Kind // at the one who is dialled
		dialler      Kind // at the one who dials
	}{
		{"other key", withKey(string(testKey)), withKey(otherKey), OtherKey, OtherKey},
		{"we have a key, it has none", withKey(string(testKey)), withKey(""), OtherKey, ""},
		{"it has a key, we have none", withKey(""), withKey(string(testKey)), OtherKey, ""},
		{"other cluster", withKey(""), func(c *LinkConfig) { c.Cluster = "staging" }, OtherCluster, OtherCluster},
		{"other cluster, same key", withKey(string(testKey)), func(c *LinkConfig) { c.Cluster, c.SecretKey = "staging", testKey }, OtherCluster, OtherCluster},
		{"other protocol", withKey(""), func(c *LinkConfig) { c.Protocol = 2 }, OtherProtocol, OtherProtocol},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newLinkRig(t)
				a := r.listen("a", "10.0.0.1", tt.ours)
				b := r.listen("b", "10.0.0.2", tt.theirs)
				send(t, b, "a", "hello")
				<-time.After(MaxWait + 3*time.Second)
				p, ok := linkProblem(a, tt.at)
				t.Logf("%+v", p)
				if !ok || p.Subject != "10.0.0.2" {
					t.Errorf("dialled side: %+v", a.Problems())
				}
				q, ok := linkProblem(b, tt.dialler)
				t.Logf("%+v; %s", q, b.of("a").LastError)
				if tt.dialler != "" && (!ok || q.Subject != "a") || b.of("a").LastError == "" {
					t.Errorf("dialling side: %+v %+v", b.Problems(), b.Stats())
				}
				if len(a.received()) > 0 || len(a.Stats()) > 0 {
					t.Error("the stranger got in")
				}
			})
		})
	}
}

// TestLinkOtherPeer: a successor answers where the peer was.
func TestLinkOtherPeer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newLinkRig(t)
		a, b := r.listen("a", "10.0.0.1"), r.listen("b#2", "10.0.0.2")
		addr, _ := r.dir.resolve("b#2")
		r.dir.set("b#1", addr)
		send(t, a, "b#1", "for the dead")
		<-time.After(time.Second)
		if s := a.of("b#1"); !strings.Contains(s.LastError, ErrOtherPeer.Error()) {
			t.Errorf("%+v", s)
		}
		if len(b.received()) > 0 {
			t.Error("the successor got the message")
		}
	})
}

func TestLinkGarbage(t *testing.T) {
	hi := hello{protocol: 1, cluster: "test", id: "x"}.frame()
	frame := func(kind byte, length int) []byte { return appendFrameHeader(slices.Clone(hi), kind, length) }
	for _, tt := range []struct {
		name string
		sent []byte
		told bool
	}{
		{"http", []byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), true},
		{"silence", nil, false},
		{"half a hello", hi[:9], false},
		{"long hello", appendFrameHeader(nil, frameHello, 70000), true},
		{"no hello", appendFrameHeader(nil, framePing, 0), true},
		{"wrong magic", append(appendFrameHeader(nil, frameHello, 8), "nonsense"...), true},
		{"unknown frame", frame(9, 4), false},
		{"second hello", append(slices.Clone(hi), hi...), false},
		{"too large", frame(frameMessage, MaxMessage+1), false},
		{"ping with bytes", frame(framePing, 3), false},
		{"half a message", append(frame(frameMessage, 1000), 'x'), false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newLinkRig(t)
				a := r.listen("a", "10.0.0.1")
				c, err := r.net.Host("10.0.0.5").Dial(t.Context(), a.Addr().String())
				if err != nil {
					t.Fatal(err)
				}
				defer c.Close()
				_, _ = c.Write(tt.sent)
				began := time.Now()
				_, _ = io.Copy(io.Discard, c) // until it is closed
				if d := time.Since(began); d > silence {
					t.Errorf("closed after %v", d)
				}
				synctest.Wait()
				if _, ok := linkProblem(a, NotPeer); ok != tt.told && tt.told {
					t.Errorf("problems %+v", a.Problems())
				}
				if len(a.received()) > 0 {
					t.Error("handled")
				}
				b := r.listen("b", "10.0.0.2")
				send(t, b, "a", "fine")
				until(t, time.Second, "a peer still gets in", func() bool { return len(a.received()) == 1 })
			})
		})
	}
}

// TestLinkDouble: a second connection of the same peer replaces the first, and
// messages of the two are not handled at the same time.
func TestLinkDouble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newLinkRig(t)
		var at, most atomic.Int32
		a := r.listen("a", "10.0.0.1", func(c *LinkConfig) {
			c.Handle = func(string, []byte) {
				most.Store(max(most.Load(), at.Add(1)))
				<-time.After(time.Millisecond)
				at.Add(-1)
			}
		})
		var conns []net.Conn
		for range 5 {
			c, err := r.net.Host("10.0.0.5").Dial(t.Context(), a.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			b := hello{protocol: 1, cluster: "test", id: "x"}.frame()
			for range 20 {
				b = append(appendFrameHeader(b, frameMessage, 1), 'm')
			}
			_, _ = c.Write(b)
			conns = append(conns, c)
		}
		<-time.After(silence / 2)
		if most.Load() != 1 {
			t.Errorf("%d at the same time", most.Load())
		}
		open := 0
		for _, c := range conns {
			_ = c.SetReadDeadline(time.Now().Add(time.Millisecond))
			_, err := io.Copy(io.Discard, c)
			var ne net.Error
			if errors.As(err, &ne) && ne.Timeout() {
				open++
			}
		}
		if open != 1 {
			t.Errorf("%d connections open", open)
		}
	})
}

func FuzzFrame(f *testing.F) {
	f.Add(hello{protocol: 1, cluster: "test", id: "a#1"}.frame())
	f.Add(appendFrameHeader(nil, frameMessage, 5))
	f.Add([]byte("GET / HTTP/1.1\r\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if kind, data, err := readFrame(bytes.NewReader(b), MaxMessage); err == nil {
			again := append(appendFrameHeader(nil, kind, len(data)), data...)
			if !bytes.HasPrefix(b, again) {
				t.Errorf("%x read as %x", b, again)
			}
		}
		h, err := readHello(bytes.NewReader(b))
		if err != nil {
			return
		}
		h2, err := readHello(bytes.NewReader(h.frame()))
		if err != nil || h2 != h {
			t.Errorf("%+v became %+v: %v", h, h2, err)
		}
		if binary.BigEndian.Uint32(h.frame())&0xffffff > maxHello {
			t.Error("hello above its limit")
		}
	})
}
