package main

import (
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/pprof"
	"strconv"
	"strings"
	"time"
)

// startHTTP opens the health and metrics ports, and one for /debug alone if
// configured.
func (n *node) startHTTP() error {
	health, metrics := http.NewServeMux(), http.NewServeMux()
	health.HandleFunc("GET /health", n.health)
	health.HandleFunc("GET /health/live", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	health.HandleFunc("GET /health/ready", n.ready)
	metrics.HandleFunc("GET /metrics", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
		n.metrics.write(w)
	})
	listen := func(name, host string, port int, h http.Handler) error {
		l, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(port)))
		if err != nil {
			return fmt.Errorf("listen for %s: %w", name, err)
		}
		s := &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second, IdleTimeout: time.Minute}
		n.servers, n.addrs[name] = append(n.servers, s), l.Addr()
		n.web.Go(func() {
			if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
				n.log.Error("HTTP server ended", "of", name, "err", err)
			}
		})
		return nil
	}
	debug := health
	if a := n.cfg.Admin.DebugAddr; a != "" {
		debug = http.NewServeMux()
	}
	n.debugRoutes(debug)
	if err := listen("health", n.cfg.Proxy.AdminAddr, n.cfg.Proxy.HealthCheckPort, health); err != nil {
		return err
	}
	if err := listen("metrics", n.cfg.Proxy.AdminAddr, n.cfg.Proxy.MetricsPort, metrics); err != nil {
		return err
	}
	if a := n.cfg.Admin.DebugAddr; a != "" {
		host, port, err := net.SplitHostPort(a)
		if err != nil {
			return fmt.Errorf("admin.debug_addr: %w", err)
		}
		p, err := strconv.Atoi(port)
		if err != nil {
			return fmt.Errorf("admin.debug_addr: %w", err)
		}
		return listen("debug", host, p, debug)
	}
	return nil
}

func (n *node) debugRoutes(mux *http.ServeMux) {
	mux.Handle("GET /debug/actors", n.guarded(n.debugActors))
	mux.Handle("DELETE /debug/actors", n.guarded(n.killSession))
	mux.Handle("GET /debug/tenants", n.guarded(n.debugTenants))
	mux.Handle("/debug/pprof/", n.guarded(pprof.Index))
	mux.Handle("/debug/pprof/profile", n.guarded(pprof.Profile))
	mux.Handle("/debug/pprof/symbol", n.guarded(pprof.Symbol))
	mux.Handle("/debug/pprof/trace", n.guarded(pprof.Trace))
}

// guarded lets only the machine itself in, and whoever has the token.
func (n *node) guarded(h http.HandlerFunc) http.Handler {
	token := []byte(n.cfg.Admin.Token.Reveal())
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		given, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if given == "" {
			given = r.URL.Query().Get("token")
		}
		right := len(token) > 0 && subtle.ConstantTimeCompare([]byte(given), token) == 1
		if !right && !(len(token) == 0 && isLoopback(r)) {
			http.Error(w, "only from this machine, or with admin.token", http.StatusForbidden)
			return
		}
		h(w, r)
	})
}

// isLoopback tells whether a request comes from this machine and was meant for
// it: a page in a browser here could have another host name lead to us.
func isLoopback(r *http.Request) bool {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil || !net.ParseIP(host).IsLoopback() {
		return false
	}
	name := r.Host
	if h, _, err := net.SplitHostPort(name); err == nil {
		name = h
	}
	return name == "localhost" || net.ParseIP(strings.Trim(name, "[]")).IsLoopback()
}

// healthReport is the answer of /health.
type healthReport struct {
	Status  string         `json:"status"` // ok, degraded, outside, draining
	Node    string         `json:"node"`
	Version string         `json:"version"`
	Uptime  string         `json:"uptime"`
	Clients int            `json:"clients"`
	Ledger  string         `json:"ledger"` // memory, or of the fleet: open, recovering, unreachable, unknown
	Fleet   *fleetHealth   `json:"fleet,omitempty"`
	Buckets []bucketHealth `json:"buckets"`
}

type bucketHealth struct {
	ID      string `json:"id"`
	Status  string `json:"status"` // ok, unreachable, paused
	Address string `json:"address"`
	Error   string `json:"error,omitempty"`
	Open    int64  `json:"open"`
	Idle    int64  `json:"idle"`
	InUse   int64  `json:"in_use"`
	Waiting int64  `json:"waiting"`
	Paused  bool   `json:"paused,omitempty"` // by an operator
	Slots   int64  `json:"slots"`            // how many this node may have open now
	Limit   int64  `json:"limit"`            // max_connections
}

// health says how the node is, from what backend logins have come to last: no
// connection is opened to ask. It fails only when the node should get no
// traffic: one bucket that is away is no reason to take the others down.
func (n *node) health(w http.ResponseWriter, _ *http.Request) {
	rep := healthReport{
		Status: "ok", Node: n.env.Node, Version: version, Uptime: time.Since(n.started).Round(time.Second).String(),
		Clients: n.env.Connections(), Ledger: "memory",
	}
	code := http.StatusOK
	if !n.fleet.alone {
		rep.Fleet = n.fleet.health()
		rep.Ledger = rep.Fleet.Ledger
		if rep.Ledger != "open" || len(rep.Fleet.Problems) > 0 {
			rep.Status = "degraded"
		}
	}
	for _, b := range n.bucketList() {
		h := healthOf(b)
		if h.Error != "" {
			rep.Status = "degraded"
		}
		rep.Buckets = append(rep.Buckets, h)
	}
	if !n.fleet.serving() {
		rep.Status, code = "outside", http.StatusServiceUnavailable
	}
	if n.draining.Load() {
		rep.Status, code = "draining", http.StatusServiceUnavailable
	}
	writeJSON(w, code, rep)
}

func healthOf(b *runningBucket) bucketHealth {
	g := &b.metrics.governor.Gauges
	h := bucketHealth{
		ID: b.ID, Status: "ok", Address: b.target.Address, Open: g.Open.Load(), Idle: g.Idle.Load(),
		InUse: g.Leased.Load(), Waiting: g.Waiting.Load(), Limit: g.Limit.Load(), Slots: g.Slots.Load(), Paused: g.Paused.Load() != 0,
	}
	if e := g.Failure.Load(); e != nil {
		h.Status, h.Error = "unreachable", *e
	}
	if h.Paused {
		h.Status = "paused"
	}
	return h
}

func (n *node) ready(w http.ResponseWriter, _ *http.Request) {
	if why := n.unready(); why != "" {
		http.Error(w, why, http.StatusServiceUnavailable)
		return
	}
	fmt.Fprintln(w, "ok")
}

// unready is why the node wants no traffic, "" if it does.
func (n *node) unready() string {
	switch {
	case n.draining.Load():
		return "draining"
	case !n.open.Load():
		return "starting"
	case !n.fleet.serving():
		return "not part of the fleet: the ledger is " + n.fleet.slots.View().Ledger
	}
	return ""
}

func writeJSON(w http.ResponseWriter, code int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	_ = e.Encode(v) // the reader may have gone
}
