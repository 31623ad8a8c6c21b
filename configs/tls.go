package configs

import "crypto/tls"

// TLSMode says what encryption a client of the node gets.
type TLSMode string

// The client-side TLS modes. MS-TDS 2.2.6.5 names the PRELOGIN answers.
const (
	TLSOff      TLSMode = "off"      // answered with NOT_SUP; TDS 8.0 is refused as well
	TLSOn       TLSMode = "on"       // for whoever can; a client without TLS is served in plain
	TLSRequired TLSMode = "required" // a client without TLS is refused
)

// TLS is the encryption between clients and the node.
type TLS struct {
	Mode       TLSMode `mapstructure:"mode" usage:"off, on or required"`
	CertFile   string  `mapstructure:"cert_file" usage:"PEM certificate chain (empty: self-signed, made at start)"`
	KeyFile    string  `mapstructure:"key_file" usage:"PEM private key of cert_file"`
	MinVersion string  `mapstructure:"min_version" usage:"1.0, 1.1, 1.2 or 1.3"`
	Strict     bool    `mapstructure:"strict" usage:"accept TDS 8.0, where TLS comes first"`
}

// MinTLSVersion returns MinVersion as a constant of crypto/tls, and TLS 1.2 for
// a text that is none.
func (t TLS) MinTLSVersion() uint16 {
	if v, ok := tlsVersion(t.MinVersion); ok {
		return v
	}
	return tls.VersionTLS12
}

func tlsVersion(s string) (uint16, bool) {
	switch s {
	case "1.0":
		return tls.VersionTLS10, true
	case "1.1":
		return tls.VersionTLS11, true
	case "1.2":
		return tls.VersionTLS12, true
	case "1.3":
		return tls.VersionTLS13, true
	}
	return 0, false
}

// BackendTLSMode says how the node encrypts towards SQL Server.
type BackendTLSMode string

// The backend TLS modes.
const (
	BackendTLSOff        BackendTLSMode = "off"         // NOT_SUP: everything in plain, the password too
	BackendTLSLogin      BackendTLSMode = "login"       // the login only
	BackendTLSRequired   BackendTLSMode = "required"    // everything, the certificate is not verified
	BackendTLSVerifyFull BackendTLSMode = "verify-full" // everything, certificate and name are verified
	BackendTLSStrict     BackendTLSMode = "strict"      // TDS 8.0: TLS first, verified
)

// Verifies reports whether the mode checks the server's certificate.
func (m BackendTLSMode) Verifies() bool {
	return m == BackendTLSVerifyFull || m == BackendTLSStrict
}

// BackendTLS is the encryption between the node and SQL Server. In a bucket an
// empty field inherits from the top level.
type BackendTLS struct {
	Mode       BackendTLSMode `mapstructure:"mode" live:"true" usage:"off, login, required, verify-full or strict"`
	CAFile     string         `mapstructure:"ca_file" live:"true" usage:"PEM certificates to trust (empty: those of the system)"`
	ServerName string         `mapstructure:"server_name" live:"true" default:"the bucket's host" usage:"name expected in the certificate"`
}
