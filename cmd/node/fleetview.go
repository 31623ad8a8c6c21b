package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"sluice/actors/keeper"
	"sluice/gossip"
	"sluice/limits"
)

// This file is what people and programs see of a node's part in the fleet.

// fleetHealth is the fleet's part of /health.
type fleetHealth struct {
	Ledger   string   `json:"ledger"`
	Phase    string   `json:"phase"` // outside, inside, fencing
	ValidMS  int64    `json:"valid_for_ms"`
	Members  int      `json:"members"` // alive by gossip, this one included
	Problems []string `json:"problems,omitempty"`
}

func (f *fleet) health() *fleetHealth {
	v := f.slots.View()
	return &fleetHealth{
		Ledger: v.Ledger, Phase: v.Phase, ValidMS: v.ValidFor.Milliseconds(), Members: f.members(), Problems: f.problems(),
	}
}

func (f *fleet) members() int {
	g := f.gossip.Load()
	if g == nil {
		return 1
	}
	n := 0
	for _, m := range g.Members() {
		if m.State == gossip.Alive {
			n++
		}
	}
	return n
}

// problems lists what an operator should know of the fleet.
func (f *fleet) problems() []string {
	v := f.slots.View()
	out := slices.Clone(v.Conflicts)
	if v.Mute {
		out = append(out, fmt.Sprintf("another process that is alive has the name %s: neither witnesses until one of them is gone", f.self.Name()))
	}
	if g := f.gossip.Load(); g != nil {
		for _, p := range g.Problems() {
			out = append(out, p.Text)
		}
	}
	if l := f.links.Load(); l != nil {
		for _, p := range l.Problems() {
			out = append(out, p.Text)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// serving tells whether the node may have backend connections, or can expect
// to soon.
func (f *fleet) serving() bool {
	if f.alone {
		return true // its ledger is in its own memory
	}
	v := f.slots.View()
	if v.Phase == "inside" && v.Settled {
		return true
	}
	for _, b := range v.Buckets {
		if b.Entitled > 0 {
			return true
		}
	}
	return false
}

// fleetReport is the fleet as this node sees it: by itself, by gossip, and by
// the ledger, asked now.
type fleetReport struct {
	View        limits.View    `json:"view"`
	Nodes       []nodeReport   `json:"nodes"`
	Buckets     []bucketReport `json:"buckets"`
	LedgerError string         `json:"ledger_error,omitempty"`
	Problems    []string       `json:"problems,omitempty"`
}

// nodeReport is a node by gossip.
type nodeReport struct {
	Node    string        `json:"node"`
	Process string        `json:"process"`
	State   string        `json:"state"`
	Addr    string        `json:"addr"`
	Version string        `json:"version"`
	Since   time.Duration `json:"since_ns"`
}

// bucketReport is a bucket over all nodes. Ledger is -1 where it was not heard.
type bucketReport struct {
	Bucket  string        `json:"bucket"`
	Limit   int           `json:"limit"`
	Owned   int           `json:"owned"`
	Ledger  int           `json:"ledger"`
	Open    int           `json:"open"`
	InUse   int           `json:"in_use"`
	Waiting int           `json:"waiting"`
	Nodes   []shareReport `json:"nodes"`
}

type shareReport struct {
	Node string `json:"node"`
	Self bool   `json:"self,omitempty"`
	keeper.Status
	Ledger     int           `json:"ledger"`     // owned by the ledger's word; -1 if it was not heard
	Difference int           `json:"difference"` // to what the node says
	Age        time.Duration `json:"age_ns"`     // of what the node said
}

func (f *fleet) report(ctx context.Context) *fleetReport {
	v := f.slots.View()
	r := &fleetReport{View: v, Problems: f.problems()}
	if g := f.gossip.Load(); g != nil {
		for _, m := range g.Members() {
			r.Nodes = append(r.Nodes, nodeReport{m.Name, m.ID, string(m.State), m.Addr, m.Info.Version, time.Since(m.Since)})
		}
	}
	held, err := f.heldByLedger(ctx)
	if err != nil {
		r.LedgerError = err.Error()
	}
	others := f.heardOf()
	for _, b := range v.Buckets {
		r.Buckets = append(r.Buckets, f.bucketReport(b, others, held))
	}
	return r
}

// sums returns each bucket over all nodes by gossip, without asking the ledger.
func (f *fleet) sums() map[string]bucketReport {
	if f.alone {
		return nil
	}
	out, others := map[string]bucketReport{}, f.heardOf()
	for _, b := range f.slots.View().Buckets {
		out[b.Bucket] = f.bucketReport(b, others, nil)
	}
	return out
}

// heldByLedger asks the ledger what each process owns; nil if it does not say.
func (f *fleet) heldByLedger(ctx context.Context) (map[limits.Process]limits.Counts, error) {
	reply, err := f.ledger.Do(ctx, limits.List{})
	if err != nil {
		return nil, err
	}
	if reply.Status != limits.OK {
		return nil, fmt.Errorf("the ledger is %s", reply.Status)
	}
	held := map[limits.Process]limits.Counts{}
	for s, st := range reply.Sessions {
		p := s.Process()
		if held[p] == nil {
			held[p] = limits.Counts{}
		}
		for b, n := range st.Held {
			held[p][b] += n
		}
	}
	return held, nil
}

func (f *fleet) bucketReport(b limits.BucketView, others map[limits.Process]map[string]heard, held map[limits.Process]limits.Counts) bucketReport {
	out := bucketReport{Bucket: b.Bucket, Limit: b.Limit, Ledger: -1}
	add := func(p limits.Process, s keeper.Status, age time.Duration) {
		sh := shareReport{Node: p.Name(), Self: p == f.self, Status: s, Ledger: -1, Age: age}
		if held != nil {
			sh.Ledger = held[p][b.Bucket]
			sh.Difference = s.Owned - sh.Ledger
		}
		out.Owned += s.Owned
		out.Open += s.Open
		out.InUse += s.InUse
		out.Waiting += s.Waiting
		out.Nodes = append(out.Nodes, sh)
	}
	add(f.self, keeper.StatusOf(b), 0)
	for p, m := range others {
		if h, ok := m[b.Bucket]; ok {
			add(p, h.status, h.age+time.Since(h.at))
		}
	}
	for p, c := range held {
		if _, known := others[p]; !known && p != f.self && c[b.Bucket] > 0 {
			add(p, keeper.Status{}, 0) // gossip does not know it
		}
	}
	slices.SortFunc(out.Nodes, func(x, y shareReport) int { return cmp.Compare(x.Node, y.Node) })
	if held != nil {
		out.Ledger = 0
		for _, c := range held {
			out.Ledger += c[b.Bucket]
		}
	}
	return out
}
