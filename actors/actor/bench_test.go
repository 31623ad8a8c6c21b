package actor

import (
	"context"
	"runtime"
	"sync/atomic"
	"testing"
)

type benchMsg interface{ benchMsg() }

type tick struct{}

func (tick) benchMsg() {}

type query struct{ reply Reply[int] }

func (query) benchMsg() {}

// sink counts what it receives and answers what is asked.
type sink struct{ n atomic.Int64 }

func (s *sink) Receive(_ *Context[benchMsg], m benchMsg) {
	switch m := m.(type) {
	case tick:
		s.n.Add(1)
	case query:
		_ = m.reply(1)
	}
}

// flood tells n ticks to refs in turn, yielding while a mailbox is full.
func flood(n int, refs []Ref[benchMsg]) {
	for i := range n {
		for refs[i%len(refs)].Tell(tick{}) != nil {
			runtime.Gosched()
		}
	}
}

func benchTell(b *testing.B, actors int) {
	s := NewSystem()
	k := new(sink)
	refs := make([]Ref[benchMsg], actors)
	for i := range refs {
		refs[i] = Spawn(s, "sink", func() Actor[benchMsg] { return k }, nil)
	}
	b.ReportAllocs()
	b.ResetTimer()
	flood(b.N, refs)
	for k.n.Load() < int64(b.N) {
		runtime.Gosched()
	}
	b.StopTimer()
	shutdown(b, s)
}

func BenchmarkTell1To1(b *testing.B)    { benchTell(b, 1) }
func BenchmarkTell1To1000(b *testing.B) { benchTell(b, 1000) }

// BenchmarkTellIdle sends each message to an actor that is idle.
func BenchmarkTellIdle(b *testing.B) {
	s := NewSystem()
	k := new(sink)
	ref := Spawn(s, "sink", func() Actor[benchMsg] { return k }, nil)
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		_ = ref.Tell(tick{})
		for k.n.Load() <= int64(i) {
			runtime.Gosched()
		}
	}
	b.StopTimer()
	shutdown(b, s)
}

func BenchmarkAsk(b *testing.B) {
	s := NewSystem()
	ref := Spawn(s, "sink", func() Actor[benchMsg] { return new(sink) }, nil)
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	b.ReportAllocs()
	b.ResetTimer()
	for b.Loop() {
		if _, err := Ask(ctx, ref, func(r Reply[int]) benchMsg { return query{r} }); err != nil {
			b.Fatal(err)
		}
	}
	b.StopTimer()
	shutdown(b, s)
}

func BenchmarkSpawn(b *testing.B) {
	s := NewSystem()
	k := new(sink)
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		Spawn(s, "sink", func() Actor[benchMsg] { return k }, nil)
	}
	b.StopTimer()
	shutdown(b, s)
}

func BenchmarkSpawnParallel(b *testing.B) {
	s := NewSystem()
	k := new(sink)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			Spawn(s, "sink", func() Actor[benchMsg] { return k }, nil)
		}
	})
	b.StopTimer()
	shutdown(b, s)
}

// memory returns heap and stacks in use, in bytes.
func memory() float64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc + m.StackInuse)
}

// BenchmarkIdleMemory reports the bytes an idle actor costs, its registry entry and
// small state included: fresh, and after it has handled 100 messages.
func BenchmarkIdleMemory(b *testing.B) {
	const actors = 100_000
	for b.Loop() {
		s := NewSystem()
		k := new(sink)
		refs := make([]Ref[benchMsg], actors)
		before := memory()
		for i := range refs {
			refs[i] = Spawn(s, "sink", func() Actor[benchMsg] { return k }, nil)
		}
		b.ReportMetric((memory()-before)/actors, "B/fresh")
		for i := range refs { // one after the other: no crowd of goroutines to be counted
			flood(100, refs[i:i+1])
			for k.n.Load() < int64(100*(i+1)) {
				runtime.Gosched()
			}
		}
		b.ReportMetric((memory()-before)/actors, "B/used")
		b.ReportMetric(float64(runtime.NumGoroutine()), "goroutines")
		shutdown(b, s)
		runtime.KeepAlive(refs)
	}
}

// BenchmarkTellHere is BenchmarkTellIdle on the caller's goroutine.
func BenchmarkTellHere(b *testing.B) {
	s := NewSystem()
	ref := Spawn(s, "sink", func() Actor[benchMsg] { return new(sink) }, nil)
	b.ReportAllocs()
	for b.Loop() {
		_ = ref.TellHere(tick{})
	}
	shutdown(b, s)
}
