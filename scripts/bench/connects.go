package main

import (
	"context"
	"fmt"
	"time"
)

const (
	slowLogin      = 20 * time.Millisecond
	connectClients = 16
)

// measureConnects names a measure of connects.
func measureConnects(clients int, delay time.Duration) string {
	return fmt.Sprintf("connects, %d at a time, login %v", clients, delay)
}

// connects measures connect, login, SELECT 1, close. With 16 clients it is run
// against a backend whose logins cost nothing, which shows what the machine is
// able to do at all, and against one whose logins take their time. Beside them
// one client alone shows what a single visitor gains.
func connects(ctx context.Context, r *report, targets []target, s sizes) error {
	for _, v := range []struct {
		clients int
		delay   time.Duration
	}{{connectClients, 0}, {connectClients, slowLogin}, {1, slowLogin}} {
		if err := connectsOf(ctx, r, targets, s, v.clients, v.delay); err != nil {
			return err
		}
	}
	return nil
}

func connectsOf(ctx context.Context, r *report, targets []target, s sizes, clients int, delay time.Duration) error {
	measure := measureConnects(clients, delay)
	rates := make([][]float64, len(targets))
	err := rounds(ctx, s.connectBlocks, len(targets), func(i int) error {
		t := targets[i]
		address, l := t.address, t.login
		if delay > 0 {
			address, l = t.slow, t.slowLog
		}
		n, took, err := closedLoop(s.connectTime, clients, func(int) error {
			return visit(ctx, address, l, t.encrypt)
		})
		if err != nil {
			return fmt.Errorf("%s: %w", t.name, err)
		}
		rates[i] = append(rates[i], float64(n)/took.Seconds())
		return nil
	})
	if err != nil {
		return err
	}
	for i, t := range targets {
		r.add(measure, t.name, "rate", "1/s", rates[i]...)
		compare(r, measure, targets, rates, i)
	}
	return nil
}

// visit is one short-lived connection.
func visit(ctx context.Context, address string, l login, encrypt bool) error {
	c, err := dial(ctx, address, l, encrypt, idleReadSize)
	if err != nil {
		return err
	}
	defer c.close()
	_, err = c.exec(selectOne)
	return err
}
