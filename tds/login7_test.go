package tds

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"testing"
)

func sampleLogin() Login7 {
	return Login7{
		Version: V74, PacketSize: 8000, ClientProgVer: 7, ClientPID: 100, ConnectionID: 1,
		OptionFlags1: LoginUseDB | LoginInitDBFatal | LoginSetLang, OptionFlags2: LoginODBC, TypeFlags: LoginReadOnlyIntent,
		OptionFlags3: LoginExtension, ClientTimeZone: -60, ClientLCID: 0x409,
		HostName: "host", UserName: "us€r", Password: "pä𝄞ss", AppName: "app", ServerName: "srv,1433", CltIntName: "ODBC",
		Language: "us_english", Database: "db", ClientID: [6]byte{1, 2, 3, 4, 5, 6}, SSPI: []byte("ticket"), AtchDBFile: "file.mdf",
		NewPassword: "new",
		Features:    []Feature{{FeatureUTF8Support, nil}, {FeatureColumnEncryption, []byte{1}}, {0x77, []byte("unknown")}},
	}
}

// MS-TDS 2.2.6.4.
func TestLogin7RoundTrip(t *testing.T) {
	long := sampleLogin()
	long.Features, long.OptionFlags3 = nil, 0
	long.HostName = strings.Repeat("h", maxLoginText)
	long.AtchDBFile = strings.Repeat("f", maxLoginDBFile)
	old := sampleLogin()
	old.Version, old.Features, old.OptionFlags3, old.NewPassword = V71, nil, 0, ""
	strict := sampleLogin()
	strict.Version = V80
	for name, l := range map[string]Login7{"7.4": sampleLogin(), "long texts": long, "7.1": old, "8.0": strict, "empty": {Version: V72}} {
		b := l.Append(nil)
		got, err := DecodeLogin7(b)
		if err != nil || !reflect.DeepEqual(got, l) && name != "empty" {
			t.Errorf("%s: got %#v, %v", name, got, err)
		}
		if again := got.Append(nil); !bytes.Equal(again, b) {
			t.Errorf("%s: encoding is not stable", name)
		}
	}
}

// MS-TDS 2.2.6.4: offsets of the fixed part, and the example password 4.2.
func TestLogin7Layout(t *testing.T) {
	l := sampleLogin()
	b := l.Append(nil)
	le := binary.LittleEndian
	if int(le.Uint32(b)) != len(b) || le.Uint32(b[4:]) != 0x74000004 || le.Uint32(b[8:]) != 8000 {
		t.Errorf("head is % x", b[:12])
	}
	for _, f := range []struct {
		at   int
		text string
	}{{36, "host"}, {40, "us€r"}, {48, "app"}, {52, "srv,1433"}, {60, "ODBC"}, {64, "us_english"}, {68, "db"}, {82, "file.mdf"}} {
		off, n := le.Uint16(b[f.at:]), le.Uint16(b[f.at+2:])
		if got := DecodeUTF16(b[off : off+2*n]); got != f.text {
			t.Errorf("field at %d is %q, want %q", f.at, got, f.text)
		}
	}
	l = Login7{Version: V72, Password: "a"}
	b = l.Append(nil)
	if off := le.Uint16(b[44:]); b[off] != 0xB3 || b[off+1] != 0xA5 {
		t.Errorf("password is % x", b[off:off+2])
	}
}

func TestLogin7Hostile(t *testing.T) {
	base := sampleLogin()
	valid := base.Append(nil)
	le := binary.LittleEndian
	ext := int(le.Uint16(valid[56:]))
	feat := int(le.Uint32(valid[ext:]))
	for _, tc := range []struct {
		name  string
		patch func(b []byte) []byte
		err   error // nil: any error will do
	}{
		{"length field above the message", func(b []byte) []byte { le.PutUint32(b, uint32(len(b)+1)); return b }, ErrShort},
		{"length field of 4 GB", func(b []byte) []byte { le.PutUint32(b, 0xFFFFFFFF); return b }, ErrShort},
		{"length field inside the fixed part", func(b []byte) []byte { le.PutUint32(b, 85); return b }, ErrShort},
		{"cut in the fixed part", func(b []byte) []byte { return b[:85] }, ErrShort},
		{"cut by one byte", func(b []byte) []byte { return b[:len(b)-1] }, ErrShort},
		{"too long", func(b []byte) []byte { return append(b, make([]byte, MaxLogin7)...) }, ErrMessageTooLong},
		{"version 7.0", func(b []byte) []byte { le.PutUint32(b[4:], uint32(V70)); return b }, ErrLoginVersion},
		{"version 4.2", func(b []byte) []byte { le.PutUint32(b[4:], 0x04020000); return b }, ErrLoginVersion},
		{"HostName behind the end", func(b []byte) []byte { le.PutUint16(b[36:], uint16(len(b))); return b }, ErrShort},
		{"HostName at 0xFFFF", func(b []byte) []byte { le.PutUint16(b[36:], 0xFFFF); return b }, ErrShort},
		{"HostName in the fixed part", func(b []byte) []byte { le.PutUint16(b[36:], 0); return b }, ErrShort},
		{"UserName of 129 characters", func(b []byte) []byte { le.PutUint16(b[42:], 129); return b }, nil},
		{"Password of 65,535 characters", func(b []byte) []byte { le.PutUint16(b[46:], 0xFFFF); return b }, nil},
		{"Password reaches over the end", func(b []byte) []byte { le.PutUint16(b[44:], uint16(len(b)-1)); return b }, ErrShort},
		{"Language behind the end", func(b []byte) []byte { le.PutUint16(b[64:], 0xFFF0); return b }, ErrShort},
		{"AtchDBFile of 261 characters", func(b []byte) []byte { le.PutUint16(b[84:], 261); return b }, nil},
		{"ChangePassword behind the end", func(b []byte) []byte { le.PutUint16(b[86:], 0xFFF0); return b }, ErrShort},
		{"SSPI of 65,534 bytes", func(b []byte) []byte { le.PutUint16(b[80:], 0xFFFE); return b }, ErrShort},
		{"cbSSPILong of 4 GB", func(b []byte) []byte { le.PutUint16(b[80:], 0xFFFF); le.PutUint32(b[90:], 0xFFFFFFFF); return b }, ErrShort},
		{"cbSSPILong over the end", func(b []byte) []byte { le.PutUint16(b[80:], 0xFFFF); le.PutUint32(b[90:], uint32(len(b))); return b }, ErrShort},
		{"Extension of 3 bytes", func(b []byte) []byte { le.PutUint16(b[58:], 3); return b }, ErrShort},
		{"Extension behind the end", func(b []byte) []byte { le.PutUint16(b[56:], 0xFFF0); return b }, ErrShort},
		{"FeatureExt at 4 GB", func(b []byte) []byte { le.PutUint32(b[ext:], 0xFFFFFFFF); return b }, ErrShort},
		{"FeatureExt in the fixed part", func(b []byte) []byte { le.PutUint32(b[ext:], 0); return b }, ErrShort},
		{"FeatureExt at the end", func(b []byte) []byte { le.PutUint32(b[ext:], uint32(len(b))); return b }, ErrShort},
		{"feature of 4 GB", func(b []byte) []byte { le.PutUint32(b[feat+1:], 0xFFFFFFFF); return b }, ErrShort},
		{"feature list without end", func(b []byte) []byte { b[len(b)-1] = 0x0A; return b }, ErrShort},
		{"SSPI over the features", func(b []byte) []byte {
			le.PutUint16(b[78:], login7Fixed72)
			le.PutUint16(b[80:], uint16(len(b)-login7Fixed72))
			return b
		}, nil},
		{"65 features", func(b []byte) []byte {
			b = append(b[:feat], bytes.Repeat([]byte{9, 0, 0, 0, 0}, 65)...)
			b = append(b, 0xFF)
			le.PutUint32(b, uint32(len(b)))
			return b
		}, nil},
	} {
		_, err := DecodeLogin7(tc.patch(bytes.Clone(valid)))
		if err == nil || tc.err != nil && !errors.Is(err, tc.err) {
			t.Errorf("%s: %v, want %v", tc.name, err, tc.err)
		}
	}
}

func TestLogin7Tolerates(t *testing.T) {
	l := Login7{Version: V74, UserName: "u"}
	le := binary.LittleEndian
	for _, tc := range []struct {
		name  string
		patch func(b []byte)
	}{
		{"offset 0 of an empty field", func(b []byte) { le.PutUint16(b[36:], 0) }},
		{"wild offset of an empty field", func(b []byte) { le.PutUint16(b[48:], 0xFFFF) }},
		{"packet size of 2 GB", func(b []byte) { le.PutUint32(b[8:], 0x7FFFFFFF) }},
		{"cbSSPILong without cbSSPI", func(b []byte) { le.PutUint32(b[90:], 0xFFFFFFFF) }},
		{"Extension without its flag", func(b []byte) { le.PutUint16(b[58:], 0xFFFF) }},
	} {
		b := l.Append(nil)
		tc.patch(b)
		got, err := DecodeLogin7(append(b, "trailing"...))
		if err != nil || got.UserName != "u" || got.PacketSize > MaxPacketSize {
			t.Errorf("%s: %#v, %v", tc.name, got, err)
		}
	}
}

func TestLogin7HidesSecrets(t *testing.T) {
	l := Login7{UserName: "u", Password: "s3cret", NewPassword: "s3cret", SSPI: []byte("s3cret")}
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("login", "a", l, "b", &l)
	for _, s := range []string{fmt.Sprint(l), fmt.Sprint(&l), fmt.Sprintf("%v %+v %#v", l, l, l), log.String()} {
		if strings.Contains(s, "s3cret") || strings.Contains(s, "115 51") || !strings.Contains(s, "u") {
			t.Errorf("printed %s", s)
		}
	}
}

// tedious sets fExtension for every TDS version, also where it sends no extension.
func TestLogin7ExtensionFlagWithoutExtension(t *testing.T) {
	l := Login7{Version: V72, UserName: "sa"}
	b := l.Append(nil)
	b[27] |= LoginExtension
	got, err := DecodeLogin7(b)
	if err != nil || got.UserName != "sa" || len(got.Features) != 0 {
		t.Errorf("got %v, %v", got, err)
	}
}
