package main

import (
	"context"
	"fmt"
	"time"
)

const measureRoundTrip = "round trip, 1 connection"

// roundTrip measures SELECT 1 on one connection for each target, in blocks that
// take turns.
func roundTrip(ctx context.Context, r *report, targets []target, s sizes) error {
	conns, err := dialEach(ctx, targets)
	if err != nil {
		return err
	}
	defer closeAll(conns)
	p50, p99 := make([][]float64, len(targets)), make([][]float64, len(targets))
	err = rounds(ctx, s.roundTripBlocks, len(targets), func(i int) error {
		conns[i].within(patience)
		times := make([]time.Duration, s.roundTrips)
		for j := range times {
			start := time.Now()
			if _, err := conns[i].exec(selectOne); err != nil {
				return fmt.Errorf("%s: %w", targets[i].name, err)
			}
			times[j] = time.Since(start)
		}
		sorted := micros(times)
		p50[i] = append(p50[i], quantile(sorted, 0.5))
		p99[i] = append(p99[i], quantile(sorted, 0.99))
		return nil
	})
	if err != nil {
		return err
	}
	for i, t := range targets {
		r.add(measureRoundTrip, t.name, "p50", "us", p50[i]...)
		r.add(measureRoundTrip, t.name, "p99", "us", p99[i]...)
		base := indexOf(targets, baseOf(t, "direct"))
		if base < 0 || base == i {
			continue
		}
		added := pairwise(p50[i], p50[base], minus)
		r.add(measureRoundTrip, t.name, "added", "us", added...)
		for _, name := range []string{targetHAProxy, targetSession} {
			if other := indexOf(targets, baseOf(t, name)); other >= 0 && (other != i || name == targetHAProxy) {
				theirs := spreadOf(pairwise(p50[other], p50[base], minus)).Median
				r.add(measureRoundTrip, t.name, "added, of "+name, "", ratio(spreadOf(added).Median, theirs))
			}
		}
	}
	return nil
}

// rounds calls block for each of n targets, count times over, each round
// beginning with another target so that none always follows the same one.
func rounds(ctx context.Context, count, n int, block func(i int) error) error {
	for round := range count {
		for k := range n {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := block((round + k) % n); err != nil {
				return err
			}
		}
	}
	return nil
}

// dialEach opens one connection for each target and warms it up.
func dialEach(ctx context.Context, targets []target) (conns []*conn, err error) {
	defer func() {
		if err != nil {
			closeAll(conns)
		}
	}()
	for _, t := range targets {
		c, err := dial(ctx, t.address, t.login, t.encrypt, readSize)
		if err != nil {
			return conns, fmt.Errorf("%s: %w", t.name, err)
		}
		conns = append(conns, c)
		for range 100 {
			if _, err := c.exec(selectOne); err != nil {
				return conns, fmt.Errorf("%s: %w", t.name, err)
			}
		}
	}
	return conns, nil
}

func closeAll(conns []*conn) {
	for _, c := range conns {
		c.close()
	}
}

// baseOf is the name of the target that t is compared with: of the same
// encryption.
func baseOf(t target, name string) string {
	if t.encrypt {
		return name + " tls"
	}
	return name
}

func indexOf(targets []target, name string) int {
	for i, t := range targets {
		if t.name == name {
			return i
		}
	}
	return -1
}
