package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

// Names of the targets that compare the ways of pooling.
const (
	targetDirect      = "direct"
	targetHAProxy     = "haproxy"
	targetSession     = "session"
	targetTransaction = "transaction"
)

// errNoNode says that a measure of pooling was asked for without a node.
var errNoNode = errors.New("--sluice names no binary")

// newPoolingLab has a direct connection, HAProxy, a node that pools by session
// and one that pools by transaction side by side.
func newPoolingLab(ctx context.Context, o options, limit int) (*lab, error) {
	if o.sluice == "" {
		return nil, errNoNode
	}
	return buildLab(ctx, o, func(l *lab, direct target) error {
		if err := l.startHAProxies(ctx, direct); err != nil {
			return err
		}
		kept := l.targets[:0]
		for _, t := range l.targets {
			if t.name != "haproxy-1" {
				kept = append(kept, t)
			}
		}
		l.targets = kept
		for _, node := range []struct{ name, path string }{{"", o.sluice}, {"baseline ", o.baseline}} {
			if node.path == "" {
				continue
			}
			for _, pooling := range []string{poolingSession, poolingTransaction} {
				if err := l.addSluice(ctx, node.name+pooling, node.path, nodeSettings{limit: limit, pooling: pooling}, direct); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

const profileLength = 5 * time.Second

// profile has a node's processor profiled for a while, into a file. wait
// returns when that is done; a node that is nil, or no path, is not profiled.
func profile(ctx context.Context, n *node, path string, length time.Duration) (wait func() error) {
	if n == nil || path == "" {
		return func() error { return nil }
	}
	done := make(chan error, 1)
	go func() {
		done <- saveTo(ctx, fmt.Sprintf("%s/profile?seconds=%d", n.debug, max(1, int(length.Seconds()))), path)
	}()
	return func() error { return <-done }
}

// saveTo writes what is at a URL to a file; nothing if path is empty.
func saveTo(ctx context.Context, url, path string) error {
	if path == "" {
		return nil
	}
	resp, err := fetch(ctx, url)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, resp.Body)
	return errors.Join(err, f.Close())
}

func fetch(ctx context.Context, url string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		resp.Body.Close()
		return nil, fmt.Errorf("%s: %s", url, resp.Status)
	}
	return resp, nil
}

// metricSum sums up the values of a node's metrics of one name whose labels
// contain with.
func (n *node) metricSum(ctx context.Context, name, with string) (float64, error) {
	resp, err := fetch(ctx, n.metrics)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	page, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err
	}
	return sumMetric(string(page), name, with)
}

// sumMetric is metricSum on a page of metrics.
func sumMetric(page, name, with string) (sum float64, err error) {
	for line := range strings.Lines(page) {
		rest, ok := strings.CutPrefix(line, name)
		if !ok || rest == "" || rest[0] != '{' && rest[0] != ' ' || !strings.Contains(rest, with) {
			continue
		}
		v, err := strconv.ParseFloat(strings.TrimSpace(rest[strings.LastIndexByte(rest, ' ')+1:]), 64)
		if err != nil {
			return 0, fmt.Errorf("%s: %w", name, err)
		}
		sum += v
	}
	return sum, nil
}

// pins is how many pins a node has counted so far, those that last included.
func (n *node) pins(ctx context.Context) (float64, error) {
	now, err := n.metricSum(ctx, "proxy_connections_pinned", "")
	if err != nil {
		return 0, err
	}
	ended, err := n.metricSum(ctx, "proxy_pinning_duration_seconds_count", "")
	return now + ended, err
}

// runRoundTrip is the command "roundtrip".
func runRoundTrip(ctx context.Context, args []string) error {
	o := options{}
	fs := flag.NewFlagSet("bench roundtrip", flag.ContinueOnError)
	o.flags(fs, "roundtrip")
	o.baselineFlag(fs)
	return o.run(ctx, fs, args, func(ctx context.Context) (*report, error) {
		l, err := newPoolingLab(ctx, o, 2*loopClients)
		if err != nil {
			return nil, err
		}
		defer l.close()
		s := sizes{roundTripBlocks: 60, roundTrips: 500, loopBlocks: 10, loopTime: time.Second}
		if o.short {
			s = sizes{roundTripBlocks: 20, roundTrips: 300, loopBlocks: 3, loopTime: 500 * time.Millisecond}
		}
		r, start := newReport(l), time.Now()
		if err := roundTrip(ctx, r, l.targets, s); err != nil {
			return nil, err
		}
		if err := throughput(ctx, r, l.targets, s); err != nil {
			return nil, err
		}
		r.Took = time.Since(start).Round(time.Second).String()
		r.goal("round trip in transaction mode, added, over session mode's", measureRoundTrip, targetTransaction, "added, of session", false, 1.2)
		return r, nil
	})
}
