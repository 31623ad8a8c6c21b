package session

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"strings"

	"sluice/actors/bucket"
	"sluice/tds"
)

// Credentials digests passwords so that a later login can be recognised
// without keeping any password. The key lives and dies with the process: a
// digest is worth nothing outside of it.
type Credentials struct{ key [32]byte }

// NewCredentials returns Credentials with a random key.
func NewCredentials() *Credentials {
	c := &Credentials{}
	_, _ = rand.Read(c.key[:]) // never fails
	return c
}

// Digest returns the digest of a user's password at one bucket.
func (c *Credentials) Digest(bucketID, user, password string) bucket.Digest {
	mac := hmac.New(sha256.New, c.key[:])
	for _, s := range [...]string{bucketID, user, password} {
		var n [8]byte
		binary.LittleEndian.PutUint64(n[:], uint64(len(s)))
		mac.Write(n[:])
		mac.Write([]byte(s))
	}
	var d bucket.Digest
	mac.Sum(d[:0])
	return d
}

// Account is a client login that the node checks by itself and maps to a login
// at the server.
type Account struct {
	Password                     bucket.Digest // of Digest("", user, password)
	BackendUser, BackendPassword string        // empty: those of the bucket
	Buckets                      []string      // where it may go; empty is everywhere
}

// Mapping replaces clients' credentials by others. The zero Mapping passes
// clients' credentials on.
type Mapping struct {
	On       bool
	Accounts map[string]Account // by user in lower case
}

// apply checks login l and puts the server's credentials into it. ok is false
// if the node refuses the login.
func (m *Mapping) apply(c *Credentials, l *tds.Login7, b *Bucket) (ok bool) {
	if !m.On {
		return true
	}
	a, known := m.Accounts[strings.ToLower(l.UserName)]
	sum := c.Digest("", strings.ToLower(l.UserName), l.Password)
	// Compared even for an unknown user, so that the time taken tells nothing.
	right := hmac.Equal(sum[:], a.Password[:])
	if !known || !right || !a.mayUse(b.ID) {
		return false
	}
	l.UserName, l.Password = a.BackendUser, a.BackendPassword
	if l.UserName == "" {
		l.UserName, l.Password = b.Username, b.Password
	}
	return true
}

func (a *Account) mayUse(bucketID string) bool {
	for _, b := range a.Buckets {
		if strings.EqualFold(b, bucketID) {
			return true
		}
	}
	return len(a.Buckets) == 0
}
