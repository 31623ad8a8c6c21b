package redisledger

import (
	"embed"
	"fmt"
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

// loadScripts returns the script of each op.
func loadScripts() (map[string]*redis.Script, error) {
	out := map[string]*redis.Script{}
	for op, files := range parts {
		var b strings.Builder
		for _, f := range append(files[:len(files):len(files)], op) {
			text, err := sources.ReadFile("lua/" + f + ".lua")
			if err != nil {
				return nil, fmt.Errorf("script of %s: %w", op, err)
			}
			b.Write(text)
		}
		out[op] = redis.NewScript(b.String())
	}
	return out, nil
}
