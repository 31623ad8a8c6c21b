package main

import (
	"bytes"
	"slices"
	"testing"
)

// packet builds a packet of a type with n payload bytes.
func packet(t byte, last bool, n int) []byte {
	status := byte(0)
	if last {
		status = 1
	}
	length := headerSize + n
	return append([]byte{t, status, byte(length >> 8), byte(length), 0, 0, 1, 0}, bytes.Repeat([]byte{t}, n)...)
}

func TestSplitter(t *testing.T) {
	tests := []struct {
		name       string
		stream     []byte
		maxPackets int
		want       [][]byte
	}{
		{"one packet", packet(0x12, true, 5), 4, [][]byte{packet(0x12, true, 5)}},
		{"attention has no payload", packet(0x06, true, 0), 4, [][]byte{packet(0x06, true, 0)}},
		{
			"two packets make a message", slices.Concat(packet(0x01, false, 9), packet(0x01, true, 3)), 4,
			[][]byte{slices.Concat(packet(0x01, false, 9), packet(0x01, true, 3))},
		},
		{
			"packets over the limit are left out", slices.Concat(packet(0x07, false, 9), packet(0x07, true, 3), packet(0x06, true, 0)), 1,
			[][]byte{packet(0x07, false, 9), packet(0x06, true, 0)},
		},
		{"unfinished message", packet(0x01, false, 9), 4, nil},
		{"TLS ends the recording", slices.Concat(packet(0x12, true, 1), []byte{0x16, 3, 3, 0, 9, 1, 2, 3, 4}, packet(0x01, true, 1)), 4, [][]byte{packet(0x12, true, 1)}},
		{"length below the header's", []byte{0x01, 1, 0, 7, 0, 0, 1, 0, 1, 1}, 4, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for step := 1; step <= len(tt.stream); step++ {
				var got [][]byte
				s := newSplitter("client", tt.maxPackets, func(m message) error {
					got = append(got, m.raw)
					return nil
				})
				for chunk := range slices.Chunk(tt.stream, step) {
					if n, err := s.Write(chunk); n != len(chunk) || err != nil {
						t.Fatalf("Write(%d bytes) = %d, %v", len(chunk), n, err)
					}
				}
				if !slices.EqualFunc(got, tt.want, bytes.Equal) {
					t.Fatalf("in steps of %d: got %x, want %x", step, got, tt.want)
				}
			}
		})
	}
}

func TestTypeName(t *testing.T) {
	for b, want := range map[byte]string{0x01: "sqlbatch", 0x04: "reply", 0x10: "login7", 0x12: "prelogin", 0x0b: "type0b"} {
		if got := (message{raw: []byte{b}}).typeName(); got != want {
			t.Errorf("type %#x is named %q, want %q", b, got, want)
		}
	}
}
