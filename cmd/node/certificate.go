package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"net"
	"time"

	"sluice/configs"
)

// clientTLS returns what clients are offered, nil for no encryption.
func clientTLS(c *configs.Config, log *logger) (*tls.Config, error) {
	if c.TLS.Mode == configs.TLSOff {
		return nil, nil
	}
	cfg := &tls.Config{MinVersion: c.TLS.MinTLSVersion()}
	var (
		cert tls.Certificate
		err  error
	)
	if c.TLS.CertFile != "" {
		cert, err = tls.LoadX509KeyPair(c.TLS.CertFile, c.TLS.KeyFile)
	} else {
		log.Warn("no certificate is configured: clients get a self-signed one, made at this start; drivers that verify certificates will refuse it", "set", "tls.cert_file and tls.key_file")
		cert, err = selfSigned(c.Proxy.InstanceID)
	}
	if err != nil {
		return nil, fmt.Errorf("certificate: %w", err)
	}
	cfg.Certificates = []tls.Certificate{cert}
	return cfg, nil
}

// certificateExpiry is when the first of the certificates to expire does; the
// zero time if there is none.
func certificateExpiry(c *tls.Config) time.Time {
	var first time.Time
	for _, cert := range c.Certificates {
		leaf := cert.Leaf
		if leaf == nil && len(cert.Certificate) > 0 {
			leaf, _ = x509.ParseCertificate(cert.Certificate[0]) // it was parsed before
		}
		if leaf != nil && (first.IsZero() || leaf.NotAfter.Before(first)) {
			first = leaf.NotAfter
		}
	}
	return first
}

// selfSigned makes a certificate for name and the loopback addresses.
func selfSigned(name string) (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return tls.Certificate{}, err
	}
	t := x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: name},
		DNSNames:     []string{name, "localhost"},
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().AddDate(1, 0, 0),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, &t, &t, &key.PublicKey, key)
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, nil
}
