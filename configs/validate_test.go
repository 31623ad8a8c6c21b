package configs

import (
	"errors"
	"strings"
	"testing"
)

// One row per rule: what is wrong, and the one problem it makes.
func TestValidationRules(t *testing.T) {
	tests := []struct{ yaml, key, value, want string }{
		{"proxy: {listen_addr: 'a b'}", "proxy.listen_addr", "a b", "IP address"},
		{"proxy: {listen_port: 65536}", "proxy.listen_port", "65536", "1 to 65535"},
		{"proxy: {listen_port: -1}", "proxy.listen_port", "-1", "1 to 65535"},
		{"proxy: {health_check_port: 1433}", "proxy.health_check_port", "1433", "differ from proxy.listen_port"},
		{"proxy: {metrics_port: 1433}", "proxy.metrics_port", "1433", "differ from proxy.listen_port"},
		{"proxy: {metrics_port: 8080}", "proxy.metrics_port", "8080", "differ from proxy.health_check_port"},
		{"proxy: {health_check_port: 70000}", "proxy.health_check_port", "70000", "1 to 65535"},
		{"proxy: {metrics_port: 70000}", "proxy.metrics_port", "70000", "1 to 65535"},
		{"proxy: {admin_addr: '127.0.0.1:80'}", "proxy.admin_addr", "127.0.0.1:80", "without a port"},
		{"proxy: {session_timeout: -1s}", "proxy.session_timeout", "-1s", "0 (never)"},
		{"proxy: {idle_timeout: 0}", "proxy.idle_timeout", "0", "above 0"},
		{"proxy: {queue_timeout: -1}", "proxy.queue_timeout", "-1", "0 (no waiting)"},
		{"proxy: {queue_timeout: 1e300}", "proxy.queue_timeout", "1e300", "duration"},
		{"proxy: {queue_timeout: .nan}", "proxy.queue_timeout", ".nan", "duration"},
		{"proxy: {max_queue_size: -5}", "proxy.max_queue_size", "-5", "0 (no limit)"},
		{"proxy: {max_queue_size: 1.5}", "proxy.max_queue_size", "1.5", "whole number"},
		{"proxy: {pooling: statement}", "proxy.pooling", "statement", "session, transaction or observe"},
		{"proxy: {pinning_mode: x}", "proxy.pooling", "x", "session, transaction or observe"},
		{"proxy: {pinning_mode: transaction, pooling: session}", "proxy.pinning_mode", "transaction", "older name"},
		{"proxy: {health_check_interval: -1s}", "proxy.health_check_interval", "-1s", "0 (off)"},
		{"proxy: {login_timeout: 0}", "proxy.login_timeout", "0", "above 0"},
		{"proxy: {max_client_connections: -1}", "proxy.max_client_connections", "-1", "0 (no limit)"},
		{"proxy: {client_keep_alive: -1}", "proxy.client_keep_alive", "-1", "0 (off)"},
		{"proxy: {packet_size_limit: 511}", "proxy.packet_size_limit", "511", "512 to 32767"},
		{"proxy: {packet_size_limit: 32768}", "proxy.packet_size_limit", "32768", "512 to 32767"},
		{"shutdown_timeout: 0", "shutdown_timeout", "0", "above 0"},
		{"tls: {mode: maybe}", "tls.mode", "maybe", "off, on or required"},
		{"tls: {strict: perhaps}", "tls.strict", "perhaps", "true or false"},
		{"tls: {cert_file: a.pem}", "tls.key_file", "", "since tls.cert_file is"},
		{"tls: {key_file: a.pem}", "tls.cert_file", "", "since tls.key_file is"},
		{"tls: {cert_file: none.pem, key_file: none.key}", "tls.cert_file", "none.pem", "no such file"},
		{"tls: {min_version: '1.4'}", "tls.min_version", "1.4", "1.2 or 1.3"},
		{"backend_tls: {mode: 'on'}", "backend_tls.mode", "on", "verify-full or strict"},
		{"backend_tls: {ca_file: none.pem}", "backend_tls.ca_file", "none.pem", "no such file"},
		{"backend_tls: {ca_file: secret.go}", "backend_tls.ca_file", "secret.go", "no PEM certificate"},
		{"backend_tls: {server_name: 'a:1'}", "backend_tls.server_name", "a:1", "without a port"},
		{"pool: {max_idle_time: -1}", "pool.max_idle_time", "-1", "as proxy.idle_timeout"},
		{"pool: {max_lifetime: -1h}", "pool.max_lifetime", "-1h", "0 (no limit)"},
		{"pool: {min_idle: -1}", "pool.min_idle", "-1", "0 (none)"},
		{"pool: {max_parallel_logins: 0}", "pool.max_parallel_logins", "0", "1 or more"},
		{"pool: {clean_timeout: 0}", "pool.clean_timeout", "0", "above 0"},
		{"pool: {procedures: ask}", "pool.procedures", "ask", "trust or pin"},
		{"pool: {identity_hold: -1s}", "pool.identity_hold", "-1s", "0 (not at all)"},
		{"errors: {style: x}", "errors.style", "x", "sluice or drivers"},
		{"log: {level: loud}", "log.level", "loud", "debug, info, warn or error"},
		{"log: {format: xml}", "log.format", "xml", "text or json"},
		{"admin: {debug_addr: '8081'}", "admin.debug_addr", "8081", "host:port"},
		{"admin: {debug_addr: 'h:99999'}", "admin.debug_addr", "h:99999", "host:port"},
		{"auth: {mode: x}", "auth.mode", "x", "passthrough or mapped"},
		{"auth: {mode: mapped}", "auth.users", "", "at least one user"},
		{"auth: {reverify_after: -1}", "auth.reverify_after", "-1", "at each login"},
		{"auth: {users: [{password: x}]}", "auth.users[0].user", "", "client logs in with"},
		{"auth: {users: [{user: x}]}", "auth.users[0].password", "", "client logs in with"},
		{"auth: {users: [{user: x, password: p}, {user: X, password: q}]}", "auth.users[1].user", "X", "auth.users[0] has it"},
		{"auth: {users: [{user: x, password: p, backend_password: q}]}", "auth.users[0].backend_user", "", "since backend_password is"},
		{"auth: {users: [{user: x, password: p, buckets: [b2]}]}", "auth.users[0].buckets[0]", "b2", "id of a bucket"},
		{"auth: {mode: mapped, users: [{user: x, password: p}]}", "auth.users[0].backend_user", "", "every bucket of the user"},
		{"routes: [{database: x}]", "routes[0].bucket", "", "id of a bucket"},
		{"routes: [{bucket: b2}]", "routes[0].bucket", "b2", "id of a bucket"},
		{"routes: [{bucket: b1, read_only: x}]", "routes[0].read_only", "x", "true or false"},
		{"routes: [{bucket: b1, pooling: statement}]", "routes[0].pooling", "statement", "session, transaction or observe"},
		{"routes: [{bucket: b1, pins: {silence: [temp_tables]}}]", "routes[0].pins.silence[0]", "temp_tables", "did you mean temp_table?"},
		{"routes: [{bucket: b1, pins: {silence: [cursor, transaction]}}]", "routes[0].pins.silence[1]", "transaction", "cannot be silenced: a transaction is bound"},
		{"routes: [{bucket: b1, pins: {raise: 'set_options'}}]", "routes[0].pins.raise[0]", "set_options", "did you mean set_option?"},
		{"routes: [{bucket: b1, pins: {raise: cursor}}]", "routes[0].pins.raise[0]", "cursor", "must be one of set_option, prepared_statement, unseen_code"},
		{"routes: [{bucket: b1, pins: {raise: unseen_code, silence: unseen_code}}]", "routes[0].pins.raise[0]", "unseen_code", "since pins.silence has it"},
		{"routes: [{bucket: b1, pins: {quiet: cursor}}]", "routes[0].pins.quiet", "", "unknown key"},
		{"pool: {ask_transactions: x}", "pool.ask_transactions", "x", "auto, always or never"},
		{"default_bucket: b2", "default_bucket", "b2", "id of a bucket"},
		{"redis: {addr: localhost}", "redis.addr", "localhost", "host:port"},
		{"redis: {db: -1}", "redis.db", "-1", "0 or more"},
		{"redis: {pool_size: 0}", "redis.pool_size", "0", "1 or more"},
		{"redis: {dial_timeout: 0}", "redis.dial_timeout", "0", "above 0"},
		{"redis: {read_timeout: 0}", "redis.read_timeout", "0", "above 0"},
		{"redis: {write_timeout: 0}", "redis.write_timeout", "0", "above 0"},
		{"redis: {heartbeat_interval: 0}", "redis.heartbeat_interval", "0", "above 0"},
		{"redis: {heartbeat_interval: 16s}", "redis.heartbeat_interval", "16s", "at most a third of limits.hold_time: 15s"},
		{"redis: {addr: 'a:1', addrs: ['b:1']}", "redis.addrs", "b:1", "left out"},
		{"redis: {addrs: ['a:1', b]}", "redis.addrs[1]", "b", "host:port"},
		{"redis: {addrs: 'a:1,b:1'}", "redis.addrs", "a:1,b:1", "redis.master_name"},
		{"redis: {master_name: m}", "redis.addrs", "", "name the Sentinels"},
		{"redis: {cluster: true}", "redis.addrs", "", "nodes of the Redis Cluster"},
		{"redis: {addrs: ['a:1'], cluster: true, master_name: m}", "redis.cluster", "true", "no Sentinels"},
		{"redis: {addrs: ['a:1'], cluster: true, db: 1}", "redis.db", "1", "must be 0"},
		{"redis: {username: u}", "redis.password", "", "since redis.username is"},
		{"redis: {sentinel_username: u}", "redis.sentinel_password", "", "since redis.sentinel_username is"},
		{"redis: {tls: maybe}", "redis.tls", "maybe", "true or false"},
		{"redis: {tls_ca_file: none.pem}", "redis.tls_ca_file", "none.pem", "no such file"},
		{"redis: {tls_server_name: 'a:1'}", "redis.tls_server_name", "a:1", "without a port"},
		{"gossip: {bind_addr: '?'}", "gossip.bind_addr", "?", "IP address"},
		{"gossip: {bind_port: 70000}", "gossip.bind_port", "70000", "1 to 65535"},
		{"gossip: {bind_addr: localhost}", "gossip.bind_addr", "localhost", "IP address"},
		{"gossip: {advertise_addr: node-1}", "gossip.advertise_addr", "node-1", "IP address"},
		{"gossip: {advertise_addr: 0.0.0.0}", "gossip.advertise_addr", "0.0.0.0", "this node alone"},
		{"gossip: {bind_addr: '::'}", "gossip.advertise_addr", "", "since gossip.bind_addr is ::"},
		{"gossip: {peer_port: -1}", "gossip.peer_port", "-1", "1 to 65535"},
		{"gossip: {peer_port: 7946}", "gossip.peer_port", "7946", "differ from gossip.bind_port"},
		{"redis: {addr: 'r:6379'}\ngossip: {bind_port: 1433}", "gossip.bind_port", "1433", "differ from proxy.listen_port"},
		{"redis: {addr: 'r:6379'}\ngossip: {peer_port: 9090}", "gossip.peer_port", "9090", "differ from proxy.metrics_port"},
		{"gossip: {cluster_name: 'a{b}'}", "gossip.cluster_name", "a{b}", "letters"},
		{"gossip: {cluster_name: ''}", "gossip.cluster_name", "", "letters"},
		{"gossip: {preset: moon}", "gossip.preset", "moon", "lan, wan or local"},
		{"gossip: {join: ['n1', 'n2:x']}", "gossip.join[1]", "n2:x", "host:port"},
		{"gossip: {secret_key: 'c2hvcnQ='}", "gossip.secret_key", mask, "16, 24 or 32 bytes"},
		{"limits: {witnesses: [a, b]}", "limits.witnesses", "a,b", "1, 3 or 5"},
		{"limits: {witnesses: [a, b, A]}", "limits.witnesses[2]", "A", "not in the list already"},
		{"limits: {hold_time: 2s}", "limits.hold_time", "2s", "3s or more"},
		{"limits: {loan_time: 0}", "limits.loan_time", "0", "above 0"},
		{"limits: {loan_time: 16s}", "limits.loan_time", "16s", "at most a third of limits.hold_time: 15s"},
		{"limits: {hold_time: 12s, loan_time: 4s}\nredis: {heartbeat_interval: 5s}", "redis.heartbeat_interval", "5s", "hold_time: 4s"},
		{"limits: {failover_lag: -1s}", "limits.failover_lag", "-1s", "as Redis is set up"},
		{"limits: {state_dir: none}", "limits.state_dir", "none", "no such file"},
		{"limits: {state_dir: secret.go}", "limits.state_dir", "secret.go", "it is a file"},
		{"limits: {guard: maybe}", "limits.guard", "maybe", "true or false"},
	}
	for _, tt := range tests {
		t.Run(tt.yaml, func(t *testing.T) {
			_, err := parse(t, tt.yaml+"\n"+oneBucket)
			wantProblem(t, err, "", tt.key, tt.value, tt.want)
		})
	}
}

func TestBucketRules(t *testing.T) {
	const base = "id: b1, host: db, max_connections: 5"
	tests := []struct{ bucket, key, value, want string }{
		{"host: db, max_connections: 5", "buckets[0].id", "", "letters"},
		{"id: 'a{b}', host: db, max_connections: 5", "buckets[0].id", "a{b}", "letters"},
		{base + "}, {id: B1, host: db2, max_connections: 5", "buckets[1].id", "B1", "buckets[0] has it"},
		{"id: b1, max_connections: 5", "buckets[0].host", "", "host name or IP"},
		{"id: b1, host: 'db\\SQL', max_connections: 5", "buckets[0].host", `db\SQL`, "without an instance name"},
		{"id: b1, host: 'db:1433', max_connections: 5", "buckets[0].host", "db:1433", "in the key port"},
		{base + ", port: 0", "buckets[0].port", "0", "1 to 65535"},
		{base + ", port: 65536", "buckets[0].port", "65536", "1 to 65535"},
		{"id: b1, host: db", "buckets[0].max_connections", "", "1 to 32767"},
		{"id: b1, host: db, max_connections: 0", "buckets[0].max_connections", "0", "1 to 32767"},
		{"id: b1, host: db, max_connections: 32768", "buckets[0].max_connections", "32768", "1 to 32767"},
		{base + ", password: x", "buckets[0].username", "", "since password is"},
		{base + ", min_idle: 6", "buckets[0].min_idle", "6", "max_connections"},
		{base + ", min_idle: -1", "buckets[0].min_idle", "-1", "max_connections"},
		{base + ", max_idle_time: 0", "buckets[0].max_idle_time", "0", "above 0"},
		{base + ", max_lifetime: -1", "buckets[0].max_lifetime", "-1", "0 (no limit)"},
		{base + ", connection_timeout: 0", "buckets[0].connection_timeout", "0", "above 0"},
		{base + ", queue_timeout: -1", "buckets[0].queue_timeout", "-1", "0 (no waiting)"},
		{base + ", max_queue_size: -1", "buckets[0].max_queue_size", "-1", "0 (no limit)"},
		{base + ", backend_tls: {mode: x}", "buckets[0].backend_tls.mode", "x", "verify-full"},
		{base + ", backend_tls: {ca_file: none}", "buckets[0].backend_tls.ca_file", "none", "no such file"},
		{base + ", databases: [a, '']", "buckets[0].databases[1]", "", "name of a database"},
		{base + ", hsot: x", "buckets[0].hsot", "", "did you mean host?"},
	}
	for _, tt := range tests {
		t.Run(tt.bucket, func(t *testing.T) {
			_, err := parse(t, "buckets: [{"+tt.bucket+"}]\n")
			wantProblem(t, err, "a.yaml", tt.key, tt.value, tt.want)
		})
	}
	_, err := parse(t, "log: {level: info}")
	wantProblem(t, err, "", "buckets", "", "at least one bucket")
}

func TestStructureErrors(t *testing.T) {
	tests := []struct{ yaml, key, value, want string }{
		{"proxy: 5", "proxy", "", "group of keys"},
		{"buckets: {id: b1}", "buckets", "", "must be a list"},
		{"buckets: [5]", "buckets[0]", "", "group of keys"},
		{"routes: x", "routes", "", "must be a list"},
		{"proxy: {listen_port: [1]}", "proxy.listen_port", "", "whole number"},
		{"log: {level: {a: b}}", "log.level", "", "must be a text"},
		{"gossip: {join: {a: b}}", "gossip.join", "", "list of texts"},
		{"gossip: {join: [[a]]}", "gossip.join[0]", "", "must be a text"},
		{"prxy: {}", "prxy", "", "did you mean proxy?"},
		{"prxy:", "prxy", "", "did you mean proxy?"},
		{"proxy: {mode: off}", "proxy.mode", "", "unknown key"},
		{"proxy: {max_lifetime: 1h}", "proxy.max_lifetime", "", "did you mean pool.max_lifetime?"},
		{"zzzzzz: 1", "zzzzzz", "", "unknown key"},
		{"warnings: [x]", "warnings", "", "unknown key"},
		{"log: {level: info}\nLOG: {level: warn}", "log", "", "on line 1 already"},
		{"- a", "", "", "not a list of keys and values"},
		{"a: 1\n---\nb: 2", "", "", "more than one YAML document"},
		{"[a]: 1", "", "", "must be a plain text"},
		{"<<: 5", "", "", "takes a group"},
		{"a: [", "", "", "must be YAML"},
	}
	for _, tt := range tests {
		t.Run(tt.yaml, func(t *testing.T) {
			_, err := parse(t, tt.yaml)
			wantProblem(t, err, "a.yaml", tt.key, tt.value, tt.want)
		})
	}
}

func TestAllProblemsAtOnceInOrder(t *testing.T) {
	t.Setenv("SLUICE_LOG_LEVEL", "loud")
	_, err := parse(t, "proxy:\n  listen_port: x\n  idle_timeout: 0\n  listen_adr: y\n", "tls:\n  mode: z\nbuckets:\n  - id: b1\n")
	var e *Error
	if !errors.As(err, &e) {
		t.Fatal(err)
	}
	want := `invalid configuration, 7 problems:
  a.yaml:2: proxy.listen_port = "x": must be a whole number
  a.yaml:3: proxy.idle_timeout = "0": must be a time above 0
  a.yaml:4: proxy.listen_adr: unknown key, did you mean listen_addr?
  b.yaml:2: tls.mode = "z": must be off, on or required
  b.yaml:4: buckets[0].host: must be the host name or IP address of the SQL Server
  b.yaml:4: buckets[0].max_connections: must be from 1 to 32767, the most that SQL Server takes
  SLUICE_LOG_LEVEL: log.level = "loud": must be debug, info, warn or error`
	if got := err.Error(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestRepeatedGroupHidesNoProblem(t *testing.T) {
	_, err := parse(t, "log: {level: loud}\nlog: {level: info}\n"+oneBucket)
	wantProblem(t, err, "a.yaml", "log", "", "on line 1 already")
	wantProblem(t, err, "a.yaml", "log.level", "loud", "debug, info")
}

func TestErrorsShowNoSecrets(t *testing.T) {
	const secret = "hunter2"
	for _, text := range []string{
		"buckets: [{id: b1, pasword: hunter2}]",
		"buckets: [{id: b1, password: {hunter2: x}}]",
		"redis: hunter2",
		"buckets: [hunter2]",
		"gossip: {secret_key: hunter2}",
		"redis: {password: *hunter2}",
		"redis: {password: !hunter2}",
		"redis: {password: `hunter2}",
		"redis: {password: %hunter2}",
		"redis: {password: 'hunter2}",
		"redis: {password: hunter2, password: hunter2}",
		"admin: {token: [hunter2]}",
	} {
		_, err := parse(t, text)
		if err == nil {
			t.Errorf("%s: no error", text)
			continue
		}
		// A key may be named, a value may not.
		got := strings.ReplaceAll(err.Error(), "password."+secret, "")
		if strings.Contains(got, secret) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestAliasesAreBounded(t *testing.T) {
	var b strings.Builder
	b.WriteString("x-0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n")
	for i := 1; i < 9; i++ {
		b.WriteString("x-" + string(rune('0'+i)) + ": &a" + string(rune('0'+i)) + " [")
		for range 10 {
			b.WriteString("*a" + string(rune('0'+i-1)) + ", ")
		}
		b.WriteString("1]\n")
	}
	_, err := parse(t, b.String())
	wantProblem(t, err, "a.yaml", "", "", "")
	_, err = parse(t, "a: &a\n  b: *a\n")
	wantProblem(t, err, "a.yaml", "", "", "")
	_, err = parse(t, "a: &a\n  <<: *a\n")
	wantProblem(t, err, "a.yaml", "", "", "")
}
