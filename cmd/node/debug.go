package main

import (
	"cmp"
	"context"
	"crypto/rand"
	_ "embed"
	"errors"
	"html/template"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"sluice/actors/actor"
	"sluice/actors/refusal"
	"sluice/actors/session"
)

var (
	//go:embed debug.html
	debugHTML string
	//go:embed debug.js
	debugScript string

	debugPage = template.Must(template.New("debug").Parse(debugHTML))
)

const (
	defaultActors = 50
	maxActors     = 1000
	inspectWithin = time.Second
)

// debugActors answers /debug/actors: an overview, with ?kind= a list of actors,
// with ?id= one actor, with ?show= a table as the console has it. It never lists
// everything: there may be 300,000 sessions. Browsers get a page, everybody else
// JSON; ?format= overrules.
func (n *node) debugActors(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	ctx, cancel := context.WithTimeout(r.Context(), inspectWithin)
	defer cancel()
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	switch {
	case q.Get("id") != "":
		n.debugActor(ctx, w, q.Get("id"))
	case q.Get("show") != "":
		n.debugShow(ctx, w, q)
	case q.Get("kind") != "":
		n.debugKind(ctx, w, q)
	case strings.Contains(r.Header.Get("Accept"), "text/html") && q.Get("format") != "json" || q.Get("format") == "html":
		n.debugPage(w)
	default:
		writeJSON(w, http.StatusOK, n.overview(ctx))
	}
}

// debugPage answers with the page, which fetches the overview by itself. Its
// address may carry the token: it is told to nobody.
func (n *node) debugPage(w http.ResponseWriter) {
	nonce := rand.Text()
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; img-src data:; connect-src 'self'; style-src 'nonce-"+nonce+"'; script-src 'nonce-"+nonce+"'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	h.Set("Referrer-Policy", "no-referrer")
	err := debugPage.Execute(w, struct {
		Node, Nonce string
		Script      template.JS
	}{n.env.Node, nonce, template.JS(debugScript)})
	if err != nil {
		n.log.Debug("debug page not delivered", "err", err)
	}
}

// debugShow answers with the rows that SHOW has on the console.
func (n *node) debugShow(ctx context.Context, w http.ResponseWriter, q url.Values) {
	view, ok := views[strings.ToLower(q.Get("show"))]
	limit, err := strconv.Atoi(cmp.Or(q.Get("n"), strconv.Itoa(defaultRows)))
	switch {
	case !ok:
		http.Error(w, "show must be one of "+strings.Join(slices.Sorted(maps.Keys(views)), ", "), http.StatusBadRequest)
		return
	case err != nil || limit < 1 || limit > maxActors:
		http.Error(w, "n must be a number from 1 to "+strconv.Itoa(maxActors), http.StatusBadRequest)
		return
	}
	t := view(ctx, n, viewQuery{bucket: q.Get("bucket"), n: limit})
	switch q.Get("format") {
	case "", "json":
		writeJSON(w, http.StatusOK, t)
	case "text":
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		t.writeText(w)
	case "csv":
		w.Header().Set("Content-Type", "text/csv; charset=utf-8")
		if err := t.writeCSV(w); err != nil {
			n.log.Debug("table not delivered", "err", err)
		}
	default:
		http.Error(w, "format must be json, text or csv", http.StatusBadRequest)
	}
}

// debugActor answers with one actor and its state.
func (n *node) debugActor(ctx context.Context, w http.ResponseWriter, text string) {
	id, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		http.Error(w, "id must be a number", http.StatusBadRequest)
		return
	}
	info, ok := n.system.Look(actor.ID(id))
	if !ok {
		http.Error(w, "no such actor", http.StatusNotFound)
		return
	}
	state, err := n.system.Inspect(ctx, info.ID)
	if err != nil && !errors.Is(err, actor.ErrNotInspectable) {
		http.Error(w, "the actor did not answer: "+err.Error(), http.StatusGatewayTimeout)
		return
	}
	if s, ok := state.(session.Info); ok {
		one := []session.Info{s}
		n.explain(ctx, one)
		state = one[0]
	}
	a := infoOf(info)
	a.Bucket, a.State = bucketOf(state), state
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
