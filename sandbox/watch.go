package sandbox

import (
	"sync/atomic"
	"time"

	"sluice/tds"
)

// watchTick is how often the server looks for requests that take long; after
// one to two ticks a request's connection is watched for an attention. Most
// requests are over by then and pay two atomic writes: neither a second
// goroutine nor a timer of their own, which would cost as much as the rest of
// a short request, takes part in them.
const watchTick = 2 * time.Millisecond

// idleTicks is for how many ticks without a request the server goes on looking.
const idleTicks = 50

// States of a watch, in the low bits of its word; the rest counts requests.
const (
	watchOff   = 0
	watchArmed = 1 // a request runs
	watchFired = 2 // a packet is being read, or has been and is to be collected
	watchMask  = 3
	watchNext  = 4
)

// watch reads one packet while a request runs, so that an attention or the end
// of the connection is seen at once. Whatever it reads, the session gets from
// collect when it asks for the next packet.
type watch struct {
	word   atomic.Uint64
	seen   uint64 // word at the tick before; the watchdog's own
	result chan watched
	read   func() (tds.Header, []byte, error)
	notice func(watched)
	dog    *watchdog
}

type watched struct {
	header  tds.Header
	payload []byte
	err     error
}

// newWatch makes a watch that hands what it reads to notice, on a goroutine of
// its own, before collect returns it.
func newWatch(r *packetReader, dog *watchdog, notice func(watched)) *watch {
	return &watch{result: make(chan watched, 1), read: r.read, notice: notice, dog: dog}
}

// arm starts the watch for a request that is about to run. From then to disarm
// the session does not read.
func (w *watch) arm() {
	if v := w.word.Load(); v&watchMask == watchOff {
		w.word.Store(v + watchNext + watchArmed)
		w.dog.wake()
	}
}

// disarm ends the watch after the request, unless it is reading already.
func (w *watch) disarm() {
	if v := w.word.Load(); v&watchMask == watchArmed {
		w.word.CompareAndSwap(v, v-watchArmed)
	}
}

// collect waits for what a watch that fired reads; ok is false if it did not fire.
func (w *watch) collect() (p watched, ok bool) {
	v := w.word.Load()
	if v&watchMask != watchFired {
		return p, false
	}
	p = <-w.result
	w.word.Store(v - watchFired)
	return p, true
}

// look starts to read if the same request has been running since the look
// before. It reports whether any request has run since.
func (w *watch) look() (active bool) {
	v := w.word.Load()
	active = v != w.seen
	if v&watchMask == watchArmed {
		active = true
		if v == w.seen && w.word.CompareAndSwap(v, v-watchArmed+watchFired) {
			go w.run()
		}
	}
	w.seen = v
	return active
}

func (w *watch) run() {
	var p watched
	p.header, p.payload, p.err = w.read()
	w.notice(p)
	w.result <- p
}

// watchdog looks at all watches at every tick, while there are requests.
type watchdog struct {
	awake atomic.Bool
	start func(func())            // runs a function on a goroutine that the server waits for
	each  func(look func(*watch)) // visits all watches
	done  <-chan struct{}         // ends it
}

// wake starts the watchdog if it sleeps.
func (d *watchdog) wake() {
	if !d.awake.Load() && d.awake.CompareAndSwap(false, true) {
		d.start(d.run)
	}
}

func (d *watchdog) run() {
	tick := time.NewTicker(watchTick)
	defer tick.Stop()
	for idle := 0; ; {
		select {
		case <-d.done:
			return
		case <-tick.C:
		}
		if idle++; d.look() {
			idle = 0
		}
		if idle < idleTicks {
			continue
		}
		d.awake.Store(false)
		// A request that began since the last look found the watchdog awake.
		if !d.look() || !d.awake.CompareAndSwap(false, true) {
			return
		}
		idle = 0
	}
}

func (d *watchdog) look() (active bool) {
	d.each(func(w *watch) {
		if w.look() {
			active = true
		}
	})
	return active
}
