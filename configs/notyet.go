package configs

// notYet warns of settings that are read and checked but not used by this
// version, and sets them to what the node does. It is the one place that knows;
// when a feature arrives, its lines here go.
func (c *Config) notYet() []string {
	var w []string
	if c.Proxy.Pooling == PoolingTransaction {
		c.Proxy.Pooling = PoolingSession
		w = append(w, "proxy.pooling transaction is not in this version: the node runs with pooling session")
	}
	return w
}
