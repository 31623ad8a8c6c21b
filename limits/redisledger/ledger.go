package redisledger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"sluice/limits"
)

// Ledger is the ledger in Redis. Its methods may be called from any goroutine.
type Ledger struct {
	client  redis.UniversalClient
	scripts map[string]*redis.Script
	key     string
	observe func(operation, status string, took time.Duration)
}

// Open returns the ledger that c describes, or what is wrong with c. It does
// not connect: that happens with the first call. The caller must Close it.
func Open(c Config) (*Ledger, error) {
	if err := c.check(); err != nil {
		return nil, fmt.Errorf("redisledger: %w", err)
	}
	scripts, err := loadScripts()
	if err != nil {
		return nil, fmt.Errorf("redisledger: %w", err)
	}
	observe := c.Observe
	if observe == nil {
		observe = func(string, string, time.Duration) {}
	}
	return &Ledger{client: redis.NewUniversalClient(c.options()), scripts: scripts, key: c.Key, observe: observe}, nil
}

// Close ends all connections. Calls under way fail.
func (l *Ledger) Close() error { return l.client.Close() }

// Do carries out op. An error means that there is no answer: what was asked
// may have happened, may still happen, or never will, and is to be asked again
// unchanged. It wraps [ErrRange], [ErrData], a [*FormatError], or what the
// connection failed with. That the key holds something else is no error but
// [limits.WrongType].
func (l *Ledger) Do(ctx context.Context, op limits.Op) (limits.Reply, error) {
	name, began := limits.OpName(op), time.Now()
	r, err := l.do(ctx, name, op)
	if err != nil {
		l.observe(name, "ERROR", time.Since(began))
		return limits.Reply{}, fmt.Errorf("ledger: %s: %w", name, err)
	}
	l.observe(name, string(r.Status), time.Since(began))
	return r, nil
}

func (l *Ledger) do(ctx context.Context, name string, op limits.Op) (limits.Reply, error) {
	if err := inRange(op); err != nil {
		return limits.Reply{}, err
	}
	arg, err := json.Marshal(op)
	if err != nil {
		return limits.Reply{}, err
	}
	text, err := l.scripts[name].Run(ctx, l.client, []string{l.key}, arg).Text()
	switch {
	case errors.Is(err, redis.Nil): // Redis has no such answer for these scripts
		return limits.Reply{}, fmt.Errorf("%w: no reply", ErrData)
	case err != nil:
		return limits.Reply{}, err
	}
	return decode([]byte(text))
}
