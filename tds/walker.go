package tds

import (
	"errors"
	"fmt"
)

// ErrLostSync says that a Walker no longer knows where tokens begin. The cause
// is wrapped beside it.
var ErrLostSync = errors.New("tds: lost track of the token stream")

// Handler receives the tokens that a Walker comes across.
type Handler interface {
	// Token is called once for each token but ROW and NBCROW, in the order of
	// the stream, when the token's last byte has been fed. Body is what
	// follows the type byte and the length field, as the Decode functions want
	// it, and is valid during the call only. Of a RETURNVALUE whose value is
	// longer than MaxReturnValue the body ends before the value.
	//
	// Where body lies wholly inside the payload being fed, at is its offset
	// there and changing body changes the payload in place; otherwise at is -1
	// and body is a copy. An error ends the walk.
	Token(t Token, body []byte, at int) error
}

// MaxReturnValue is the longest value of a RETURNVALUE, in bytes without its
// length field, that a Walker hands to its Handler. Handles of prepared
// statements and cursors have 4.
const MaxReturnValue = 32

// What a Walker keeps between messages, in bytes and columns; more is freed.
const (
	keepScratch = 4 << 10
	keepColumns = 1 << 10
)

// Walker follows the token stream of response messages (MS-TDS 2.2.4) across
// packet boundaries. It steps over rows and long values by their length, never
// decodes or buffers them, and hands all other tokens to its Handler. For each
// message call Feed with the payload of each packet in order, then
// EndOfMessage.
//
// A token that straddles packets is gathered in a buffer of its own, of at most
// MaxEnvValue bytes. Column rules take 8 bytes for each of at most 65,534
// columns. Apart from the growth of these two nothing is allocated.
//
// The zero Walker is ready after Reset. The exported fields are set before
// that. It must not be copied in use.
type Walker struct {
	// Handler may be nil: the stream is then only checked.
	Handler Handler
	// ColumnEncryption says that the server acknowledged FeatureColumnEncryption,
	// which changes COLMETADATA and RETURNVALUE.
	ColumnEncryption bool
	// SensitivityRank says that the server acknowledged version 2 of
	// FeatureDataClassification, whose token carries ranks.
	SensitivityRank bool

	version Version
	err     error
	state   walkState
	rows    uint64
	fed     int // size of the payload being fed

	skip   uint64  // bytes of a value to pass over before anything else
	small  [8]byte // start of a length field that straddles packets
	nsmall int

	columns []columnRule // of the current result set
	known   bool         // columns is valid
	current []columnRule // of the row or value being stepped over
	column  int          // index into current
	phase   valuePhase
	nulls   []byte // NBCROW: the bitmap
	nbc     bool   // current row is an NBCROW

	token   Token // being gathered
	scratch []byte
	parse   tokenParse
	value   [1]columnRule // of a RETURNVALUE
}

type walkState byte

const (
	walkToken  walkState = iota // at a token's first byte
	walkGather                  // in a token that goes to the Handler
	walkBitmap                  // in the bitmap of an NBCROW
	walkRow                     // in the values of a row or a RETURNVALUE
)

// Reset makes the walker ready for the first message of a connection that
// speaks version v, and clears its error.
func (w *Walker) Reset(v Version) {
	w.version, w.err, w.rows = v, nil, 0
	w.toMessageStart()
}

// toMessageStart forgets the message before; only the buffers stay.
func (w *Walker) toMessageStart() {
	w.state, w.skip, w.nsmall, w.phase = walkToken, 0, 0, phaseStart
	w.known, w.current, w.scratch = false, nil, w.scratch[:0]
	if cap(w.columns) > keepColumns {
		w.columns, w.nulls = nil, nil
	}
	if cap(w.scratch) > keepScratch {
		w.scratch = nil
	}
}

// Err returns the error that ended the walk, nil while it is in sync.
func (w *Walker) Err() error { return w.err }

// Rows returns the number of rows begun since Reset.
func (w *Walker) Rows() uint64 { return w.rows }

// AtToken tells whether all that was fed ends at the end of a token, as it must
// at the end of a message.
func (w *Walker) AtToken() bool { return w.err == nil && w.state == walkToken && w.skip == 0 }

// Feed walks over the payload of the next packet of the message. After the
// first error, which wraps ErrLostSync or is the Handler's, it returns that
// error again until Reset.
func (w *Walker) Feed(payload []byte) error {
	if w.err != nil {
		return w.err
	}
	w.fed = len(payload)
	b := payload
	for len(b) > 0 {
		if w.skip > 0 {
			if b = w.discard(b); w.skip > 0 {
				return nil
			}
			continue
		}
		switch w.state {
		case walkToken:
			b = w.begin(b)
		case walkGather:
			b = w.gather(b)
		case walkBitmap:
			b = w.bitmap(b)
		case walkRow:
			b = w.row(b)
		}
		if w.err != nil {
			return w.err
		}
	}
	return nil
}

// EndOfMessage is called after the payload of the packet that carries the EOM
// bit. It fails if the message ends inside a token. Column metadata does not
// outlive its message.
func (w *Walker) EndOfMessage() error {
	if w.err == nil && !w.AtToken() {
		return w.lose(fmt.Errorf("end of message: %w", ErrShort))
	}
	if w.err == nil {
		w.toMessageStart()
	}
	return w.err
}

// lose makes cause the reason why the walk ends.
func (w *Walker) lose(cause error) error {
	w.err = fmt.Errorf("%w in token 0x%02x: %w", ErrLostSync, byte(w.token), cause)
	return w.err
}

// begin starts on the token at the start of b.
func (w *Walker) begin(b []byte) []byte {
	w.token = Token(b[0])
	if w.token != TokenRow && w.token != TokenNBCRow {
		w.state = walkGather
		w.parse = tokenParse{}
		// A type without a length of its own, such as an unknown one, must fail
		// now, not with the next packet.
		return w.gather(b[1:])
	}
	if !w.known {
		_ = w.lose(ErrNeedsMetadata)
		return nil
	}
	return w.begunRows(b)
}
