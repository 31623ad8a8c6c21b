package main

import (
	"cmp"
	"context"
	_ "embed"
	"errors"
	"html/template"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"sluice/actors/actor"
	"sluice/actors/bucket"
	"sluice/actors/refusal"
	"sluice/actors/session"
)

//go:embed debug.html
var debugHTML string

var debugPage = template.Must(template.New("debug").Funcs(template.FuncMap{
	"short": func(d time.Duration) string { return d.Round(time.Millisecond).String() },
	"share": func(part, whole int64) int64 {
		if whole <= 0 {
			return 0
		}
		return min(100*part/whole, 100)
	},
}).Parse(debugHTML))

// debugReport is the answer of /debug/actors.
type debugReport struct {
	Node    string         `json:"node"`
	Time    time.Time      `json:"time"`
	Clients int            `json:"clients"`
	Kinds   []kindInfo     `json:"kinds"`
	Buckets []bucketHealth `json:"buckets"`
	Fleet   *fleetReport   `json:"fleet,omitempty"`
	Actors  []actorInfo    `json:"actors,omitempty"`
	Left    int            `json:"actors_left_out,omitempty"`
}

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

const (
	defaultActors = 50
	maxActors     = 1000
	inspectWithin = time.Second
)

// debugActors answers /debug/actors: totals alone, a list with ?kind=, one
// actor with ?id=. It never lists everything: there may be 300,000 sessions.
// Browsers get a page, everybody else JSON; ?format= overrules.
func (n *node) debugActors(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	ctx, cancel := context.WithTimeout(r.Context(), inspectWithin)
	defer cancel()
	if text := q.Get("id"); text != "" {
		n.debugActor(ctx, w, text)
		return
	}
	rep := debugReport{Node: n.env.Node, Time: time.Now(), Clients: n.env.Connections(), Kinds: n.kinds()}
	for _, b := range n.bucketList() {
		rep.Buckets = append(rep.Buckets, healthOf(b))
	}
	if !n.fleet.alone {
		rep.Fleet = n.fleet.report(ctx)
	}
	page := strings.Contains(r.Header.Get("Accept"), "text/html") && q.Get("format") != "json" || q.Get("format") == "html"
	kind := q.Get("kind")
	if kind == "" && page {
		kind = "session"
	}
	if kind != "" {
		limit, err := strconv.Atoi(cmp.Or(q.Get("n"), strconv.Itoa(defaultActors)))
		if err != nil || limit < 1 || limit > maxActors {
			http.Error(w, "n must be a number from 1 to "+strconv.Itoa(maxActors), http.StatusBadRequest)
			return
		}
		if rep.Actors, rep.Left, err = n.listActors(ctx, kind, q.Get("bucket"), q.Get("sort"), limit, page || q.Get("state") != ""); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
	}
	if !page {
		writeJSON(w, http.StatusOK, rep)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
	if err := debugPage.Execute(w, rep); err != nil {
		n.log.Debug("debug page not delivered", "err", err)
	}
}

func (n *node) debugActor(ctx context.Context, w http.ResponseWriter, text string) {
	id, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		http.Error(w, "id must be a number", http.StatusBadRequest)
		return
	}
	var info actor.Info
	n.system.Each(func(i actor.Info) bool {
		if i.ID == actor.ID(id) {
			info = i
		}
		return info.ID == 0
	})
	if info.ID == 0 {
		http.Error(w, "no such actor", http.StatusNotFound)
		return
	}
	state, err := n.system.Inspect(ctx, info.ID)
	if err != nil && !errors.Is(err, actor.ErrNotInspectable) {
		http.Error(w, "the actor did not answer: "+err.Error(), http.StatusGatewayTimeout)
		return
	}
	a := infoOf(info)
	a.State = state
	writeJSON(w, http.StatusOK, a)
}

// killSession ends the session named by ?id=.
func (n *node) killSession(w http.ResponseWriter, r *http.Request) {
	id, err := strconv.ParseUint(r.URL.Query().Get("id"), 10, 64)
	if err != nil {
		http.Error(w, "id must be the number of a session", http.StatusBadRequest)
		return
	}
	if !session.KillOne(n.env, actor.ID(id), refusal.Killed) {
		http.Error(w, "no such session", http.StatusNotFound)
		return
	}
	n.log.Info("session ended by an operator", "id", id, "from", r.RemoteAddr)
	w.WriteHeader(http.StatusNoContent)
}

var errSort = errors.New("sort must be id, queued, handled, dropped, busy or age")

// listActors returns the first limit actors of a kind in the given order, and
// how many more there are.
func (n *node) listActors(ctx context.Context, kind, bucketID, order string, limit int, state bool) ([]actorInfo, int, error) {
	var all []actor.Info
	n.system.Each(func(i actor.Info) bool {
		if i.Kind == kind {
			all = append(all, i)
		}
		return true
	})
	by, ok := map[string]func(a, b actor.Info) int{
		"":        func(a, b actor.Info) int { return cmp.Compare(a.ID, b.ID) },
		"id":      func(a, b actor.Info) int { return cmp.Compare(a.ID, b.ID) },
		"queued":  func(a, b actor.Info) int { return cmp.Compare(b.Queued, a.Queued) },
		"handled": func(a, b actor.Info) int { return cmp.Compare(b.Handled, a.Handled) },
		"dropped": func(a, b actor.Info) int { return cmp.Compare(b.Dropped, a.Dropped) },
		"busy":    func(a, b actor.Info) int { return cmp.Compare(b.BusyFor, a.BusyFor) },
		"age":     func(a, b actor.Info) int { return cmp.Compare(b.Age, a.Age) },
	}[order]
	if !ok {
		return nil, 0, errSort
	}
	slices.SortFunc(all, by)
	var list []actorInfo
	for i, info := range all {
		if len(list) == limit {
			return list, len(all) - i, nil
		}
		a := infoOf(info)
		if state || bucketID != "" {
			s, err := n.system.Inspect(ctx, info.ID)
			if err != nil {
				continue // gone, or too busy to say
			}
			if a.Bucket = bucketOf(s); bucketID != "" && a.Bucket != bucketID {
				continue
			}
			if state {
				a.State = s
			}
		}
		list = append(list, a)
	}
	return list, 0, nil
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
