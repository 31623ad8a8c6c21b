package backend

import (
	"errors"
	"fmt"
	"strconv"

	"sluice/tds"
)

// Answer is what a server said to a login, kept to tell it again to every
// client that gets the connection. It is not changed after the login.
type Answer struct {
	Ack        tds.LoginAck
	Database   string
	Language   string
	Collation  []byte
	PacketSize int // bytes, granted by the server
	Infos      []*tds.ServerError
	Features   []tds.Feature
	Routing    *tds.Routing
	Envs       []tds.EnvChange // of other kinds, in order
}

// LoginError is a login that the server refused: its own words, to be passed
// to the client as they are.
type LoginError struct {
	Errors []*tds.ServerError // never empty
	Infos  []*tds.ServerError
}

func (e *LoginError) Error() string { return "login refused: " + e.Errors[0].Error() }

// Tokens appends the server's messages, errors last as servers send them.
func (e *LoginError) Tokens(dst []byte, v tds.Version) []byte {
	for _, m := range e.Infos {
		dst = m.Append(dst, v)
	}
	for _, m := range e.Errors {
		dst = m.Append(dst, v)
	}
	return dst
}

// ErrNoLoginAck says that a server ended its answer to a login without
// accepting or refusing it.
var ErrNoLoginAck = errors.New("backend: login answered without LOGINACK")

// parseAnswer reads the payload of a login response. A refusal is a *LoginError.
func parseAnswer(payload []byte, v tds.Version, askedSize int) (*Answer, error) {
	a := &Answer{PacketSize: askedSize}
	var refused LoginError
	acked := false
	for len(payload) > 0 {
		t, body, rest, err := tds.NextToken(payload, v)
		if err != nil {
			return nil, fmt.Errorf("login response: %w", err)
		}
		payload = rest
		switch t {
		case tds.TokenEnvChange:
			err = a.env(body)
		case tds.TokenError, tds.TokenInfo:
			var m *tds.ServerError
			if m, err = tds.DecodeServerError(body, v); err == nil {
				if t == tds.TokenError {
					refused.Errors = append(refused.Errors, m)
				} else {
					a.Infos = append(a.Infos, m)
				}
			}
		case tds.TokenLoginAck:
			a.Ack, err = tds.DecodeLoginAck(body)
			acked = true
		case tds.TokenFeatureExtAck:
			var ack tds.FeatureExtAck
			ack, err = tds.DecodeFeatureExtAck(body)
			a.Features = ack.Features
		}
		if err != nil {
			return nil, fmt.Errorf("login response: %w", err)
		}
	}
	if !acked {
		if len(refused.Errors) > 0 {
			refused.Infos = a.Infos
			return nil, &refused
		}
		return nil, ErrNoLoginAck
	}
	return a, nil
}

func (a *Answer) env(body []byte) error {
	e, err := tds.DecodeEnvChange(body)
	if err != nil {
		return err
	}
	switch e.Type {
	case tds.EnvDatabase:
		a.Database = e.New
	case tds.EnvLanguage:
		a.Language = e.New
	case tds.EnvSQLCollation:
		a.Collation = e.NewBytes
	case tds.EnvPacketSize:
		n, err := strconv.Atoi(e.New)
		if err != nil || n < tds.MinPacketSize || n > tds.MaxPacketSize {
			return fmt.Errorf("tds: server granted packet size %q", e.New)
		}
		a.PacketSize = n
	case tds.EnvRouting, tds.EnvEnhancedRouting:
		a.Routing = &e.Routing
	case tds.EnvMirrorPartner: // would send clients past this node
	default:
		a.Envs = append(a.Envs, e)
	}
	return nil
}

// Append appends the tokens of a login response to a client that logged in
// with l, in the order in which SQL Server sends them (MS-TDS 4.2).
func (a *Answer) Append(dst []byte, l *tds.Login7) []byte {
	v, err := l.Version.Normalize()
	if err != nil {
		v = tds.V71
	}
	ack := a.Ack
	if v == tds.V80 {
		ack.Version = tds.V80 // a server reached over TDS 7.4 has acknowledged that
	}
	info := func(number int32) {
		for _, m := range a.Infos {
			if m.Number == number {
				dst = m.Append(dst, v)
			}
		}
	}
	if a.Database != "" {
		dst = tds.EnvChange{Type: tds.EnvDatabase, New: a.Database, Old: "master"}.Append(dst)
	}
	info(5701)
	if len(a.Collation) > 0 {
		dst = tds.EnvChange{Type: tds.EnvSQLCollation, NewBytes: a.Collation}.Append(dst)
	}
	if a.Language != "" {
		dst = tds.EnvChange{Type: tds.EnvLanguage, New: a.Language}.Append(dst)
	}
	info(5703)
	for _, m := range a.Infos {
		if m.Number != 5701 && m.Number != 5703 {
			dst = m.Append(dst, v)
		}
	}
	for _, e := range a.Envs {
		dst = e.Append(dst)
	}
	dst = ack.Append(dst)
	size := strconv.Itoa(a.PacketSize)
	dst = tds.EnvChange{Type: tds.EnvPacketSize, New: size, Old: size}.Append(dst)
	if fs := a.acked(l); len(fs) > 0 {
		dst = tds.FeatureExtAck{Features: fs}.Append(dst)
	}
	return tds.Done{CurCmd: 0}.Append(dst, v)
}

// acked are the server's feature acknowledgements that this client asked for:
// drivers disconnect on one they did not.
func (a *Answer) acked(l *tds.Login7) []tds.Feature {
	var fs []tds.Feature
	for _, f := range a.Features {
		if f.ID == tds.FeatureSessionRecovery || f.ID == tds.FeatureEnhancedRouting {
			continue
		}
		if _, asked := l.Feature(f.ID); asked {
			fs = append(fs, f)
		}
	}
	return fs
}
