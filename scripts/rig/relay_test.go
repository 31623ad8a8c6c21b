package rig

import (
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"sluice/sandbox"
)

// far is a server at the other end of a relay.
func far(t *testing.T) (relay *Relay, accept func() *net.TCPConn) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	relay, err = startRelay("127.0.0.1", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := relay.Close(); err != nil {
			t.Error(err)
		}
	})
	return relay, func() *net.TCPConn {
		c, err := ln.Accept()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		_ = c.SetDeadline(time.Now().Add(10 * time.Second))
		return c.(*net.TCPConn)
	}
}

func near(t *testing.T, r *Relay) *net.TCPConn {
	t.Helper()
	c, err := net.Dial("tcp", r.Address())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	return c.(*net.TCPConn)
}

// What was sent arrives late, in order, and even if its sender has left.
func TestRelayIsLate(t *testing.T) {
	relay, accept := far(t)
	client := near(t, relay)
	server := accept()
	const delay = 60 * time.Millisecond
	relay.Link.Set(sandbox.Shape{Delay: delay, Jitter: delay / 2})
	start := time.Now()
	for _, word := range []string{"one ", "two ", "three"} {
		if _, err := client.Write([]byte(word)); err != nil {
			t.Fatal(err)
		}
	}
	if err := client.Close(); err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(server)
	if err != nil || string(got) != "one two three" {
		t.Errorf("%q, %v", got, err)
	}
	if took := time.Since(start); took < delay/2 {
		t.Errorf("it took %v", took)
	}
}

func TestRelayCarriesAnswersAndEnds(t *testing.T) {
	relay, accept := far(t)
	client := near(t, relay)
	server := accept()
	if _, err := server.Write([]byte("answer")); err != nil {
		t.Fatal(err)
	}
	if err := server.Close(); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(client); err != nil || string(got) != "answer" {
		t.Errorf("%q, %v", got, err)
	}
}

// Nobody at the other end is the end of a connection, not a silence.
func TestRelayToNobody(t *testing.T) {
	relay, err := startRelay("127.0.0.1", "127.0.0.1:1")
	if err != nil {
		t.Fatal(err)
	}
	defer relay.Close() //nolint:errcheck // it has nothing left to say
	client, err := net.Dial("tcp", relay.Address())
	if err != nil {
		return // it was reset that early
	}
	defer client.Close() //nolint:errcheck // it has been reset
	_ = client.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := client.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error("there was an answer")
	}
}
