package tds

import (
	"encoding/binary"
	"fmt"
)

// TransMgrType is the kind of a transaction-manager request (MS-TDS 2.2.6.9).
type TransMgrType uint16

// Transaction-manager requests.
const (
	TMGetDTCAddress TransMgrType = 0
	TMPropagate     TransMgrType = 1
	TMBegin         TransMgrType = 5
	TMPromote       TransMgrType = 6
	TMCommit        TransMgrType = 7
	TMRollback      TransMgrType = 8
	TMSave          TransMgrType = 9
)

// TransMgr is a transaction-manager request.
type TransMgr struct {
	Headers   AllHeaders
	Type      TransMgrType
	Isolation byte   // of BEGIN, and of the transaction that BeginNext starts; 0 leaves it as it is
	Name      string // of BEGIN, COMMIT, ROLLBACK, SAVE
	BeginNext bool   // COMMIT and ROLLBACK: start a new transaction at once
	NextName  string
	Payload   []byte // of the DTC requests, aliases the input
}

// DecodeTransMgr reads the payload of a transaction-manager request.
func DecodeTransMgr(b []byte, v Version) (TransMgr, error) {
	h, err := DecodeAllHeaders(b, v)
	if err != nil {
		return TransMgr{}, err
	}
	c := cursor{b: b[h.Size:]}
	t := TransMgr{Headers: h, Type: TransMgrType(c.u16())}
	name := func() string { return DecodeUTF16(c.take(int(c.u8()))) } // B_VARBYTE
	switch t.Type {
	case TMBegin:
		t.Isolation, t.Name = c.u8(), name()
	case TMCommit, TMRollback:
		t.Name = name()
		if t.BeginNext = c.u8()&1 != 0; t.BeginNext {
			t.Isolation, t.NextName = c.u8(), name()
		}
	case TMSave:
		t.Name = name()
	default:
		t.Payload = c.b
	}
	if c.err != nil {
		return t, fmt.Errorf("transaction manager request %d: %w", t.Type, c.err)
	}
	return t, nil
}

// Append appends the payload of the message (without packet header).
func (t TransMgr) Append(dst []byte, v Version) []byte {
	dst = AppendAllHeaders(dst, t.Headers.Transaction, v)
	dst = binary.LittleEndian.AppendUint16(dst, uint16(t.Type))
	name := func(s string) {
		s = truncateUTF16(s, 127)
		dst = appendUTF16(append(dst, byte(2*utf16Len(s))), s)
	}
	switch t.Type {
	case TMBegin:
		dst = append(dst, t.Isolation)
		name(t.Name)
	case TMCommit, TMRollback:
		name(t.Name)
		if !t.BeginNext {
			return append(dst, 0)
		}
		dst = append(dst, 1, t.Isolation)
		name(t.NextName)
	case TMSave:
		name(t.Name)
	default:
		dst = append(dst, t.Payload...)
	}
	return dst
}
