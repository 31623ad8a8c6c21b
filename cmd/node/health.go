package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

var errUnhealthy = errors.New("the node does not answer as it should")

// healthCommand asks a node for its health, for supervisors of containers that
// have no other program to ask with. It fails unless the node says 200.
func healthCommand(ctx context.Context, args []string, out, _ io.Writer) error {
	fs := flags("health", out)
	address := fs.String("address", "127.0.0.1:8080", "host:port of the node's health port")
	ready := fs.Bool("ready", false, "ask whether the node takes clients, not only whether it lives")
	timeout := fs.Duration("timeout", 3*time.Second, "how long to wait for the answer")
	if err := fs.Parse(args); err != nil {
		return err
	}
	u := url.URL{Scheme: "http", Host: *address, Path: "/health/live"}
	if *ready {
		u.Path = "/health/ready"
	}
	ctx, cancel := context.WithTimeout(ctx, *timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return err
	}
	// A client of its own, which takes no proxy from the environment.
	c := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := c.Do(req)
	if err != nil {
		return fmt.Errorf("%w: %w", errUnhealthy, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 4096))
	if err != nil {
		return fmt.Errorf("%w: %w", errUnhealthy, err)
	}
	text := strings.TrimSpace(string(body))
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%w: %s: %s", errUnhealthy, resp.Status, text)
	}
	_, err = fmt.Fprintln(out, text)
	return err
}
