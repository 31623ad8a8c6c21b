package sandbox

import (
	"net"
	"testing"
	"time"

	"sluice/tds"
)

// ready logs in for as long as the benchmark lasts and returns the packets of
// a request.
func ready(b *testing.B, s *Server, encrypted bool) (*client, []byte) {
	b.Helper()
	c := dial(b, s)
	_ = c.raw.SetDeadline(time.Time{})
	if encrypted {
		c.preLogin(tds.EncryptOn)
		c.conn = c.wrapTLS()
	} else {
		c.preLogin(tds.EncryptNotSupported)
	}
	c.login(tds.Login7{UserName: "sa"})
	batch := tds.SQLBatch{Text: "SELECT 1"}
	return c, tds.AppendMessage(nil, tds.PacketSQLBatch, 0, 0, c.size, batch.Append(nil, c.version))
}

// BenchmarkSelectOne is the round trip of SELECT 1 over one connection.
func BenchmarkSelectOne(b *testing.B) {
	for _, bc := range []struct {
		name              string
		engine, encrypted bool
	}{{"wire", false, false}, {"wire,tls", false, true}, {"engine", true, false}, {"engine,tls", true, true}} {
		b.Run(bc.name, func(b *testing.B) {
			var s *Server
			if bc.engine {
				s = start(b, Options{})
			} else {
				s, _ = startFake(b, Options{})
			}
			c, request := ready(b, s, bc.encrypted)
			answer := make([]byte, tds.DefaultPacketSize)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := c.conn.Write(request); err != nil {
					b.Fatal(err)
				}
				if _, err := c.conn.Read(answer); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkThroughput is SELECT 1 over 32 connections at once.
func BenchmarkThroughput(b *testing.B) {
	const clients = 32
	s := start(b, Options{})
	idle := make(chan *client, clients)
	var request []byte
	for range clients {
		var c *client
		c, request = ready(b, s, false)
		idle <- c
	}
	b.SetParallelism(clients / 2)
	b.RunParallel(func(pb *testing.PB) {
		c := <-idle
		defer func() { idle <- c }()
		answer := make([]byte, tds.DefaultPacketSize)
		for pb.Next() {
			if _, err := c.conn.Write(request); err != nil {
				b.Error(err)
				return
			}
			if _, err := c.conn.Read(answer); err != nil {
				b.Error(err)
				return
			}
		}
	})
}

// BenchmarkLoopback is the floor for BenchmarkSelectOne: the same bytes with no
// server behind the socket.
func BenchmarkLoopback(b *testing.B) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		nc, err := ln.Accept()
		if err != nil {
			return
		}
		defer nc.Close()
		buf := make([]byte, 4096)
		for {
			if _, err := nc.Read(buf); err != nil {
				return
			}
			if _, err := nc.Write(buf[:40]); err != nil {
				return
			}
		}
	}()
	nc, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		b.Fatal(err)
	}
	buf := make([]byte, 4096)
	for b.Loop() {
		if _, err := nc.Write(buf[:46]); err != nil {
			b.Fatal(err)
		}
		if _, err := nc.Read(buf); err != nil {
			b.Fatal(err)
		}
	}
	_ = nc.Close()
	_ = ln.Close()
	<-done
}
