package redisd

import "errors"

// Bounds of what a client may send. Redis itself takes 512 MiB and 2^20
// arguments; miniredis allocates what the client announces.
const (
	maxArgs = 1 << 20
	maxArg  = 64 << 20 // bytes
	maxLine = 32       // of a header, without its end
)

// errProtocol is what a connection ends with that does not send commands as
// arrays of bulk strings.
var errProtocol = errors.New("protocol error: not a RESP array of bulk strings")

// framing checks a stream of commands before miniredis sees it, which panics on
// an empty array and on a length out of range. It keeps no data.
type framing struct {
	args int // of the command under way that are still to come
	body int // bytes of the argument under way, its CR LF included
	line [maxLine]byte
	n    int // bytes in line
}

// check takes the next bytes of the stream.
func (f *framing) check(data []byte) error {
	for len(data) > 0 {
		if f.body > 0 {
			n := min(f.body, len(data))
			f.body -= n
			data = data[n:]
			continue
		}
		b := data[0]
		data = data[1:]
		if b != '\n' {
			if f.n == maxLine {
				return errProtocol
			}
			f.line[f.n] = b
			f.n++
			continue
		}
		if f.n == 0 || f.line[f.n-1] != '\r' {
			return errProtocol
		}
		header := f.line[:f.n-1]
		f.n = 0
		if err := f.header(header); err != nil {
			return err
		}
	}
	return nil
}

// header takes a line without its CR LF.
func (f *framing) header(line []byte) error {
	kind, limit := byte('*'), maxArgs
	if f.args > 0 {
		kind, limit = '$', maxArg
	}
	if len(line) < 2 || line[0] != kind {
		return errProtocol
	}
	n := 0
	for _, b := range line[1:] {
		if b < '0' || b > '9' {
			return errProtocol
		}
		if n = n*10 + int(b-'0'); n > limit {
			return errProtocol
		}
	}
	if kind == '$' {
		f.args--
		f.body = n + len("\r\n")
		return nil
	}
	if n == 0 {
		return errProtocol
	}
	f.args = n
	return nil
}
