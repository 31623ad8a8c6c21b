package rig

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// Metrics are the values of a node's metrics page, by name with labels.
type Metrics map[string]float64

// Metrics asks a node for its metrics.
func (p *Probe) Metrics(ctx context.Context, n *Node) (Metrics, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+n.Addr(n.Ports.Metrics)+"/metrics", nil)
	if err != nil {
		return nil, err
	}
	resp, err := p.http.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	const enough = 4 << 20
	body, err := io.ReadAll(io.LimitReader(resp.Body, enough))
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: /metrics: %s", n.Name, resp.Status)
	}
	return parseMetrics(body), nil
}

// parseMetrics reads the Prometheus text format. Lines that are none are left out.
func parseMetrics(page []byte) Metrics {
	m := Metrics{}
	for lines := bufio.NewScanner(bytes.NewReader(page)); lines.Scan(); {
		line := lines.Text()
		at := strings.LastIndexByte(line, ' ')
		if at < 0 || strings.HasPrefix(line, "#") {
			continue
		}
		if v, err := strconv.ParseFloat(line[at+1:], 64); err == nil {
			m[line[:at]] = v
		}
	}
	return m
}

// Bucket is a metric of a bucket, without further labels.
func (m Metrics) Bucket(name, bucket string) float64 {
	return m[fmt.Sprintf("%s{bucket_id=%q}", name, bucket)]
}

// Sum adds up a metric over all its labels.
func (m Metrics) Sum(name string) float64 {
	sum := 0.0
	for full, v := range m {
		if full == name || strings.HasPrefix(full, name+"{") {
			sum += v
		}
	}
	return sum
}
