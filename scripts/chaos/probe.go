package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"
)

// nodeHealth is what of /health the rig reads.
type nodeHealth struct {
	Status  string `json:"status"`
	Ledger  any    `json:"ledger"` // its state, in whatever form
	Buckets []struct {
		ID      string `json:"id"`
		Open    int    `json:"open"`
		Idle    int    `json:"idle"`
		InUse   int    `json:"in_use"`
		Waiting int    `json:"waiting"`
	} `json:"buckets"`
}

// probe asks the nodes how they are, as a load balancer does.
type probe struct {
	http *http.Client

	mu     sync.Mutex
	up     map[int]bool   // answered the last health check
	ledger map[int]string // what it said last of its ledger
}

// probeEvery is the time between two checks; one that is not answered in
// probeWithin has failed.
const (
	probeEvery  = 150 * time.Millisecond
	probeWithin = 400 * time.Millisecond
)

func newProbe() *probe {
	return &probe{
		http: &http.Client{Timeout: probeWithin, Transport: &http.Transport{DisableKeepAlives: true}},
		up:   map[int]bool{}, ledger: map[int]string{},
	}
}

// ready asks whether a node wants traffic.
func (p *probe) ready(ctx context.Context, n *node) bool {
	_, code, err := p.get(ctx, n, "/health/ready")
	return err == nil && code == http.StatusOK
}

// health asks a node for its counts.
func (p *probe) health(ctx context.Context, n *node) (nodeHealth, error) {
	var h nodeHealth
	body, _, err := p.get(ctx, n, "/health")
	if err != nil {
		return h, err
	}
	if err := json.Unmarshal(body, &h); err != nil {
		return h, fmt.Errorf("%s: /health: %w", n.name, err)
	}
	return h, nil
}

func (p *probe) get(ctx context.Context, n *node, path string) ([]byte, int, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+n.addr(n.ports.health)+path, nil)
	if err != nil {
		return nil, 0, err
	}
	resp, err := p.http.Do(req)
	if err != nil {
		return nil, 0, err
	}
	defer resp.Body.Close()
	const enough = 1 << 20
	body, err := io.ReadAll(io.LimitReader(resp.Body, enough))
	return body, resp.StatusCode, err
}

// watch checks a node again and again until ctx ends.
func (p *probe) watch(ctx context.Context, n *node) {
	for {
		up, ledger := n.running() && p.ready(ctx, n), []byte(nil)
		if up {
			if h, err := p.health(ctx, n); err == nil {
				ledger, _ = json.Marshal(h.Ledger) // it came from JSON
			}
		}
		p.mu.Lock()
		p.up[n.index] = up
		if ledger != nil {
			p.ledger[n.index] = string(ledger)
		}
		p.mu.Unlock()
		if !sleep(ctx, probeEvery) {
			return
		}
	}
}

// isUp tells what the last check of a node said.
func (p *probe) isUp(index int) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.up[index]
}

// ledgers are the states that the nodes that are up named last, in the order of
// the nodes.
func (p *probe) ledgers(nodes int) []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var all []string
	for i := 1; i <= nodes; i++ {
		if p.up[i] {
			all = append(all, p.ledger[i])
		}
	}
	return all
}
