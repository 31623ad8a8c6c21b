package main

import (
	"crypto/tls"
	"fmt"
	"strings"

	"sluice/actors/backend"
	"sluice/actors/bucket"
	"sluice/actors/refusal"
	"sluice/actors/session"
	"sluice/configs"
	"sluice/tds"
)

// This file turns configuration into what the actors take; they know nothing
// of configuration files.

// target says how to reach a bucket's server.
func target(c *configs.Config, b configs.EffectiveBucket) (*backend.Target, error) {
	t := &backend.Target{
		Bucket: b.ID, Address: b.Addr(), KeepAlive: c.Proxy.ClientKeepAlive,
		ConnectTimeout: b.ConnectionTimeout, CleanTimeout: c.Pool.CleanTimeout,
	}
	switch b.BackendTLS.Mode {
	case configs.BackendTLSOff:
		return t, nil
	case configs.BackendTLSLogin:
		t.Encryption = backend.EncryptLogin
	case configs.BackendTLSStrict:
		t.Encryption = backend.EncryptStrict
	default:
		t.Encryption = backend.EncryptFull
	}
	t.TLS = &tls.Config{MinVersion: tls.VersionTLS12, ServerName: b.BackendTLS.ServerName, InsecureSkipVerify: !b.BackendTLS.Mode.Verifies()}
	if b.BackendTLS.CAFile != "" {
		pool, err := configs.LoadCertPool(b.BackendTLS.CAFile)
		if err != nil {
			return nil, fmt.Errorf("bucket %s: backend_tls.ca_file: %w", b.ID, err)
		}
		t.TLS.RootCAs = pool
	}
	return t, nil
}

func settings(c *configs.Config, b configs.EffectiveBucket) bucket.Settings {
	return bucket.Settings{
		Limit: b.MaxConnections, MinIdle: b.MinIdle, MaxIdleTime: b.MaxIdleTime, MaxLifetime: b.MaxLifetime,
		CheckEvery: c.Proxy.HealthCheckInterval, MaxParallelLogins: c.Pool.MaxParallelLogins, ReverifyAfter: c.Auth.ReverifyAfter,
	}
}

func queueSettings(b configs.EffectiveBucket) bucket.QueueSettings {
	return bucket.QueueSettings{Timeout: b.QueueTimeout, MaxSize: b.MaxQueueSize}
}

func matching(c *configs.Config) backend.Match {
	return backend.Match{
		AppName: c.Pool.MatchAppName, HostName: c.Pool.MatchHostName,
		NodeName: c.Proxy.InstanceID, MaxPacket: c.Proxy.PacketSizeLimit,
	}
}

// warmLogin is the login for min_idle connections, if the bucket has
// credentials of its own. It has that shape until a client with the same
// credentials has shown its own.
func warmLogin(c *configs.Config, b configs.EffectiveBucket) *tds.Login7 {
	if b.Username == "" || b.MinIdle == 0 {
		return nil
	}
	l := &tds.Login7{
		Version: tds.V74, UserName: b.Username, Password: b.Password.Reveal(), AppName: "Sluice", ServerName: b.Host,
		OptionFlags2: tds.LoginODBC,
	}
	if len(b.Databases) > 0 {
		l.Database = b.Databases[0]
	}
	return l
}

func errorStyle(c *configs.Config) refusal.Style {
	if c.Errors.Style == configs.ErrorStyleDrivers {
		return refusal.StyleDrivers
	}
	return refusal.StyleSluice
}

// routeLogin returns a session's way to ask the configuration for a bucket.
func routeLogin(c *configs.Config) func(*tds.Login7) string {
	return func(l *tds.Login7) string {
		b, ok := c.RouteLogin(asLogin(l))
		if !ok {
			return ""
		}
		return b.ID
	}
}

// asLogin is what of a login configuration looks at.
func asLogin(l *tds.Login7) configs.Login {
	return configs.Login{
		ServerName: serverHost(l.ServerName), Database: l.Database, User: l.UserName, AppName: l.AppName, ReadOnly: l.ReadOnly(),
	}
}

// serverHost is the host in a login's server name, which may carry a protocol,
// an instance and a port: tcp:host\instance,port.
func serverHost(s string) string {
	if proto, rest, ok := strings.Cut(s, ":"); ok && strings.EqualFold(proto, "tcp") {
		s = rest
	}
	if i := strings.IndexAny(s, `,\`); i >= 0 {
		s = s[:i]
	}
	return s
}

// mapping keeps the digests of configured passwords, not the passwords.
func mapping(c *configs.Config, creds *session.Credentials) session.Mapping {
	m := session.Mapping{On: c.Auth.Mode == configs.AuthMapped, Accounts: map[string]session.Account{}}
	for _, u := range c.Auth.Users {
		name := strings.ToLower(u.User)
		m.Accounts[name] = session.Account{
			Password:    creds.Digest("", name, u.Password.Reveal()),
			BackendUser: u.BackendUser, BackendPassword: u.BackendPassword.Reveal(), Buckets: u.Buckets,
		}
	}
	return m
}

// product is the version that PRELOGIN answers name before it is known which
// server a client will get: SQL Server 2022.
var product = tds.ProductVersion{Major: 16, Build: 1000}
