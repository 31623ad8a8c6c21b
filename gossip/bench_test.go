package gossip

import (
	"fmt"
	"runtime"
	"testing"
)

// BenchmarkLink sends a message to a peer on loopback and waits for its answer.
func BenchmarkLink(b *testing.B) {
	for _, key := range []string{"", string(testKey)} {
		b.Run(fmt.Sprintf("key=%t", key != ""), func(b *testing.B) {
			dir := &directory{m: map[string]string{}}
			back := make(chan struct{}, 1)
			echo := make(chan *Links, 1)
			listen := func(id string, handle func(string, []byte)) *Links {
				l, err := Listen(LinkConfig{
					ID: id, Cluster: "test", BindAddr: "127.0.0.1", SecretKey: []byte(key),
					Resolve: dir.resolve, Handle: handle,
				})
				if err != nil {
					b.Fatal(err)
				}
				b.Cleanup(func() { _ = l.Close() })
				dir.set(id, l.Addr().String())
				return l
			}
			asks := listen("a", func(string, []byte) { back <- struct{}{} })
			echo <- listen("b", func(from string, msg []byte) {
				l := <-echo
				_ = l.Send(from, msg)
				echo <- l
			})
			msg := make([]byte, 200)
			for b.Loop() {
				if err := asks.Send("b", msg); err != nil {
					b.Fatal(err)
				}
				<-back
			}
		})
	}
}

// BenchmarkLinkMemory reports what a connection costs at both its ends
// together.
func BenchmarkLinkMemory(b *testing.B) {
	for _, key := range []string{"", string(testKey)} {
		b.Run(fmt.Sprintf("key=%t", key != ""), func(b *testing.B) {
			const count = 100
			for b.Loop() {
				dir := &directory{m: map[string]string{}}
				got := make(chan struct{}, count)
				var all []*Links
				for i := range count + 1 {
					id := fmt.Sprint(i)
					l, err := Listen(LinkConfig{
						ID: id, Cluster: "test", BindAddr: "127.0.0.1", SecretKey: []byte(key),
						Resolve: dir.resolve, Handle: func(string, []byte) { got <- struct{}{} },
					})
					if err != nil {
						b.Fatal(err)
					}
					dir.set(id, l.Addr().String())
					all = append(all, l)
				}
				before := inUse()
				for _, l := range all[1:] {
					if err := l.Send("0", []byte("m")); err != nil {
						b.Fatal(err)
					}
				}
				for range count {
					<-got
				}
				b.ReportMetric(float64(inUse()-before)/count, "B/connection")
				for _, l := range all {
					_ = l.Close()
				}
			}
		})
	}
}

func inUse() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapInuse + m.StackInuse)
}
