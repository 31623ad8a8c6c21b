package tds

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// PacketType is the first byte of a packet header (MS-TDS 2.2.3.1.1).
type PacketType byte

// Packet types. All that a server sends is a PacketReply, but for the TLS
// handshake, which travels in PacketPreLogin both ways.
const (
	PacketSQLBatch     PacketType = 0x01
	PacketPreTDS7Login PacketType = 0x02
	PacketRPC          PacketType = 0x03
	PacketReply        PacketType = 0x04
	PacketAttention    PacketType = 0x06
	PacketBulkLoad     PacketType = 0x07
	PacketFedAuthToken PacketType = 0x08
	PacketTransMgr     PacketType = 0x0E
	PacketLogin7       PacketType = 0x10
	PacketSSPI         PacketType = 0x11
	PacketPreLogin     PacketType = 0x12
)

var packetTypeNames = map[PacketType]string{
	PacketSQLBatch: "sql_batch", PacketPreTDS7Login: "pre_tds7_login", PacketRPC: "rpc", PacketReply: "reply",
	PacketAttention: "attention", PacketBulkLoad: "bulk_load", PacketFedAuthToken: "fed_auth_token",
	PacketTransMgr: "transaction_manager", PacketLogin7: "login7", PacketSSPI: "sspi", PacketPreLogin: "prelogin",
}

func (t PacketType) String() string {
	if s, ok := packetTypeNames[t]; ok {
		return s
	}
	return fmt.Sprintf("0x%02x", byte(t))
}

// IsRequest tells whether a client's packet of this type asks the server for
// one response message.
func (t PacketType) IsRequest() bool {
	return t == PacketSQLBatch || t == PacketRPC || t == PacketTransMgr || t == PacketBulkLoad
}

// Status is the second byte of a packet header (MS-TDS 2.2.3.1.2).
type Status byte

// Status bits. The two reset bits count only on the first packet of a
// SQLBatch, RPC or transaction-manager request.
const (
	StatusEOM           Status = 0x01 // last packet of the message
	StatusIgnore        Status = 0x02 // client: discard this message; comes with EOM
	StatusReset         Status = 0x08 // RESETCONNECTION
	StatusResetSkipTran Status = 0x10 // RESETCONNECTIONSKIPTRAN
)

// Sizes in bytes (MS-TDS 2.2.3.1.3). Until the login has been answered both
// sides use DefaultPacketSize.
const (
	HeaderSize        = 8
	MinPacketSize     = 512
	DefaultPacketSize = 4096
	MaxPacketSize     = 32767
)

// Errors of the framing layer.
var (
	// ErrPacketLength says that a header's length is below HeaderSize or above MaxPacketSize.
	ErrPacketLength = errors.New("tds: packet length out of range")
	// ErrMessageTooLong says that a message exceeds the limit its reader was given.
	ErrMessageTooLong = errors.New("tds: message too long")
	// ErrShort says that a structure ends before all of its fields.
	ErrShort = errors.New("tds: truncated")
	// ErrEmptyPacket says that a packet other than a message's last has no
	// payload: an endless message could be made of such.
	ErrEmptyPacket = errors.New("tds: empty packet within a message")
	// ErrMixedMessage says that the type changed between packets of one message.
	ErrMixedMessage = errors.New("tds: packet type changed within a message")
)

// Header is a packet header. Length includes the header itself.
type Header struct {
	Type     PacketType
	Status   Status
	Length   int
	SPID     uint16
	PacketID byte
	Window   byte
}

// EOM tells whether this packet ends its message.
func (h Header) EOM() bool { return h.Status&StatusEOM != 0 }

// ParseHeader reads a header from the first HeaderSize bytes of b.
func ParseHeader(b []byte) (Header, error) {
	if len(b) < HeaderSize {
		return Header{}, fmt.Errorf("packet header: %w", ErrShort)
	}
	h := Header{
		Type:     PacketType(b[0]),
		Status:   Status(b[1]),
		Length:   int(binary.BigEndian.Uint16(b[2:])),
		SPID:     binary.BigEndian.Uint16(b[4:]),
		PacketID: b[6],
		Window:   b[7],
	}
	if h.Length < HeaderSize || h.Length > MaxPacketSize {
		return h, fmt.Errorf("%w: %d", ErrPacketLength, h.Length)
	}
	return h, nil
}

// Append appends the header's eight bytes.
func (h Header) Append(dst []byte) []byte {
	return append(dst, byte(h.Type), byte(h.Status), byte(h.Length>>8), byte(h.Length),
		byte(h.SPID>>8), byte(h.SPID), h.PacketID, h.Window)
}

// AppendMessage appends payload as one message of packets of at most
// packetSize bytes, the last one marked EOM. The status bits are set on every
// packet; EOM is added where it belongs. Every packet but the last is exactly
// packetSize long, as TDS 7.3 and later demand of clients (MS-TDS 2.2.3.1.4).
// A packetSize outside of what a header can say is brought inside.
func AppendMessage(dst []byte, typ PacketType, status Status, spid uint16, packetSize int, payload []byte) []byte {
	room := min(max(packetSize, HeaderSize+1), MaxPacketSize) - HeaderSize
	for id := byte(1); ; id++ {
		n := min(room, len(payload))
		st := status &^ StatusEOM
		if n == len(payload) {
			st |= StatusEOM
		}
		dst = Header{Type: typ, Status: st, Length: HeaderSize + n, SPID: spid, PacketID: id}.Append(dst)
		dst = append(dst, payload[:n]...)
		payload = payload[n:]
		if st&StatusEOM != 0 {
			return dst
		}
	}
}

// Message is one reassembled message.
type Message struct {
	Type    PacketType
	Status  Status // of the first packet, with the EOM and IGNORE bits of the last
	SPID    uint16
	Payload []byte
}

// ReadMessage reads one whole message, appending its payload to buf[:0]. It
// never reads past the message's last byte. A payload above limit bytes ends
// in ErrMessageTooLong, and no buffer larger than limit is ever allocated.
// Payload aliases buf while it fits buf's capacity.
func ReadMessage(r io.Reader, buf []byte, limit int) (Message, error) {
	var (
		hb [HeaderSize]byte
		m  = Message{Payload: buf[:0]}
	)
	for first := true; ; first = false {
		if _, err := io.ReadFull(r, hb[:]); err != nil {
			if !first && errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return m, err
		}
		h, err := ParseHeader(hb[:])
		if err != nil {
			return m, err
		}
		switch {
		case first:
			m.Type, m.Status, m.SPID = h.Type, h.Status, h.SPID
		case h.Type != m.Type:
			return m, fmt.Errorf("%w: %v after %v", ErrMixedMessage, h.Type, m.Type)
		default:
			m.Status |= h.Status & (StatusEOM | StatusIgnore)
		}
		n := h.Length - HeaderSize
		if n == 0 && !h.EOM() {
			return m, ErrEmptyPacket
		}
		if len(m.Payload)+n > limit {
			return m, fmt.Errorf("%w: more than %d bytes", ErrMessageTooLong, limit)
		}
		at := len(m.Payload)
		m.Payload = extend(m.Payload, n, limit)
		if _, err := io.ReadFull(r, m.Payload[at:]); err != nil {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return m, err
		}
		if h.EOM() {
			return m, nil
		}
	}
}

// extend makes b longer by n bytes. Where it must allocate it doubles, but not
// past limit, which b and n together do not exceed.
func extend(b []byte, n, limit int) []byte {
	need := len(b) + n
	if need <= cap(b) {
		return b[:need]
	}
	grown := make([]byte, need, max(need, min(2*cap(b), limit)))
	copy(grown, b)
	return grown
}
