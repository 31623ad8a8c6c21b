package gossip

import (
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io"
	"math/big"
	"strings"
	"time"
)

// All holders of a secret key derive one certificate authority from it, and
// each makes itself a leaf: who has the key is a peer, and nobody has to hand
// out certificates. A key that leaks lets its holder be any peer, as with the
// packets that the same key encrypts.

// peerName is what every leaf is made out to. Which peer it is says the hello.
const peerName = "sluice-peer"

// Certificates are valid at one fixed time, and that is the time both sides
// check: links must not depend on clocks.
var (
	certFrom  = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	certUntil = time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)
	certTime  = time.Date(2050, 1, 1, 0, 0, 0, 0, time.UTC)
)

// authority derives the certificate authority of a key. The cluster name is no
// part of it, so that a wrong one is told from a wrong key.
func authority(key []byte) (ed25519.PrivateKey, *x509.Certificate, error) {
	seed, err := hkdf.Key(sha256.New, key, nil, "sluice peer links v1", ed25519.SeedSize)
	if err != nil {
		return nil, nil, fmt.Errorf("derive key of links: %w", err)
	}
	private := ed25519.NewKeyFromSeed(seed)
	form := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{CommonName: "sluice peers"},
		NotBefore:             certFrom,
		NotAfter:              certUntil,
		IsCA:                  true,
		BasicConstraintsValid: true,
		MaxPathLenZero:        true,
		KeyUsage:              x509.KeyUsageCertSign,
	}
	cert, err := sign(form, form, private.Public(), private)
	return private, cert, err
}

func sign(form, parent *x509.Certificate, public any, private ed25519.PrivateKey) (*x509.Certificate, error) {
	der, err := x509.CreateCertificate(rand.Reader, form, parent, public, private)
	if err != nil {
		return nil, fmt.Errorf("sign certificate of links: %w", err)
	}
	return x509.ParseCertificate(der)
}

// tlsConfig returns the settings of both sides.
func tlsConfig(key []byte) (*tls.Config, error) {
	caKey, ca, err := authority(key)
	if err != nil {
		return nil, err
	}
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make key of links: %w", err)
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, fmt.Errorf("make certificate of links: %w", err)
	}
	leaf, err := sign(&x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: peerName},
		DNSNames:     []string{peerName},
		NotBefore:    certFrom,
		NotAfter:     certUntil,
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}, ca, public, caKey)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	pool.AddCert(ca)
	return &tls.Config{
		MinVersion:             tls.VersionTLS13,
		Time:                   func() time.Time { return certTime },
		Certificates:           []tls.Certificate{{Certificate: [][]byte{leaf.Raw}, PrivateKey: private, Leaf: leaf}},
		RootCAs:                pool,
		ServerName:             peerName,
		ClientAuth:             tls.RequireAndVerifyClientCert,
		ClientCAs:              pool,
		SessionTicketsDisabled: true,
	}, nil
}

// handshakeError gives the causes of a failed handshake that are a matter of
// keys their name.
func handshakeError(err error) error {
	var (
		unknown x509.UnknownAuthorityError
		plain   tls.RecordHeaderError
		alert   tls.AlertError
	)
	switch {
	case err == nil:
		return nil
	case errors.As(err, &plain):
		return fmt.Errorf("it does not speak TLS, and this node has a secret key: %w: %w", ErrOtherKey, err)
	case errors.As(err, &unknown), errors.As(err, &alert), strings.Contains(err.Error(), "remote error: tls:"):
		return fmt.Errorf("handshake: %w: %w", ErrOtherKey, err)
	}
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("closed during the handshake, it may have no secret key: %w", err)
	}
	return fmt.Errorf("handshake: %w", err)
}

// alertError is handshakeError for the first reads and writes after a
// handshake: in TLS 1.3 the dialling side learns only then that it was refused.
func alertError(err error) error {
	if strings.Contains(err.Error(), "remote error: tls:") {
		return handshakeError(err)
	}
	return err
}
