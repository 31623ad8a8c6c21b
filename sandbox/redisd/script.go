package redisd

import (
	"crypto/sha1"
	_ "embed"
	"encoding/hex"
	"strings"

	"github.com/alicebob/miniredis/v2/server"
)

//go:embed prelude.lua
var prelude string

// wrapping is the Lua text around each script, which makes miniredis run it as
// Redis would.
type wrapping struct{ before string }

// newWrapping joins the prelude to one line, so that the lines of a script keep
// their numbers in messages.
func newWrapping() wrapping {
	var b strings.Builder
	for line := range strings.Lines(prelude) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "--") {
			b.WriteString(line + " ")
		}
	}
	return wrapping{before: b.String() + "return __run(function() "}
}

func (w wrapping) around(script, sha string) string {
	// The line break ends a comment on the script's last line.
	return w.before + script + "\nend, '" + sha + "')"
}

func (w wrapping) has(script string) bool { return strings.HasPrefix(script, w.before) }

func shaOf(script string) string {
	sum := sha1.Sum([]byte(script))
	return hex.EncodeToString(sum[:])
}

// eval replaces the script by the wrapped one, which comes here again.
func (h *handler) eval(c *server.Peer, cmd string, args []string) bool {
	if len(args) < 2 || h.wrap.has(args[0]) {
		return false
	}
	sha := shaOf(args[0])
	h.remember(sha, args[0])
	h.srv.Dispatch(c, append([]string{cmd, h.wrap.around(args[0], sha)}, args[1:]...))
	return true
}

func (h *handler) evalSHA(c *server.Peer, cmd string, args []string) bool {
	if len(args) < 2 {
		return false
	}
	sha := strings.ToLower(args[0])
	script, ok := h.recall(sha)
	if !ok {
		c.WriteError("NOSCRIPT No matching script. Please use EVAL.")
		return true
	}
	cmd = strings.Replace(cmd, "EVALSHA", "EVAL", 1)
	h.srv.Dispatch(c, append([]string{cmd, h.wrap.around(script, sha)}, args[1:]...))
	return true
}

func (h *handler) script(c *server.Peer, args []string) bool {
	if len(args) == 0 {
		return false
	}
	switch sub := strings.ToLower(args[0]); {
	case sub == "load" && len(args) == 2 && !h.wrap.has(args[1]):
		sha := shaOf(args[1])
		reply := h.dispatch(c, "SCRIPT", "LOAD", h.wrap.around(args[1], sha))
		if !strings.HasPrefix(reply, "$") { // does not compile, or not the place for it
			c.WriteRaw(reply)
			return true
		}
		h.remember(sha, args[1])
		c.WriteBulk(sha)
	case sub == "exists" && len(args) > 1:
		c.WriteLen(len(args) - 1)
		for _, sha := range args[1:] {
			n := 0
			if _, ok := h.recall(strings.ToLower(sha)); ok {
				n = 1
			}
			c.WriteInt(n)
		}
	case sub == "flush":
		h.s.mu.Lock()
		h.s.scripts = map[string]string{}
		h.s.mu.Unlock()
		c.WriteOK()
	default:
		return false
	}
	return true
}

func (h *handler) remember(sha, script string) {
	h.s.mu.Lock()
	defer h.s.mu.Unlock()
	h.s.scripts[sha] = script
}

func (h *handler) recall(sha string) (script string, ok bool) {
	h.s.mu.Lock()
	defer h.s.mu.Unlock()
	script, ok = h.s.scripts[sha]
	return script, ok
}
