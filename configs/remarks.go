package configs

import (
	"crypto/tls"
	"fmt"
	"sort"
	"strings"
)

// shortToken is the length under which an admin token is easy to guess.
const shortToken = 16

// remarks returns warnings about a valid configuration that may not do what its
// author thinks.
func (c *Config) remarks() []string {
	var w []string
	warn := func(format string, args ...any) { w = append(w, fmt.Sprintf(format, args...)) }

	w = append(w, c.fleetRemarks()...)
	if c.origins.has("fallback.local_limit_divisor") {
		warn("fallback.local_limit_divisor has no meaning: a node that loses the ledger keeps the slots it owns instead of a fixed share of the limit")
	}
	if c.origins.has("fallback.enabled") {
		warn("fallback.enabled has no meaning: keeping the slots a node owns needs no switch")
	}
	if c.Proxy.SessionTimeout > 0 {
		warn("proxy.session_timeout closes a client older than %s at its next idle moment outside a transaction; it no longer cuts a running request", formatDuration(c.Proxy.SessionTimeout))
	}
	if c.TLS.MinTLSVersion() < tls.VersionTLS12 {
		warn("tls.min_version %s allows versions of TLS that are broken", c.TLS.MinVersion)
	}
	if c.TLS.Mode != TLSOff && c.TLS.CertFile == "" {
		warn("tls.cert_file is not set: clients get a self-signed certificate made at start, which they cannot verify")
	}
	if t := c.Admin.Token; t != "" && len(t) < shortToken {
		warn("admin.token is shorter than %d characters", shortToken)
	}
	if c.Auth.Mode == AuthPassthrough && len(c.Auth.Users) > 0 {
		warn("auth.users is not used: auth.mode is passthrough")
	}
	for i, r := range c.Routes {
		if r.catchesAll() && i < len(c.Routes)-1 {
			warn("routes after routes[%d] are never reached: it has no condition", i)
			break
		}
	}
	w = append(w, c.poolingRemarks()...)
	return append(w, c.bucketRemarks()...)
}

func (c *Config) bucketRemarks() []string {
	var w []string
	byAddr := map[string]string{}
	byDatabase := map[string][]string{}
	for _, b := range c.EffectiveBuckets() {
		if t := b.BackendTLS; t.CAFile != "" && !t.Mode.Verifies() {
			w = append(w, fmt.Sprintf("bucket %s: ca_file is not used, backend_tls.mode %s does not verify the server", b.ID, t.Mode))
		}
		if b.BackendTLS.Mode == BackendTLSOff {
			w = append(w, fmt.Sprintf("bucket %s: backend_tls.mode off sends passwords to the server unencrypted", b.ID))
		}
		if b.MinIdle > 0 && b.Username == "" {
			w = append(w, fmt.Sprintf("bucket %s: min_idle has no effect without a username and a password to open backends with", b.ID))
		}
		addr := strings.ToLower(b.Addr())
		if other, shared := byAddr[addr]; shared {
			w = append(w, fmt.Sprintf("buckets %s and %s are the same server %s: their limits add up", other, b.ID, addr))
		} else {
			byAddr[addr] = b.ID
		}
		for _, d := range b.Databases {
			byDatabase[strings.ToLower(d)] = append(byDatabase[strings.ToLower(d)], b.ID)
		}
	}
	if len(c.Routes) > 0 {
		return w
	}
	names := make([]string, 0, len(byDatabase))
	for name, ids := range byDatabase {
		if len(ids) > 1 {
			names = append(names, name)
		}
	}
	sort.Strings(names)
	for _, name := range names {
		ids := byDatabase[name]
		w = append(w, fmt.Sprintf("database %s is in %d buckets (%s): its logins are not routed by database but by server name", name, len(ids), strings.Join(ids[:min(3, len(ids))], ", ")))
	}
	return w
}
