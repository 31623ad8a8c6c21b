package main

import (
	"context"
	"fmt"
	"net"
	"time"
)

// fleetOf returns what is to be added to the configuration of n nodes so that
// they are a fleet, and starts a Redis for it; one node is alone.
func (l *lab) fleetOf(ctx context.Context, n int) ([]string, error) {
	settings := make([]string, n)
	if n == 1 {
		return settings, nil
	}
	ports, err := freePorts(1 + 2*n)
	if err != nil {
		return nil, err
	}
	redis := ports[0]
	p, err := l.start(ctx, "redis", "redis-server", "--port", fmt.Sprint(redis), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", l.dir)
	if err != nil {
		return nil, err
	}
	if err := p.waitListening(ctx, local(redis)); err != nil {
		return nil, err
	}
	for i := range n {
		join := ""
		if i > 0 {
			join = local(ports[1])
		}
		settings[i] = fmt.Sprintf(fleetConfig, redis, ports[1+2*i], ports[2+2*i], join, l.dir, i == 0)
	}
	return settings, nil
}

const fleetConfig = `redis: {addr: "127.0.0.1:%d"}
gossip:
  bind_addr: 127.0.0.1
  bind_port: %d
  peer_port: %d
  preset: local
  join: [%s]
limits:
  state_dir: %s
  bootstrap: %t
  guard: false
`

// waitListening connects to address until something listens there.
func (p *process) waitListening(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for {
		var d net.Dialer
		c, err := d.DialContext(ctx, "tcp", address)
		if err == nil {
			return c.Close()
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return p.explain(fmt.Errorf("nothing listens at %s: %w", address, err))
		}
	}
}
