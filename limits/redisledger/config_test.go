package redisledger

import (
	"crypto/tls"
	"encoding/json"
	"strings"
	"testing"

	"sluice/limits"
)

func TestConfigThatCannotBe(t *testing.T) {
	good := Config{Addrs: []string{"h:1"}, Key: Key("prod")}
	for want, change := range map[string]func(*Config){
		"no address":              func(c *Config) { c.Addrs = nil },
		"an empty address":        func(c *Config) { c.Addrs = []string{""} },
		"2 addresses":             func(c *Config) { c.Addrs = []string{"h:1", "h:2"} },
		"a cluster has no":        func(c *Config) { c.Cluster, c.MasterName = true, "m" },
		"a cluster has database":  func(c *Config) { c.Cluster, c.DB = true, 3 },
		"database -1":             func(c *Config) { c.DB = -1 },
		`key "" has no`:           func(c *Config) { c.Key = "" },
		`key "a{}b" has no`:       func(c *Config) { c.Key = "a{}b" },
		`key "sluice:{}:ledger" `: func(c *Config) { c.Key = Key("") },
	} {
		c := good
		change(&c)
		if l, err := Open(c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", want, err)
			if l != nil {
				_ = l.Close()
			}
		}
	}
	l, err := Open(good)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
}

func TestConfigReachesTheClient(t *testing.T) {
	c := Config{
		Addrs: []string{"h:1", "h:2"}, Username: "u", Password: "p", DB: 3, MasterName: "m", SentinelUsername: "su", SentinelPassword: "sp",
		TLS: &tls.Config{ServerName: "h"}, PoolSize: 9, DialTimeout: 1, ReadTimeout: 2, WriteTimeout: 3,
	}
	o := c.options()
	f := o.Failover()
	if f.MaxRetries != -1 || f.PoolSize != 9 || f.DB != 3 || f.MasterName != "m" || f.TLSConfig != c.TLS || !f.ContextTimeoutEnabled ||
		f.Username != "u" || f.Password != "p" || f.SentinelUsername != "su" || f.SentinelPassword != "sp" ||
		f.DialTimeout != 1 || f.ReadTimeout != 2 || f.WriteTimeout != 3 || len(f.SentinelAddrs) != 2 {
		t.Errorf("%+v", f)
	}
	if n := (Config{}).options().PoolSize; n != defaultPool {
		t.Errorf("pool size %d", n)
	}
}

func TestKey(t *testing.T) {
	if k := Key("prod"); k != "sluice:{prod}:ledger" {
		t.Error(k)
	}
}

// What comes from the network is an answer or an error.
func FuzzDecode(f *testing.F) {
	for _, s := range []string{
		"", "{}", `{"status":"OK","replid":"x","epoch":{"n":1,"tag":"t"},"open":true,"version":3,"members":{},"buckets":{"db":{"held":1}}}`,
		`{"status":"OK","members":["a"],"sessions":{"a":{"renewals":1}}}`, `{"fault":"data","detail":"d"}`, `{"fault":"format","found":"2","known":"1"}`, `{"fault":"x"}`, `[]`, `{"version":-1}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := decode(text)
		if err != nil {
			if err.Error() == "" {
				t.Error("an error without words")
			}
			return
		}
		again, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := decode(again); err != nil {
			t.Errorf("%s: %v", again, err)
		}
	})
}

func TestEveryOpHasAScript(t *testing.T) {
	scripts, err := loadScripts()
	if err != nil {
		t.Fatal(err)
	}
	for _, op := range everyOp(limits.Epoch{}, "") {
		if scripts[limits.OpName(op)] == nil {
			t.Errorf("no script for %T", op)
		}
	}
	if len(scripts) != 10 {
		t.Errorf("%d scripts", len(scripts))
	}
}
