package load

import (
	"context"
	"database/sql"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

// Run is a run under way. Its methods may be called from any goroutine, but
// Wait once only.
type Run struct {
	config  Config
	homes   []int     // bucket of each client
	handles []*sql.DB // of each bucket
	record  *recorder
	start   time.Time

	started atomic.Int64 // operations
	cancel  context.CancelFunc
	stop    context.CancelFunc // of the ticks
	clients sync.WaitGroup
	ticks   sync.WaitGroup

	mu     sync.Mutex
	series []Point
}

// Start starts the clients of a run. They end with ctx, at the end of the
// configured time or after the configured number of operations. Whoever starts
// a run must Wait for it. watch, if not nil, is called after each tick.
func Start(ctx context.Context, c Config, watch func(*Run, Point)) (*Run, error) {
	c, err := c.withDefaults()
	if err != nil {
		return nil, err
	}
	r := &Run{config: c, homes: assign(c.Clients, c.Buckets), record: newRecorder(c.Clients, len(c.Buckets))}
	for _, b := range c.Buckets {
		h, err := Open(c.Target, b.Database)
		if err != nil {
			return nil, errors.Join(err, r.closeHandles())
		}
		r.handles = append(r.handles, h)
	}
	ticking, stop := context.WithCancel(context.WithoutCancel(ctx))
	ctx, cancel := context.WithTimeout(ctx, c.Duration)
	r.cancel, r.stop, r.start = cancel, stop, time.Now()
	for i, b := range r.homes {
		cl := &client{run: r, index: i, bucket: b, row: c.FirstRow + i, rng: rand.New(rand.NewPCG(c.Seed, uint64(i)))}
		r.clients.Go(func() { cl.live(ctx) })
	}
	r.ticks.Go(func() { r.tick(ticking, watch) })
	return r, nil
}

// Stop ends the run before its time; operations under way are finished.
func (r *Run) Stop() { r.cancel() }

// Wait waits for the end of the run and returns what came out of it.
func (r *Run) Wait() (Result, error) {
	r.clients.Wait()
	end := time.Now()
	r.cancel()
	r.stop()
	r.ticks.Wait()
	return r.result(end), r.closeHandles()
}

func (r *Run) closeHandles() error {
	var failed []error
	for _, h := range r.handles {
		failed = append(failed, h.Close())
	}
	return errors.Join(failed...)
}

// admit counts an operation that is about to start and tells whether it may.
func (r *Run) admit() bool {
	n, most := r.started.Add(1), r.config.MaxOperations
	if most == 0 || n <= most {
		return true
	}
	r.cancel()
	return false
}

// tick adds a point to the series at every tick, and one for the rest at the end.
func (r *Run) tick(ctx context.Context, watch func(*Run, Point)) {
	t := time.NewTicker(r.config.Tick)
	defer t.Stop()
	for on := true; on; {
		select {
		case <-t.C:
		case <-ctx.Done():
			on = false
		}
		p := r.record.endTick(time.Since(r.start))
		r.mu.Lock()
		r.series = append(r.series, p)
		r.mu.Unlock()
		if watch != nil && on {
			watch(r, p)
		}
	}
}

// Series returns the points so far; they are not changed afterwards.
func (r *Run) Series() []Point {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.series[:len(r.series):len(r.series)]
}

// Started is the moment from which the times of the run count.
func (r *Run) Started() time.Time { return r.start }
