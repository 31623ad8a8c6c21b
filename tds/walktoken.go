package tds

import "errors"

// tokenParse is how far the parse of a token of many parts has come; it is kept
// while the token's bytes are still arriving so that none is read twice.
type tokenParse struct {
	at    int // offset of the next part in the token's bytes
	stage int // meaning depends on the token
	left  int // parts left in this stage
	sub   int // DATACLASSIFICATION: properties left of the current column
	long  bool
}

// gather hands the token that b begins, or goes on with, to the Handler if it
// is whole, and keeps what there is of it if not. It returns what follows.
func (w *Walker) gather(b []byte) []byte {
	for {
		view, straddles := b, len(w.scratch) > 0
		if straddles {
			view = w.scratch
		}
		head, size, err := w.extent(view)
		if err == nil && size > MaxEnvValue+16 {
			err = ErrTokenTooLong
		}
		if err != nil {
			_ = w.lose(err)
			return nil
		}
		switch {
		case size <= len(view):
			at := -1
			if straddles {
				// To learn that the value of a RETURNVALUE is long, its length
				// field was gathered too; the walk over the value needs it.
				w.nsmall = copy(w.small[:], view[size:])
			} else {
				at, b = w.fed-len(b)+head, b[size:]
			}
			w.deliver(view[head:size], at)
			return b
		case !straddles:
			w.scratch = append(w.scratch, b...)
			return nil
		case len(b) == 0:
			return nil
		}
		n := min(size-len(w.scratch), len(b))
		w.scratch = append(w.scratch, b[:n]...)
		b = b[n:]
	}
}

// deliver hands a whole token to the Handler and goes on to what follows it:
// the next token, or the long value of a RETURNVALUE.
func (w *Walker) deliver(body []byte, at int) {
	w.state = walkToken
	if w.parse.long {
		w.state, w.current, w.column, w.nbc = walkRow, w.value[:], 0, false
	}
	if w.Handler != nil {
		w.err = w.Handler.Token(w.token, body, at)
	}
	w.scratch = w.scratch[:0]
	if cap(w.scratch) > keepScratch {
		w.scratch = nil
	}
}

// extent is tokenExtent for all tokens that go to the Handler.
func (w *Walker) extent(b []byte) (head, size int, err error) {
	switch w.token {
	case TokenColMetadata, TokenReturnValue, TokenDataClass:
		size, err = w.parts(b)
		return 0, size, err
	}
	return tokenExtent(w.token, b, w.version)
}

// parts reads the parts of a token whose extent only they tell, and returns as
// tokenExtent does the token's size or what to look at next.
func (w *Walker) parts(b []byte) (size int, err error) {
	for {
		c := cursor{b: b[w.parse.at:], skipText: true}
		var last bool
		switch w.token {
		case TokenColMetadata:
			last = w.metadataPart(&c)
		case TokenDataClass:
			last = w.classificationPart(&c)
		default:
			last = w.returnValuePart(&c)
		}
		switch {
		case errors.Is(c.err, ErrShort):
			return len(b) + c.missing, nil
		case c.err != nil:
			return 0, c.err
		}
		w.parse.at = len(b) - len(c.b)
		if last {
			return w.parse.at, nil
		}
	}
}

// returnValuePart reads the head of a RETURNVALUE, then, if it is short, the
// value. Of a long one it notes the rule by which to step over it.
func (w *Walker) returnValuePart(c *cursor) (last bool) {
	if w.parse.stage == 0 {
		r := c.returnValueHead(w.version, w.ColumnEncryption)
		if c.err == nil {
			w.parse.stage, w.value[0] = 1, r.Type.rule()
		}
		return false
	}
	if w.value[0].shortValue(c) {
		return true
	}
	w.parse.long = c.err == nil
	return true
}

// shortValue reads a value of at most MaxReturnValue bytes and tells whether
// it was one; a longer one is left unread.
func (r columnRule) shortValue(c *cursor) bool {
	start := c.b
	n := 0
	switch r.form {
	case valueFixed:
		n = int(r.size)
	case valueLen8:
		n = int(c.u8())
	case valueLen16:
		if l := c.u16(); l != 0xFFFF {
			n = int(l)
		}
	case valueLen32:
		n = int(c.u32())
	default:
		return false
	}
	if c.err == nil && n > MaxReturnValue {
		c.b = start
		return false
	}
	c.take(n)
	return true
}
