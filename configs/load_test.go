package configs

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"
)

// oneBucket is the least that makes a configuration valid.
const oneBucket = "buckets: [{id: b1, host: db, max_connections: 5}]\n"

func parse(t *testing.T, texts ...string) (*Config, error) {
	t.Helper()
	var files []file
	for i, text := range texts {
		files = append(files, file{name: string(rune('a'+i)) + ".yaml", data: []byte(text)})
	}
	var ps problems
	return load(files, nil, &ps)
}

func mustParse(t *testing.T, texts ...string) *Config {
	t.Helper()
	c, err := parse(t, texts...)
	if err != nil {
		t.Fatalf("load: %v", err)
	}
	return c
}

func hasWarning(c *Config, part string) bool {
	return slices.ContainsFunc(c.Warnings, func(w string) bool { return strings.Contains(w, part) })
}

func TestLoadProofOfConceptFiles(t *testing.T) {
	c, err := Load(Sources{Files: []string{"testdata/poc/proxy.yaml", "testdata/poc/buckets.yaml"}})
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Buckets) != 3 || c.Proxy.SessionTimeout != 5*time.Minute || !c.Fleet() || c.Redis.Addr != "redis:6379" ||
		c.Redis.HeartbeatInterval != 10*time.Second {
		t.Errorf("values lost: %v", c)
	}
	if c.Proxy.Pooling != PoolingTransaction {
		t.Errorf("pooling = %q, want what pinning_mode says", c.Proxy.Pooling)
	}
	b, _ := c.Bucket("bucket-002")
	if b.Addr() != "sqlserver-bucket-2:1433" || b.MinIdle != 5 || b.MaxIdleTime != 5*time.Minute ||
		b.ConnectionTimeout != 30*time.Second || b.Password.Reveal() != "Not-A-Real-Pw2" {
		t.Errorf("bucket-002 = %+v", b)
	}
	for _, part := range []string{
		"redis.heartbeat_ttl has no meaning", "redis.password is not set", "limits.witnesses is not set", "gossip.secret_key is not set",
		"fallback.local_limit_divisor has no meaning", "fallback.enabled has no meaning",
		"proxy.session_timeout closes", "database tenant_db is in 3 buckets",
	} {
		if !hasWarning(c, part) {
			t.Errorf("no warning %q in\n%s", part, strings.Join(c.Warnings, "\n"))
		}
	}
}

func TestExamplesLoad(t *testing.T) {
	for _, names := range [][]string{{"buckets.yaml"}, {"proxy.yaml", "buckets.yaml"}} {
		var files []file
		for _, name := range names {
			data, err := fs.ReadFile(Examples(), name)
			if err != nil {
				t.Fatal(err)
			}
			files = append(files, file{name: name, data: data})
		}
		var ps problems
		c, err := load(files, nil, &ps)
		if err != nil {
			t.Fatalf("%v: %v", names, err)
		}
		for _, w := range c.Warnings {
			if !strings.Contains(w, "single node") && !strings.Contains(w, "self-signed") {
				t.Errorf("%v: warning %q", names, w)
			}
		}
	}
}

// The commented lines of the example must be right as well.
func TestExampleDefaultsAreTheDefaults(t *testing.T) {
	data, err := fs.ReadFile(Examples(), "proxy.yaml")
	if err != nil {
		t.Fatal(err)
	}
	c := mustParse(t, string(data), oneBucket)
	d := Compare(mustParse(t, oneBucket), c)
	if !d.Empty() {
		t.Errorf("proxy.yaml changes defaults: %+v", d)
	}
	inUsers := false // their values are made up
	for line := range strings.SplitSeq(string(data), "\n") {
		inUsers = strings.Contains(line, "# users:") || inUsers && strings.HasPrefix(line, "  #   ")
		name, value, ok := strings.Cut(strings.TrimPrefix(strings.TrimSpace(line), "# "), ": ")
		if !ok || !strings.HasPrefix(line, "  # ") {
			continue
		}
		value = strings.TrimSpace(strings.Split(value, " #")[0])
		for _, k := range Keys() {
			if strings.HasSuffix(k.Path, "."+name) && k.Default == value {
				ok = false
			}
		}
		if ok && value != `""` && !strings.HasPrefix(value, "/etc/") && name != "max_idle_time" && !inUsers {
			t.Errorf("commented default %s: %s is no key's default", name, value)
		}
	}
}

func TestPriority(t *testing.T) {
	flags := func(args ...string) *pflag.FlagSet {
		fs := pflag.NewFlagSet("test", pflag.ContinueOnError)
		RegisterFlags(fs)
		if err := fs.Parse(args); err != nil {
			t.Fatal(err)
		}
		return fs
	}
	a, b := "proxy: {listen_port: 1001, queue_timeout: 5}\n", "proxy: {listen_port: 1002, queue_timeout: }\n"
	load := func(fs *pflag.FlagSet) *Config {
		t.Helper()
		var ps problems
		c, err := load([]file{{"a", []byte(a)}, {"b", []byte(b)}, {"c", []byte(oneBucket)}}, fs, &ps)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	if c := load(nil); c.Proxy.ListenPort != 1002 || c.Proxy.QueueTimeout != 5*time.Second || c.Proxy.MaxQueueSize != 1000 {
		t.Errorf("files over defaults: %+v", c.Proxy)
	}
	t.Setenv("SLUICE_PROXY_LISTEN_PORT", "1003")
	t.Setenv("SLUICE_GOSSIP_JOIN", "n1, n2:7946")
	t.Setenv("SLUICE_PROXY_PINNING_MODE", "session")
	if c := load(flags()); c.Proxy.ListenPort != 1003 || !slices.Equal(c.Gossip.Join, []string{"n1", "n2:7946"}) {
		t.Errorf("environment over files: %+v", c.Proxy)
	}
	c := load(flags("--proxy.listen_port=1004", "--tls.strict=false", "--pool.match_host_name"))
	if c.Proxy.ListenPort != 1004 || c.TLS.Strict || !c.Pool.MatchHostName {
		t.Errorf("flags over environment: %+v", c)
	}
	if got := c.origins["proxy.listen_port"].String(); got != "--proxy.listen_port" {
		t.Errorf("origin %q", got)
	}
}

func TestListEnvironment(t *testing.T) {
	t.Setenv("SLUICE_BUCKETS_B_1_PASSWORD", "from-env")
	t.Setenv("SLUICE_BUCKETS_B_1_BACKEND_TLS_MODE", "login")
	t.Setenv("SLUICE_AUTH_USERS_APP_PASSWORD", "pw")
	text := "auth: {users: [{user: app}]}\nbuckets: [{id: b-1, host: db, max_connections: 5, username: u, password: from-file}]\n"
	c := mustParse(t, text)
	b, _ := c.Bucket("B-1")
	if b.Password.Reveal() != "from-env" || b.BackendTLS.Mode != BackendTLSLogin || c.Auth.Users[0].Password != "pw" {
		t.Errorf("got %+v %+v", b, c.Auth.Users)
	}
	t.Setenv("SLUICE_BUCKETS_B_1_PORT", "many")
	_, err := parse(t, text)
	wantProblem(t, err, "SLUICE_BUCKETS_B_1_PORT", "buckets[0].port", "many", "whole number")
	t.Setenv("SLUICE_BUCKETS_B_1_PORT", "")
	_, err = parse(t, "buckets: [{id: b-1, host: d, max_connections: 5, username: u}, {id: b.1, host: e, max_connections: 5, username: u}]\n")
	wantProblem(t, err, "SLUICE_BUCKETS_B_1_PASSWORD", "buckets[1].password", "", "two entries")
}

func TestUnknownEnvironmentWarns(t *testing.T) {
	t.Setenv("SLUICE_PROXY_LISTEN_PROT", "1")
	t.Setenv("SLUICE_SERVICE_HOST", "10.0.0.1") // as Kubernetes sets for a service
	t.Setenv("SLUICE_PORT", "tcp://10.0.0.1:1433")
	t.Setenv("SLUICE_PORT_1433_TCP_ADDR", "10.0.0.1")
	c := mustParse(t, oneBucket)
	if !hasWarning(c, "SLUICE_PROXY_LISTEN_PROT is not read: it stands for no key; did you mean SLUICE_PROXY_LISTEN_PORT?") {
		t.Errorf("no warning: %q", c.Warnings)
	}
	if hasWarning(c, "SLUICE_SERVICE_HOST") || hasWarning(c, "SLUICE_PORT") {
		t.Errorf("warns of service links: %q", c.Warnings)
	}
}

func TestLoadReportsUnreadableFilesWithTheRest(t *testing.T) {
	bad := filepath.Join(t.TempDir(), "bad.yaml")
	if err := os.WriteFile(bad, []byte("proxy: {listen_port: x}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Load(Sources{Files: []string{"testdata/none.yaml", bad}})
	if !errors.Is(err, ErrInvalid) || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("err = %v", err)
	}
	wantProblem(t, err, "testdata/none.yaml", "", "", "readable file")
	wantProblem(t, err, bad, "proxy.listen_port", "x", "whole number")
}

func TestYAMLForms(t *testing.T) {
	c := mustParse(t, `
x-common: &common {port: 1444, max_connections: 7, username: 0123}
TLS: {mode: off}
proxy: {queue_timeout: 1.5, idle_timeout: "2m", max_queue_size: "0"}
pool: {match_app_name: no}
buckets:
  - {<<: *common, id: b1, host: db1}
  - {<<: [*common], id: b2, host: db2, max_connections: 8, databases: "x, y"}
`)
	b1, b2 := c.EffectiveBuckets()[0], c.EffectiveBuckets()[1]
	if b1.MaxConnections != 7 || b2.MaxConnections != 8 || b1.Username != "0123" || b2.Port != 1444 || !slices.Equal(b2.Databases, []string{"x", "y"}) {
		t.Errorf("buckets %+v %+v", b1, b2)
	}
	if c.TLS.Mode != TLSOff || c.Pool.MatchAppName || c.Proxy.QueueTimeout != 1500*time.Millisecond || c.Proxy.MaxQueueSize != 0 || c.Pool.MaxIdleTime != 2*time.Minute {
		t.Errorf("got %v", c)
	}
}

func TestEffectiveInherits(t *testing.T) {
	c := mustParse(t, `
proxy: {queue_timeout: 0, max_queue_size: 7}
pool: {max_idle_time: 9s, max_lifetime: 0, min_idle: 50}
backend_tls: {mode: verify-full, server_name: sql.internal}
buckets:
  - {id: b1, host: db1, database: A, databases: [a, b], max_connections: 5}
  - {id: b2, host: db2, max_connections: 5, min_idle: 0, queue_timeout: 3s, backend_tls: {server_name: other}}
`)
	want := EffectiveBucket{
		ID: "b1", Host: "db1", Port: 1433, Databases: []string{"A", "b"}, MaxConnections: 5, MinIdle: 5,
		MaxIdleTime: 9 * time.Second, ConnectionTimeout: 15 * time.Second, MaxQueueSize: 7,
		BackendTLS: BackendTLS{Mode: BackendTLSVerifyFull, ServerName: "sql.internal"},
		Pooling:    PoolingSession,
	}
	if got := c.Effective(c.Buckets[0]); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	b2 := c.Effective(c.Buckets[1])
	if b2.MinIdle != 0 || b2.QueueTimeout != 3*time.Second || b2.BackendTLS != (BackendTLS{Mode: BackendTLSVerifyFull, ServerName: "other"}) {
		t.Errorf("got %+v", b2)
	}
}

func TestLaterFileReplacesLists(t *testing.T) {
	c := mustParse(t, oneBucket+"routes: [{bucket: b1}]\n", "buckets: [{id: b9, host: db9, max_connections: 1}]\nroutes: [{bucket: b9}]\n")
	if len(c.Buckets) != 1 || c.Buckets[0].ID != "b9" {
		t.Errorf("buckets %+v", c.Buckets)
	}
	if !hasWarning(c, "b.yaml: the list buckets of a.yaml is replaced as a whole") {
		t.Errorf("warnings %q", c.Warnings)
	}
}

func TestDefaultsAreValidOnceThereIsABucket(t *testing.T) {
	c := Defaults()
	if err := c.Validate(); err == nil {
		t.Error("no buckets passes")
	}
	c.Buckets = []Bucket{{ID: "b", Host: "h", Port: 1433, MaxConnections: 1}}
	if err := c.Validate(); err != nil {
		t.Error(err)
	}
}

// wantProblem looks for a problem; an empty part matches anything, but an empty
// value means that none is shown.
func wantProblem(t *testing.T, err error, source, key, value, want string) {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) {
		t.Fatalf("no *Error: %v", err)
	}
	for _, p := range e.Problems {
		if (source == "" || p.Source == source) && p.Key == key && p.Value == value && strings.Contains(p.Want, want) {
			return
		}
	}
	t.Errorf("no problem {%s %s %q ...%s...} in\n%v", source, key, value, want, err)
}
