package tds_test

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"sluice/tds"
)

// FuzzHandshakeConn reads a peer's bytes through the packet framing of a
// handshake: never more than the budget is taken, and after Finish nothing of
// what follows is lost.
func FuzzHandshakeConn(f *testing.F) {
	f.Add(packets(tds.PacketPreLogin, 16, "0123456789abcdef"), 100, true)
	f.Add(packets(tds.PacketReply, 64, "0123456789abcdef"), 10, false)
	f.Fuzz(func(t *testing.T, in []byte, budget int, server bool) {
		if len(in) > 4096 {
			return
		}
		r := bytes.NewReader(in)
		conn := rwConn{Reader: r, Writer: io.Discard}
		c := tds.NewClientHandshakeConn(conn, budget)
		if server {
			c = tds.NewServerHandshakeConn(conn, budget)
		}
		_, err := io.Copy(io.Discard, io.LimitReader(c, 1000))
		if taken := len(in) - r.Len(); taken > max(budget, 0) {
			t.Fatalf("%d bytes taken of a budget of %d", taken, budget)
		}
		if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, tds.ErrHandshakeTooLong) &&
			!errors.Is(err, tds.ErrHandshakePacket) && !errors.Is(err, tds.ErrPacketLength) {
			t.Fatal(err)
		}
		if err := c.Finish(); err != nil {
			t.Fatal(err)
		}
		left := r.Len()
		// A packet that ends early is still known to.
		if rest, err := io.ReadAll(c); err != nil && !errors.Is(err, io.ErrUnexpectedEOF) || len(rest) != left {
			t.Fatalf("%d of %d bytes after Finish, %v", len(rest), left, err)
		}
	})
}
