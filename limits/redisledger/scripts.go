package redisledger

import (
	"embed"
	"fmt"
	"slices"
	"strings"

	"github.com/redis/go-redis/v9"
)

//go:embed lua/*.lua
var sources embed.FS

// parts are the files that make up the script of each op, which is its last
// file. Fewer functions take less time to set up at each call.
var parts = map[string][]string{
	"hello":    {"ledger"},
	"join":     {"ledger", "sessions", "pots", "allot"},
	"sync":     {"ledger", "sessions", "pots", "allot"},
	"reassert": {"ledger", "sessions", "pots", "allot"},
	"recover":  {"ledger", "sessions", "pots"},
	"close":    {"ledger", "sessions", "pots"},
	"reap":     {"ledger", "sessions", "pots", "drop"},
	"leave":    {"ledger", "sessions", "pots", "drop"},
	"declare":  {"ledger", "sessions", "pots", "allot"},
	"list":     {"ledger", "sessions", "pots"},
}

// script returns the text of an op's script.
func script(op string) (string, error) {
	var b strings.Builder
	for _, f := range append(slices.Clone(parts[op]), op) {
		text, err := sources.ReadFile("lua/" + f + ".lua")
		if err != nil {
			return "", fmt.Errorf("script of %s: %w", op, err)
		}
		b.Write(text)
	}
	return b.String(), nil
}

// loadScripts returns the script of each op.
func loadScripts() (map[string]*redis.Script, error) {
	out := map[string]*redis.Script{}
	for op := range parts {
		text, err := script(op)
		if err != nil {
			return nil, err
		}
		out[op] = redis.NewScript(text)
	}
	return out, nil
}
