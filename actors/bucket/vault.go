package bucket

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"errors"

	"sluice/actors/backend"
	"sluice/tds"
)

// errLoginUnknown says that a session's login is not kept any more.
var errLoginUnknown = errors.New("bucket: the login is not known any more")

// vault keeps the logins that the server took, passwords included, one for each
// key and credentials, so that further connections can be opened for sessions
// that hold none. It keeps a login for as long as a session with it is there,
// and a tick or two longer. What it keeps is encrypted under a key that lives and dies
// with it: a password is in clear only while a login is being sent.
type vault struct {
	seal   cipher.AEAD
	logins map[vaultKey]*sealed
	order  uint64 // rises with every use
	nextID uint64
	empty  bool // some may have no session
}

type vaultKey struct {
	key    backend.Key
	digest Digest
}

type sealed struct {
	nonce, text []byte
	used        uint64
	id          uint64 // tells it from one for the same key that was dropped
	sessions    int
	stale       bool // there was none at the last sweep
}

// maxLogins bounds the logins kept; the least recently used goes first.
const maxLogins = 16 << 10

func newVault() *vault {
	var key [32]byte
	_, _ = rand.Read(key[:])          // never fails
	block, _ := aes.NewCipher(key[:]) // the size is right
	seal, _ := cipher.NewGCM(block)
	return &vault{seal: seal, logins: map[vaultKey]*sealed{}}
}

// keep keeps the login of a request for a shared connection. It returns false
// if there is none to keep and none was kept before.
func (v *vault) keep(r *Request) bool {
	if !r.Key.Shared {
		return false
	}
	k := vaultKey{r.Key, r.Digest}
	v.order++
	if s := v.logins[k]; s != nil {
		s.used, s.stale = v.order, false
		return true
	}
	if r.Login == nil {
		return false
	}
	if len(v.logins) >= maxLogins {
		v.dropOldest()
	}
	v.nextID++
	v.empty = true // until a session enters
	s := &sealed{nonce: make([]byte, v.seal.NonceSize()), used: v.order, id: v.nextID}
	_, _ = rand.Read(s.nonce)
	plain := r.Login.Append(nil)
	s.text = v.seal.Seal(nil, s.nonce, plain, nil)
	clear(plain)
	v.logins[k] = s
	return true
}

// enter counts a session that has logged in with r. It returns what leave takes,
// 0 if its login is not kept.
func (v *vault) enter(r *Request) (id uint64) {
	if !v.keep(r) {
		return 0
	}
	s := v.logins[vaultKey{r.Key, r.Digest}]
	s.sessions++
	return s.id
}

// leave says that a session has ended.
func (v *vault) leave(key backend.Key, d Digest, id uint64) {
	if s := v.logins[vaultKey{key, d}]; s != nil && s.id == id && s.sessions > 0 {
		s.sessions--
		v.empty = v.empty || s.sessions == 0
	}
}

// sweep drops logins that have had no session since the last sweep.
func (v *vault) sweep() {
	if !v.empty {
		return
	}
	v.empty = false
	for k, s := range v.logins {
		switch {
		case s.sessions > 0:
		case s.stale:
			delete(v.logins, k)
		default:
			s.stale, v.empty = true, true
		}
	}
}

// open returns a login that was kept, nil if it is not.
func (v *vault) open(key backend.Key, d Digest) *tds.Login7 {
	s := v.logins[vaultKey{key, d}]
	if s == nil {
		return nil
	}
	v.order++
	s.used = v.order
	plain, err := v.seal.Open(nil, s.nonce, s.text, nil)
	if err != nil {
		return nil
	}
	defer clear(plain)
	l, err := tds.DecodeLogin7(plain)
	if err != nil {
		return nil
	}
	return &l
}

// forget drops a user's logins with credentials that the server refuses.
func (v *vault) forget(user string, d Digest) {
	for k := range v.logins {
		if k.key.User == user && k.digest == d {
			delete(v.logins, k)
		}
	}
}

// forgetUser drops all logins of a user.
func (v *vault) forgetUser(user string) {
	for k := range v.logins {
		if k.key.User == user {
			delete(v.logins, k)
		}
	}
}

func (v *vault) dropOldest() {
	var oldest vaultKey
	at := v.order + 1
	for k, s := range v.logins {
		if s.used < at {
			oldest, at = k, s.used
		}
	}
	delete(v.logins, oldest)
}
