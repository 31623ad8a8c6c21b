package main

import (
	"bytes"
	"strings"

	"sluice/tds"
	"sluice/tds/tdstest"
)

// blanked is a response without what must differ between two servers:
// descriptors of transactions, and handles.
type blanked struct {
	b      []byte
	spans  [][2]int // that were blanked
	handle bool
}

// blank makes one of the bytes of a response, which may break off.
func blank(payload []byte, v tds.Version, handle bool) blanked {
	x := blanked{b: bytes.Clone(payload), handle: handle}
	w := tds.Walker{Handler: &x}
	w.Reset(v)
	_ = w.Feed(x.b) // a response that breaks off is blanked as far as it goes
	return x
}

// Token implements tds.Handler.
func (x *blanked) Token(t tds.Token, body []byte, at int) error {
	switch {
	case at < 0:
	case t == tds.TokenEnvChange && len(body) > 2 && transactional(tds.EnvType(body[0])):
		for i := 1; i < len(body); i += 1 + int(body[i]) {
			x.clear(at+i+1, int(body[i]))
		}
	case t == tds.TokenReturnValue && x.handle && len(body) > 4:
		if body[0] == 0 && body[1] == 0 {
			x.clear(at+len(body)-4, 4)
		}
	}
	return nil
}

func transactional(e tds.EnvType) bool {
	switch e {
	case tds.EnvBeginTransaction, tds.EnvCommitTransaction, tds.EnvRollbackTransaction, tds.EnvTransactionEnded:
		return true
	}
	return false
}

func (x *blanked) clear(at, n int) {
	end := min(at+n, len(x.b))
	clear(x.b[at:end])
	x.spans = append(x.spans, [2]int{at, end})
}

// begins tells whether x begins with part.
func (x *blanked) begins(part blanked) bool {
	if len(part.b) > len(x.b) {
		return false
	}
	for i, c := range part.b {
		if c != x.b[i] && !x.wasBlanked(i) {
			return false
		}
	}
	return true
}

func (x *blanked) wasBlanked(i int) bool {
	for _, s := range x.spans {
		if i >= s[0] && i < s[1] {
			return true
		}
	}
	return false
}

// brokenOff tells whether a response ends with an error of the node, or with
// one that the server sends to a session that it ends.
func brokenOff(r *tdstest.Response, a *ask) bool {
	for _, e := range r.Errors() {
		if strings.HasPrefix(e.Text, "Sluice:") || e.Class >= 20 && !(a.fatal && e.Number == 50000) {
			return true
		}
	}
	return bytes.Contains(r.Message.Payload, []byte(killedMidRow))
}

// killedMidRow is error 596 of class 21 as a killed session says it in the
// middle of a row, of which it may happen to be taken for the rest.
const killedMidRow = "\x54\x02\x00\x00\x01\x15"

// lossFinder finds where a response is not the server's any more.
type lossFinder struct {
	version tds.Version
	at      int
}

// Token implements tds.Handler.
func (f *lossFinder) Token(t tds.Token, body []byte, at int) error {
	if t != tds.TokenError || f.at >= 0 {
		return nil
	}
	if e, err := tds.DecodeServerError(body, f.version); err == nil && (strings.HasPrefix(e.Text, "Sluice:") || e.Class >= 20) {
		f.at = at - 3
	}
	return nil
}

// upToLoss cuts off what the node, or a server that dies, has added to an answer.
func upToLoss(payload []byte, v tds.Version) []byte {
	f := lossFinder{v, -1}
	w := tds.Walker{Handler: &f}
	w.Reset(v)
	_ = w.Feed(payload) // it may break off anywhere
	if f.at >= 0 {
		payload = payload[:f.at]
	}
	for _, sign := range []string{
		"\x01\x02\x03\x04 these are no tokens", // the fault of that name
		killedMidRow,
	} {
		if i := bytes.Index(payload, []byte(sign)); i >= 0 {
			payload = payload[:max(0, i-3)]
		}
	}
	return payload
}
