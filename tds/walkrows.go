package tds

import "encoding/binary"

// begunRows steps over the rows at the start of b, of which there is at least
// one, and returns what follows them. Most lie in b whole, and take no more than
// finding the lengths of their values; one that goes on in the next payload is
// left where it can be taken up.
func (w *Walker) begunRows(b []byte) []byte {
	cols := w.columns
	for len(b) > 0 {
		w.token, w.nbc = Token(b[0]), false
		var at, i int
		switch {
		case w.token == TokenRow:
			at, i = stepRow(cols, b, 1)
		case w.token == TokenNBCRow:
			at = 1 + (len(cols)+7)/8
			if at > len(b) { // in the midst of the bitmap
				w.rows++
				w.current, w.column, w.nulls, w.state = cols, 0, w.nulls[:0], walkBitmap
				return w.bitmap(b[1:])
			}
			w.nbc = true
			at, i = stepNBCRow(cols, b[1:at], b, at)
		default:
			return b
		}
		w.rows++
		if i == len(cols) && at <= len(b) {
			b = b[at:]
			continue
		}
		if w.nbc {
			w.nulls = append(w.nulls[:0], b[1:1+(len(cols)+7)/8]...)
		}
		w.current, w.column, w.state = cols, i, walkRow
		if i == len(cols) {
			w.state = walkToken
		}
		if at >= len(b) {
			w.skip = uint64(at - len(b))
			return nil
		}
		b = w.row(b[at:])
		if w.state != walkToken || w.skip > 0 || w.err != nil {
			return b
		}
	}
	return b
}

// stepRow steps over the values of a ROW, the first of which is at offset at of
// b. It returns the offset behind column i, or behind the end of b where that
// comes first, with i the next column to be looked at: the first whose length
// is not in b, or not said by one field.
func stepRow(cols []columnRule, b []byte, at int) (end, i int) {
	for i = range cols {
		switch cols[i].form {
		case valueFixed:
			at += int(cols[i].size)
		case valueLen8:
			if at >= len(b) {
				return at, i
			}
			at += 1 + int(b[at])
		case valueLen16:
			if len(b)-at < 2 {
				return at, i
			}
			at += 2 + len16(b[at:])
		default:
			var ok bool
			if at, ok = stepPLP(cols[i].form, b, at); !ok {
				return at, i
			}
		}
	}
	return at, len(cols)
}

// stepNBCRow is stepRow for an NBCROW, in which the values that the bitmap tells
// of are left out (MS-TDS 2.2.7.15).
func stepNBCRow(cols []columnRule, nulls, b []byte, at int) (end, i int) {
	for i = range cols {
		if nulls[i>>3]&(1<<(i&7)) != 0 {
			continue
		}
		var stopped int
		if at, stopped = stepRow(cols[i:i+1], b, at); stopped == 0 {
			return at, i
		}
	}
	return at, len(cols)
}

// len16 is the length that a 16-bit field says; 0xFFFF stands for NULL.
func len16(b []byte) int {
	n := binary.LittleEndian.Uint16(b)
	if n == 0xFFFF {
		return 0
	}
	return int(n)
}

// stepPLP steps over the PLP value (MS-TDS 2.2.5.2.3) at offset at of b. Where
// that is not whole, or of another form, it stays where it is.
func stepPLP(form valueForm, b []byte, at int) (end int, ok bool) {
	le := binary.LittleEndian
	if form != valuePLP || len(b)-at < 8 {
		return at, false
	}
	end = at + 8
	if le.Uint64(b[at:]) == plpNull {
		return end, true
	}
	for {
		if len(b)-end < 4 {
			return at, false
		}
		n := int64(le.Uint32(b[end:]))
		if end += 4; n == 0 {
			return end, true
		}
		if n > int64(len(b)-end) {
			return at, false
		}
		end += int(n)
	}
}
