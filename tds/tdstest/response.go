package tdstest

import (
	"fmt"

	"sluice/tds"
)

// Token is one token of a response, rows left out.
type Token struct {
	Kind tds.Token
	Body []byte // what follows the type byte and the length field
}

// Response is one message from a server, taken apart.
type Response struct {
	Message tds.Message
	Tokens  []Token
	Rows    int
	version tds.Version
}

// collector is the Handler behind ParseResponse.
type collector []Token

func (c *collector) Token(t tds.Token, body []byte, _ int) error {
	*c = append(*c, Token{t, append([]byte(nil), body...)})
	return nil
}

// ParseResponse takes a server's message apart; v is the version agreed on.
func ParseResponse(m tds.Message, v tds.Version) (Response, error) {
	var tokens collector
	w := tds.Walker{Handler: &tokens}
	w.Reset(v)
	err := w.Feed(m.Payload)
	if err == nil {
		err = w.EndOfMessage()
	}
	r := Response{Message: m, Tokens: tokens, Rows: int(w.Rows()), version: v}
	if err != nil {
		return r, fmt.Errorf("response of %d bytes: %w", len(m.Payload), err)
	}
	return r, nil
}

// Errors returns the ERROR tokens.
func (r Response) Errors() []*tds.ServerError { return r.messages(tds.TokenError) }

// Infos returns the INFO tokens.
func (r Response) Infos() []*tds.ServerError { return r.messages(tds.TokenInfo) }

func (r Response) messages(kind tds.Token) (all []*tds.ServerError) {
	for _, t := range r.Tokens {
		if t.Kind != kind {
			continue
		}
		if e, err := tds.DecodeServerError(t.Body, r.version); err == nil {
			all = append(all, e)
		}
	}
	return all
}

// EnvChanges returns the ENVCHANGE tokens of a type.
func (r Response) EnvChanges(typ tds.EnvType) (all []tds.EnvChange) {
	for _, t := range r.Tokens {
		if t.Kind != tds.TokenEnvChange {
			continue
		}
		if e, err := tds.DecodeEnvChange(t.Body); err == nil && e.Type == typ {
			all = append(all, e)
		}
	}
	return all
}

// Done returns the token that ends the message; ok is false if there is none.
func (r Response) Done() (d tds.Done, ok bool) { return tds.FinalDone(r.Message.Payload, r.version) }

// LoginAck returns the LOGINACK of a login that succeeded.
func (r Response) LoginAck() (a tds.LoginAck, ok bool) {
	for _, t := range r.Tokens {
		if t.Kind == tds.TokenLoginAck {
			a, err := tds.DecodeLoginAck(t.Body)
			return a, err == nil
		}
	}
	return a, false
}

// Err returns the first ERROR token as a Go error.
func (r Response) Err() error {
	if es := r.Errors(); len(es) > 0 {
		return es[0]
	}
	return nil
}
