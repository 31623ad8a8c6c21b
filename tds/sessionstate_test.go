package tds

import (
	"bytes"
	"errors"
	"reflect"
	"testing"
)

func TestSessionState(t *testing.T) {
	long := bytes.Repeat([]byte{7}, 0xFF)
	tests := []struct {
		name string
		s    SessionState
		size int // of the body
	}{
		{"nothing", SessionState{SeqNo: 3, Recoverable: true}, 5},
		{"one", SessionState{SeqNo: 1, States: []SessionStateValue{{5, []byte{1, 0, 0, 0}}}}, 11},
		{"empty value", SessionState{SeqNo: RecoveryOff, States: []SessionStateValue{{8, []byte{}}}}, 7},
		{"long value", SessionState{Recoverable: true, States: []SessionStateValue{{11, long}, {9, long[:0xFE]}}}, 5 + 6 + 0xFF + 2 + 0xFE},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := tt.s.Append([]byte{0})[1:]
			typ, body, rest, err := NextToken(append(b, 0xFD), V74)
			if err != nil || typ != TokenSessionState || len(body) != tt.size || len(rest) != 1 {
				t.Fatalf("%v, %d bytes, %d left, %v", typ, len(body), len(rest), err)
			}
			got, err := DecodeSessionState(body)
			if err != nil || !reflect.DeepEqual(got, tt.s) {
				t.Errorf("%+v, %v", got, err)
			}
			for n := range len(body) {
				if n == 5 {
					continue // a token without states
				}
				if _, err := DecodeSessionState(body[:n]); err == nil && len(tt.s.States) < 2 {
					t.Errorf("cut to %d bytes: no error", n)
				} else if err != nil && !errors.Is(err, ErrShort) {
					t.Errorf("cut to %d bytes: %v", n, err)
				}
			}
		})
	}
}

func FuzzSessionState(f *testing.F) {
	f.Add([]byte{1, 0, 0, 0, 1, 5, 4, 0xE8, 3, 0, 0})
	f.Add([]byte{1, 0, 0, 0, 0, 8, 0xFF, 1, 0, 0, 0, 9})
	f.Add([]byte{0xFF, 0xFF, 0xFF, 0xFF, 0, 8, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF})
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > maxFuzzInput {
			return
		}
		s, err := DecodeSessionState(b)
		if err != nil {
			return
		}
		stable(t, s, func(s SessionState) []byte { return s.Append(nil)[5:] }, DecodeSessionState)
	})
}
