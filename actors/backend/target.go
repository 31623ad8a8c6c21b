package backend

import (
	"crypto/tls"
	"time"
)

// Encryption is what is asked of a server.
type Encryption int

// Encryption modes, in rising strictness.
const (
	EncryptOff    Encryption = iota // nothing is encrypted, passwords included
	EncryptLogin                    // the first packet of the login only
	EncryptFull                     // the whole session
	EncryptStrict                   // TDS 8.0: TLS before anything else
)

// Target says where a bucket's server is and how to reach it.
type Target struct {
	Bucket     string
	Address    string // host:port
	Encryption Encryption
	// TLS is used when anything is encrypted. For EncryptFull and EncryptLogin
	// a copy limited to TLS 1.2 is made: session tickets of 1.3 do not fit the
	// wrapped handshake.
	TLS            *tls.Config
	KeepAlive      time.Duration // interval of TCP keep-alive probes; 0 leaves it to the system
	ConnectTimeout time.Duration // for all of dial, TLS and login
	CleanTimeout   time.Duration
}
