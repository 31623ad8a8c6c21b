package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"math/big"
	"net"
	"os"
	"strconv"
	"sync"
	"time"

	"sluice/tds"
)

// echoServer answers TDS clients with prepared bytes: what is left of a
// measurement is the cost of what stands between. Every login succeeds.
type echoServer struct {
	listener net.Listener
	delay    time.Duration // what a login costs
	tls      *tls.Config

	mu    sync.Mutex
	conns map[net.Conn]struct{} // nil once closed
	wait  sync.WaitGroup
}

// startEcho serves on address until it is closed.
func startEcho(address string, delay time.Duration) (*echoServer, error) {
	cert, err := selfSigned()
	if err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	s := &echoServer{
		listener: l, delay: delay, conns: map[net.Conn]struct{}{},
		tls: &tls.Config{Certificates: []tls.Certificate{cert}, MaxVersion: tls.VersionTLS12, SessionTicketsDisabled: true, DynamicRecordSizingDisabled: true},
	}
	s.wait.Go(s.accept)
	return s, nil
}

func (s *echoServer) accept() {
	for {
		c, err := s.listener.Accept()
		if err != nil {
			return
		}
		s.mu.Lock()
		if s.conns == nil {
			s.mu.Unlock()
			c.Close()
			return
		}
		s.conns[c] = struct{}{}
		s.mu.Unlock()
		s.wait.Go(func() {
			// A client that breaks off is the client's business.
			_ = s.serve(c)
			c.Close()
			s.mu.Lock()
			delete(s.conns, c)
			s.mu.Unlock()
		})
	}
}

// close ends the server and waits for its goroutines.
func (s *echoServer) close() {
	s.listener.Close()
	s.mu.Lock()
	for c := range s.conns {
		c.Close()
	}
	s.conns = nil
	s.mu.Unlock()
	s.wait.Wait()
}

func (s *echoServer) serve(c net.Conn) error {
	c, database, err := s.greet(c)
	if err != nil {
		return err
	}
	r := newPacketReader(c, packetSize)
	var answer []byte
	handles := echoHandles{database: database}
	one := tds.AppendMessage(nil, tds.PacketReply, 0, 51, packetSize, appendOne(nil, tds.Done{}))
	ask := order{}
	for first := true; ; {
		h, p, err := r.next()
		if err != nil {
			return err
		}
		if first && bytes.Equal(p, selectOne) { // the commonest by far
			if _, err := c.Write(one); err != nil {
				return err
			}
			continue
		}
		if first {
			answer, ask = answer[:0], order{}
			if h.Status&tds.StatusReset != 0 {
				answer, handles = tds.EnvChange{Type: tds.EnvResetConnection}.Append(answer), echoHandles{database: database}
			}
			if answer, ask, err = handles.answer(answer, h.Type, p[tds.HeaderSize:]); err != nil {
				return err
			}
		}
		if first = h.EOM(); !first {
			continue
		}
		if ask.takes > 0 {
			time.Sleep(ask.takes)
		}
		if ask.rows > 0 {
			err = ask.writeRows(c)
		} else {
			_, err = c.Write(tds.AppendMessage(nil, tds.PacketReply, 0, 51, packetSize, answer))
		}
		if err != nil {
			return err
		}
	}
}

// greet takes a client to the end of its login.
func (s *echoServer) greet(c net.Conn) (_ net.Conn, database string, err error) {
	m, err := tds.ReadMessage(c, nil, tds.MaxPreLogin)
	if err != nil {
		return nil, "", err
	}
	ask, err := tds.DecodePreLogin(m.Payload)
	if err != nil {
		return nil, "", err
	}
	answer := tds.PreLogin{Version: tds.ProductVersion{Major: 16}, Instance: []byte{0}, FromServer: true}
	answer.Set(tds.OptVersion, tds.OptEncryption, tds.OptInstance, tds.OptThreadID, tds.OptMARS)
	answer.Encryption, _ = tds.AnswerEncryption(ask.Encryption, true, false)
	if _, err := c.Write(tds.AppendMessage(nil, tds.PacketReply, 0, 0, packetSize, answer.Append(nil))); err != nil {
		return nil, "", err
	}
	if answer.Encryption != tds.EncryptNotSupported {
		shim := tds.NewServerHandshakeConn(c, handshakeBudget)
		sec := tls.Server(shim, s.tls)
		if err := sec.Handshake(); err != nil {
			return nil, "", err
		}
		if err := shim.Finish(); err != nil {
			return nil, "", err
		}
		c = sec
	}
	if m, err = tds.ReadMessage(c, nil, tds.MaxLogin7); err != nil {
		return nil, "", err
	}
	l, err := tds.DecodeLogin7(m.Payload)
	if err != nil {
		return nil, "", err
	}
	time.Sleep(s.delay)
	_, err = c.Write(loginAnswer(l))
	return c, l.Database, err
}

func loginAnswer(l tds.Login7) []byte {
	b := tds.EnvChange{Type: tds.EnvDatabase, New: l.Database, Old: "master"}.Append(nil)
	b = tds.EnvChange{Type: tds.EnvLanguage, New: "us_english"}.Append(b)
	b = tds.LoginAck{Interface: 1, Version: protocol, ProgName: "Microsoft SQL Server", ProgVersion: [4]byte{16}}.Append(b)
	size := strconv.Itoa(packetSize)
	b = tds.EnvChange{Type: tds.EnvPacketSize, New: size, Old: size}.Append(b)
	if _, asked := l.Feature(tds.FeatureSessionRecovery); asked { // as servers from 2014 on
		b = tds.FeatureExtAck{Features: []tds.Feature{{ID: tds.FeatureSessionRecovery}}}.Append(b)
	}
	return tds.AppendMessage(nil, tds.PacketReply, 0, 51, packetSize, tds.Done{}.Append(b, protocol))
}

func selfSigned() (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	now := time.Now()
	template := x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: now.Add(-time.Hour), NotAfter: now.Add(24 * time.Hour), DNSNames: []string{"localhost"}}
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, &key.PublicKey, key)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, err
}

// runEcho is the command "echo": the echo server in a process of its own.
func runEcho(ctx context.Context, args []string) error {
	fs := flag.NewFlagSet("echo", flag.ContinueOnError)
	listen := fs.String("listen", "127.0.0.1:0", "host:port to listen on")
	delay := fs.Duration("login-delay", 0, "what a login costs")
	if err := fs.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return nil
		}
		return err
	}
	s, err := startEcho(*listen, *delay)
	if err != nil {
		return err
	}
	fmt.Fprintf(os.Stdout, "READY %s\n", s.listener.Addr())
	<-ctx.Done()
	s.close()
	return nil
}
