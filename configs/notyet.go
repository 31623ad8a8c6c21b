package configs

import "strings"

// notYet warns of settings that are read and checked but not used by this
// version, and sets them to what the node does. It is the one place that knows;
// when a feature arrives, its lines here go.
func (c *Config) notYet() []string {
	var w []string
	if c.Proxy.Pooling == PoolingTransaction {
		c.Proxy.Pooling = PoolingSession
		w = append(w, "proxy.pooling transaction is not in this version: the node runs with pooling session")
	}
	if c.Redis.Addr != "" {
		w = append(w, "redis.addr is set, but fleet limits are not in this version: max_connections of each bucket holds for this node alone, so divide it by the number of nodes")
	}
	for _, group := range []string{"gossip", "limits"} {
		if c.origins.sets(group) {
			w = append(w, group+" is set, but fleet limits are not in this version: its keys are not used")
		}
	}
	return w
}

// sets reports whether any key of group was given.
func (o origins) sets(group string) bool {
	for key := range o {
		if strings.HasPrefix(key, group+".") {
			return true
		}
	}
	return false
}
