package gossip

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestMeta(t *testing.T) {
	m := meta{protocol: 3, name: "node-1", info: Info{"10.0.0.1:7947", "1.2.3", "w", "c"}}
	b, err := m.encode()
	if err != nil {
		t.Fatal(err)
	}
	if got, err := decodeMeta(append(b, "of a later version"...), 3); err != nil || got != m {
		t.Errorf("%+v %v", got, err)
	}
	// Another protocol may have other fields.
	if got, err := decodeMeta(b[:2+7], 4); err != nil || got.protocol != 3 || got.name != "node-1" {
		t.Errorf("%+v %v", got, err)
	}
	for i := range b {
		if _, err := decodeMeta(b[:i], 3); err == nil {
			t.Errorf("%d bytes are enough", i)
		}
	}
	m.info.Config = strings.Repeat("c", MaxMeta)
	if _, err := m.encode(); !errors.Is(err, ErrTooLarge) {
		t.Error(err)
	}
}

func FuzzMeta(f *testing.F) {
	b, _ := meta{protocol: 1, name: "n", info: Info{"a:1", "v", "w", "c"}}.encode()
	f.Add(b)
	f.Add([]byte{metaFormat, 2, 1, 'n'})
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := decodeMeta(b, 1)
		if err != nil || m.protocol != 1 {
			return
		}
		again, err := m.encode()
		if err != nil {
			return // longer than what may be sent
		}
		if m2, err := decodeMeta(again, 1); err != nil || m2 != m {
			t.Errorf("%+v became %+v: %v", m, m2, err)
		}
	})
}

func FuzzEntries(f *testing.F) {
	now := time.Now()
	b := appendGroup(appendHeader(nil, 1), "node-1#1", 2)
	b = appendEntry(b, "key", entry{7, []byte("value"), now}, now)
	b = appendEntry(b, byeKey, entry{8, nil, now.Add(-time.Hour)}, now)
	f.Add(b)
	f.Add(appendGroup(appendHeader(nil, 1), "x", 1<<40))
	f.Fuzz(func(t *testing.T, b []byte) {
		s := newStore()
		n := 0
		err := decodeEntries(b, 1, func(id, key []byte, version uint64, age time.Duration, value []byte) {
			n++
			s.merge(id, key, version, age, value, now, func(string) bool { return false })
		})
		if n > len(b)/4 {
			t.Errorf("%d entries in %d bytes", n, len(b))
		}
		if len(s.list()) > maxStrangers {
			t.Error("too many strangers")
		}
		if err != nil {
			return
		}
		// What was stored is read again as it was.
		again := appendHeader(nil, 1)
		for _, o := range s.list() {
			entries := s.of(o, nil)
			again = appendGroup(again, o.id, len(entries))
			for _, e := range entries {
				again = appendEntry(again, e.key, e.entry, now)
			}
		}
		err = decodeEntries(again, 1, func(id, key []byte, version uint64, _ time.Duration, value []byte) {
			if e := s.get(string(id)).entries[string(key)]; e.version != version || !bytes.Equal(e.value, value) {
				t.Errorf("%q %q: %d %q became %d %q", id, key, e.version, e.value, version, value)
			}
		})
		if err != nil {
			t.Error(err)
		}
	})
}

// contents lists "id key version" of a message.
func contents(t *testing.T, b []byte) (all []string) {
	t.Helper()
	if err := decodeEntries(b, 1, func(id, key []byte, version uint64, _ time.Duration, _ []byte) {
		all = append(all, fmt.Sprintf("%s %s %d", id, key, version))
	}); err != nil {
		t.Fatal(err)
	}
	return all
}

func TestQueueTransmits(t *testing.T) {
	now := time.Now()
	q := newQueue()
	q.add("a", "k", entry{1, []byte("v"), now}, 0)
	q.add("b", "k", entry{1, []byte("v"), now}, 0)
	for i := range 4 {
		if got := contents(t, q.take(1300, 4, 1, now)); len(got) != 2 {
			t.Fatalf("packet %d has %v", i, got)
		}
	}
	if b := q.take(1300, 4, 1, now); b != nil || q.len() != 0 {
		t.Errorf("sent once more: %q", b)
	}
}

// TestQueueFair: a value that changes before every packet does not keep out one
// that changed once, and no packet is above its limit.
func TestQueueFair(t *testing.T) {
	now := time.Now()
	q := newQueue()
	big := make([]byte, 100)
	busy := 0
	for i := range 100 {
		q.add("quiet", fmt.Sprint(i), entry{1, big, now}, 0)
	}
	seen := map[string]bool{}
	for v := range uint64(40) {
		for i := range 20 {
			q.add("busy", fmt.Sprint(i), entry{v + 1, big, now}, 0)
		}
		b := q.take(1300, 8, 1, now)
		if len(b) > 1300 {
			t.Fatalf("%d bytes", len(b))
		}
		for _, c := range contents(t, b) {
			if strings.HasPrefix(c, "busy") {
				busy++
			}
			seen[c] = true
		}
	}
	quiet := len(seen)
	for c := range seen {
		if strings.HasPrefix(c, "busy") {
			quiet--
		}
	}
	if quiet != 100 || busy == 0 {
		t.Errorf("%d of 100 quiet values were sent, and %d busy ones", quiet, busy)
	}
}

func TestQueueReplace(t *testing.T) {
	now := time.Now()
	q := newQueue()
	q.add("a", "k", entry{2, nil, now}, 0)
	q.add("a", "k", entry{1, nil, now}, 0) // older
	q.add("a", "l", entry{1, nil, now}, 3)
	q.first("a", byeKey, entry{1, nil, now})
	if got := contents(t, q.take(1300, 4, 1, now)); fmt.Sprint(got) != "[a  1 a k 2 a l 1]" {
		t.Errorf("%v", got)
	}
	if q.has("a", "l") || !q.has("a", "k") {
		t.Error("the one offered for the last time is still there, or the other is not")
	}
	q.add("a", "k", entry{3, nil, now}, 0) // starts again
	for range 4 {
		q.take(1300, 4, 1, now)
	}
	if q.len() != 0 {
		t.Errorf("%d left", q.len())
	}
	for i := range maxQueued + 10 {
		q.add("a", fmt.Sprint(i), entry{1, nil, now}, 0)
	}
	if q.len() != maxQueued {
		t.Errorf("%d queued", q.len())
	}
	q.drop("a")
	if q.len() != 0 || q.take(1300, 4, 1, now) != nil {
		t.Error("not empty")
	}
}

func TestConfig(t *testing.T) {
	good := Config{ID: "a", Name: "a", Cluster: "c"}
	if err := good.check(); err != nil {
		t.Error(err)
	}
	for _, change := range []func(*Config){
		func(c *Config) { c.ID = "" },
		func(c *Config) { c.ID = "a\n" },
		func(c *Config) { c.ID = strings.Repeat("a", MaxID+1) },
		func(c *Config) { c.Cluster = "" },
		func(c *Config) { c.Protocol = -1 },
		func(c *Config) { c.BindAddr = "localhost" },
		func(c *Config) { c.BindAddr = "::" },
		func(c *Config) { c.AdvertiseAddr = "node-1" },
		func(c *Config) { c.BindPort = 70000 },
		func(c *Config) { c.SecretKey = []byte("short") },
		func(c *Config) { c.Preset = "moon" },
	} {
		c := good
		change(&c)
		if _, err := Start(c); !errors.Is(err, ErrConfig) {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

func TestBook(t *testing.T) {
	now := time.Now()
	b := newBook()
	for i := range 2 * maxProblems {
		b.note(NotPeer, fmt.Sprint(i), "x", now)
	}
	if n := len(b.list()); n != maxProblems {
		t.Errorf("%d problems", n)
	}
	if b.note(NotPeer, "1", "y", now.Add(time.Minute)) {
		t.Error("new again")
	}
	b.sweep(now.Add(forgetAfter))
	if p := b.list(); len(p) != 1 || p[0].Text != "y" || p[0].Count != 2 || !p[0].Since.Equal(now) {
		t.Errorf("%+v", p)
	}
	if s := shown("a\x00\n\"" + strings.Repeat("x", 500)); strings.ContainsAny(s, "\x00\n") || len(s) > 200 {
		t.Errorf("%q", s)
	}
}
