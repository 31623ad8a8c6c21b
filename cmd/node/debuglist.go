package main

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"sluice/actors/actor"
	"sluice/actors/bucket"
	"sluice/actors/session"
)

// This file lists actors of one kind.

// kindInfo sums over the actors of a kind.
type kindInfo struct {
	Kind     string `json:"kind"`
	Count    int    `json:"count"`
	Handled  uint64 `json:"handled"`
	Dropped  uint64 `json:"dropped"`
	Restarts uint64 `json:"restarts"`
}

// actorInfo is one actor; State is there if it was asked for by id, or listed
// with state=1.
type actorInfo struct {
	ID       actor.ID      `json:"id"`
	Kind     string        `json:"kind"`
	Queued   int           `json:"queued"`
	Handled  uint64        `json:"handled"`
	Dropped  uint64        `json:"dropped"`
	Restarts int           `json:"restarts"`
	BusyFor  time.Duration `json:"busy_ns"`
	Age      time.Duration `json:"age_ns"`
	Bucket   string        `json:"bucket,omitempty"`
	State    any           `json:"state,omitempty"`
}

func infoOf(i actor.Info) actorInfo {
	return actorInfo{
		ID: i.ID, Kind: i.Kind, Queued: i.Queued, Handled: i.Handled, Dropped: i.Dropped,
		Restarts: i.Restarts, BusyFor: i.BusyFor, Age: i.Age,
	}
}

func (n *node) kinds() []kindInfo {
	var kinds []kindInfo
	for _, k := range n.system.Totals() {
		kinds = append(kinds, kindInfo(k))
	}
	slices.SortFunc(kinds, func(a, b kindInfo) int { return strings.Compare(a.Kind, b.Kind) })
	return kinds
}

// debugKind answers with the first actors of a kind in some order.
func (n *node) debugKind(ctx context.Context, w http.ResponseWriter, q url.Values) {
	limit, err := strconv.Atoi(cmp.Or(q.Get("n"), strconv.Itoa(defaultActors)))
	if err != nil || limit < 1 || limit > maxActors {
		http.Error(w, "n must be a number from 1 to "+strconv.Itoa(maxActors), http.StatusBadRequest)
		return
	}
	list := actorList{n: n, kind: q.Get("kind"), bucket: q.Get("bucket"), limit: limit, state: q.Get("state") != ""}
	if err := list.collect(ctx, q.Get("sort")); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	writeJSON(w, http.StatusOK, struct {
		Node   string      `json:"node"`
		Time   time.Time   `json:"time"`
		Kinds  []kindInfo  `json:"kinds"`
		Actors []actorInfo `json:"actors"`
		Left   int         `json:"actors_left_out,omitempty"`
	}{n.env.Node, time.Now(), n.kinds(), list.found, list.left})
}

// actorList is the first actors of a kind. It keeps no more than limit of them
// at any time.
type actorList struct {
	n            *node
	kind, bucket string
	limit        int
	state        bool

	found []actorInfo
	left  int // how many more there are
}

var errSort = errors.New("sort must be id, queued, handled, dropped, busy or age; for sessions wait and pinned as well")

// sessionOrders are those that actors know nothing of.
var sessionOrders = map[string]session.Order{"wait": session.ByWait, "pinned": session.ByPinned}

// orders are those of the actors themselves.
var orders = map[string]func(a, b actor.Info) int{
	"id":      func(a, b actor.Info) int { return cmp.Compare(a.ID, b.ID) },
	"queued":  func(a, b actor.Info) int { return cmp.Compare(b.Queued, a.Queued) },
	"handled": func(a, b actor.Info) int { return cmp.Compare(b.Handled, a.Handled) },
	"dropped": func(a, b actor.Info) int { return cmp.Compare(b.Dropped, a.Dropped) },
	"busy":    func(a, b actor.Info) int { return cmp.Compare(b.BusyFor, a.BusyFor) },
	"age":     func(a, b actor.Info) int { return cmp.Compare(b.Age, a.Age) },
}

func (l *actorList) collect(ctx context.Context, order string) error {
	l.n.scans.Lock() // one scan at a time, however many look on
	defer l.n.scans.Unlock()
	if by, ok := sessionOrders[order]; ok && l.kind == "session" {
		l.sessions(ctx, by)
		return nil
	}
	by, ok := orders[cmp.Or(order, "id")]
	if !ok {
		return errSort
	}
	var top []actor.Info
	all := 0
	l.n.system.Each(func(i actor.Info) bool {
		if i.Kind != l.kind || l.bucket != "" && l.bucketOf(ctx, i) != l.bucket {
			return ctx.Err() == nil
		}
		all++
		at, _ := slices.BinarySearchFunc(top, i, by)
		if at == l.limit {
			return true
		}
		top = slices.Insert(top[:min(len(top), l.limit-1)], at, i)
		return true
	})
	l.left = all - len(top)
	for _, i := range top {
		a := infoOf(i)
		a.Bucket = l.bucketOf(ctx, i)
		if l.state {
			s, err := l.n.system.Inspect(ctx, i.ID)
			if err != nil && !errors.Is(err, actor.ErrNotInspectable) {
				continue // gone, or too busy to say
			}
			a.State = s
		}
		l.found = append(l.found, a)
	}
	return nil
}

// bucketOf is the bucket of an actor. Sessions are looked at without asking
// their actors: there may be many.
func (l *actorList) bucketOf(ctx context.Context, i actor.Info) string {
	if l.kind == "session" {
		s, _ := session.Look(l.n.env, i.ID)
		return s.Bucket
	}
	if l.bucket == "" && !l.state {
		return ""
	}
	s, err := l.n.system.Inspect(ctx, i.ID)
	if err != nil {
		return ""
	}
	return bucketOf(s)
}

func (l *actorList) sessions(ctx context.Context, by session.Order) {
	found, all := session.Find(l.n.env, l.bucket, by, l.limit)
	l.n.explain(ctx, found)
	l.left = all - len(found)
	for _, s := range found {
		i, ok := l.n.system.Look(s.ID)
		if !ok {
			continue // it has ended meanwhile
		}
		a := infoOf(i)
		a.Bucket = s.Bucket
		if l.state {
			a.State = s
		}
		l.found = append(l.found, a)
	}
}

// bucketOf is the bucket that an actor's state names.
func bucketOf(state any) string {
	switch s := state.(type) {
	case bucket.Info:
		return s.Bucket
	case interface{ BucketID() string }:
		return s.BucketID()
	}
	return ""
}
