package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"sluice/configs"
	"sluice/limits/redisledger"
)

// guardOrder is what a node tells its guard, on standard input: it holds a
// password.
type guardOrder struct {
	State   string        `json:"state"` // path of the node's state file
	Redis   configs.Redis `json:"redis"`
	Secrets [2]string     `json:"secrets"` // of Redis and of its Sentinels: configs.Secret is never written
	Cluster string        `json:"cluster"`
	Loan    time.Duration `json:"loan"`
	GiveUp  time.Duration `json:"give_up"`
	Log     configs.Log   `json:"log"`
}

func orderFor(cfg *configs.Config, s *stateFile) guardOrder {
	return guardOrder{
		State: s.path, Redis: cfg.Redis, Secrets: [2]string{cfg.Redis.Password.Reveal(), cfg.Redis.SentinelPassword.Reveal()},
		Cluster: cfg.Gossip.ClusterName, Loan: cfg.Limits.LoanTime, GiveUp: max(10*cfg.Limits.HoldTime, 10*time.Minute), Log: cfg.Log,
	}
}

// guard is the process beside a node that waits for its end and then tells the
// ledger which sessions ended with it. That a process is gone, and every socket
// of it closed, is the kernel's word: nobody else could know so soon.
func guard(ctx context.Context, in io.Reader, errs io.Writer) error {
	var o guardOrder
	if err := json.NewDecoder(in).Decode(&o); err != nil {
		return fmt.Errorf("guard: read the order: %w", err)
	}
	log := newLogger(errs, o.Log)
	if err := waitForParent(ctx); err != nil {
		return err
	}
	f, err := os.Open(o.State)
	if err != nil {
		return fmt.Errorf("guard: %w", err)
	}
	defer f.Close()
	r, err := readState(f)
	if err != nil {
		return fmt.Errorf("guard: %s: %w", o.State, err)
	}
	if len(r.Sessions) == 0 {
		return nil // it left in order
	}
	log.Warn("the node has ended without leaving, its slots are given back", "pid", r.PID, "sessions", len(r.Sessions))
	cfg := configs.Defaults()
	cfg.Redis, cfg.Gossip.ClusterName = o.Redis, o.Cluster
	cfg.Redis.Password, cfg.Redis.SentinelPassword = configs.Secret(o.Secrets[0]), configs.Secret(o.Secrets[1])
	rc, err := redisConfig(cfg)
	if err != nil {
		return err
	}
	redisledger.LogClient(log.Logger)
	l, err := redisledger.Open(rc)
	if err != nil {
		return err
	}
	defer func() {
		if err := l.Close(); err != nil {
			log.Debug("connection to Redis not closed in order", "err", err)
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, o.GiveUp)
	defer cancel()
	return reportDeath(ctx, l, r, o.Loan, slog.New(log.Handler()))
}
