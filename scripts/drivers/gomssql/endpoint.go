package main

import (
	"fmt"
	"net"
	"net/url"
	"os"
	"slices"
	"strings"
)

// endpoint says which TDS server the suite talks to and what may be asked of it.
type endpoint struct {
	host, port string
	user       string
	password   string
	database   string

	// user2, password2 and database2 name a second login that lands in another
	// database (behind a proxy: another server). Empty when there is none.
	user2, password2, database2 string

	modes      []string // encryption modes to log in with; the first one serves all other cases
	serverCert string   // PEM file of the certificate the server shows; needed by strict
	lacks      []string // capabilities that the endpoint does not have
}

// endpointFromEnv reads the TDS_* variables that README.md lists.
func endpointFromEnv() (endpoint, error) {
	e := endpoint{
		host:       envOr("TDS_HOST", "127.0.0.1"),
		port:       envOr("TDS_PORT", "1433"),
		user:       os.Getenv("TDS_USER"),
		password:   os.Getenv("TDS_PASSWORD"),
		database:   os.Getenv("TDS_DATABASE"),
		user2:      os.Getenv("TDS_USER2"),
		password2:  os.Getenv("TDS_PASSWORD2"),
		database2:  os.Getenv("TDS_DATABASE2"),
		modes:      list(envOr("TDS_ENCRYPT", "off")),
		serverCert: os.Getenv("TDS_SERVER_CERT"),
		lacks:      list(os.Getenv("TDS_LACKS")),
	}
	if e.user == "" {
		return endpoint{}, fmt.Errorf("TDS_USER is not set")
	}
	for _, m := range e.modes {
		if !slices.Contains(knownModes, m) {
			return endpoint{}, fmt.Errorf("TDS_ENCRYPT: %q is none of %s", m, strings.Join(knownModes, ", "))
		}
	}
	return e, nil
}

// knownModes are the values of TDS_ENCRYPT: no encryption at all, the login
// packet only, everything after PRELOGIN, TDS 8.0.
var knownModes = []string{"off", "login", "on", "strict"}

// driverEncrypt maps a mode to the value of the driver's encrypt parameter.
func driverEncrypt(mode string) string {
	switch mode {
	case "off":
		return "disable"
	case "login":
		return "false"
	case "on":
		return "true"
	}
	return mode
}

// dsn builds the driver's connection string; change alters its parameters.
func (e endpoint) dsn(change func(u *url.URL, q url.Values)) string {
	u := &url.URL{
		Scheme: "sqlserver",
		User:   url.UserPassword(e.user, e.password),
		Host:   net.JoinHostPort(e.host, e.port),
	}
	q := url.Values{}
	e.setMode(q, e.modes[0])
	q.Set("database", e.database)
	q.Set("app name", "drivers")
	q.Set("workstation id", "client")
	q.Set("connection timeout", "0")
	q.Set("dial timeout", "30")
	if change != nil {
		change(u, q)
	}
	u.RawQuery = q.Encode()
	return u.String()
}

// setMode sets the parameters of an encryption mode. Strict refuses to trust
// blindly, so it compares the server's certificate with the file.
func (e endpoint) setMode(q url.Values, mode string) {
	q.Del("servercertificate")
	q.Del("TrustServerCertificate")
	q.Set("encrypt", driverEncrypt(mode))
	if mode == "strict" {
		q.Set("servercertificate", e.serverCert)
		return
	}
	q.Set("TrustServerCertificate", "true")
}

// hasMode tells whether the endpoint takes logins in this encryption mode.
func (e endpoint) hasMode(mode string) bool { return slices.Contains(e.modes, mode) }

// missing returns the first of the needed capabilities that the endpoint lacks, or "".
func (e endpoint) missing(needs []string) string {
	for _, n := range needs {
		if slices.Contains(e.lacks, n) {
			return n
		}
	}
	return ""
}

func envOr(name, otherwise string) string {
	if v := os.Getenv(name); v != "" {
		return v
	}
	return otherwise
}

// list splits a comma-separated value, dropping blanks.
func list(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == ' ' })
}
