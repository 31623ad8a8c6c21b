package main

import (
	"crypto/tls"
	"crypto/x509"
)

func marshalKey(c tls.Certificate) ([]byte, error) { return x509.MarshalPKCS8PrivateKey(c.PrivateKey) }

func loadCertificate(cert, key string) (*tls.Certificate, error) {
	c, err := tls.LoadX509KeyPair(cert, key)
	return &c, err
}
