package tds

import (
	"encoding/binary"
	"fmt"
)

// PreLoginOption is the id of one option of a PRELOGIN message (MS-TDS 2.2.6.5).
type PreLoginOption byte

// PRELOGIN options.
const (
	OptVersion         PreLoginOption = 0x00
	OptEncryption      PreLoginOption = 0x01
	OptInstance        PreLoginOption = 0x02
	OptThreadID        PreLoginOption = 0x03
	OptMARS            PreLoginOption = 0x04
	OptTraceID         PreLoginOption = 0x05
	OptFedAuthRequired PreLoginOption = 0x06
	OptNonce           PreLoginOption = 0x07

	optTerminator = 0xFF
	optCount      = 8
)

// Encryption is the ENCRYPTION option of PRELOGIN.
type Encryption byte

// Encryption values (MS-TDS 2.2.6.5).
const (
	EncryptOff          Encryption = 0x00 // login only
	EncryptOn           Encryption = 0x01
	EncryptNotSupported Encryption = 0x02
	EncryptRequired     Encryption = 0x03
	// EncryptClientCert is a flag beside OFF, ON and REQ: the client offers a certificate.
	EncryptClientCert Encryption = 0x80
)

// MaxPreLogin is the largest PRELOGIN payload accepted, in bytes: what fits
// one packet of the size in force before login.
const MaxPreLogin = DefaultPacketSize - HeaderSize

// ProductVersion is the VERSION option: of the server product in a server's
// answer, of the client library in a client's.
type ProductVersion struct {
	Major, Minor byte
	Build        uint16
	SubBuild     uint16
}

// PreLogin is a PRELOGIN message of either direction. Which options are there
// is said by Present.
type PreLogin struct {
	Present         [optCount]bool // by PreLoginOption
	Version         ProductVersion
	Encryption      Encryption
	Instance        []byte // client: NUL-terminated instance name; server: one byte, 0 for a match
	ThreadID        uint32 // client only; a server's is empty
	MARS            byte
	TraceID         []byte // 36 bytes
	FedAuthRequired byte
	Nonce           []byte // 32 bytes
	FromServer      bool   // encode THREADID empty, as servers do
}

// Has tells whether option o is there.
func (p *PreLogin) Has(o PreLoginOption) bool { return int(o) < optCount && p.Present[o] }

// Set marks options as being there.
func (p *PreLogin) Set(options ...PreLoginOption) {
	for _, o := range options {
		p.Present[o] = true
	}
}

// DecodePreLogin reads a PRELOGIN payload. Unknown options are passed over; an
// option whose offset or length points outside the payload is an error, as is
// one that comes twice or a payload that does not begin with VERSION.
func DecodePreLogin(b []byte) (PreLogin, error) {
	var p PreLogin
	if len(b) > MaxPreLogin {
		return p, fmt.Errorf("prelogin: %w", ErrMessageTooLong)
	}
	for i := 0; ; i += 5 {
		if i >= len(b) {
			return p, fmt.Errorf("prelogin option table: %w", ErrShort)
		}
		if b[i] == optTerminator {
			break
		}
		if i+5 > len(b) {
			return p, fmt.Errorf("prelogin option table: %w", ErrShort)
		}
		id := PreLoginOption(b[i])
		off, n := int(binary.BigEndian.Uint16(b[i+1:])), int(binary.BigEndian.Uint16(b[i+3:]))
		if n > 0 && off+n > len(b) {
			return p, fmt.Errorf("prelogin option %d at %d+%d of %d bytes: %w", id, off, n, len(b), ErrShort)
		}
		if i == 0 && id != OptVersion {
			return p, fmt.Errorf("tds: prelogin begins with option %d instead of VERSION", id)
		}
		if n == 0 {
			off = 0
		}
		// Each could point at the same bytes, and each would copy them.
		if p.Has(id) {
			return p, fmt.Errorf("tds: prelogin option %d comes twice", id)
		}
		if err := p.set(id, b[off:off+n]); err != nil {
			return p, err
		}
	}
	if !p.Present[OptVersion] {
		return p, fmt.Errorf("prelogin without VERSION: %w", ErrShort)
	}
	return p, nil
}

func (p *PreLogin) set(id PreLoginOption, v []byte) error {
	need := 0
	switch id {
	case OptVersion:
		need = 6
	case OptEncryption, OptFedAuthRequired:
		need = 1
	case OptNonce:
		need = 32
	case OptTraceID:
		if len(v) != 0 {
			need = 36
		}
	}
	if len(v) < need {
		return fmt.Errorf("prelogin option %d has %d bytes: %w", id, len(v), ErrShort)
	}
	switch id {
	case OptVersion:
		p.Version = ProductVersion{v[0], v[1], binary.BigEndian.Uint16(v[2:]), binary.LittleEndian.Uint16(v[4:])}
	case OptEncryption:
		p.Encryption = Encryption(v[0])
	case OptInstance:
		p.Instance = append([]byte(nil), v...)
	case OptThreadID:
		if len(v) >= 4 {
			p.ThreadID = binary.LittleEndian.Uint32(v)
		}
	case OptMARS:
		if len(v) >= 1 {
			p.MARS = v[0]
		}
	case OptTraceID:
		p.TraceID = append([]byte(nil), v...)
	case OptFedAuthRequired:
		p.FedAuthRequired = v[0]
	case OptNonce:
		p.Nonce = append([]byte(nil), v...)
	default:
		return nil
	}
	p.Present[id] = true
	return nil
}

// Append appends the payload of the message (without packet header).
func (p *PreLogin) Append(dst []byte) []byte {
	var data [optCount][]byte
	table := 1
	for id := range PreLoginOption(optCount) {
		if !p.Present[id] {
			continue
		}
		table += 5
		switch id {
		case OptVersion:
			v := p.Version
			data[id] = []byte{v.Major, v.Minor, byte(v.Build >> 8), byte(v.Build), byte(v.SubBuild), byte(v.SubBuild >> 8)}
		case OptEncryption:
			data[id] = []byte{byte(p.Encryption)}
		case OptInstance:
			data[id] = p.Instance
		case OptThreadID:
			if !p.FromServer {
				data[id] = binary.LittleEndian.AppendUint32(nil, p.ThreadID)
			}
		case OptMARS:
			data[id] = []byte{p.MARS}
		case OptTraceID:
			data[id] = p.TraceID
		case OptFedAuthRequired:
			data[id] = []byte{p.FedAuthRequired}
		case OptNonce:
			data[id] = p.Nonce
		}
	}
	off := table
	for id, present := range p.Present {
		if !present {
			continue
		}
		dst = append(dst, byte(id))
		dst = binary.BigEndian.AppendUint16(dst, uint16(off))
		dst = binary.BigEndian.AppendUint16(dst, uint16(len(data[id])))
		off += len(data[id])
	}
	dst = append(dst, optTerminator)
	for _, d := range data {
		dst = append(dst, d...)
	}
	return dst
}

// AnswerEncryption is what a server answers to a client's ENCRYPTION value,
// given whether it can and whether it must encrypt (MS-TDS 3.3.5.1, the table
// of the ENCRYPTION option). ok is false where the two cannot agree: the
// answer is still the one to send, and one side then gives up.
//
// A server that can encrypt never answers OFF: "login only" would leave the
// session in clear although both sides have TLS.
func AnswerEncryption(client Encryption, can, must bool) (answer Encryption, ok bool) {
	switch client &^ EncryptClientCert {
	case EncryptOff:
		if can {
			return EncryptRequired, true
		}
		return EncryptNotSupported, true
	case EncryptOn, EncryptRequired:
		if can {
			return EncryptOn, true
		}
		return EncryptNotSupported, false
	default: // NOT_SUP and what nobody defined
		if must {
			return EncryptRequired, false
		}
		return EncryptNotSupported, true
	}
}
