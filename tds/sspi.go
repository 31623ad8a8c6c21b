package tds

import "encoding/binary"

// AppendSSPI appends an SSPI token, one leg of an integrated login from the
// server (MS-TDS 2.2.7.22). A client's legs are raw bytes in a PacketSSPI.
func AppendSSPI(dst, blob []byte) []byte {
	dst = append(dst, byte(TokenSSPI))
	dst = binary.LittleEndian.AppendUint16(dst, uint16(len(blob)))
	return append(dst, blob...)
}
