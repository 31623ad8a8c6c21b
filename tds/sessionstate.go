package tds

import (
	"encoding/binary"
	"fmt"
)

// SessionState is a SESSIONSTATE token (MS-TDS 2.2.7.21): what of a session
// has changed. A server sends it, right before the DONE that ends a response,
// to who asked for FeatureSessionRecovery.
type SessionState struct {
	SeqNo       uint32 // counts the tokens of a connection; RecoveryOff ends them
	Recoverable bool   // holds for all of States
	States      []SessionStateValue
}

// SessionStateValue is one of up to 256 parts of a session's state. What an ID
// stands for is the server's business; few are documented.
type SessionStateValue struct {
	ID    byte
	Value []byte
}

// RecoveryOff is the SeqNo by which a server says that it has given up
// following the session's state.
const RecoveryOff = 0xFFFFFFFF

// Append appends the token with its type byte.
func (s SessionState) Append(dst []byte) []byte {
	at := len(dst)
	dst = append(dst, byte(TokenSessionState), 0, 0, 0, 0)
	dst = binary.LittleEndian.AppendUint32(dst, s.SeqNo)
	status := byte(0)
	if s.Recoverable {
		status = 1
	}
	dst = AppendSessionStates(append(dst, status), s.States)
	binary.LittleEndian.PutUint32(dst[at+1:], uint32(len(dst)-at-5))
	return dst
}

// DecodeSessionState reads the body of a SESSIONSTATE token. Values alias it.
func DecodeSessionState(body []byte) (SessionState, error) {
	c := cursor{b: body}
	s := SessionState{SeqNo: c.u32(), Recoverable: c.u8()&1 != 0}
	if c.err != nil {
		return s, fmt.Errorf("SESSIONSTATE: %w", c.err)
	}
	var err error
	s.States, err = DecodeSessionStates(c.b)
	return s, err
}

// AppendSessionStates appends states as they stand in SESSIONSTATE and as data
// of FeatureSessionRecovery in FEATUREEXTACK.
func AppendSessionStates(dst []byte, states []SessionStateValue) []byte {
	for _, v := range states {
		if dst = append(dst, v.ID); len(v.Value) < 0xFF {
			dst = append(dst, byte(len(v.Value)))
		} else {
			dst = binary.LittleEndian.AppendUint32(append(dst, 0xFF), uint32(len(v.Value)))
		}
		dst = append(dst, v.Value...)
	}
	return dst
}

// DecodeSessionStates reads states up to the end of b, which the values alias.
func DecodeSessionStates(b []byte) (states []SessionStateValue, err error) {
	c := cursor{b: b}
	for len(c.b) > 0 && c.err == nil {
		v := SessionStateValue{ID: c.u8()}
		n := uint32(c.u8())
		if n == 0xFF {
			n = c.u32()
		}
		if n > uint32(len(c.b)) {
			return nil, fmt.Errorf("session state 0x%02x of %d bytes: %w", v.ID, n, ErrShort)
		}
		v.Value = c.take(int(n))
		states = append(states, v)
	}
	if c.err != nil {
		return nil, fmt.Errorf("session state: %w", c.err)
	}
	return states, nil
}
