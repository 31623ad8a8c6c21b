package sandbox

import (
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"sluice/tds"
)

func TestWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var wg sync.WaitGroup
		done := make(chan struct{})
		packets := make(chan tds.Header, 1)
		var reads, noticed atomic.Int32
		var w *watch
		dog := &watchdog{start: wg.Go, each: func(look func(*watch)) { look(w) }, done: done}
		w = newWatch(&packetReader{}, dog, func(watched) { noticed.Add(1) })
		w.read = func() (tds.Header, []byte, error) {
			reads.Add(1)
			return <-packets, nil, nil
		}

		// Short requests are not watched, however many there are.
		for range 100 {
			w.arm()
			<-time.After(watchTick / 3)
			synctest.Wait()
			w.disarm()
			if _, ok := w.collect(); ok {
				t.Fatal("collected from a short request")
			}
		}
		if reads.Load() != 0 {
			t.Fatalf("%d reads for short requests", reads.Load())
		}

		// With nothing to do the watchdog goes to sleep, and wakes again.
		<-time.After(2 * idleTicks * watchTick)
		synctest.Wait()
		wg.Wait()
		if dog.awake.Load() {
			t.Fatal("watchdog is awake")
		}

		w.arm()
		<-time.After(3 * watchTick)
		synctest.Wait()
		if reads.Load() != 1 {
			t.Fatalf("%d reads for a long request", reads.Load())
		}
		packets <- tds.Header{Type: tds.PacketAttention}
		synctest.Wait()
		w.disarm()
		if p, ok := w.collect(); !ok || p.header.Type != tds.PacketAttention || noticed.Load() != 1 {
			t.Errorf("collected %+v, %v", p, ok)
		}

		// A read outlives its request: the next packet is the next request.
		w.arm()
		<-time.After(3 * watchTick)
		synctest.Wait()
		w.disarm()
		packets <- tds.Header{Type: tds.PacketSQLBatch}
		if p, ok := w.collect(); !ok || p.header.Type != tds.PacketSQLBatch {
			t.Errorf("collected %+v, %v", p, ok)
		}
		if _, ok := w.collect(); ok {
			t.Error("collected twice")
		}
		close(done)
		wg.Wait()
	})
}
