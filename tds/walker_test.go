package tds

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"testing"
)

// event is one call of a Handler.
type event struct {
	token Token
	body  string
}

// recorder keeps what a Walker hands over and checks the offsets it is told.
type recorder struct {
	payload []byte // being fed
	events  []event
	outside error
}

func (r *recorder) Token(t Token, body []byte, at int) error {
	if at >= 0 && (at+len(body) > len(r.payload) || !bytes.Equal(r.payload[at:at+len(body)], body)) {
		r.outside = fmt.Errorf("token 0x%02x: body is not at offset %d", byte(t), at)
	}
	r.events = append(r.events, event{t, string(body)})
	return nil
}

// walk feeds stream in pieces that end at the given offsets.
func walk(w *Walker, v Version, stream []byte, cuts ...int) ([]event, error) {
	r := &recorder{}
	w.Handler = r
	w.Reset(v)
	from := 0
	for _, to := range append(cuts, len(stream)) {
		r.payload = stream[from:to]
		from = to
		if err := w.Feed(r.payload); err != nil {
			return r.events, err
		}
	}
	if r.outside != nil {
		return r.events, r.outside
	}
	return r.events, w.EndOfMessage()
}

func le16(n int) []byte { return binary.LittleEndian.AppendUint16(nil, uint16(n)) }
func le32(n int) []byte { return binary.LittleEndian.AppendUint32(nil, uint32(n)) }
func le64(n uint64) []byte {
	return binary.LittleEndian.AppendUint64(nil, n)
}

func cat(parts ...any) (b []byte) {
	for _, p := range parts {
		switch p := p.(type) {
		case int:
			b = append(b, byte(p))
		case Token:
			b = append(b, byte(p))
		case string:
			b = append(b, p...)
		case []byte:
			b = append(b, p...)
		default:
			panic(fmt.Sprintf("cat of %T", p))
		}
	}
	return b
}

func diffEvents(t *testing.T, got, want []event) {
	t.Helper()
	for i := range max(len(got), len(want)) {
		switch {
		case i >= len(got):
			t.Fatalf("token %d: none, want 0x%02x", i, byte(want[i].token))
		case i >= len(want):
			t.Fatalf("token %d: 0x%02x, want none", i, byte(got[i].token))
		case got[i] != want[i]:
			t.Fatalf("token %d: got 0x%02x % x\nwant 0x%02x % x", i, byte(got[i].token), got[i].body, byte(want[i].token), want[i].body)
		}
	}
}

// MS-TDS 2.2.4, 2.2.7: every token, every data type, whole and cut in two at
// every offset and into pieces of every small size.
func TestWalkerEveryTokenEveryCut(t *testing.T) {
	for _, v := range []Version{V71, V72, V74, V80} {
		t.Run(v.String(), func(t *testing.T) {
			stream, want := bigStream(v)
			var w Walker
			got, err := walk(&w, v, stream)
			if err != nil {
				t.Fatal(err)
			}
			diffEvents(t, got, want)
			if w.Rows() != 6 {
				t.Errorf("%d rows, want 6", w.Rows())
			}
			step := 7 // layouts differ little: every offset for one version only
			if v == V74 {
				step = 1
			}
			for cut := 0; cut < len(stream); cut += step {
				if got, err = walk(&w, v, stream, cut); err != nil {
					t.Fatalf("cut at %d: %v", cut, err)
				}
				diffEvents(t, got, want)
			}
			for _, size := range []int{1, 2, 3, 5, 7, 11, 64, 504} {
				var cuts []int
				for at := size; at < len(stream); at += size {
					cuts = append(cuts, at)
				}
				if got, err = walk(&w, v, stream, cuts...); err != nil {
					t.Fatalf("pieces of %d: %v", size, err)
				}
				diffEvents(t, got, want)
			}
		})
	}
}

// What ends too early is an error at the end of the message, not before.
func TestWalkerTruncated(t *testing.T) {
	stream, _ := bigStream(V74)
	var w Walker
	ends := 0
	for cut := range stream {
		_, err := walk(&w, V74, stream[:cut])
		if err == nil {
			ends++ // at a token's end
			continue
		}
		if !errors.Is(err, ErrLostSync) || !errors.Is(err, ErrShort) {
			t.Fatalf("cut at %d: %v", cut, err)
		}
	}
	if ends == 0 {
		t.Error("no cut falls between tokens")
	}
}

func TestWalkerLosesSync(t *testing.T) {
	meta := AppendColMetadata(nil, []Column{{Name: "a", Type: TypeInfo{ID: TypeText, Size: 100}}}, V74)
	for _, tc := range []struct {
		name   string
		stream []byte
		cause  error
	}{
		{"unknown token", []byte{0x42}, ErrUnknownToken},
		{"2.2.7.1 ALTMETADATA", cat(TokenAltMetadata, "1234"), ErrUnknownToken},
		{"2.2.7.3 ALTROW", cat(TokenAltRow, "1234"), ErrUnknownToken},
		{"ROW without metadata", cat(TokenRow, "1234"), ErrNeedsMetadata},
		{"ROW after 0xFFFF alone", cat(TokenColMetadata, 0xFF, 0xFF, TokenRow, "1234"), ErrNeedsMetadata},
		{"unknown data type", cat(TokenColMetadata, 1, 0, 0, 0, 0, 0, 0, 0, 0x99), ErrUnknownType},
		{"2.2.5.5.5 TVP in a result", cat(TokenColMetadata, 1, 0, 0, 0, 0, 0, 0, 0, int(TypeTVP)), ErrUnknownType},
		{"negative TEXT length", cat(meta, TokenRow, 1, "p", "timestmp", 0, 0, 0, 0x80), errTextLength},
		{"SESSIONSTATE of 2 GB", cat(TokenSessionState, le32(0x7FFFFFFF)), ErrTokenTooLong},
		{"FEATUREEXTACK of 4 GB", cat(TokenFeatureExtAck, 1, le32(0xFFFFFFFF)), ErrTokenTooLong},
		{"2.2.7.9 promote of 4 GB", cat(TokenEnvChange, 1, 0, 15, le32(0xFFFFFFFF)), ErrTokenTooLong},
	} {
		var w Walker
		for _, cuts := range [][]int{nil, {1}, {len(tc.stream) - 1}} {
			_, err := walk(&w, V74, tc.stream, cuts...)
			if !errors.Is(err, ErrLostSync) || !errors.Is(err, tc.cause) {
				t.Errorf("%s, cut %v: %v, want %v", tc.name, cuts, err, tc.cause)
			}
			if again := w.Feed([]byte{byte(TokenDone)}); !errors.Is(again, err) || !errors.Is(w.EndOfMessage(), err) || w.AtToken() {
				t.Errorf("%s: the error does not stick: %v", tc.name, again)
			}
		}
	}
}

// A value of MaxReturnValue bytes is handed over, one byte more is not.
func TestWalkerReturnValueBound(t *testing.T) {
	for _, n := range []int{0, MaxReturnValue, MaxReturnValue + 1} {
		rv := ReturnValue{Type: TypeInfo{ID: TypeBigVarBinary, Size: 100}, Value: cat(le16(n), strings.Repeat("x", n))}
		stream := rv.Append(nil, V74)
		for cut := range stream {
			var w Walker
			events, err := walk(&w, V74, stream, cut)
			if err != nil || len(events) != 1 {
				t.Fatalf("%d bytes, cut at %d: %d tokens, %v", n, cut, len(events), err)
			}
			r, err := DecodeReturnValue([]byte(events[0].body), V74, false)
			if want := len(rv.Value); err != nil || n <= MaxReturnValue && len(r.Value) != want || n > MaxReturnValue && len(r.Value) != 0 {
				t.Errorf("%d bytes, cut at %d: value of %d bytes, %v", n, cut, len(r.Value), err)
			}
		}
	}
}

// A hostile COLMETADATA cannot make the walker keep more than its bound.
func TestWalkerScratchIsBounded(t *testing.T) {
	var w Walker
	w.Reset(V74)
	var err error
	fed := 0
	column := cat(le32(0), le16(0), int(TypeInt4), 255, strings.Repeat("x\x00", 255))
	payload := bytes.Repeat(column, 60)
	if err = w.Feed(cat(TokenColMetadata, 0xFE, 0xFF)); err != nil {
		t.Fatal(err)
	}
	for err == nil && fed < 4*MaxEnvValue {
		err = w.Feed(payload)
		fed += len(payload)
	}
	if !errors.Is(err, ErrTokenTooLong) || cap(w.scratch) > 2*MaxEnvValue {
		t.Errorf("after %d bytes: %v, %d bytes kept", fed, err, cap(w.scratch))
	}
}

type handlerFunc func(Token, []byte, int) error

func (f handlerFunc) Token(t Token, body []byte, at int) error { return f(t, body, at) }

func TestWalkerHandler(t *testing.T) {
	stop := errors.New("stop")
	stream, _ := bigStream(V74)
	t.Run("its error ends the walk", func(t *testing.T) {
		w := Walker{Handler: handlerFunc(func(Token, []byte, int) error { return stop })}
		w.Reset(V74)
		if err := w.Feed(stream); !errors.Is(err, stop) || !errors.Is(w.Err(), stop) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("nil is allowed", func(t *testing.T) {
		var w Walker
		w.Reset(V74)
		if err := errors.Join(w.Feed(stream), w.EndOfMessage()); err != nil {
			t.Error(err)
		}
	})
	t.Run("a handle can be rewritten in place", func(t *testing.T) {
		b := ReturnValue{Status: 1, Type: TypeInfo{ID: TypeIntN, Size: 4}, Value: []byte{4, 1, 0, 0, 0}}.Append(nil, V74)
		w := Walker{Handler: handlerFunc(func(_ Token, body []byte, at int) error {
			r, err := DecodeReturnValue(body, V74, false)
			if n, ok := r.Int(); err != nil || !ok || n != 1 || at != 1 {
				t.Errorf("handle %d, %v at %d: %v", n, ok, at, err)
			}
			binary.LittleEndian.PutUint32(body[r.ValueAt+1:], 0x1234)
			return nil
		})}
		w.Reset(V74)
		if err := errors.Join(w.Feed(b), w.EndOfMessage()); err != nil {
			t.Fatal(err)
		}
		if !bytes.HasSuffix(b, []byte{4, 0x34, 0x12, 0, 0}) {
			t.Errorf("payload is % x", b)
		}
	})
}

// Metadata is that of one message: handles of different statements would
// otherwise be taken for each other's.
func TestWalkerMetadataEndsWithMessage(t *testing.T) {
	var w Walker
	w.Reset(V74)
	meta := AppendColMetadata(nil, []Column{{Type: TypeInfo{ID: TypeInt1}}}, V74)
	if err := errors.Join(w.Feed(cat(meta, TokenRow, 1)), w.EndOfMessage()); err != nil {
		t.Fatal(err)
	}
	if err := w.Feed(cat(TokenColMetadata, 0xFF, 0xFF, TokenRow, 1)); !errors.Is(err, ErrNeedsMetadata) {
		t.Errorf("got %v", err)
	}
}

// MS-TDS 2.2.7.4, 2.2.7.19 with FeatureColumnEncryption acknowledged.
func TestWalkerColumnEncryption(t *testing.T) {
	key := cat(le32(1), le32(2), le32(3), "mdversn8", 2,
		le16(4), "ekey", 1, "K\x00", le16(2), "p\x00a\x00", 1, "R\x00",
		le16(1), "e", 0, le16(0), 0)
	crypto := func(algorithm []byte) []byte {
		return cat(le32(0), TypeInfo{ID: TypeNVarChar, Size: 40}.Append(nil), algorithm, 1, 1)
	}
	enc := TypeInfo{ID: TypeBigVarBinary, Size: 100}.Append(nil)
	meta := cat(TokenColMetadata, le16(3), le16(2), key, key,
		le32(0), le16(int(ColEncrypted)), enc, le16(0), crypto([]byte{2}), 1, "a\x00",
		le32(0), le16(0), int(TypeInt4), 1, "b\x00",
		le32(0), le16(int(ColEncrypted)), enc, le16(1), crypto([]byte{0, 1, 'X', 0}), 1, "c\x00")
	rv := cat(TokenReturnValue, le16(0), 1, "h\x00", 1, le32(0), le16(int(ColEncrypted)), enc, crypto([]byte{2}), le16(3), "abc")
	done := Done{}.Append(nil, V74)
	stream := cat(meta, TokenRow, le16(3), "abc", "1234", le16(1), "x", rv, done)
	want := []event{{TokenColMetadata, string(meta[1:])}, {TokenReturnValue, string(rv[1:])}, {TokenDone, string(done[1:])}}
	w := Walker{ColumnEncryption: true}
	for cut := range stream {
		got, err := walk(&w, V74, stream, cut)
		if err != nil {
			t.Fatalf("cut at %d: %v", cut, err)
		}
		diffEvents(t, got, want)
	}
	r, err := DecodeReturnValue(rv[1:], V74, true)
	if err != nil || string(r.Value) != "\x03\x00abc" {
		t.Errorf("value % x, %v", r.Value, err)
	}
	// A table without encrypted columns has an empty key table.
	plain := cat(TokenColMetadata, le16(1), le16(0), le32(0), le16(0), int(TypeInt4), 0, TokenRow, "1234", done)
	if got, err := walk(&w, V74, plain); err != nil || len(got) != 2 {
		t.Errorf("%d tokens, %v", len(got), err)
	}
}

// MS-TDS 2.2.7.5.
func TestWalkerDataClassification(t *testing.T) {
	for _, rank := range []bool{false, true} {
		var r []byte
		if rank {
			r = le32(10)
		}
		pair := func(name, id string) []byte {
			return appendBVarchar(appendBVarchar(nil, name), id)
		}
		token := cat(TokenDataClass, le16(2), pair("Confidential", "1"), pair("Public", ""), le16(1), pair("Name", "2"), r,
			le16(3), le16(1), le16(0), le16(0), r, le16(0), le16(2), le16(1), le16(0), r, le16(0xFFFF), le16(0), r)
		empty := cat(TokenDataClass, le16(0), le16(0), r, le16(0))
		done := Done{}.Append(nil, V74)
		stream := cat(token, empty, done)
		want := []event{{TokenDataClass, string(token[1:])}, {TokenDataClass, string(empty[1:])}, {TokenDone, string(done[1:])}}
		w := Walker{SensitivityRank: rank}
		for cut := range stream {
			got, err := walk(&w, V74, stream, cut)
			if err != nil {
				t.Fatalf("rank %v, cut at %d: %v", rank, cut, err)
			}
			diffEvents(t, got, want)
		}
	}
}

// Once its buffers have grown, a walker allocates nothing, whatever straddles.
func TestWalkerAllocatesNothing(t *testing.T) {
	stream, _ := bigStream(V74)
	w := Walker{Handler: handlerFunc(func(Token, []byte, int) error { return nil })}
	w.Reset(V74)
	n := testing.AllocsPerRun(20, func() {
		for rest := stream; len(rest) > 0; rest = rest[min(100, len(rest)):] {
			if err := w.Feed(rest[:min(100, len(rest))]); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.EndOfMessage(); err != nil {
			t.Fatal(err)
		}
	})
	if n != 0 {
		t.Errorf("%v allocations a message", n)
	}
}
