package tds

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Token is the first byte of an item of a server's token stream (MS-TDS 2.2.4).
type Token byte

// Tokens of a server's response.
const (
	TokenAltMetadata   Token = 0x88
	TokenAltRow        Token = 0xD3
	TokenColInfo       Token = 0xA5
	TokenColMetadata   Token = 0x81
	TokenDataClass     Token = 0xA3
	TokenDone          Token = 0xFD
	TokenDoneInProc    Token = 0xFF
	TokenDoneProc      Token = 0xFE
	TokenEnvChange     Token = 0xE3
	TokenError         Token = 0xAA
	TokenFeatureExtAck Token = 0xAE
	TokenFedAuthInfo   Token = 0xEE
	TokenInfo          Token = 0xAB
	TokenLoginAck      Token = 0xAD
	TokenNBCRow        Token = 0xD2
	TokenOffset        Token = 0x78
	TokenOrder         Token = 0xA9
	TokenReturnStatus  Token = 0x79
	TokenReturnValue   Token = 0xAC
	TokenRow           Token = 0xD1
	TokenSessionState  Token = 0xE4
	TokenSSPI          Token = 0xED
	TokenTabName       Token = 0xA4
)

var (
	// ErrUnknownToken says that a token stream holds a byte that begins no known token.
	ErrUnknownToken = errors.New("tds: unknown token")
	// ErrTokenTooLong says that a token without rows exceeds MaxEnvValue.
	ErrTokenTooLong = errors.New("tds: token too long")
	// ErrNeedsMetadata says that a token's length depends on column metadata:
	// use a Walker.
	ErrNeedsMetadata = errors.New("tds: token cannot be stepped over without metadata")
)

// MaxEnvValue bounds a token that does not carry rows, in bytes. The largest
// known are COLMETADATA of some thousand columns with long names; a DTC
// propagation cookie has some hundred bytes.
const MaxEnvValue = 1 << 20

// NextToken splits the first token off a complete token stream held in memory,
// such as a login response. Body is what follows the type byte and the length
// field, and aliases b; rest is what comes after the token. Tokens that carry
// rows or values give ErrNeedsMetadata, a stream that ends early ErrShort.
func NextToken(b []byte, v Version) (t Token, body, rest []byte, err error) {
	if len(b) == 0 {
		return 0, nil, nil, fmt.Errorf("token: %w", ErrShort)
	}
	t = Token(b[0])
	head, size, err := tokenExtent(t, b[1:], v)
	if err != nil {
		return t, nil, nil, fmt.Errorf("token 0x%02x: %w", byte(t), err)
	}
	if len(b) < 1+size {
		return t, nil, nil, fmt.Errorf("token 0x%02x of %d bytes: %w", byte(t), size, ErrShort)
	}
	return t, b[1+head : 1+size], b[1+size:], nil
}

// tokenExtent returns the size of a token's length field and of all that
// follows its type byte, length field included, from those bytes. With fewer
// bytes than it needs to tell, size is the number it would look at next and
// more than len(b). It allocates nothing.
func tokenExtent(t Token, b []byte, v Version) (head, size int, err error) {
	switch t {
	case TokenDone, TokenDoneProc, TokenDoneInProc:
		return 0, doneSize(v), nil
	case TokenReturnStatus, TokenOffset:
		return 0, 4, nil
	case TokenError, TokenInfo, TokenLoginAck, TokenOrder, TokenTabName, TokenColInfo, TokenSSPI:
		if len(b) < 2 {
			return 2, 2, nil
		}
		return 2, 2 + int(binary.LittleEndian.Uint16(b)), nil
	case TokenEnvChange:
		return envChangeExtent(b)
	case TokenSessionState, TokenFedAuthInfo:
		if len(b) < 4 {
			return 4, 4, nil
		}
		n := binary.LittleEndian.Uint32(b)
		if n > MaxEnvValue {
			return 4, 0, ErrTokenTooLong
		}
		return 4, 4 + int(n), nil
	case TokenFeatureExtAck:
		size, err = featureListSize(b)
		return 0, size, err
	case TokenColMetadata, TokenRow, TokenNBCRow, TokenReturnValue, TokenDataClass:
		return 0, 0, ErrNeedsMetadata
	}
	return 0, 0, ErrUnknownToken // ALTMETADATA and ALTROW among them: servers from 2012 on send none
}

// envChangeExtent is tokenExtent of ENVCHANGE. The length field of type 15
// (promote) is sent as 1; the value's own 32-bit length is the true one
// (MS-TDS 2.2.7.9).
func envChangeExtent(b []byte) (head, size int, err error) {
	if len(b) < 2 {
		return 2, 2, nil
	}
	n16 := int(binary.LittleEndian.Uint16(b))
	if n16 == 0 {
		return 2, 2, nil // malformed, but its end is known
	}
	if len(b) < 3 {
		return 2, 3, nil
	}
	if b[2] != byte(EnvPromoteTransaction) {
		return 2, 2 + n16, nil
	}
	if len(b) < 7 {
		return 2, 7, nil
	}
	n := binary.LittleEndian.Uint32(b[3:])
	if n > MaxEnvValue {
		return 2, 0, ErrTokenTooLong
	}
	return 2, 2 + 1 + 4 + int(n) + 1, nil
}

// featureListSize returns the size of the list of features at the start of b,
// its terminator included, or, where b ends first, of what to look at next.
func featureListSize(b []byte) (int, error) {
	for i := 0; ; {
		switch {
		case i >= len(b):
			return i + 1, nil
		case b[i] == featureTerminator:
			return i + 1, nil
		case i+5 > len(b):
			return i + 5, nil
		}
		n := binary.LittleEndian.Uint32(b[i+1:])
		if n > MaxEnvValue {
			return 0, ErrTokenTooLong
		}
		i += 5 + int(n)
	}
}
