package configs

import "time"

// Config is the whole configuration of a node. A Config from [Load] is valid
// and is not changed afterwards; a reload makes a new one (see [Compare]).
//
// The struct tags are the single source of the keys: mapstructure gives the
// name, usage the help text of the flag, live says that a reload applies the
// key without a restart, and default describes a default that is worked out at
// start.
type Config struct {
	Proxy           Proxy         `mapstructure:"proxy"`
	TLS             TLS           `mapstructure:"tls"`
	BackendTLS      BackendTLS    `mapstructure:"backend_tls"`
	Auth            Auth          `mapstructure:"auth"`
	Routes          []Route       `mapstructure:"routes" live:"true"`
	DefaultBucket   string        `mapstructure:"default_bucket" live:"true" usage:"bucket of logins that nothing else routes"`
	Pool            Pool          `mapstructure:"pool"`
	Errors          Errors        `mapstructure:"errors"`
	Log             Log           `mapstructure:"log"`
	Admin           Admin         `mapstructure:"admin"`
	Redis           Redis         `mapstructure:"redis"`
	Gossip          Gossip        `mapstructure:"gossip"`
	Limits          Limits        `mapstructure:"limits"`
	Fallback        Fallback      `mapstructure:"fallback"`
	ShutdownTimeout time.Duration `mapstructure:"shutdown_timeout" live:"true" usage:"how long a drain may take before connections are cut"`
	Buckets         []Bucket      `mapstructure:"buckets" live:"true"`

	// Warnings are remarks that do not keep the node from starting, in the
	// order found. Load fills it; it is no configuration key.
	Warnings []string

	origins origins
}

// PoolingMode says how long a client keeps its backend connection.
type PoolingMode string

// The pooling modes.
const (
	PoolingSession     PoolingMode = "session"     // until the client disconnects
	PoolingTransaction PoolingMode = "transaction" // until its request or transaction ends
	PoolingObserve     PoolingMode = "observe"     // as session, counting what transaction would have pinned
)

// Proxy is what clients and the load balancer meet, and the defaults that
// buckets inherit. The key proxy.pinning_mode is the older name of
// proxy.pooling.
type Proxy struct {
	ListenAddr          string        `mapstructure:"listen_addr" usage:"address that clients connect to"`
	ListenPort          int           `mapstructure:"listen_port" usage:"TDS port (0: any free port)"`
	InstanceID          string        `mapstructure:"instance_id" default:"host name" usage:"name of this node in logs, metrics and errors"`
	SessionTimeout      time.Duration `mapstructure:"session_timeout" live:"true" usage:"age at which a client is closed at its next idle moment outside a transaction (0: never)"`
	IdleTimeout         time.Duration `mapstructure:"idle_timeout" live:"true" usage:"how long an idle pooled backend is kept"`
	QueueTimeout        time.Duration `mapstructure:"queue_timeout" live:"true" usage:"how long a request may wait for a backend (0: it may not wait)"`
	MaxQueueSize        int           `mapstructure:"max_queue_size" live:"true" usage:"requests that may wait per bucket (0: no limit)"`
	Pooling             PoolingMode   `mapstructure:"pooling" live:"true" usage:"session, transaction or observe"`
	HealthCheckInterval time.Duration `mapstructure:"health_check_interval" usage:"time between checks of idle backends and of the buckets' health (0: off)"`
	HealthCheckPort     int           `mapstructure:"health_check_port" usage:"HTTP port of /health (0: any free port)"`
	MetricsPort         int           `mapstructure:"metrics_port" usage:"HTTP port of /metrics (0: any free port)"`
	AdminAddr           string        `mapstructure:"admin_addr" usage:"address of the two HTTP ports"`
	LoginTimeout        time.Duration `mapstructure:"login_timeout" usage:"time from accept to a complete login"`

	// MaxClientConnections limits the clients of this node.
	MaxClientConnections int           `mapstructure:"max_client_connections" usage:"clients this node accepts at a time (0: no limit)"`
	ClientKeepAlive      time.Duration `mapstructure:"client_keep_alive" usage:"TCP keep-alive period of client connections (0: off)"`
	PacketSizeLimit      int           `mapstructure:"packet_size_limit" usage:"largest TDS packet agreed with a client, in bytes"`
}

// AuthMode says whose credentials open a backend connection.
type AuthMode string

// The authentication modes.
const (
	AuthPassthrough AuthMode = "passthrough" // the client's own, checked by SQL Server
	AuthMapped      AuthMode = "mapped"      // those of auth.users or of the bucket
)

// Auth says who may log in and as whom.
type Auth struct {
	Mode          AuthMode      `mapstructure:"mode" usage:"passthrough or mapped"`
	ReverifyAfter time.Duration `mapstructure:"reverify_after" usage:"age at which a known-good password is checked with SQL Server again (0: each login)"`
	Users         []User        `mapstructure:"users" live:"true"`
}

// User is a login that the node itself checks (auth.mode mapped).
type User struct {
	User            string   `mapstructure:"user"`
	Password        Secret   `mapstructure:"password"`
	BackendUser     string   `mapstructure:"backend_user"` // empty: the bucket's username and password
	BackendPassword Secret   `mapstructure:"backend_password"`
	Buckets         []string `mapstructure:"buckets"` // empty: every bucket
}

// Route sends logins that meet all its conditions to a bucket. A condition that
// is not set is met by every login. Texts are patterns where * stands for any
// number of characters and ? for one; upper and lower case are the same.
type Route struct {
	ServerName string `mapstructure:"server_name"`
	Database   string `mapstructure:"database"`
	User       string `mapstructure:"user"`
	AppName    string `mapstructure:"app_name"`
	ReadOnly   *bool  `mapstructure:"read_only"`
	Bucket     string `mapstructure:"bucket"`

	Pooling PoolingMode `mapstructure:"pooling" default:"buckets[].pooling"`
	Pins    *Pins       `mapstructure:"pins"`
}

// Pool holds the defaults of the backend pools that have no place in [Proxy].
type Pool struct {
	MaxIdleTime       time.Duration `mapstructure:"max_idle_time" live:"true" default:"proxy.idle_timeout" usage:"newer name of proxy.idle_timeout, wins over it"`
	MaxLifetime       time.Duration `mapstructure:"max_lifetime" live:"true" usage:"age at which a backend is closed once it is idle (0: never)"`
	MinIdle           int           `mapstructure:"min_idle" live:"true" usage:"idle backends kept ready per bucket"`
	MaxParallelLogins int           `mapstructure:"max_parallel_logins" usage:"backend logins under way per bucket"`
	MatchAppName      bool          `mapstructure:"match_app_name" usage:"reuse a backend only for the application name it was opened with"`
	MatchHostName     bool          `mapstructure:"match_host_name" usage:"reuse a backend only for the client host name it was opened with"`
	CleanTimeout      time.Duration `mapstructure:"clean_timeout" usage:"time for cleaning a backend that was given back, then it is closed"`
	Procedures        Procedures    `mapstructure:"procedures" live:"true" usage:"trust or pin: what transaction pooling takes of code it does not see"`
	IdentityHold      time.Duration `mapstructure:"identity_hold" live:"true" usage:"how long a backend waits after an INSERT for the client's next request, in transaction pooling (0: not at all)"`

	AskTransactions AskTransactions `mapstructure:"ask_transactions" live:"true" usage:"auto, always or never: which servers transaction pooling asks for @@TRANCOUNT where in doubt"`
}

// Procedures says how transaction pooling takes code that it does not see:
// stored procedures and dynamic SQL.
type Procedures string

// The ways to take it.
const (
	ProceduresTrust Procedures = "trust" // it leaves no state of the client's behind
	ProceduresPin   Procedures = "pin"   // it may: the client keeps its backend
)

// ErrorStyle says which number comes first in errors that the node makes.
type ErrorStyle string

// The error styles.
const (
	ErrorStyleSluice  ErrorStyle = "sluice"  // the node's own number
	ErrorStyleDrivers ErrorStyle = "drivers" // a number that drivers retry
)

// Errors says how the node's own errors look to a client.
type Errors struct {
	Style ErrorStyle `mapstructure:"style" usage:"sluice or drivers (numbers that drivers retry come first)"`
}

// Log says what is logged and how.
type Log struct {
	Level  string `mapstructure:"level" live:"true" usage:"debug, info, warn or error"`
	Format string `mapstructure:"format" usage:"text or json"`

	ClientSample int           `mapstructure:"client_sample" live:"true" usage:"log one of so many finished clients with its times (0: none, 1: each)"`
	ClientSlow   time.Duration `mapstructure:"client_slow" live:"true" usage:"wait for a backend from which on a client is logged whatever client_sample says (0: never)"`
}
