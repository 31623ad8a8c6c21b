package configs

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
)

var (
	errNoCertificate = errors.New("no PEM certificate in it")
	errNoDirectory   = errors.New("it is a file")
)

// checkFiles reads the files that the configuration names, so that a wrong path
// is found now and not at the first login.
func (c *Config) checkFiles(ps *problems) {
	report := func(key, path, want string, err error) {
		from, _ := c.origins.find(key)
		p := at(from, key)
		p.Value, p.Want, p.Err = path, want+": "+err.Error(), err
		ps.add(p)
	}
	if c.TLS.CertFile != "" && c.TLS.KeyFile != "" {
		if _, err := tls.LoadX509KeyPair(c.TLS.CertFile, c.TLS.KeyFile); err != nil {
			report("tls.cert_file", c.TLS.CertFile, "must be a PEM certificate chain whose key is tls.key_file", err)
		}
	}
	checkCA := func(key, path string) {
		if path == "" {
			return
		}
		if _, err := LoadCertPool(path); err != nil {
			report(key, path, "must be a file of PEM certificates", err)
		}
	}
	checkCA("backend_tls.ca_file", c.BackendTLS.CAFile)
	checkCA("redis.tls_ca_file", c.Redis.TLSCAFile)
	if dir := c.Limits.StateDir; dir != "" {
		if info, err := os.Stat(dir); err != nil {
			report("limits.state_dir", dir, "must be a directory", err)
		} else if !info.IsDir() {
			report("limits.state_dir", dir, "must be a directory", errNoDirectory)
		}
	}
	for i, b := range c.Buckets {
		if b.BackendTLS != nil {
			checkCA(bucketKey(i, "backend_tls.ca_file"), b.BackendTLS.CAFile)
		}
	}
}

// LoadCertPool reads the PEM certificates of a ca_file.
func LoadCertPool(path string) (*x509.CertPool, error) {
	pem, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading certificates: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, errNoCertificate
	}
	return pool, nil
}
