package tds

// Gathering tells which token a Walker is in the midst of, when what was fed
// ended inside one that goes to the Handler, and how many bytes of its body
// have been fed; the length field of a token that has one counts as well. ok is
// false at the end of a token and inside a row or a long value.
//
// Together with the body that the Handler gets in the end it says where in the
// packets the token's bytes lie.
func (w *Walker) Gathering() (t Token, body int, ok bool) {
	if w.err != nil || w.state != walkGather || w.skip > 0 {
		return 0, 0, false
	}
	return w.token, len(w.scratch), true
}
