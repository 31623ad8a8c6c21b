package rig

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"
)

// Health is what of /health the rig reads.
type Health struct {
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
type Probe struct {
	http *http.Client

	mu     sync.Mutex
	up     map[int]bool   // answered the last health check
	ledger map[int]string // what it said last of its ledger
}

// ProbeEvery is the time between two checks; one that is not answered in
// probeWithin has failed.
const (
	ProbeEvery  = 150 * time.Millisecond
	probeWithin = 400 * time.Millisecond
)

func newProbe() *Probe {
	return &Probe{
		http: &http.Client{Timeout: probeWithin, Transport: &http.Transport{DisableKeepAlives: true}},
		up:   map[int]bool{}, ledger: map[int]string{},
	}
}

// Ready asks whether a node wants traffic.
func (p *Probe) Ready(ctx context.Context, n *Node) bool {
	_, code, err := p.Get(ctx, n, "/health/ready")
	return err == nil && code == http.StatusOK
}

// Health asks a node for its counts.
func (p *Probe) Health(ctx context.Context, n *Node) (Health, error) {
	var h Health
	body, _, err := p.Get(ctx, n, "/health")
	if err != nil {
		return h, err
	}
	if err := json.Unmarshal(body, &h); err != nil {
		return h, fmt.Errorf("%s: /health: %w", n.Name, err)
	}
	return h, nil
}

// Get asks a node for a page of its health port.
func (p *Probe) Get(ctx context.Context, n *Node, path string) ([]byte, int, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+n.Addr(n.Ports.Health)+path, nil)
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

// Watch checks a node again and again until ctx ends.
func (p *Probe) Watch(ctx context.Context, n *Node) {
	for {
		up, ledger := n.Running() && p.Ready(ctx, n), []byte(nil)
		if up {
			if h, err := p.Health(ctx, n); err == nil {
				ledger, _ = json.Marshal(h.Ledger) // it came from JSON
			}
		}
		p.mu.Lock()
		p.up[n.Index] = up
		if ledger != nil {
			p.ledger[n.Index] = string(ledger)
		}
		p.mu.Unlock()
		if !Sleep(ctx, ProbeEvery) {
			return
		}
	}
}

// IsUp tells what the last check of a node said.
func (p *Probe) IsUp(index int) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.up[index]
}

// Ledgers are the states that the nodes that are up named last, in the order of
// the nodes.
func (p *Probe) Ledgers(nodes int) []string {
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
