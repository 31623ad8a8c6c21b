package tds

// SQLBatch is a SQLBatch request (MS-TDS 2.2.6.7).
type SQLBatch struct {
	Headers AllHeaders
	Text    string
}

// DecodeSQLBatch reads the payload of a SQLBatch message.
func DecodeSQLBatch(b []byte, v Version) (SQLBatch, error) {
	h, err := DecodeAllHeaders(b, v)
	if err != nil {
		return SQLBatch{}, err
	}
	return SQLBatch{h, DecodeUTF16(b[h.Size:])}, nil
}

// Append appends the payload of the message (without packet header).
func (s SQLBatch) Append(dst []byte, v Version) []byte {
	return appendUTF16(AppendAllHeaders(dst, s.Headers.Transaction, v), s.Text)
}
