package sandbox

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net"
	"time"
)

// serverTLS are the configurations for the two ways TLS is used.
type serverTLS struct {
	cert *tls.Certificate
	// wrapped: the handshake travels in PRELOGIN packets. TLS 1.3 cannot be
	// used there: its session ticket comes after the handshake, when the
	// client no longer unwraps.
	wrapped *tls.Config
	// strict: TLS from the first byte (TDS 8.0).
	strict *tls.Config
}

// alpnTDS8 is the protocol name of TDS 8.0 (MS-TDS 2.1).
const alpnTDS8 = "tds/8.0"

func newServerTLS(cert *tls.Certificate) serverTLS {
	if cert == nil {
		return serverTLS{}
	}
	base := tls.Config{
		Certificates: []tls.Certificate{*cert},
		MinVersion:   tls.VersionTLS12,
		// Drivers expect a packet in one record, not in the small records
		// that Go begins a connection with.
		DynamicRecordSizingDisabled: true,
		SessionTicketsDisabled:      true,
	}
	wrapped, strict := base.Clone(), base.Clone()
	wrapped.MaxVersion = tls.VersionTLS12
	strict.NextProtos = []string{alpnTDS8}
	return serverTLS{cert: cert, wrapped: wrapped, strict: strict}
}

// selfSigned makes a certificate for localhost and the server's name, good for
// a year, that is its own authority.
func selfSigned(name string) (*tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, err
	}
	t := &x509.Certificate{
		SerialNumber:          serial,
		Subject:               pkix.Name{CommonName: name},
		DNSNames:              []string{"localhost", name},
		IPAddresses:           []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().AddDate(1, 0, 0),
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		IsCA:                  true,
		BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, t, t, &key.PublicKey, key)
	if err != nil {
		return nil, err
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, nil
}
