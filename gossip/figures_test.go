package gossip

import (
	"crypto/rand"
	"fmt"
	"math"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// TestFigures measures whole clusters in virtual time: run it with
//
//	go test ./gossip -run TestFigures -figures -v -timeout 30m
//
// Each member publishes 120 values of 50 bytes under keys such as bucket-001.
func TestFigures(t *testing.T) {
	sizes := []int{3, 16, 100}
	if !*figures {
		if testing.Short() {
			t.Skip("short")
		}
		sizes = sizes[:1]
	}
	for _, n := range sizes {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { measure(t, n) })
		})
	}
}

const buckets = 120

func measure(t *testing.T, n int) {
	c := newCluster(t)
	all := c.startAll(n, func(c *Config) { c.SecretKey = testKey })
	t.Logf("%d members: all knew all after %v", n, c.converge(n, all...))
	body := make([]byte, 50)
	_, _ = rand.Read(body)
	bucket := func(b int) string { return fmt.Sprintf("bucket-%03d", b) }
	version := map[int]uint64{}
	put := func(i, b int) {
		if err := all[i].Publish(bucket(b), body); err != nil {
			t.Fatal(err)
		}
		version[i*buckets+b]++
	}
	began := time.Now()
	for i := range all {
		for b := range buckets {
			put(i, b)
		}
	}
	have := func(g *Gossip) (n int) {
		g.Each(func(string, string, uint64, []byte, time.Duration) { n++ })
		return n
	}
	look := time.Duration(max(n/10, 1)) * 100 * time.Millisecond
	for !every(all, func(g *Gossip) bool { return have(g) == (n-1)*buckets }) {
		<-time.After(look)
		if time.Since(began) > 10*time.Minute {
			t.Errorf("not all values everywhere: %d of %d", have(all[0]), (n-1)*buckets)
			break
		}
	}
	t.Logf("%d members: all %d values were everywhere after %v", n, n*buckets, time.Since(began))
	for !every(all, func(g *Gossip) bool { return g.queue.len() == 0 }) {
		<-time.After(look)
	}
	t.Logf("%d members: queues empty after %v", n, time.Since(began))

	sent := func() (bytes, packets, streams int64) {
		for i := range all {
			p, b, s := c.net.Host(ip(i)).Sent()
			bytes, packets, streams = bytes+b, packets+p, streams+s
		}
		return bytes, packets, streams
	}
	rate := func(what string, d time.Duration, work func()) {
		b0, p0, s0 := sent()
		began := time.Now()
		work()
		for time.Since(began) < d {
			<-time.After(100 * time.Millisecond)
		}
		b1, p1, s1 := sent()
		secs := time.Since(began).Seconds() * float64(n)
		t.Logf("%d members, %s: each sends %.0f B/s in %.1f packets/s, and %.0f B/s of full state",
			n, what, float64(b1-b0)/secs, float64(p1-p0)/secs, float64(s1-s0)/secs)
	}
	rate("at rest", 3*time.Minute, func() {})

	// One value changes, all else at rest.
	var took []time.Duration
	for i := range 20 {
		from := i * 7 % n
		put(from, i)
		want := version[from*buckets+i]
		d := until(t, time.Minute, "update", func() bool {
			return every(all, func(g *Gossip) bool {
				return g == all[from] || g.store.version(all[from].cfg.ID, bucket(i)) == want
			})
		})
		took = append(took, d)
		<-time.After(time.Second)
	}
	slices.Sort(took)
	t.Logf("%d members: one update reaches the last after %v (median), %v (worst of %d)", n, took[len(took)/2], took[len(took)-1], len(took))

	// Every member changes u values a second.
	for _, u := range []int{1, 10, 120} {
		next := 0
		var oldest, mean float64
		rate(fmt.Sprintf("%d updates/s each", u), 30*time.Second, func() {
			for range 30 * 10 {
				for i := range all {
					for k := range u {
						// A tenth of a second's share in each tenth.
						if (k+i)%10 == next%10 {
							put(i, (next/10*u+k)%buckets)
						}
					}
				}
				next++
				<-time.After(100 * time.Millisecond)
			}
			oldest, mean = staleness(all, version, bucket)
		})
		t.Logf("%d members, %d updates/s each: a copy is %.2f versions behind on average, %.0f at most; %d queued at one", n, u, mean, oldest, all[0].queue.len())
		<-time.After(20 * time.Second)
	}
}

func every(all []*Gossip, ok func(*Gossip) bool) bool {
	return !slices.ContainsFunc(all, func(g *Gossip) bool { return !ok(g) })
}

func (s *store) version(id, key string) uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if o := s.origins[id]; o != nil {
		return o.entries[key].version
	}
	return 0
}

// staleness compares all copies with what was published last.
func staleness(all []*Gossip, version map[int]uint64, bucket func(int) string) (most, mean float64) {
	count := 0
	for _, g := range all {
		for i, from := range all {
			if g == from {
				continue
			}
			for b := range buckets {
				d := float64(version[i*buckets+b]) - float64(g.store.version(from.cfg.ID, bucket(b)))
				most, mean, count = math.Max(most, d), mean+d, count+1
			}
		}
	}
	return most, mean / float64(max(count, 1))
}
