package tds

import (
	"bytes"
	"errors"
	"reflect"
	"testing"
)

// MS-TDS 2.2.6.5: a client's message as laid out there.
func TestPreLoginLayout(t *testing.T) {
	b := []byte{
		0x00, 0, 0x1A, 0, 6, // VERSION
		0x01, 0, 0x20, 0, 1, // ENCRYPTION
		0x02, 0, 0x21, 0, 1, // INSTOPT
		0x03, 0, 0x22, 0, 4, // THREADID
		0x04, 0, 0x26, 0, 1, // MARS
		0xFF,
		9, 0, 0x05, 0x77, 0x01, 0x00, // 9.0.1399, sub-build 1
		1, 0, 0xB8, 0x0D, 0, 0, 1,
	}
	p, err := DecodePreLogin(b)
	want := PreLogin{Version: ProductVersion{9, 0, 1399, 1}, Encryption: EncryptOn, Instance: []byte{0}, ThreadID: 0xDB8, MARS: 1}
	want.Set(OptVersion, OptEncryption, OptInstance, OptThreadID, OptMARS)
	if err != nil || !reflect.DeepEqual(p, want) {
		t.Errorf("got %+v, %v", p, err)
	}
	if got := p.Append(nil); !bytes.Equal(got, b) {
		t.Errorf("appended % x", got)
	}
}

func TestPreLoginServerAnswer(t *testing.T) {
	p := PreLogin{FromServer: true, Encryption: EncryptRequired, Instance: []byte{0}, ThreadID: 99}
	p.Set(OptVersion, OptEncryption, OptInstance, OptThreadID, OptMARS, OptFedAuthRequired)
	got, err := DecodePreLogin(p.Append(nil))
	if err != nil || !got.Has(OptThreadID) || got.ThreadID != 0 || !got.Has(OptFedAuthRequired) || got.Encryption != EncryptRequired {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestPreLoginHostile(t *testing.T) {
	version := func(rest ...byte) []byte { return append([]byte{0, 0, 6, 0, 6}, rest...) }
	for _, tc := range []struct {
		name string
		b    []byte
		err  error // nil: any error will do
	}{
		{"empty", nil, ErrShort},
		{"only the terminator", []byte{0xFF}, ErrShort},
		{"table without end", version(), ErrShort},
		{"table cut in an entry", version(1, 0, 6), ErrShort},
		{"offset outside", append([]byte{0, 0xFF, 0xFF, 0, 6, 0xFF}, make([]byte, 6)...), ErrShort},
		{"length outside", append([]byte{0, 0, 6, 0xFF, 0xFF, 0xFF}, make([]byte, 6)...), ErrShort},
		{"VERSION too short", append([]byte{0, 0, 6, 0, 5, 0xFF}, make([]byte, 6)...), ErrShort},
		{"VERSION not first", append([]byte{1, 0, 6, 0, 1, 0xFF}, make([]byte, 6)...), nil},
		{"nonce of 31 bytes", append(version(7, 0, 11, 0, 31, 0xFF), make([]byte, 40)...), ErrShort},
		{"option twice", append(version(5, 0, 11, 0, 36, 5, 0, 11, 0, 36, 0xFF), make([]byte, 60)...), nil},
		{"longer than a packet", make([]byte, MaxPreLogin+1), ErrMessageTooLong},
	} {
		if _, err := DecodePreLogin(tc.b); err == nil || tc.err != nil && !errors.Is(err, tc.err) {
			t.Errorf("%s: %v, want %v", tc.name, err, tc.err)
		}
	}
	// Unknown options are passed over, and an empty one may have any offset.
	ok := append([]byte{0, 0, 16, 0, 6, 0x42, 0, 16, 0, 1, 3, 0xFF, 0xFF, 0, 0, 0xFF}, make([]byte, 6)...)
	if p, err := DecodePreLogin(ok); err != nil || !p.Has(OptThreadID) {
		t.Errorf("%+v, %v", p, err)
	}
}

// MS-TDS 3.3.5.1, the table of the ENCRYPTION option, without the row that
// would leave all but the login in clear.
func TestAnswerEncryption(t *testing.T) {
	const off, on, not, req = EncryptOff, EncryptOn, EncryptNotSupported, EncryptRequired
	type answer struct {
		e  Encryption
		ok bool
	}
	for _, tc := range []struct {
		client Encryption
		// answers of a server that cannot, that can and that must encrypt
		cannot, can, must answer
	}{
		{off, answer{not, true}, answer{req, true}, answer{req, true}},
		{on, answer{not, false}, answer{on, true}, answer{on, true}},
		{not, answer{not, true}, answer{not, true}, answer{req, false}},
		{req, answer{not, false}, answer{on, true}, answer{on, true}},
		{EncryptClientCert | off, answer{not, true}, answer{req, true}, answer{req, true}},
		{EncryptClientCert | on, answer{not, false}, answer{on, true}, answer{on, true}},
		{EncryptClientCert | req, answer{not, false}, answer{on, true}, answer{on, true}},
		{4, answer{not, true}, answer{not, true}, answer{req, false}}, // undefined, sent before TDS 8.0 logins
		{0x20, answer{not, true}, answer{not, true}, answer{req, false}},
	} {
		for _, s := range []struct {
			name      string
			can, must bool
			want      answer
		}{{"cannot", false, false, tc.cannot}, {"can", true, false, tc.can}, {"must", true, true, tc.must}} {
			if e, ok := AnswerEncryption(tc.client, s.can, s.must); (answer{e, ok}) != s.want {
				t.Errorf("client %#x, server %s: %#x %v, want %#x %v", tc.client, s.name, e, ok, s.want.e, s.want.ok)
			}
		}
	}
}
