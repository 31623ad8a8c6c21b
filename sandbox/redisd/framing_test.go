package redisd

import (
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

func TestFraming(t *testing.T) {
	tests := []struct {
		in string
		ok bool
	}{
		{"", true},
		{"*1\r\n$4\r\nPING\r\n", true},
		{"*2\r\n$4\r\nECHO\r\n$4\r\n\r\n$x\r\n*1\r\n$4\r\nPING\r\n", true},
		{"*2\r\n$1\r\nx\r\n$0\r\n\r\n", true},
		{"*1\r\n$4\r\nPI", true}, // the rest is to come
		{"*0\r\n", false},
		{"*-1\r\n", false},
		{"*\r\n", false},
		{"*1048577\r\n", false},
		{"*99999999999999999999\r\n", false},
		{"*1\n$4\r\nPING\r\n", false},
		{"*1\r\n$-1\r\n", false},
		{"*1\r\n$67108865\r\n", false},
		{"*1\r\n:1\r\n", false},
		{"*1\r\n*1\r\n", false},
		{"PING\r\n", false},
		{"\r\n", false},
		{"*1\r\n$4x\r\n", false},
		{strings.Repeat("*", maxLine+1), false},
	}
	for _, tt := range tests {
		var whole, bytewise framing
		if err := whole.check([]byte(tt.in)); (err == nil) != tt.ok || (err != nil && !errors.Is(err, errProtocol)) {
			t.Errorf("%q: %v", tt.in, err)
		}
		var err error
		for i := range len(tt.in) {
			if err = bytewise.check([]byte{tt.in[i]}); err != nil {
				break
			}
		}
		if (err == nil) != tt.ok {
			t.Errorf("%q byte by byte: %v", tt.in, err)
		}
	}
}

// What no client sends ends the connection, and the connection alone.
func TestHostileClient(t *testing.T) {
	s := start(t)
	for _, in := range []string{"*0\r\n", "*-1\r\n", "*1\r\n$9223372036854775807\r\n", "GET / HTTP/1.1\r\n\r\n", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\n"} {
		c, err := net.Dial("tcp", s.Addr())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Write([]byte(in)); err != nil {
			t.Fatal(err)
		}
		if err := c.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
			t.Fatal(err)
		}
		var timeout net.Error
		if out, err := io.ReadAll(c); errors.As(err, &timeout) && timeout.Timeout() {
			t.Errorf("%q: the connection stays open, answer %q", in, out)
		}
		c.Close()
	}
	if err := client(t, s.Addr()).Ping(t.Context()).Err(); err != nil {
		t.Error(err)
	}
}

// FuzzFraming: what passes is whole commands of at least one argument, however
// the stream is cut.
func FuzzFraming(f *testing.F) {
	for _, seed := range []string{"*1\r\n$4\r\nPING\r\n", "*2\r\n$0\r\n\r\n$3\r\n\r\n*\r\n", "*0\r\n", "*1\r\n$-1\r\n", "*3\r\n$1048576\r\n", "\r\n"} {
		f.Add([]byte(seed), 3)
	}
	f.Fuzz(func(t *testing.T, data []byte, cut int) {
		var whole, parts framing
		err := whole.check(data)
		cut = min(max(cut, 0), len(data))
		errParts := parts.check(data[:cut])
		if errParts == nil {
			errParts = parts.check(data[cut:])
		}
		if (err == nil) != (errParts == nil) {
			t.Fatalf("whole %v, cut at %d %v", err, cut, errParts)
		}
		if err == nil && (whole != parts || whole.args < 0 || whole.body < 0 || whole.body > maxArg+2) {
			t.Fatalf("whole %+v, cut at %d %+v", whole, cut, parts)
		}
	})
}
