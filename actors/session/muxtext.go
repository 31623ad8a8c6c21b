package session

import (
	"encoding/binary"
	"strconv"

	"sluice/actors/prepared"
	"sluice/actors/statement"
	"sluice/tds"
)

// textHandle is a number behind sp_execute in the text of a batch.
type textHandle struct {
	from, to int // of its digits, in bytes of UTF-16LE
	number   int32
}

// handlesInText finds the handles that the text of a batch gives sp_execute as
// a plain number: EXEC sp_execute 536870913, ... Other ways to name one are
// left alone, and the server does not know them.
func handlesInText(text []byte) (all []textHandle) {
	const name = "sp_execute"
	at := func(i int) byte { // ASCII in lower case, 0 for everything else
		if i+1 >= len(text) || text[i+1] != 0 {
			return 0
		}
		if c := text[i]; c >= 'A' && c <= 'Z' {
			return c + 'a' - 'A'
		}
		return text[i]
	}
	for i := 0; i+2*len(name) < len(text); i += 2 {
		k := 0
		for k < len(name) && at(i+2*k) == name[k] {
			k++
		}
		if k < len(name) {
			continue
		}
		j := i + 2*k
		for at(j) == ' ' || at(j) == '\t' || at(j) == '\r' || at(j) == '\n' {
			j += 2
		}
		if j == i+2*k {
			continue // sp_executesql
		}
		h := textHandle{from: j}
		digits := make([]byte, 0, 10)
		for c := at(j); c >= '0' && c <= '9' && len(digits) < 11; c = at(j) {
			digits = append(digits, c)
			j += 2
		}
		n, err := strconv.ParseInt(string(digits), 10, 32)
		if err != nil || at(j) == '.' {
			continue
		}
		h.to, h.number = j, int32(n)
		all = append(all, h)
		i = j - 2
	}
	return all
}

// rewriteText puts the backend's handles in the place of the client's in the
// text of a batch.
func (p *port) rewriteText(r *muxRequest, s *served) error {
	text := r.payload()[r.headers.Size:]
	var out []byte
	done := 0
	for _, h := range handlesInText(text) {
		real, ok, err := p.realHandle(r, s, h.number)
		if err != nil {
			return err
		}
		if !ok {
			continue
		}
		out = append(out, text[done:h.from]...)
		out = tds.AppendUTF16(out, strconv.Itoa(int(real)))
		done = h.to
	}
	if done > 0 {
		r.replaceText(append(out, text[done:]...))
	}
	return nil
}

// realHandle is the number that a statement of the client's has on the backend,
// where it is prepared if it is not yet. ok is false if the client has no such
// statement, or the server would not prepare it.
func (p *port) realHandle(r *muxRequest, s *served, number int32) (real int32, ok bool, err error) {
	x := p.mx
	// A request that is not sent, but made ready as if it were.
	head := tds.ParamHeader{Type: tds.TypeInfo{ID: tds.TypeIntN, Size: 4}}
	b := tds.RPCHeader{ProcID: tds.ProcExecute}.Append(tds.AppendAllHeaders(nil, x.core.tran, p.tokens))
	b = binary.LittleEndian.AppendUint32(append(head.Append(b), 4), uint32(number))
	rpc, err := prepared.Inspect(b, true, p.tokens)
	if err != nil {
		return 0, false, err
	}
	prepared.Decide(&rpc, &x.handles, nil)
	if rpc.First.Runs() == nil {
		return 0, false, nil
	}
	defer r.plan.End()
	scope := prepared.Scope{Database: r.want.Database(), Settings: r.want.Fingerprint()}
	r.plan.Prepare(b, &rpc, &x.handles, s.prepared, scope, x.core.tran)
	if before := r.plan.Before(); before != nil {
		seen := arranged{plan: &r.plan}
		if err := p.aside(tds.PacketRPC, 0, before, &seen, &r.walker); err != nil {
			return 0, false, err
		}
		answer, err := r.plan.BeforeEnd(b, &rpc)
		if err != nil || answer != nil {
			return 0, false, err
		}
	}
	s.left |= statement.Unseen
	return int32(binary.LittleEndian.Uint32(b[rpc.First.Handle.At:])), true, nil
}
