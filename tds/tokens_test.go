package tds

import (
	"bytes"
	"errors"
	"reflect"
	"strings"
	"testing"
)

// MS-TDS 2.2.7.6: the row count has 32 bits in 7.1 and 64 from 7.2 on.
func TestDoneLayout(t *testing.T) {
	d := Done{Kind: TokenDone, Status: DoneMore | DoneCount, CurCmd: CurCmdSelect, Count: 3}
	for _, tc := range []struct {
		v Version
		b []byte
	}{
		{V71, []byte{0xFD, 0x11, 0, 0xC1, 0, 3, 0, 0, 0}},
		{V72, []byte{0xFD, 0x11, 0, 0xC1, 0, 3, 0, 0, 0, 0, 0, 0, 0}},
		{V80, []byte{0xFD, 0x11, 0, 0xC1, 0, 3, 0, 0, 0, 0, 0, 0, 0}},
	} {
		if got := d.Append(nil, tc.v); !bytes.Equal(got, tc.b) {
			t.Errorf("%v: appended % x", tc.v, got)
		}
		if got, err := DecodeDone(TokenDone, tc.b[1:], tc.v); err != nil || got != d {
			t.Errorf("%v: %+v, %v", tc.v, got, err)
		}
		if _, err := DecodeDone(TokenDone, tc.b[2:], tc.v); !errors.Is(err, ErrShort) {
			t.Errorf("%v, cut: %v", tc.v, err)
		}
		if got, ok := FinalDone(append([]byte("rows"), tc.b...), tc.v); !ok || got != d {
			t.Errorf("%v: final %+v, %v", tc.v, got, ok)
		}
	}
	for _, tail := range [][]byte{nil, {0xFD}, append([]byte{0xFF}, make([]byte, 12)...), make([]byte, 13)} {
		if d, ok := FinalDone(tail, V74); ok {
			t.Errorf("% x: taken for %+v", tail, d)
		}
	}
}

// MS-TDS 2.2.7.9.
func TestEnvChangeLayout(t *testing.T) {
	desc := TransactionBytes(0x0102030405060708)
	for _, tc := range []struct {
		name string
		e    EnvChange
		b    []byte
	}{
		{"1 database", EnvChange{Type: EnvDatabase, New: "db", Old: "m"}, cat(0xE3, 9, 0, 1, 2, "d\x00b\x00", 1, "m\x00")},
		{"4 packet size", EnvChange{Type: EnvPacketSize, New: "8", Old: "4"}, cat(0xE3, 7, 0, 4, 1, "8\x00", 1, "4\x00")},
		{"7 collation", EnvChange{Type: EnvSQLCollation, NewBytes: []byte("coll5")}, cat(0xE3, 8, 0, 7, 5, "coll5", 0)},
		{"8 begin", EnvChange{Type: EnvBeginTransaction, NewBytes: desc}, cat(0xE3, 11, 0, 8, 8, desc, 0)},
		{"9 commit", EnvChange{Type: EnvCommitTransaction, OldBytes: desc}, cat(0xE3, 11, 0, 9, 0, 8, desc)},
		{"10 rollback", EnvChange{Type: EnvRollbackTransaction, OldBytes: desc}, cat(0xE3, 11, 0, 10, 0, 8, desc)},
		{"15 promote, whose length is sent as 1", EnvChange{Type: EnvPromoteTransaction, NewBytes: []byte("cookie")}, cat(0xE3, 1, 0, 15, 6, 0, 0, 0, "cookie", 0)},
		{"18 reset", EnvChange{Type: EnvResetConnection}, cat(0xE3, 3, 0, 18, 0, 0)},
		{"20 routing", EnvChange{Type: EnvRouting, Routing: Routing{Port: 1433, Server: "s"}}, cat(0xE3, 12, 0, 20, 7, 0, 0, 0x99, 5, 1, 0, "s\x00", 0, 0)},
		{"21 enhanced routing", EnvChange{Type: EnvEnhancedRouting, Routing: Routing{Port: 1433, Server: "s", Database: "d"}}, cat(0xE3, 16, 0, 21, 11, 0, 0, 0x99, 5, 1, 0, "s\x00", 1, 0, "d\x00", 0, 0)},
	} {
		if got := tc.e.Append(nil); !bytes.Equal(got, tc.b) {
			t.Errorf("%s: appended % x\nwant % x", tc.name, got, tc.b)
		}
		tok, body, rest, err := NextToken(append(bytes.Clone(tc.b), "rest"...), V74)
		if err != nil || tok != TokenEnvChange || string(rest) != "rest" {
			t.Fatalf("%s: token 0x%02x, rest %q, %v", tc.name, byte(tok), rest, err)
		}
		e, err := DecodeEnvChange(body)
		if err != nil || !equalEnv(e, tc.e) {
			t.Errorf("%s: got %+v, %v", tc.name, e, err)
		}
		for n := range body {
			if _, err := DecodeEnvChange(body[:n]); err == nil && n < len(body)-2 {
				t.Errorf("%s: no error when cut to %d of %d bytes", tc.name, n, len(body))
			}
		}
	}
	if d := (EnvChange{Type: EnvCommitTransaction, OldBytes: desc}).Descriptor(); d != 0x0102030405060708 {
		t.Errorf("descriptor %#x", d)
	}
}

// equalEnv compares without regard to nil and empty bytes.
func equalEnv(a, b EnvChange) bool {
	same := bytes.Equal(a.NewBytes, b.NewBytes) && bytes.Equal(a.OldBytes, b.OldBytes)
	a.NewBytes, a.OldBytes, b.NewBytes, b.OldBytes = nil, nil, nil, nil
	return same && reflect.DeepEqual(a, b)
}

// MS-TDS 2.2.7.10, 2.2.7.13.
func TestServerErrorLayout(t *testing.T) {
	e := ServerError{Number: 208, State: 1, Class: 16, Text: "x", Server: "s", Line: 7}
	want := cat(0xAA, 0x13-2, 0, le32(208), 1, 16, 1, 0, "x\x00", 1, "s\x00", 0)
	for v, line := range map[Version][]byte{V71: le16(7), V72: le32(7)} {
		b := cat(want, line)
		b[1] = byte(len(b) - 3)
		if got := e.Append(nil, v); !bytes.Equal(got, b) {
			t.Errorf("%v: appended % x\nwant % x", v, got, b)
		}
		if got, err := DecodeServerError(b[3:], v); err != nil || *got != e {
			t.Errorf("%v: %+v, %v", v, got, err)
		}
		if _, err := DecodeServerError(b[3:len(b)-1], v); !errors.Is(err, ErrShort) {
			t.Errorf("%v, cut: %v", v, err)
		}
	}
	e.Class = 10
	if b := e.Append(nil, V74); Token(b[0]) != TokenInfo {
		t.Errorf("class 10 is token 0x%02x", b[0])
	}
	long := ServerError{Class: 16, Text: strings.Repeat("€", 70000), Server: strings.Repeat("s", 300), Proc: strings.Repeat("p", 300)}
	tok, body, rest, err := NextToken(long.Append(nil, V74), V74)
	if err != nil || tok != TokenError || len(rest) != 0 {
		t.Fatalf("long text: token 0x%02x, %d bytes left, %v", byte(tok), len(rest), err)
	}
	if got, err := DecodeServerError(body, V74); err != nil || utf16Len(got.Text) != maxErrorText || len(got.Proc) != 255 {
		t.Errorf("long text: %v", err)
	}
}

// MS-TDS 2.2.7.14: the version is big-endian here and nowhere else.
func TestLoginAckLayout(t *testing.T) {
	a := LoginAck{Interface: 1, Version: V74, ProgName: "SQL", ProgVersion: [4]byte{16, 0, 4, 0xD2}}
	b := cat(0xAD, 16, 0, 1, 0x74, 0, 0, 4, 3, "S\x00Q\x00L\x00", 16, 0, 4, 0xD2)
	if got := a.Append(nil); !bytes.Equal(got, b) {
		t.Errorf("appended % x", got)
	}
	if got, err := DecodeLoginAck(b[3:]); err != nil || got != a {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := DecodeLoginAck(b[3 : len(b)-1]); !errors.Is(err, ErrShort) {
		t.Errorf("cut: %v", err)
	}
}

// MS-TDS 2.2.7.11.
func TestFeatureExtAckLayout(t *testing.T) {
	a := FeatureExtAck{[]Feature{{FeatureUTF8Support, []byte{1}}, {FeatureAzureDNSCaching, nil}}}
	b := cat(0xAE, 0x0A, 1, 0, 0, 0, 1, 0x0B, 0, 0, 0, 0, 0xFF)
	if got := a.Append(nil); !bytes.Equal(got, b) {
		t.Errorf("appended % x", got)
	}
	if got, err := DecodeFeatureExtAck(b[1:]); err != nil || !reflect.DeepEqual(got, a) {
		t.Errorf("%+v, %v", got, err)
	}
	for n := range len(b) - 1 {
		if _, err := DecodeFeatureExtAck(b[1 : 1+n]); !errors.Is(err, ErrShort) {
			t.Errorf("cut to %d: %v", n, err)
		}
		if _, _, _, err := NextToken(b[:1+n], V74); !errors.Is(err, ErrShort) {
			t.Errorf("token cut to %d: %v", n, err)
		}
	}
}

// MS-TDS 4.3: the tokens of a login response, one after the other.
func TestNextTokenLoginResponse(t *testing.T) {
	b := EnvChange{Type: EnvDatabase, New: "db", Old: "master"}.Append(nil)
	b = (&ServerError{Number: 5701, State: 2, Text: "Changed database context to 'db'."}).Append(b, V74)
	b = LoginAck{Interface: 1, Version: V74, ProgName: "Microsoft SQL Server\x00\x00"}.Append(b)
	b = EnvChange{Type: EnvPacketSize, New: "4096", Old: "4096"}.Append(b)
	b = FeatureExtAck{[]Feature{{FeatureUTF8Support, []byte{1}}}}.Append(b)
	b = Done{}.Append(b, V74)
	want := []Token{TokenEnvChange, TokenInfo, TokenLoginAck, TokenEnvChange, TokenFeatureExtAck, TokenDone}
	whole := b
	for i, w := range want {
		tok, _, rest, err := NextToken(b, V74)
		if err != nil || tok != w {
			t.Fatalf("token %d: 0x%02x, %v; want 0x%02x", i, byte(tok), err, byte(w))
		}
		b = rest
	}
	if len(b) != 0 {
		t.Errorf("%d bytes left", len(b))
	}
	for n := range whole {
		for rest, err := whole[:n], error(nil); err == nil && len(rest) > 0; {
			if _, _, rest, err = NextToken(rest, V74); err != nil && !errors.Is(err, ErrShort) {
				t.Fatalf("cut to %d: %v", n, err)
			}
		}
	}
}

func TestNextTokenRefuses(t *testing.T) {
	for _, tc := range []struct {
		b   []byte
		err error
	}{
		{nil, ErrShort},
		{[]byte{0x00}, ErrUnknownToken},
		{[]byte{byte(TokenAltRow), 1, 2}, ErrUnknownToken},
		{[]byte{byte(TokenRow), 1, 2}, ErrNeedsMetadata},
		{[]byte{byte(TokenColMetadata), 0xFF, 0xFF}, ErrNeedsMetadata},
		{cat(TokenEnvChange, 1, 0, 15, le32(-1)), ErrTokenTooLong},
		{cat(TokenSessionState, le32(-1)), ErrTokenTooLong},
		{cat(TokenError, 0xFF, 0xFF, "short"), ErrShort},
	} {
		if _, _, _, err := NextToken(tc.b, V74); !errors.Is(err, tc.err) {
			t.Errorf("% x: %v, want %v", tc.b, err, tc.err)
		}
	}
}

// MS-TDS 2.2.1.7, 3.3.5.9.
func TestAttentionLayout(t *testing.T) {
	if got := AppendAttention(nil); !bytes.Equal(got, []byte{6, 1, 0, 8, 0, 0, 1, 0}) {
		t.Errorf("attention is % x", got)
	}
	want := cat(4, 1, 0, 21, 0, 51, 1, 0, 0xFD, 0x20, 0, 0xFD, 0, le64(0))
	if got := AppendAttentionAck(nil, 51, V74); !bytes.Equal(got, want) {
		t.Errorf("acknowledgement is % x", got)
	}
}
