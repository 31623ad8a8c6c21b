package redisd

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// replID reads the replication id the way the ledger's scripts do.
func replID(t *testing.T, c *redis.Client) string {
	t.Helper()
	id, err := c.Eval(t.Context(), "return string.match(redis.call('INFO', 'replication'), 'master_replid:(%x+)')", nil).Text()
	if err != nil || len(id) != 40 {
		t.Fatalf("replication id %q, %v", id, err)
	}
	return id
}

// eventually waits until ok or fails with what.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatal("waited in vain: " + what)
		}
	}
}

func TestRestart(t *testing.T) {
	s := start(t)
	c := client(t, s.Addr())
	ctx := t.Context()
	script := redis.NewScript("return redis.call('HGET', KEYS[1], 'a')")
	if err := c.HSet(ctx, "{k}", "a", "1").Err(); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, keep := range []bool{true, true, false} {
		sha, err := script.Load(ctx, c).Result()
		if err != nil || sha != script.Hash() {
			t.Fatalf("SCRIPT LOAD: %q, %v", sha, err)
		}
		if v, err := script.EvalSha(ctx, c, []string{"{k}"}).Text(); v != "1" || err != nil {
			t.Fatalf("before the restart: %q, %v", v, err)
		}
		id, addr := replID(t, c), s.Addr()
		if seen[id] || id != s.ReplID() {
			t.Errorf("replication id %s, not the one of this run or seen before", id)
		}
		seen[id] = true
		if err := s.Restart(keep); err != nil {
			t.Fatal(err)
		}
		if s.Addr() != addr {
			t.Errorf("address %s became %s", addr, s.Addr())
		}
		// The pool still holds connections of before, which are cut.
		c = client(t, s.Addr())
		if err := script.EvalSha(ctx, c, []string{"{k}"}).Err(); err == nil || !strings.HasPrefix(err.Error(), "NOSCRIPT") {
			t.Errorf("script of before the restart: %v", err)
		}
		v, err := script.Run(ctx, c, []string{"{k}"}).Text() // falls back to EVAL
		if keep && (v != "1" || err != nil) || !keep && !errors.Is(err, redis.Nil) {
			t.Errorf("keep %v: got %q, %v", keep, v, err)
		}
	}
	if id := replID(t, c); seen[id] {
		t.Errorf("replication id %s again", id)
	}
}

func TestStop(t *testing.T) {
	s := start(t)
	ctx := t.Context()
	c := client(t, s.Addr())
	if err := c.HSet(ctx, "h", "a", "1").Err(); err != nil {
		t.Fatal(err)
	}
	raw, err := net.Dial("tcp", s.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	id := s.ReplID()
	s.Stop(true)
	if _, err := raw.Read(make([]byte, 1)); !errors.Is(err, io.EOF) && !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("connection of before: %v", err)
	}
	if err := c.Ping(ctx).Err(); err == nil {
		t.Error("PING is answered")
	}
	if c, err := net.Dial("tcp", s.Addr()); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("dial: %v, %v", c, err)
	}
	s.Stop(true) // again
	if s.ReplID() != id {
		t.Error("a stop changes the replication id")
	}
	if err := s.Restart(true); err != nil {
		t.Fatal(err)
	}
	c = client(t, s.Addr())
	if v, err := c.HGet(ctx, "h", "a").Result(); v != "1" || err != nil {
		t.Errorf("kept: %q, %v", v, err)
	}
	s.Stop(true)
	s.Stop(false) // drops what the first one kept
	if err := s.Restart(true); err != nil {
		t.Fatal(err)
	}
	c = client(t, s.Addr())
	if n, err := c.DBSize(ctx).Result(); n != 0 || err != nil {
		t.Errorf("dropped: %d keys, %v", n, err)
	}
	s.Close()
	s.Close()
	if err := s.Restart(false); !errors.Is(err, ErrClosed) {
		t.Errorf("restart after Close: %v", err)
	}
}

func TestStartErrors(t *testing.T) {
	s := start(t)
	if _, err := Start(s.Addr()); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("port in use: %v", err)
	}
	if _, err := Start("nowhere"); err == nil {
		t.Error("no port: no error")
	}
	// Somebody else took the port meanwhile: an error, and another try later.
	s.Stop(true)
	l, err := net.Listen("tcp", s.Addr())
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Restart(true); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("port taken: %v", err)
	}
	l.Close()
	if err := s.Restart(true); err != nil {
		t.Error(err)
	}
	if err := client(t, s.Addr()).Ping(t.Context()).Err(); err != nil {
		t.Error(err)
	}
}

func TestPause(t *testing.T) {
	s := start(t)
	ctx := t.Context()
	c := redis.NewClient(&redis.Options{Addr: s.Addr(), MaxRetries: -1, ReadTimeout: 50 * time.Millisecond, ContextTimeoutEnabled: true, PoolSize: 1})
	defer func() { _ = c.Close() }()
	if err := c.Ping(ctx).Err(); err != nil {
		t.Fatal(err)
	}
	s.Pause()
	s.Pause()
	var timeout net.Error
	if err := c.HSet(ctx, "h", "a", "1").Err(); !errors.As(err, &timeout) || !timeout.Timeout() {
		t.Errorf("command while paused: %v", err)
	}
	// A new connection is accepted, and not answered either.
	raw, err := net.Dial("tcp", s.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	if _, err := raw.Write([]byte("*1\r\n$4\r\nPING\r\n")); err != nil {
		t.Fatal(err)
	}
	if err := raw.SetReadDeadline(time.Now().Add(50 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if n, err := raw.Read(make([]byte, 1)); !errors.As(err, &timeout) || !timeout.Timeout() {
		t.Errorf("answer while paused: %d bytes, %v", n, err)
	}
	if err := raw.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	s.Resume()
	s.Resume()
	reply := make([]byte, 7)
	if _, err := io.ReadFull(raw, reply); err != nil || string(reply) != "+PONG\r\n" {
		t.Errorf("after the pause: %q, %v", reply, err)
	}
	if err := client(t, s.Addr()).Ping(ctx).Err(); err != nil {
		t.Errorf("new connection after the pause: %v", err)
	}
}

// A paused process that is killed never carries out what it had not read.
func TestStopWhilePaused(t *testing.T) {
	s := start(t)
	raw, err := net.Dial("tcp", s.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	eventually(t, "the connection", func() bool { return s.clients() == 1 })
	s.Pause()
	if _, err := raw.Write([]byte("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\nv\r\n")); err != nil {
		t.Fatal(err)
	}
	if err := s.Restart(true); err != nil { // which ends the pause
		t.Fatal(err)
	}
	if n, err := client(t, s.Addr()).DBSize(t.Context()).Result(); n != 0 || err != nil {
		t.Errorf("%d keys, %v", n, err)
	}
	s.Pause()
	s.Close()
}

func TestFlushAll(t *testing.T) {
	s := start(t)
	c := client(t, s.Addr())
	ctx := t.Context()
	id := replID(t, c)
	if err := c.HSet(ctx, "h", "a", "1").Err(); err != nil {
		t.Fatal(err)
	}
	s.FlushAll()
	if n, err := c.DBSize(ctx).Result(); n != 0 || err != nil {
		t.Errorf("%d keys, %v", n, err)
	}
	if again := replID(t, c); again != id {
		t.Errorf("replication id %s became %s", id, again)
	}
	s.Stop(false)
	s.FlushAll() // has nothing to empty
}

func TestScriptInTransactionAndRESP2(t *testing.T) {
	s := start(t)
	ctx := t.Context()
	c := redis.NewClient(&redis.Options{Addr: s.Addr(), MaxRetries: -1, Protocol: 2})
	defer func() { _ = c.Close() }()
	var a, b *redis.Cmd
	_, err := c.TxPipelined(ctx, func(p redis.Pipeliner) error {
		a = p.Eval(ctx, "redis.call('HSET', KEYS[1], 'a', 1) return false", []string{"h"})
		b = p.Eval(ctx, "return redis.call('HGETALL', KEYS[1])", []string{"h"})
		return nil
	})
	if !errors.Is(a.Err(), redis.Nil) || outcome(b.Val(), b.Err()) != `[]interface {}{"a", "1"}` {
		t.Errorf("%v, %v, %v", err, a, b)
	}
}

// Scripts of many clients run one at a time, stops or no stops: the two fields
// always agree.
func TestScriptsAreAtomic(t *testing.T) {
	s := start(t)
	script := redis.NewScript(`
local n = tonumber(redis.call('HGET', KEYS[1], 'a') or '0')
redis.call('HSET', KEYS[1], 'a', n + 1)
local m = tonumber(redis.call('HGET', KEYS[1], 'b') or '0')
redis.call('HSET', KEYS[1], 'b', m + 1)
return {n, m}`)
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			c := redis.NewClient(&redis.Options{Addr: s.Addr(), MaxRetries: -1, ReadTimeout: 5 * time.Second})
			defer func() { _ = c.Close() }()
			for ctx.Err() == nil {
				v, err := script.Run(ctx, c, []string{"{k}"}).Int64Slice()
				if err == nil && v[0] != v[1] {
					t.Errorf("fields differ: %v", v)
					return
				}
			}
		})
	}
	c := client(t, s.Addr())
	count := func() int {
		n, _ := c.HGet(ctx, "{k}", "a").Int()
		return n
	}
	for range 5 {
		before := count()
		eventually(t, "progress", func() bool { return count() > before+10 })
		s.Pause()
		s.Resume()
		if err := s.Restart(true); err != nil {
			t.Error(err)
		}
	}
	cancel()
	wg.Wait()
	v, err := client(t, s.Addr()).HMGet(t.Context(), "{k}", "a", "b").Result()
	if err != nil || v[0] != v[1] {
		t.Errorf("fields %v, %v", v, err)
	}
}

// Replies that miniredis cannot write must not end the process.
func TestRepliesWithoutAForm(t *testing.T) {
	c := client(t, start(t).Addr())
	for script, want := range map[string]string{
		"local t = {} t[1] = t return t":                     "error: ERR reached lua stack limit",
		"return {pairs, cjson.null, 1}":                      "[]interface {}{interface {}(nil), interface {}(nil), 1}",
		"return coroutine.create(function() end)":            "<nil>",
		"local function f() return f() + 1 end return f()":   "error: ERR user_script:1: stack overflow",
		"return {err = {}}":                                  "[]interface {}{}",
		"return string.rep('x', 3) .. '\\r\\n' .. '\\0'":     `"xxx\r\n\x00"`,
		"return {err = 'two\\r\\nlines'}":                    "error: two  lines",
		"return redis.status_reply('two\\r\\nlines')":        `"two  lines"`,
		"return redis.call('HSET', 'h', 'f', '\\0\\r\\n*1')": "1",
	} {
		if got := outcome(c.Eval(t.Context(), script, nil).Result()); !strings.HasPrefix(got, want) {
			t.Errorf("%s: %s, want %s", script, got, want)
		}
	}
}

func TestConfigOnlyReads(t *testing.T) {
	c := client(t, start(t).Addr())
	if err := c.ConfigSet(t.Context(), "save", "1 1").Err(); err == nil {
		t.Error("CONFIG SET passes")
	}
	all, err := c.ConfigGet(t.Context(), "min-*").Result()
	if err != nil || len(all) != 2 {
		t.Errorf("%v, %v", all, err)
	}
}

// BenchmarkEvalSHA is a round trip of a small script.
func BenchmarkEvalSHA(b *testing.B) {
	c := client(b, start(b).Addr())
	script := redis.NewScript("redis.call('HSET', KEYS[1], 'a', ARGV[1]) return cjson.encode({redis.call('HGET', KEYS[1], 'a')})")
	for b.Loop() {
		if err := script.Run(context.Background(), c, []string{"{k}"}, 5).Err(); err != nil {
			b.Fatal(err)
		}
	}
}
