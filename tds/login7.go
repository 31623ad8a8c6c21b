package tds

import (
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
)

// Option flags of LOGIN7 (MS-TDS 2.2.6.4).
const (
	// OptionFlags1
	LoginDumpLoadOff byte = 0x10
	LoginUseDB       byte = 0x20
	LoginInitDBFatal byte = 0x40
	LoginSetLang     byte = 0x80
	// OptionFlags2
	LoginLanguageFatal      byte = 0x01
	LoginODBC               byte = 0x02
	LoginUserTypeMask       byte = 0x70
	LoginIntegratedSecurity byte = 0x80
	// TypeFlags
	LoginSQLTypeMask    byte = 0x0F
	LoginOLEDB          byte = 0x10
	LoginReadOnlyIntent byte = 0x20
	// OptionFlags3
	LoginChangePassword   byte = 0x01
	LoginYukonXML         byte = 0x02
	LoginUserInstance     byte = 0x04
	LoginUnknownCollation byte = 0x08
	LoginExtension        byte = 0x10
)

const (
	login7Fixed71 = 86 // up to and including AtchDBFile
	login7Fixed72 = 94 // with ChangePassword and cbSSPILong
	// maxLoginText bounds each text field, in UTF-16 units, but for AtchDBFile.
	maxLoginText   = 128
	maxLoginDBFile = 260
)

// MaxLogin7 is the largest LOGIN7 payload accepted, in bytes. The protocol
// allows 128 KiB; the largest seen in practice carry an access token of some
// 10 KiB.
const MaxLogin7 = 32 << 10

// ErrLoginVersion says that a LOGIN7 asks for a TDS version older than 7.1.
var ErrLoginVersion = errors.New("tds: login for a TDS version before 7.1")

// Login7 is a LOGIN7 message.
type Login7 struct {
	Version        Version
	PacketSize     int // bytes; 0 leaves it to the server
	ClientProgVer  uint32
	ClientPID      uint32
	ConnectionID   uint32
	OptionFlags1   byte
	OptionFlags2   byte
	TypeFlags      byte
	OptionFlags3   byte
	ClientTimeZone int32
	ClientLCID     uint32

	HostName    string
	UserName    string
	Password    string // in clear; the wire carries it obfuscated only
	AppName     string
	ServerName  string
	CltIntName  string
	Language    string
	Database    string
	ClientID    [6]byte
	SSPI        []byte
	AtchDBFile  string
	NewPassword string // with LoginChangePassword

	Features []Feature // with LoginExtension
}

// Feature is one entry of a FeatureExt block, in LOGIN7 or in FEATUREEXTACK.
type Feature struct {
	ID   FeatureID
	Data []byte
}

// String names the login without its secrets.
func (l Login7) String() string {
	return fmt.Sprintf("user=%q database=%q app=%q host=%q server=%q tds=%v", l.UserName, l.Database, l.AppName, l.HostName, l.ServerName, l.Version)
}

// GoString keeps the secrets out of the output of %#v.
func (l Login7) GoString() string { return "tds.Login7{" + l.String() + "}" }

// LogValue keeps the secrets out of structured logs, JSON among them.
func (l Login7) LogValue() slog.Value { return slog.StringValue(l.String()) }

// Integrated tells whether the login uses SSPI.
func (l *Login7) Integrated() bool { return l.OptionFlags2&LoginIntegratedSecurity != 0 }

// ReadOnly tells whether the client declared read-only intent.
func (l *Login7) ReadOnly() bool { return l.TypeFlags&LoginReadOnlyIntent != 0 }

// Feature returns the data of feature id and whether the client asked for it.
func (l *Login7) Feature(id FeatureID) ([]byte, bool) {
	for _, f := range l.Features {
		if f.ID == id {
			return f.Data, true
		}
	}
	return nil, false
}

// DecodeLogin7 reads a LOGIN7 payload. Every offset and length is checked
// against the payload; nothing returned aliases b.
func DecodeLogin7(b []byte) (Login7, error) {
	var l Login7
	if len(b) > MaxLogin7 {
		return l, fmt.Errorf("login7: %w: %d bytes", ErrMessageTooLong, len(b))
	}
	if len(b) < login7Fixed71 {
		return l, fmt.Errorf("login7: %w: %d bytes", ErrShort, len(b))
	}
	le := binary.LittleEndian
	if n := le.Uint32(b); uint64(n) > uint64(len(b)) || n < login7Fixed71 {
		return l, fmt.Errorf("login7: length field says %d, message has %d bytes: %w", n, len(b), ErrShort)
	} else {
		b = b[:n]
	}
	l.Version = Version(le.Uint32(b[4:]))
	if _, err := l.Version.Normalize(); err != nil {
		return l, fmt.Errorf("%w: 0x%08x", ErrLoginVersion, uint32(l.Version))
	}
	if ps := le.Uint32(b[8:]); ps <= MaxPacketSize {
		l.PacketSize = int(ps)
	} else {
		l.PacketSize = MaxPacketSize
	}
	l.ClientProgVer, l.ClientPID, l.ConnectionID = le.Uint32(b[12:]), le.Uint32(b[16:]), le.Uint32(b[20:])
	l.OptionFlags1, l.OptionFlags2, l.TypeFlags, l.OptionFlags3 = b[24], b[25], b[26], b[27]
	l.ClientTimeZone, l.ClientLCID = int32(le.Uint32(b[28:])), le.Uint32(b[32:])
	copy(l.ClientID[:], b[72:78])

	d := login7Decoder{b: b}
	l.HostName = d.text("HostName", 36, maxLoginText)
	l.UserName = d.text("UserName", 40, maxLoginText)
	l.Password = d.password("Password", 44)
	l.AppName = d.text("AppName", 48, maxLoginText)
	l.ServerName = d.text("ServerName", 52, maxLoginText)
	l.CltIntName = d.text("CltIntName", 60, maxLoginText)
	l.Language = d.text("Language", 64, maxLoginText)
	l.Database = d.text("Database", 68, maxLoginText)
	l.AtchDBFile = d.text("AtchDBFile", 82, maxLoginDBFile)
	sspi := int(le.Uint16(b[80:]))
	if l.Version.AtLeast(V72) && len(b) >= login7Fixed72 {
		l.NewPassword = d.password("ChangePassword", 86)
		if long := le.Uint32(b[90:]); sspi == 0xFFFF && long > 0 {
			if uint64(long) > uint64(len(b)) {
				return l, fmt.Errorf("login7: SSPI of %d bytes: %w", long, ErrShort)
			}
			sspi = int(long)
		}
	}
	l.SSPI = append([]byte(nil), d.bytes("SSPI", int(le.Uint16(b[78:])), sspi)...)
	// tedious sets the flag for every version and leaves the field empty below 7.4.
	if l.OptionFlags3&LoginExtension != 0 && l.Version.AtLeast(V72) && le.Uint16(b[58:]) > 0 {
		if ext := d.bytes("Extension", int(le.Uint16(b[56:])), int(le.Uint16(b[58:]))); d.err == nil {
			if len(ext) < 4 {
				return l, fmt.Errorf("login7: Extension of %d bytes: %w", len(ext), ErrShort)
			}
			off := le.Uint32(ext)
			if off < login7Fixed71 || uint64(off) > uint64(len(b)) {
				return l, fmt.Errorf("login7: FeatureExt at %d of %d bytes: %w", off, len(b), ErrShort)
			}
			var n int
			var err error
			if l.Features, n, err = decodeFeatures(b[off:]); err != nil {
				return l, fmt.Errorf("login7: %w", err)
			}
			// Both could cover the whole message, and both are copied.
			if len(l.SSPI)+n > len(b)-login7Fixed71 {
				return l, errors.New("login7: SSPI and FeatureExt overlap")
			}
		}
	}
	return l, d.err
}

// login7Decoder resolves the offset/length pairs of LOGIN7; its first error stays.
type login7Decoder struct {
	b   []byte
	err error
}

// bytes returns n bytes at offset off. With n == 0 the offset is not looked
// at: some clients leave it zero.
func (d *login7Decoder) bytes(field string, off, n int) []byte {
	if n == 0 || d.err != nil {
		return nil
	}
	if off < login7Fixed71 || off+n > len(d.b) {
		d.err = fmt.Errorf("login7: %s at %d+%d of %d bytes: %w", field, off, n, len(d.b), ErrShort)
		return nil
	}
	return d.b[off : off+n]
}

func (d *login7Decoder) units(field string, at, limit int) []byte {
	off, n := int(binary.LittleEndian.Uint16(d.b[at:])), int(binary.LittleEndian.Uint16(d.b[at+2:]))
	if n > limit && d.err == nil {
		d.err = fmt.Errorf("login7: %s has %d characters, %d are allowed", field, n, limit)
		return nil
	}
	return d.bytes(field, off, 2*n)
}

func (d *login7Decoder) text(field string, at, limit int) string {
	return DecodeUTF16(d.units(field, at, limit))
}

func (d *login7Decoder) password(field string, at int) string {
	enc := d.units(field, at, maxLoginText)
	clear := make([]byte, len(enc))
	for i, c := range enc {
		c ^= 0xA5
		clear[i] = c<<4 | c>>4
	}
	return DecodeUTF16(clear)
}

// Append appends the payload of the message (without packet header). Texts
// past their limit are cut. Features are written only for 7.2 and later, with
// LoginExtension set to match.
func (l *Login7) Append(dst []byte) []byte {
	fixed := login7Fixed72
	if !l.Version.AtLeast(V72) {
		fixed = login7Fixed71
	}
	le := binary.LittleEndian
	h := make([]byte, fixed)
	le.PutUint32(h[4:], uint32(l.Version))
	le.PutUint32(h[8:], uint32(l.PacketSize))
	le.PutUint32(h[12:], l.ClientProgVer)
	le.PutUint32(h[16:], l.ClientPID)
	le.PutUint32(h[20:], l.ConnectionID)
	h[24], h[25], h[26] = l.OptionFlags1, l.OptionFlags2, l.TypeFlags
	h[27] = l.OptionFlags3 &^ LoginExtension
	le.PutUint32(h[28:], uint32(l.ClientTimeZone))
	le.PutUint32(h[32:], l.ClientLCID)
	copy(h[72:78], l.ClientID[:])

	var data []byte
	pair := func(at int, enc []byte, n int) {
		le.PutUint16(h[at:], uint16(fixed+len(data)))
		le.PutUint16(h[at+2:], uint16(n))
		data = append(data, enc...)
	}
	text := func(at int, s string, limit int) {
		enc := appendUTF16(nil, truncateUTF16(s, limit))
		pair(at, enc, len(enc)/2)
	}
	password := func(at int, s string) {
		enc := appendUTF16(nil, truncateUTF16(s, maxLoginText))
		for i, c := range enc {
			enc[i] = (c<<4 | c>>4) ^ 0xA5
		}
		pair(at, enc, len(enc)/2)
	}
	text(36, l.HostName, maxLoginText)
	text(40, l.UserName, maxLoginText)
	password(44, l.Password)
	text(48, l.AppName, maxLoginText)
	text(52, l.ServerName, maxLoginText)
	extAt := -1
	if len(l.Features) > 0 && fixed == login7Fixed72 {
		h[27] |= LoginExtension
		extAt = len(data)
		pair(56, make([]byte, 4), 4)
	}
	text(60, l.CltIntName, maxLoginText)
	text(64, l.Language, maxLoginText)
	text(68, l.Database, maxLoginText)
	if len(l.SSPI) >= 0xFFFF && fixed == login7Fixed72 {
		pair(78, l.SSPI, 0xFFFF)
		le.PutUint32(h[90:], uint32(len(l.SSPI)))
	} else {
		pair(78, l.SSPI, len(l.SSPI))
	}
	text(82, l.AtchDBFile, maxLoginDBFile)
	if fixed == login7Fixed72 {
		password(86, l.NewPassword)
	}
	if extAt >= 0 {
		le.PutUint32(data[extAt:], uint32(fixed+len(data)))
		data = appendFeatures(data, l.Features)
	}
	le.PutUint32(h, uint32(fixed+len(data)))
	return append(append(dst, h...), data...)
}
