package tds

import (
	"encoding/binary"
	"errors"
)

// columnRule is all it takes to step over a column's values.
type columnRule struct {
	form valueForm
	size uint32 // of a fixed-length value in bytes
}

func (t TypeInfo) rule() columnRule {
	r := columnRule{form: t.form(false)}
	if r.form == valueFixed {
		r.size = uint32(t.Size)
	}
	return r
}

// valuePhase says how far a value with more than one length field has come.
type valuePhase byte

const (
	phaseStart    valuePhase = iota
	phaseTextData            // after a text pointer, before the length of the data
	phaseChunk               // before the length of a PLP chunk
)

// errTextLength is the cause of a lost walk at a TEXT with a negative length.
var errTextLength = errors.New("tds: negative length of a value")

// discard passes over what is left of a value.
func (w *Walker) discard(b []byte) []byte {
	if w.skip >= uint64(len(b)) {
		w.skip -= uint64(len(b))
		return nil
	}
	b = b[w.skip:]
	w.skip = 0
	return b
}

// bitmap gathers the bitmap of an NBCROW: one bit a column, 1 for a NULL that
// is left out (MS-TDS 2.2.7.15).
func (w *Walker) bitmap(b []byte) []byte {
	n := min((len(w.columns)+7)/8-len(w.nulls), len(b))
	w.nulls = append(w.nulls, b[:n]...)
	if len(w.nulls) < (len(w.columns)+7)/8 {
		return nil
	}
	w.nbc, w.state = true, walkRow
	return w.row(b[n:])
}

// row steps over the values that are left of the current row and returns what
// follows them. When the payload ends first it notes where, and w.skip tells
// how much of a value is to be passed over in the next.
func (w *Walker) row(b []byte) []byte {
	cols, i := w.current, w.column
	for i < len(cols) {
		if w.nbc && w.nulls[i>>3]&(1<<(i&7)) != 0 {
			i++
			continue
		}
		var n int
		switch r := cols[i]; {
		case w.nsmall != 0 || w.phase != phaseStart:
			n = -1
		case r.form == valueFixed:
			n = int(r.size)
		case r.form == valueLen8 && len(b) > 0:
			n = 1 + int(b[0])
		case r.form == valueLen16 && len(b) > 1:
			n = 2
			if l := binary.LittleEndian.Uint16(b); l != 0xFFFF {
				n += int(l)
			}
		default:
			n = -1
		}
		switch {
		case n < 0:
			var done bool
			if b, done = w.stepValue(b, cols[i]); !done {
				w.column = i
				return nil
			}
			i++
			if w.skip > 0 {
				if b = w.discard(b); w.skip > 0 {
					b = nil
				}
			}
		case n > len(b):
			w.skip = uint64(n - len(b))
			b = nil
			i++
		default:
			b = b[n:]
			i++
		}
		if w.skip > 0 {
			break
		}
	}
	if w.column = i; i == len(cols) {
		w.state = walkToken
	}
	return b
}

// stepValue steps over one value of any form, in as many calls as the packets
// it is spread over. done says that all its length fields have been read;
// w.skip is then what is left of its bytes. Not done, all of b is consumed.
func (w *Walker) stepValue(b []byte, r columnRule) (rest []byte, done bool) {
	for w.err == nil {
		if w.skip > 0 {
			if b = w.discard(b); w.skip > 0 {
				return nil, false
			}
		}
		f, rest, ok := w.take(b, lengthSize(r.form, w.phase))
		if !ok {
			return nil, false
		}
		b = rest
		if w.nextPhase(r.form, f) {
			return b, true
		}
	}
	return nil, false
}

// lengthSize is the size of the length field that comes next in a value.
func lengthSize(form valueForm, phase valuePhase) int {
	switch {
	case phase != phaseStart:
		return 4
	case form == valuePLP:
		return 8
	case form == valueLen32:
		return 4
	case form == valueLen16:
		return 2
	}
	return 1
}

// nextPhase takes in length field f, sets what is to be passed over after it,
// and tells whether it was the value's last.
func (w *Walker) nextPhase(form valueForm, f []byte) bool {
	le := binary.LittleEndian
	phase := w.phase
	w.phase = phaseStart
	switch {
	case phase == phaseTextData:
		n := le.Uint32(f)
		if int32(n) < 0 {
			_ = w.lose(errTextLength)
		}
		w.skip = uint64(n)
		return true
	case phase == phaseChunk:
		if w.skip = uint64(le.Uint32(f)); w.skip == 0 {
			return true
		}
		w.phase = phaseChunk
		return false
	}
	switch form {
	case valuePLP:
		if le.Uint64(f) == plpNull {
			return true
		}
		w.phase = phaseChunk
		return false
	case valueText:
		if f[0] == 0 {
			return true
		}
		w.skip, w.phase = uint64(f[0])+8, phaseTextData
		return false
	case valueLen32:
		n := le.Uint32(f)
		if int32(n) < 0 {
			_ = w.lose(errTextLength)
		}
		w.skip = uint64(n)
	case valueLen16:
		if n := le.Uint16(f); n != 0xFFFF {
			w.skip = uint64(n)
		}
	default:
		w.skip = uint64(f[0])
	}
	return true
}

// take returns the k bytes of a length field, gathering them over payloads.
func (w *Walker) take(b []byte, k int) (field, rest []byte, ok bool) {
	if w.nsmall == 0 && len(b) >= k {
		return b[:k], b[k:], true
	}
	n := copy(w.small[w.nsmall:k], b)
	if w.nsmall += n; w.nsmall < k {
		return nil, nil, false
	}
	w.nsmall = 0
	return w.small[:k], b[n:], true
}
