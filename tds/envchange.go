package tds

import (
	"encoding/binary"
	"fmt"
)

// EnvType is the type of an ENVCHANGE token (MS-TDS 2.2.7.9).
type EnvType byte

// ENVCHANGE types.
const (
	EnvDatabase            EnvType = 1
	EnvLanguage            EnvType = 2
	EnvCharset             EnvType = 3
	EnvPacketSize          EnvType = 4
	EnvSQLCollation        EnvType = 7
	EnvBeginTransaction    EnvType = 8
	EnvCommitTransaction   EnvType = 9
	EnvRollbackTransaction EnvType = 10
	EnvEnlistDTC           EnvType = 11
	EnvDefectDTC           EnvType = 12
	EnvMirrorPartner       EnvType = 13
	EnvPromoteTransaction  EnvType = 15
	EnvTMAddress           EnvType = 16
	EnvTransactionEnded    EnvType = 17
	EnvResetConnection     EnvType = 18
	EnvUserInstance        EnvType = 19
	EnvRouting             EnvType = 20
	EnvEnhancedRouting     EnvType = 21
)

// EnvChange is an ENVCHANGE token. Which fields count depends on Type: texts
// for database, language, packet size, partner and user instance; bytes for
// collation and the transaction types; Routing for the two routing types.
type EnvChange struct {
	Type               EnvType
	New, Old           string
	NewBytes, OldBytes []byte
	Routing            Routing
}

// Routing is the target of ENVCHANGE 20 and 21.
type Routing struct {
	Protocol byte // 0 = TCP
	Port     uint16
	Server   string
	Database string // ENVCHANGE 21 only
}

func (t EnvType) isText() bool {
	switch t {
	case EnvDatabase, EnvLanguage, EnvCharset, EnvPacketSize, EnvMirrorPartner, EnvUserInstance, 5, 6:
		return true
	}
	return false
}

// Append appends the token with its type byte.
func (e EnvChange) Append(dst []byte) []byte {
	at := len(dst)
	dst = append(dst, byte(TokenEnvChange), 0, 0, byte(e.Type))
	switch {
	case e.Type.isText():
		dst = appendBVarchar(appendBVarchar(dst, e.New), e.Old)
	case e.Type == EnvRouting || e.Type == EnvEnhancedRouting:
		v := len(dst)
		dst = append(dst, 0, 0, e.Routing.Protocol)
		dst = binary.LittleEndian.AppendUint16(dst, e.Routing.Port)
		dst = appendUSVarchar(dst, e.Routing.Server)
		if e.Type == EnvEnhancedRouting {
			dst = appendUSVarchar(dst, e.Routing.Database)
		}
		binary.LittleEndian.PutUint16(dst[v:], uint16(len(dst)-v-2))
		dst = append(dst, 0, 0)
	case e.Type == EnvPromoteTransaction:
		dst = binary.LittleEndian.AppendUint32(dst, uint32(len(e.NewBytes)))
		dst = append(append(dst, e.NewBytes...), 0)
		binary.LittleEndian.PutUint16(dst[at+1:], 1) // as servers send it
		return dst
	default:
		for _, b := range [...][]byte{e.NewBytes, e.OldBytes} {
			b = b[:min(len(b), 255)]
			dst = append(append(dst, byte(len(b))), b...)
		}
	}
	return patchLen16(dst, at)
}

// DecodeEnvChange reads the body of an ENVCHANGE token. Byte values are copied.
func DecodeEnvChange(body []byte) (EnvChange, error) {
	c := cursor{b: body}
	e := EnvChange{Type: EnvType(c.u8())}
	switch {
	case e.Type.isText():
		e.New, e.Old = c.bVarchar(), c.bVarchar()
	case e.Type == EnvRouting || e.Type == EnvEnhancedRouting:
		v := cursor{b: c.take(int(c.u16()))}
		e.Routing = Routing{Protocol: v.u8(), Port: v.u16(), Server: v.usVarchar()}
		if e.Type == EnvEnhancedRouting {
			e.Routing.Database = v.usVarchar()
		}
		if c.err == nil {
			c.err = v.err
		}
	case e.Type == EnvPromoteTransaction:
		e.NewBytes = append([]byte(nil), c.take(int(c.u32()))...)
	default:
		e.NewBytes = append([]byte(nil), c.take(int(c.u8()))...)
		e.OldBytes = append([]byte(nil), c.take(int(c.u8()))...)
	}
	if c.err != nil {
		return e, fmt.Errorf("ENVCHANGE %d: %w", e.Type, c.err)
	}
	return e, nil
}

// Descriptor returns the transaction descriptor of an ENVCHANGE 8 to 12 or 17,
// whichever side carries it; 0 if neither does.
func (e EnvChange) Descriptor() uint64 {
	for _, b := range [...][]byte{e.NewBytes, e.OldBytes} {
		if len(b) == 8 {
			return binary.LittleEndian.Uint64(b)
		}
	}
	return 0
}

// TransactionBytes is the form of a transaction descriptor in ENVCHANGE.
func TransactionBytes(d uint64) []byte { return binary.LittleEndian.AppendUint64(nil, d) }
