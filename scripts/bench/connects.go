package main

import (
	"context"
	"fmt"
	"time"
)

const (
	measureConnects = "connects, 16 at a time, login "
	slowLogin       = 20 * time.Millisecond
	slowSuffix      = "20ms"
	connectClients  = 16
)

// connects measures connect, login, SELECT 1, close, with a backend whose
// logins cost nothing and with one whose logins take their time.
func connects(ctx context.Context, r *report, targets []target, s sizes) error {
	for _, delay := range []time.Duration{0, slowLogin} {
		measure := measureConnects + delay.String()
		rates := make([][]float64, len(targets))
		err := rounds(ctx, s.connectBlocks, len(targets), func(i int) error {
			t := targets[i]
			address, l := t.address, t.login
			if delay > 0 {
				address, l = t.slow, t.slowLog
			}
			n, took, err := closedLoop(s.connectTime, connectClients, func(int) error {
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
	}
	return nil
}

// visit is one short-lived connection.
func visit(ctx context.Context, address string, l login, encrypt bool) error {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	c, err := dial(ctx, address, l, encrypt, idleReadSize)
	if err != nil {
		return err
	}
	defer c.close()
	_, err = c.exec(selectOne)
	return err
}
