package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"strconv"
	"strings"
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
	c, err := s.greet(c)
	if err != nil {
		return err
	}
	r := newPacketReader(c, packetSize)
	one, reset := resultOne(), resetDone()
	for first := true; ; {
		h, p, err := r.next()
		if err != nil {
			return err
		}
		answer := one
		if first && h.Status&tds.StatusReset != 0 {
			answer = reset
		}
		rows := 0
		if first && h.Type == tds.PacketSQLBatch {
			if rows, err = rowsAsked(p[tds.HeaderSize:]); err != nil {
				return err
			}
		}
		if first = h.EOM(); !first {
			continue
		}
		if rows > 0 {
			err = writeRows(c, rows)
		} else {
			_, err = c.Write(answer)
		}
		if err != nil {
			return err
		}
	}
}

// greet takes a client to the end of its login.
func (s *echoServer) greet(c net.Conn) (net.Conn, error) {
	m, err := tds.ReadMessage(c, nil, tds.MaxPreLogin)
	if err != nil {
		return nil, err
	}
	ask, err := tds.DecodePreLogin(m.Payload)
	if err != nil {
		return nil, err
	}
	answer := tds.PreLogin{Version: tds.ProductVersion{Major: 16}, Instance: []byte{0}, FromServer: true}
	answer.Set(tds.OptVersion, tds.OptEncryption, tds.OptInstance, tds.OptThreadID, tds.OptMARS)
	answer.Encryption, _ = tds.AnswerEncryption(ask.Encryption, true, false)
	if _, err := c.Write(tds.AppendMessage(nil, tds.PacketReply, 0, 0, packetSize, answer.Append(nil))); err != nil {
		return nil, err
	}
	if answer.Encryption != tds.EncryptNotSupported {
		shim := tds.NewServerHandshakeConn(c, handshakeBudget)
		sec := tls.Server(shim, s.tls)
		if err := sec.Handshake(); err != nil {
			return nil, err
		}
		if err := shim.Finish(); err != nil {
			return nil, err
		}
		c = sec
	}
	if m, err = tds.ReadMessage(c, nil, tds.MaxLogin7); err != nil {
		return nil, err
	}
	l, err := tds.DecodeLogin7(m.Payload)
	if err != nil {
		return nil, err
	}
	time.Sleep(s.delay)
	_, err = c.Write(loginAnswer(l.Database))
	return c, err
}

func loginAnswer(database string) []byte {
	b := tds.EnvChange{Type: tds.EnvDatabase, New: database, Old: "master"}.Append(nil)
	b = tds.EnvChange{Type: tds.EnvLanguage, New: "us_english"}.Append(b)
	b = tds.LoginAck{Interface: 1, Version: protocol, ProgName: "Microsoft SQL Server", ProgVersion: [4]byte{16}}.Append(b)
	size := strconv.Itoa(packetSize)
	b = tds.EnvChange{Type: tds.EnvPacketSize, New: size, Old: size}.Append(b)
	return tds.AppendMessage(nil, tds.PacketReply, 0, 51, packetSize, tds.Done{}.Append(b, protocol))
}

// resultOne is the answer to SELECT 1.
func resultOne() []byte {
	b := tds.AppendColMetadata(nil, []tds.Column{{Type: tds.TypeInfo{ID: tds.TypeInt4, Size: 4}}}, protocol)
	b = append(b, byte(tds.TokenRow), 1, 0, 0, 0)
	b = tds.Done{Status: tds.DoneCount, Count: 1}.Append(b, protocol)
	return tds.AppendMessage(nil, tds.PacketReply, 0, 51, packetSize, b)
}

// resetDone is the answer to a request that asks for a reset (MS-TDS 2.2.7.9,
// type 18). The one who asks is a pool that cleans a connection: no rows.
func resetDone() []byte {
	b := tds.EnvChange{Type: tds.EnvResetConnection}.Append(nil)
	return tds.AppendMessage(nil, tds.PacketReply, 0, 51, packetSize, tds.Done{}.Append(b, protocol))
}

// echoRows begins the request that the echo server answers with as many rows
// as the number that follows says, each filling a packet.
const echoRows = "ROWS "

// rowsAsked returns the number of rows a batch asks for, 0 for an ordinary one.
func rowsAsked(payload []byte) (int, error) {
	b, err := tds.DecodeSQLBatch(payload, protocol)
	if err != nil {
		return 0, err
	}
	text, ok := strings.CutPrefix(b.Text, echoRows)
	if !ok {
		return 0, nil
	}
	return strconv.Atoi(text)
}

// rowData is how many bytes of data a row needs to fill a packet: the row has
// a token byte and a two-byte length besides.
const rowData = packetSize - tds.HeaderSize - 3

// writeRows sends a result of n rows of one VARBINARY(8000) column, 16 packets
// at a time.
func writeRows(w io.Writer, n int) error {
	const atOnce = 16
	head := tds.AppendColMetadata(nil, []tds.Column{{Type: tds.TypeInfo{ID: tds.TypeBigVarBinary, Size: 8000}}}, protocol)
	first := tds.Header{Type: tds.PacketReply, Length: tds.HeaderSize + len(head), SPID: 51}
	if _, err := w.Write(append(first.Append(nil), head...)); err != nil {
		return err
	}
	row := make([]byte, 0, packetSize*atOnce)
	for range atOnce {
		row = tds.Header{Type: tds.PacketReply, Length: packetSize, SPID: 51}.Append(row)
		row = append(row, byte(tds.TokenRow), rowData&0xFF, rowData>>8)
		row = row[:len(row)+rowData]
	}
	for left := n; left > 0; left -= atOnce {
		if _, err := w.Write(row[:min(left, atOnce)*packetSize]); err != nil {
			return err
		}
	}
	done := tds.Done{Status: tds.DoneCount, Count: uint64(n)}.Append(nil, protocol)
	_, err := w.Write(tds.AppendMessage(nil, tds.PacketReply, 0, 51, packetSize, done))
	return err
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
