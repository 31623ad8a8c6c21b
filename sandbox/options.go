package sandbox

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"time"

	"sluice/tds"
)

// ErrOptions says that an option has a value the server cannot work with.
var ErrOptions = errors.New("sandbox: invalid option")

// Encryption is the server's side of the encryption negotiation (MS-TDS 2.2.6.5).
type Encryption int

// Encryption settings.
const (
	// EncryptionOn lets the client choose: nothing, the login only, or all.
	// This is what SQL Server does unless "Force Encryption" is set.
	EncryptionOn Encryption = iota
	// EncryptionOff answers NOT_SUP, as a server without a certificate.
	EncryptionOff
	// EncryptionRequired encrypts everything or ends the connection.
	EncryptionRequired
)

// ParseEncryption reads "on", "off" or "required".
func ParseEncryption(s string) (Encryption, error) {
	switch strings.ToLower(s) {
	case "on", "":
		return EncryptionOn, nil
	case "off":
		return EncryptionOff, nil
	case "required":
		return EncryptionRequired, nil
	}
	return 0, fmt.Errorf("%w: encryption %q, want on, off or required", ErrOptions, s)
}

func (e Encryption) String() string {
	switch e {
	case EncryptionOff:
		return "off"
	case EncryptionRequired:
		return "required"
	}
	return "on"
}

// Login is a SQL login of the server.
type Login struct {
	Password string // empty: only an empty password is right
	Database string // default database; empty: the first of Options.Databases
}

// SSPI makes the server accept integrated logins with a fixed exchange of one
// round: it sends Challenge and then takes Reply, or any answer if Reply is
// empty, for the proof that the client is User.
type SSPI struct {
	User      string
	Database  string
	Challenge []byte
	Reply     []byte
}

// Options configure a Server. The zero value is a server on a free port of
// 127.0.0.1 with the login sa (no password) and the databases master and tempdb.
type Options struct {
	Addr       string // host:port to listen on; default 127.0.0.1:0
	ServerName string // @@SERVERNAME and the server of messages; default SANDBOX
	Logins     map[string]Login
	Databases  []string // beside master and tempdb, which are always there

	// MaxConnections is the largest number of sessions logged in at a time;
	// logins past it get error 17809 and are closed. 0 means no limit.
	MaxConnections int
	// LoginDelay is waited before a login is answered.
	LoginDelay time.Duration
	// LoginTimeout bounds the time from accept to LOGIN7; default 15 s.
	LoginTimeout time.Duration

	Encryption Encryption
	// NoStrict refuses TDS 8.0, in which TLS comes before PRELOGIN.
	NoStrict bool
	// Certificate of the server; a self-signed one is made when nil.
	Certificate *tls.Certificate
	// PacketSizeMax is the largest packet size granted, in bytes; default 32,767.
	PacketSizeMax int

	// SSPI allows integrated logins; nil refuses them with error 18452.
	SSPI *SSPI
	// ReadOnlyRouting (host:port) is where logins with read-only intent are
	// sent by ENVCHANGE 20; empty sends none.
	ReadOnlyRouting string
	// NoSessionRecovery is a server before 2014, or Babelfish, which does not
	// acknowledge the feature.
	NoSessionRecovery bool

	// KeepEvents is the number of latest events that Events returns; 0 keeps none.
	KeepEvents int
	// Link, if not nil, is what every connection goes over.
	Link *Link
	// Engine replaces the T-SQL engine. The server closes it.
	Engine Engine
	Logger *slog.Logger

	routing tds.Routing // ReadOnlyRouting
}

// withDefaults returns a copy of o that is complete, or what is wrong with it.
func (o Options) withDefaults() (Options, error) {
	if o.Addr == "" {
		o.Addr = "127.0.0.1:0"
	}
	if o.ServerName == "" {
		o.ServerName = "SANDBOX"
	}
	if o.LoginTimeout == 0 {
		o.LoginTimeout = 15 * time.Second
	}
	if o.PacketSizeMax == 0 {
		o.PacketSizeMax = tds.MaxPacketSize
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	if len(o.Logins) == 0 {
		o.Logins = map[string]Login{"sa": {}}
	}
	if o.PacketSizeMax < tds.MinPacketSize || o.PacketSizeMax > tds.MaxPacketSize {
		return o, fmt.Errorf("%w: PacketSizeMax %d, want %d to %d", ErrOptions, o.PacketSizeMax, tds.MinPacketSize, tds.MaxPacketSize)
	}
	if o.MaxConnections < 0 || o.LoginDelay < 0 || o.LoginTimeout < 0 || o.KeepEvents < 0 {
		return o, fmt.Errorf("%w: negative limit or time", ErrOptions)
	}
	if o.ReadOnlyRouting != "" {
		host, port, err := net.SplitHostPort(o.ReadOnlyRouting)
		if err != nil {
			return o, fmt.Errorf("%w: ReadOnlyRouting: %w", ErrOptions, err)
		}
		n, err := strconv.ParseUint(port, 10, 16)
		if err != nil {
			return o, fmt.Errorf("%w: ReadOnlyRouting: %w", ErrOptions, err)
		}
		o.routing = tds.Routing{Server: host, Port: uint16(n)}
	}
	logins := make(map[string]Login, len(o.Logins))
	for user, l := range o.Logins {
		if user == "" {
			return o, fmt.Errorf("%w: login without a name", ErrOptions)
		}
		logins[strings.ToLower(user)] = l
	}
	o.Logins = logins
	return o, nil
}

// defaultDatabase is the database of a login that names none.
func (o Options) defaultDatabase(l Login) string {
	switch {
	case l.Database != "":
		return l.Database
	case len(o.Databases) > 0:
		return o.Databases[0]
	}
	return "master"
}
