package main

import (
	"context"
	"maps"
	"slices"
	"time"

	"sluice/actors/keeper"
	"sluice/gossip"
	"sluice/limits"
)

// heard is what gossip says of a bucket on another node.
type heard struct {
	version uint64
	status  keeper.Status
	age     time.Duration
	at      time.Time
}

// listenEvery bounds how often the news of gossip are read.
const listenEvery = 200 * time.Millisecond

// listen tells the keeper what gossip says of other nodes.
func (f *fleet) listen(ctx context.Context) {
	pause := time.NewTimer(0)
	defer pause.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-f.changed:
		}
		f.hear()
		pause.Reset(listenEvery)
		select {
		case <-ctx.Done():
			return
		case <-pause.C:
		}
	}
}

func (f *fleet) hear() {
	g := f.gossip.Load()
	var alive []limits.Process
	for _, m := range g.Members() {
		if !m.Self && m.State == gossip.Alive {
			alive = append(alive, limits.Process(m.ID))
		}
	}
	_ = f.keeper.Tell(keeper.Peers{Processes: alive})
	f.mu.Lock()
	defer f.mu.Unlock()
	fresh := map[limits.Process]bool{}
	now := time.Now()
	g.Each(func(from, key string, version uint64, value []byte, age time.Duration) {
		p := limits.Process(from)
		if p == f.self || f.heard[p][key].version == version && version > 0 {
			return
		}
		s, err := keeper.DecodeStatus(value)
		if err != nil {
			f.log.Debug("usage of another node not understood", "from", from, "bucket", key, "err", err)
			return
		}
		if f.heard[p] == nil {
			f.heard[p] = map[string]heard{}
		}
		f.heard[p][key] = heard{version, s, age, now}
		fresh[p] = true
	})
	for p := range f.heard {
		if !slices.Contains(alive, p) {
			delete(f.heard, p)
		}
	}
	for p := range fresh {
		if f.heard[p] == nil {
			continue
		}
		all := map[string]keeper.Status{}
		for b, h := range f.heard[p] {
			all[b] = h.status
		}
		_ = f.keeper.Tell(keeper.Hint{From: p, Status: all})
	}
}

// heardOf returns what gossip says of other nodes.
func (f *fleet) heardOf() map[limits.Process]map[string]heard {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := map[limits.Process]map[string]heard{}
	for p, m := range f.heard {
		out[p] = maps.Clone(m)
	}
	return out
}
