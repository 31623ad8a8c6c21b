package tds

import (
	"encoding/binary"
	"fmt"
)

// DoneStatus is the status field of DONE, DONEPROC and DONEINPROC (MS-TDS 2.2.7.6).
type DoneStatus uint16

// Status bits of the DONE tokens. SQL Server never sets DoneInTransaction.
const (
	DoneFinal         DoneStatus = 0x000
	DoneMore          DoneStatus = 0x001
	DoneError         DoneStatus = 0x002
	DoneInTransaction DoneStatus = 0x004
	DoneCount         DoneStatus = 0x010
	DoneAttention     DoneStatus = 0x020
	DoneRPCInBatch    DoneStatus = 0x080
	DoneServerError   DoneStatus = 0x100
)

// Values of Done.CurCmd, undocumented but stable.
const (
	CurCmdNone       uint16 = 0xFD
	CurCmdSelect     uint16 = 0xC1
	CurCmdInsert     uint16 = 0xC3
	CurCmdDelete     uint16 = 0xC4
	CurCmdUpdate     uint16 = 0xC5
	CurCmdAbort      uint16 = 0xD2
	CurCmdBegin      uint16 = 0xD4
	CurCmdCommit     uint16 = 0xD5
	CurCmdSet        uint16 = 0xBE
	CurCmdExecute    uint16 = 0xE0
	CurCmdBulkInsert uint16 = 0xF0
)

// Done is a DONE, DONEPROC or DONEINPROC token; Kind says which, the zero Kind is DONE.
type Done struct {
	Kind   Token
	Status DoneStatus
	CurCmd uint16
	Count  uint64 // rows; 32 bits before TDS 7.2; valid with DoneCount
}

// doneSize is the size of a DONE token's body in bytes.
func doneSize(v Version) int {
	if v.AtLeast(V72) {
		return 12
	}
	return 8
}

// Append appends the token with its type byte.
func (d Done) Append(dst []byte, v Version) []byte {
	kind := d.Kind
	if kind == 0 {
		kind = TokenDone
	}
	dst = append(dst, byte(kind))
	dst = binary.LittleEndian.AppendUint16(dst, uint16(d.Status))
	dst = binary.LittleEndian.AppendUint16(dst, d.CurCmd)
	if v.AtLeast(V72) {
		return binary.LittleEndian.AppendUint64(dst, d.Count)
	}
	return binary.LittleEndian.AppendUint32(dst, uint32(d.Count))
}

// DecodeDone reads the body of a DONE token of the given kind.
func DecodeDone(kind Token, body []byte, v Version) (Done, error) {
	if len(body) < doneSize(v) {
		return Done{}, fmt.Errorf("DONE: %w", ErrShort)
	}
	d := Done{Kind: kind, Status: DoneStatus(binary.LittleEndian.Uint16(body)), CurCmd: binary.LittleEndian.Uint16(body[2:])}
	if v.AtLeast(V72) {
		d.Count = binary.LittleEndian.Uint64(body[4:])
	} else {
		d.Count = uint64(binary.LittleEndian.Uint32(body[4:]))
	}
	return d, nil
}

// FinalDone reads the token that ends a response message, given the last bytes
// of the message's payload. Every message a server sends after login ends in a
// DONE or DONEPROC (MS-TDS 2.2.7.6), so its place is known from the end
// without walking what comes before. ok is false if the bytes are no such
// token.
func FinalDone(tail []byte, v Version) (d Done, ok bool) {
	n := 1 + doneSize(v)
	if len(tail) < n {
		return d, false
	}
	tail = tail[len(tail)-n:]
	kind := Token(tail[0])
	if kind != TokenDone && kind != TokenDoneProc {
		return d, false
	}
	d, err := DecodeDone(kind, tail[1:], v)
	return d, err == nil
}
