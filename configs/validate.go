package configs

import (
	"fmt"
	"net"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Bounds that come from outside.
const (
	maxPort           = 65535
	minPacketSize     = 512   // MS-TDS 2.2.6.4, LOGIN7 PacketSize
	maxPacketSize     = 32767 // the same
	maxSQLConnections = 32767 // SQL Server's "user connections" option
	maxRedisDB        = 1 << 15
)

// Validate reports every value that is out of its range and every name that
// refers to nothing, as one [*Error]. It reads no files.
func (c *Config) Validate() error {
	var ps problems
	c.validate(&ps)
	return ps.err()
}

func (c *Config) validate(ps *problems) {
	v := checker{c: c, problems: ps, keys: schema()}
	v.proxy()
	v.encryption()
	v.pool()
	v.admin()
	v.fleet()
	v.buckets()
	v.auth()
	v.routes()
}

// checker reports problems with keys of c.
type checker struct {
	c        *Config
	problems *problems
	keys     []Key
}

// fail reports key, whose value is value, unless ok.
func (v *checker) fail(ok bool, key string, value any, want string) {
	if ok {
		return
	}
	from, exact := v.c.origins.find(key)
	p := at(from, key)
	p.Want = want
	k, _ := lookup(v.keys, key)
	switch {
	case exact && from.text != "":
		p.Value = shown(k, from)
	case reflect.ValueOf(value).IsZero() && !exact:
		p.Value = "" // missing
	case k.Secret:
		p.Value = mask
	default:
		p.Value = formatValue(reflect.ValueOf(value))
	}
	v.problems.add(p)
}

func (v *checker) port(key string, port int) {
	v.fail(port >= 0 && port <= maxPort, key, port, "must be a port from 1 to 65535, or 0 for any free port")
}

func (v *checker) positive(key string, d time.Duration) {
	v.fail(d > 0, key, d, "must be a time above 0")
}

func (v *checker) notNegative(key string, d time.Duration, zero string) {
	v.fail(d >= 0, key, d, "must be 0 ("+zero+") or more")
}

func (v *checker) count(key string, n int, zero string) {
	v.fail(n >= 0, key, n, "must be 0 ("+zero+") or more")
}

func (v *checker) atLeastOne(key string, n int) {
	v.fail(n >= 1, key, n, "must be 1 or more")
}

// bindAddr takes what net.Listen takes as a host.
func (v *checker) bindAddr(key, addr string) {
	v.fail(addr == "" || isHost(addr), key, addr, "must be an IP address or a host name, without a port")
}

func (v *checker) hostPort(key, addr string) {
	host, port, err := net.SplitHostPort(addr)
	ok := err == nil && (host == "" || isHost(host))
	if ok {
		n, err := strconv.Atoi(port)
		ok = err == nil && n >= 0 && n <= maxPort
	}
	v.fail(ok, key, addr, "must be host:port")
}

func oneOf[T ~string](v *checker, key string, value T, words ...T) {
	for _, w := range words {
		if value == w {
			return
		}
	}
	list := make([]string, len(words))
	for i, w := range words {
		list[i] = string(w)
	}
	v.fail(false, key, value, "must be "+strings.Join(list[:len(list)-1], ", ")+" or "+list[len(list)-1])
}

var hostName = regexp.MustCompile(`^[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?)*\.?$`)

// isHost takes IP addresses, IPv6 ones with a zone too, and host names.
func isHost(s string) bool {
	addr, _, _ := strings.Cut(s, "%")
	return net.ParseIP(addr) != nil || (len(s) <= 253 && hostName.MatchString(s))
}

func (v *checker) proxy() {
	p := v.c.Proxy
	v.bindAddr("proxy.listen_addr", p.ListenAddr)
	v.port("proxy.listen_port", p.ListenPort)
	v.port("proxy.health_check_port", p.HealthCheckPort)
	v.port("proxy.metrics_port", p.MetricsPort)
	v.differ("proxy.health_check_port", p.HealthCheckPort, "proxy.listen_port", p.ListenPort)
	v.differ("proxy.metrics_port", p.MetricsPort, "proxy.listen_port", p.ListenPort)
	v.differ("proxy.metrics_port", p.MetricsPort, "proxy.health_check_port", p.HealthCheckPort)
	v.bindAddr("proxy.admin_addr", p.AdminAddr)
	v.notNegative("proxy.session_timeout", p.SessionTimeout, "never")
	v.positive("proxy.idle_timeout", p.IdleTimeout)
	v.notNegative("proxy.queue_timeout", p.QueueTimeout, "no waiting")
	v.count("proxy.max_queue_size", p.MaxQueueSize, "no limit")
	oneOf(v, "proxy.pooling", p.Pooling, PoolingSession, PoolingTransaction, PoolingObserve)
	v.notNegative("proxy.health_check_interval", p.HealthCheckInterval, "off")
	v.positive("proxy.login_timeout", p.LoginTimeout)
	v.count("proxy.max_client_connections", p.MaxClientConnections, "no limit")
	v.notNegative("proxy.client_keep_alive", p.ClientKeepAlive, "off")
	v.fail(p.PacketSizeLimit >= minPacketSize && p.PacketSizeLimit <= maxPacketSize,
		"proxy.packet_size_limit", p.PacketSizeLimit, "must be from 512 to 32767 bytes")
	v.positive("shutdown_timeout", v.c.ShutdownTimeout)
}

func (v *checker) differ(key string, port int, other string, taken int) {
	v.fail(port == 0 || port != taken, key, port, "must differ from "+other)
}

func (v *checker) encryption() {
	t := v.c.TLS
	oneOf(v, "tls.mode", t.Mode, TLSOff, TLSOn, TLSRequired)
	v.fail(t.CertFile == "" || t.KeyFile != "", "tls.key_file", t.KeyFile, "must be set, since tls.cert_file is")
	v.fail(t.KeyFile == "" || t.CertFile != "", "tls.cert_file", t.CertFile, "must be set, since tls.key_file is")
	_, known := tlsVersion(t.MinVersion)
	v.fail(known, "tls.min_version", t.MinVersion, "must be 1.0, 1.1, 1.2 or 1.3")
	v.backendTLS("backend_tls", v.c.BackendTLS, false)
}

// backendTLS checks the group at key; in a bucket the mode may be left out.
func (v *checker) backendTLS(key string, t BackendTLS, inBucket bool) {
	if !inBucket || t.Mode != "" {
		oneOf(v, key+".mode", t.Mode, BackendTLSOff, BackendTLSLogin, BackendTLSRequired, BackendTLSVerifyFull, BackendTLSStrict)
	}
	v.fail(t.ServerName == "" || isHost(t.ServerName), key+".server_name", t.ServerName, "must be a host name or an IP address, without a port")
}

func (v *checker) pool() {
	p := v.c.Pool
	v.notNegative("pool.max_idle_time", p.MaxIdleTime, "as proxy.idle_timeout")
	v.notNegative("pool.max_lifetime", p.MaxLifetime, "no limit")
	v.count("pool.min_idle", p.MinIdle, "none")
	v.atLeastOne("pool.max_parallel_logins", p.MaxParallelLogins)
	v.positive("pool.clean_timeout", p.CleanTimeout)
	oneOf(v, "pool.procedures", p.Procedures, ProceduresTrust, ProceduresPin)
	v.notNegative("pool.identity_hold", p.IdentityHold, "not at all")
	oneOf(v, "pool.ask_transactions", p.AskTransactions, AskAuto, AskAlways, AskNever)
	oneOf(v, "errors.style", v.c.Errors.Style, ErrorStyleSluice, ErrorStyleDrivers)
}

func (v *checker) auth() {
	a := v.c.Auth
	oneOf(v, "auth.mode", a.Mode, AuthPassthrough, AuthMapped)
	v.notNegative("auth.reverify_after", a.ReverifyAfter, "at each login")
	if a.Mode == AuthMapped {
		v.fail(len(a.Users) > 0, "auth.users", a.Users, "must name at least one user, since auth.mode is mapped")
	}
	seen := map[string]int{}
	for i, u := range a.Users {
		v.fail(u.User != "", userKey(i, "user"), u.User, "must be the name that the client logs in with")
		v.fail(u.Password != "", userKey(i, "password"), u.Password, "must be the password that the client logs in with")
		first, twice := seen[strings.ToLower(u.User)]
		v.fail(!twice || u.User == "", userKey(i, "user"), u.User, fmt.Sprintf("must be given once, auth.users[%d] has it already", first))
		if !twice {
			seen[strings.ToLower(u.User)] = i
		}
		v.fail(u.BackendUser != "" || u.BackendPassword == "", userKey(i, "backend_user"), u.BackendUser, "must be set, since backend_password is")
		for j, id := range u.Buckets {
			v.bucketID(fmt.Sprintf("%s[%d]", userKey(i, "buckets"), j), id)
		}
		if a.Mode == AuthMapped && u.BackendUser == "" {
			v.fail(v.everyBucketLogsIn(u), userKey(i, "backend_user"), u.BackendUser, "must be set, or every bucket of the user needs a username and a password")
		}
	}
}

func (v *checker) everyBucketLogsIn(u User) bool {
	for _, b := range v.c.Buckets {
		if (len(u.Buckets) == 0 || containsFold(u.Buckets, b.ID)) && b.Username == "" {
			return false
		}
	}
	return true
}

func (v *checker) routes() {
	for i, r := range v.c.Routes {
		v.bucketID(routeKey(i, "bucket"), r.Bucket)
		v.pooling(func(name string) string { return routeKey(i, name) }, r.Pooling, r.Pins)
	}
	if v.c.DefaultBucket != "" {
		v.bucketID("default_bucket", v.c.DefaultBucket)
	}
}

// bucketID checks a reference to a bucket.
func (v *checker) bucketID(key, id string) {
	_, known := v.c.Bucket(id)
	v.fail(known && id != "", key, id, "must be the id of a bucket")
}
