package main

import (
	"crypto/tls"
	"fmt"
	"net"

	"sluice/configs"
	"sluice/limits/redisledger"
)

// redisConfig says how to reach the ledger.
func redisConfig(cfg *configs.Config) (redisledger.Config, error) {
	r := cfg.Redis
	out := redisledger.Config{
		Addrs: r.Seeds(), Username: r.Username, Password: r.Password.Reveal(), DB: r.DB, MasterName: r.MasterName,
		SentinelUsername: r.SentinelUsername, SentinelPassword: r.SentinelPassword.Reveal(), Cluster: r.Cluster,
		PoolSize: r.PoolSize, DialTimeout: r.DialTimeout, ReadTimeout: r.ReadTimeout, WriteTimeout: r.WriteTimeout,
		Key: redisledger.Key(cfg.Gossip.ClusterName),
	}
	if r.TLS {
		out.TLS = &tls.Config{MinVersion: tls.VersionTLS12, ServerName: r.TLSServerName, InsecureSkipVerify: r.TLSSkipVerify}
		if r.TLSCAFile != "" {
			pool, err := configs.LoadCertPool(r.TLSCAFile)
			if err != nil {
				return out, fmt.Errorf("redis.tls_ca_file: %w", err)
			}
			out.TLS.RootCAs = pool
		}
	}
	return out, nil
}

func splitAddr(addr string) (host, port string, err error) { return net.SplitHostPort(addr) }
