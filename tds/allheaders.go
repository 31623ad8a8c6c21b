package tds

import (
	"encoding/binary"
	"fmt"
)

// Header types of ALL_HEADERS (MS-TDS 2.2.5.3).
const (
	HeaderQueryNotifications uint16 = 1
	HeaderTransaction        uint16 = 2
	HeaderTrace              uint16 = 3
)

// AllHeaders is what a proxy reads of an ALL_HEADERS block, which SQLBatch, RPC
// and transaction-manager requests begin with from TDS 7.2 on.
type AllHeaders struct {
	Transaction   uint64 // transaction descriptor; 0 outside a transaction
	Outstanding   uint32 // outstanding request count
	Notifications bool   // a query notification is asked for
	Size          int    // of the block in bytes
}

// DecodeAllHeaders reads the block at the start of a request's payload. Before
// TDS 7.2 there is none: the result is zero.
func DecodeAllHeaders(b []byte, v Version) (AllHeaders, error) {
	var a AllHeaders
	if !v.AtLeast(V72) {
		return a, nil
	}
	c := cursor{b: b}
	total := c.u32()
	if c.err != nil || total < 4 || uint64(total) > uint64(len(b)) {
		return a, fmt.Errorf("ALL_HEADERS of %d bytes: %w", total, ErrShort)
	}
	a.Size = int(total)
	c.b = b[4:total]
	for len(c.b) > 0 && c.err == nil {
		n := c.u32()
		if c.err != nil || n < 6 || uint64(n-4) > uint64(len(c.b)) {
			return a, fmt.Errorf("ALL_HEADERS entry of %d bytes: %w", n, ErrShort)
		}
		h := cursor{b: c.take(int(n - 4))}
		switch h.u16() {
		case HeaderTransaction:
			a.Transaction, a.Outstanding = h.u64(), h.u32()
		case HeaderQueryNotifications:
			a.Notifications = true
		}
		if h.err != nil {
			return a, fmt.Errorf("ALL_HEADERS entry: %w", h.err)
		}
	}
	return a, c.err
}

// AppendAllHeaders appends a block with a transaction descriptor and an
// outstanding request count of 1; nothing before TDS 7.2.
func AppendAllHeaders(dst []byte, transaction uint64, v Version) []byte {
	if !v.AtLeast(V72) {
		return dst
	}
	dst = binary.LittleEndian.AppendUint32(dst, 22)
	dst = binary.LittleEndian.AppendUint32(dst, 18)
	dst = binary.LittleEndian.AppendUint16(dst, HeaderTransaction)
	dst = binary.LittleEndian.AppendUint64(dst, transaction)
	return binary.LittleEndian.AppendUint32(dst, 1)
}
