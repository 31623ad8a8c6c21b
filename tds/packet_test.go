package tds

import (
	"bytes"
	"errors"
	"io"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"
)

// MS-TDS 2.2.3.1.
func TestParseHeader(t *testing.T) {
	b := []byte{0x04, 0x01, 0x12, 0x34, 0x00, 0x33, 0x05, 0x00}
	h, err := ParseHeader(b)
	want := Header{Type: PacketReply, Status: StatusEOM, Length: 0x1234, SPID: 0x33, PacketID: 5}
	if err != nil || h != want || !h.EOM() {
		t.Errorf("got %+v, %v", h, err)
	}
	if got := h.Append(nil); !bytes.Equal(got, b) {
		t.Errorf("appended % x", got)
	}
	for _, tc := range []struct {
		b   []byte
		err error
	}{
		{b[:7], ErrShort},
		{[]byte{4, 1, 0, 7, 0, 0, 0, 0}, ErrPacketLength},
		{[]byte{4, 1, 0x80, 0, 0, 0, 0, 0}, ErrPacketLength},
		{[]byte{4, 1, 0xFF, 0xFF, 0, 0, 0, 0}, ErrPacketLength},
		{[]byte{4, 1, 0x7F, 0xFF, 0, 0, 0, 0}, nil},
		{[]byte{6, 1, 0, 8, 0, 0, 0, 0}, nil},
	} {
		if _, err := ParseHeader(tc.b); !errors.Is(err, tc.err) {
			t.Errorf("% x: %v, want %v", tc.b, err, tc.err)
		}
	}
}

// MS-TDS 2.2.3.1.4: all packets but the last are full.
func TestAppendMessageSplits(t *testing.T) {
	for _, tc := range []struct {
		name          string
		size, payload int
		lengths       []int
	}{
		{"empty", 512, 0, []int{8}},
		{"one byte", 512, 1, []int{9}},
		{"exactly full", 512, 504, []int{512}},
		{"one over", 512, 505, []int{512, 9}},
		{"twice full", 512, 1008, []int{512, 512}},
		{"largest packet", 32767, 40000, []int{32767, 7249}},
		{"size above what a header says", 1 << 20, 40000, []int{32767, 7249}},
		{"size below a header", 0, 3, []int{9, 9, 9}},
	} {
		payload := bytes.Repeat([]byte("x"), tc.payload)
		b := AppendMessage([]byte("kept"), PacketRPC, StatusReset|StatusEOM, 51, tc.size, payload)
		if !bytes.HasPrefix(b, []byte("kept")) {
			t.Fatal("dst was not appended to")
		}
		msg := b[4:]
		for i, want := range tc.lengths {
			h, err := ParseHeader(msg)
			last := i == len(tc.lengths)-1
			if err != nil || h.Length != want || h.EOM() != last || h.Status&StatusReset == 0 || int(h.PacketID) != i+1 || h.SPID != 51 {
				t.Fatalf("%s: packet %d is %+v, %v; want length %d", tc.name, i, h, err, want)
			}
			msg = msg[h.Length:]
		}
		if len(msg) != 0 {
			t.Errorf("%s: %d bytes too many", tc.name, len(msg))
		}
		m, err := ReadMessage(iotest.OneByteReader(bytes.NewReader(b[4:])), nil, tc.payload)
		if err != nil || !bytes.Equal(m.Payload, payload) || m.Status != StatusReset|StatusEOM || m.SPID != 51 {
			t.Errorf("%s: read back %d bytes, status %#x, %v", tc.name, len(m.Payload), m.Status, err)
		}
	}
}

// endless is a message that never ends, of packets of the given length.
type endless struct{ packet []byte }

func (e endless) Read(b []byte) (int, error) {
	n := 0
	for len(b)-n >= len(e.packet) {
		n += copy(b[n:], e.packet)
	}
	if n == 0 {
		n = copy(b, e.packet[:min(len(b), len(e.packet))])
	}
	return n, nil
}

func TestReadMessageLimits(t *testing.T) {
	header := func(length int, s Status) []byte {
		return Header{Type: PacketPreLogin, Status: s, Length: length}.Append(nil)
	}
	full := append(header(4096, 0), make([]byte, 4088)...)
	other := append(Header{Type: PacketLogin7, Status: StatusEOM, Length: 9}.Append(nil), 1)
	for _, tc := range []struct {
		name string
		r    io.Reader
		err  error
	}{
		{"nothing", strings.NewReader(""), io.EOF},
		{"cut in the header", bytes.NewReader(full[:5]), io.ErrUnexpectedEOF},
		{"cut in the payload", bytes.NewReader(full[:500]), io.ErrUnexpectedEOF},
		{"cut after a header", bytes.NewReader(full[:8]), io.ErrUnexpectedEOF},
		{"cut between packets", bytes.NewReader(full), io.ErrUnexpectedEOF},
		{"never ends", io.MultiReader(bytes.NewReader(bytes.Repeat(full, 100))), ErrMessageTooLong},
		{"packet larger than the limit", bytes.NewReader(header(32767, 1)), ErrMessageTooLong},
		{"length of 0xFFFF", bytes.NewReader(header(0xFFFF, 1)), ErrPacketLength},
		{"length of 0", bytes.NewReader(header(0, 1)), ErrPacketLength},
		{"empty packets without end", endless{header(8, 0)}, ErrEmptyPacket},
		{"type changes", bytes.NewReader(append(bytes.Clone(full), other...)), ErrMixedMessage},
	} {
		const limit = 10000
		m, err := ReadMessage(tc.r, nil, limit)
		if !errors.Is(err, tc.err) {
			t.Errorf("%s: %v, want %v", tc.name, err, tc.err)
		}
		if cap(m.Payload) > limit {
			t.Errorf("%s: %d bytes allocated, limit %d", tc.name, cap(m.Payload), limit)
		}
	}
}

// What a peer can make ReadMessage allocate in all is less than three times
// the limit, whatever the sizes of its packets.
func TestReadMessageAllocation(t *testing.T) {
	const limit = 32 << 10
	for _, size := range []int{9, 100, 512, 4096, 32767} {
		packet := append(Header{Type: PacketLogin7, Length: size}.Append(nil), make([]byte, size-HeaderSize)...)
		r := bytes.NewReader(bytes.Repeat(packet, limit/(size-HeaderSize)+1))
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := ReadMessage(r, nil, limit)
		runtime.ReadMemStats(&after)
		if !errors.Is(err, ErrMessageTooLong) {
			t.Errorf("packets of %d: %v", size, err)
		}
		if n := after.TotalAlloc - before.TotalAlloc; n > 3*limit {
			t.Errorf("packets of %d: %d bytes allocated", size, n)
		}
	}
}

func TestReadMessageReusesBuffer(t *testing.T) {
	msg := AppendMessage(nil, PacketSQLBatch, 0, 0, 512, make([]byte, 2000))
	buf := make([]byte, 0, 4096)
	r := bytes.NewReader(append(msg, "next"...))
	m, err := ReadMessage(r, buf, 4096)
	if err != nil || &m.Payload[0] != &buf[:1][0] {
		t.Errorf("buffer not used, %v", err)
	}
	if r.Len() != len("next") {
		t.Errorf("%d bytes left, want %d: read past the message", r.Len(), len("next"))
	}
}

func TestIgnoreStatusOfLastPacket(t *testing.T) {
	b := append(Header{Type: PacketRPC, Status: StatusReset, Length: 9}.Append(nil), 1)
	b = Header{Type: PacketRPC, Status: StatusIgnore | StatusEOM, Length: 8}.Append(b)
	m, err := ReadMessage(bytes.NewReader(b), nil, 100)
	if err != nil || m.Status != StatusReset|StatusIgnore|StatusEOM {
		t.Errorf("status %#x, %v", m.Status, err)
	}
}
