package redisd

import (
	"bufio"
	"bytes"
	"path"
	"strconv"
	"strings"

	"github.com/alicebob/miniredis/v2/server"
)

// version is what INFO says: the Redis whose scripts and replies are imitated.
const version = "7.0.15"

// handler answers what miniredis lacks. miniredis calls handle before every
// command, those that a script calls included; then its own lock is held, which
// nothing here may take.
type handler struct {
	s    *Server
	srv  *server.Server
	wrap wrapping
}

func newHandler(s *Server, srv *server.Server) *handler {
	return &handler{s: s, srv: srv, wrap: newWrapping()}
}

// handle reports whether the command is done.
func (h *handler) handle(c *server.Peer, cmd string, args ...string) bool {
	switch cmd {
	case "INFO":
		c.WriteBulk(h.info(args))
	case "CONFIG":
		h.config(c, args)
	case "SCRIPT":
		return h.script(c, args)
	case "EVAL", "EVAL_RO":
		return h.eval(c, cmd, args)
	case "EVALSHA", "EVALSHA_RO":
		return h.evalSHA(c, cmd, args)
	default:
		return false
	}
	return true
}

// info returns the sections asked for, all when none is named. Unknown ones are
// empty, as with Redis.
func (h *handler) info(names []string) string {
	id, clients := h.s.ReplID(), strconv.Itoa(h.s.clients())
	sections := []struct {
		name   string
		fields []string
	}{
		{"Server", []string{"redis_version:" + version, "redis_mode:standalone"}},
		{"Clients", []string{"connected_clients:" + clients}},
		{"Memory", []string{"maxmemory:0", "maxmemory_policy:" + settings["maxmemory-policy"]}},
		{"Persistence", []string{"loading:0"}},
		{"Replication", []string{
			"role:master", "connected_slaves:0", "master_failover_state:no-failover",
			"master_replid:" + id, "master_replid2:" + strings.Repeat("0", len(id)),
			"master_repl_offset:0", "second_repl_offset:-1",
		}},
		{"Cluster", []string{"cluster_enabled:0"}},
	}
	asked := func(name string) bool {
		if len(names) == 0 {
			return true
		}
		for _, n := range names {
			switch n = strings.ToLower(n); n {
			case strings.ToLower(name), "all", "default", "everything":
				return true
			}
		}
		return false
	}
	var out []string
	for _, s := range sections {
		if asked(s.name) {
			out = append(out, "# "+s.name+"\r\n"+strings.Join(s.fields, "\r\n")+"\r\n")
		}
	}
	return strings.Join(out, "\r\n")
}

// settings are the ones that say how far the data of a Redis can be trusted.
var settings = map[string]string{
	"appendonly":            "no",
	"maxmemory":             "0",
	"maxmemory-policy":      "noeviction",
	"min-replicas-max-lag":  "10",
	"min-replicas-to-write": "0",
	"save":                  "",
}

func (h *handler) config(c *server.Peer, args []string) {
	if len(args) < 2 || !strings.EqualFold(args[0], "get") {
		c.WriteError("ERR only CONFIG GET is there")
		return
	}
	found := map[string]string{}
	for _, pattern := range args[1:] {
		for name, value := range settings {
			if ok, err := path.Match(strings.ToLower(pattern), name); ok && err == nil {
				found[name] = value
			}
		}
	}
	c.WriteMapLen(len(found))
	for name, value := range found {
		c.WriteBulk(name)
		c.WriteBulk(value)
	}
}

// dispatch has miniredis carry out a command on behalf of c and returns the
// reply in place of sending it.
func (h *handler) dispatch(c *server.Peer, args ...string) string {
	var buf bytes.Buffer
	w := bufio.NewWriter(&buf)
	inner := server.NewPeer(w)
	inner.Ctx, inner.Resp3 = c.Ctx, c.Resp3
	h.srv.Dispatch(inner, args)
	inner.Flush()
	return buf.String()
}
