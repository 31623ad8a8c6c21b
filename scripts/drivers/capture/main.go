// Command capture records what a TDS client and server say to each other.
//
// It listens on a loopback port, forwards every connection to an endpoint and
// writes each message it sees, packet headers included, to a file of its own:
//
//	capture -to 127.0.0.1:1433 -dir out
//
// Files are named CONNECTION-SEQUENCE-SIDE-TYPE.bin. Only unencrypted traffic
// can be taken apart; once a direction carries TLS, it is forwarded unrecorded.
// The program runs until it is interrupted.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"sync"
	"sync/atomic"
	"syscall"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:0", "loopback `address` to listen on")
	to := flag.String("to", "", "`address` of the TDS endpoint")
	dir := flag.String("dir", ".", "existing `directory` for the files")
	messages := flag.Int("messages", 64, "messages recorded per connection")
	packets := flag.Int("packets", 4, "packets recorded per message")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *listen, *to, limits{messages: *messages, packets: *packets}, *dir); err != nil {
		fmt.Fprintln(os.Stderr, "capture:", err)
		os.Exit(1)
	}
}

// limits bounds what is written for one connection.
type limits struct {
	messages int // per connection, both directions together
	packets  int // per message
}

// run accepts connections until ctx ends and waits for all of them to close.
func run(ctx context.Context, listen, to string, l limits, dir string) error {
	if to == "" {
		return errors.New("-to is missing")
	}
	listener, err := listenLoopback(ctx, listen)
	if err != nil {
		return err
	}
	defer context.AfterFunc(ctx, func() { listener.Close() })() //nolint:errcheck // ends Accept
	fmt.Printf("LISTEN %s\n", listener.Addr())
	var wg sync.WaitGroup
	defer wg.Wait()
	for n := 1; ; n++ {
		client, err := listener.Accept()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		wg.Go(func() {
			if err := relay(ctx, client, to, l, dir, n); err != nil {
				fmt.Fprintf(os.Stderr, "capture: connection %d: %v\n", n, err)
			}
		})
	}
}

// listenLoopback refuses to listen where other machines could connect.
func listenLoopback(ctx context.Context, address string) (net.Listener, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
		return nil, fmt.Errorf("%s is not a loopback address", host)
	}
	var lc net.ListenConfig
	return lc.Listen(ctx, "tcp", address)
}

// relay forwards one connection both ways and records it. It owns client.
func relay(ctx context.Context, client net.Conn, to string, l limits, dir string, n int) error {
	defer client.Close() //nolint:errcheck // nothing is pending when relay ends
	var d net.Dialer
	server, err := d.DialContext(ctx, "tcp", to)
	if err != nil {
		return err
	}
	defer server.Close() //nolint:errcheck // as above
	hangUp := func() {
		client.Close() //nolint:errcheck // ends the other direction
		server.Close() //nolint:errcheck // ends the other direction
	}
	defer context.AfterFunc(ctx, hangUp)()

	save := numberedFiles(dir, n, l)
	var wg sync.WaitGroup
	var fromClient, fromServer error
	wg.Go(func() {
		defer hangUp()
		fromClient = pump(server, client, newSplitter("client", l.packets, save))
	})
	wg.Go(func() {
		defer hangUp()
		fromServer = pump(client, server, newSplitter("server", l.packets, save))
	})
	wg.Wait()
	return errors.Join(fromClient, fromServer)
}

// pump copies until one side closes, which is no error.
func pump(to io.Writer, from io.Reader, record *splitter) error {
	_, err := io.Copy(to, io.TeeReader(from, record))
	if errors.Is(err, net.ErrClosed) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) {
		return nil
	}
	return err
}

// numberedFiles returns a function that writes one message to the next file of
// connection n, until the limit is reached. It may be called concurrently.
func numberedFiles(dir string, n int, l limits) func(m message) error {
	var written atomic.Int64
	return func(m message) error {
		sequence := written.Add(1)
		if sequence > int64(l.messages) {
			return nil
		}
		name := fmt.Sprintf("%s/%03d-%03d-%s-%s.bin", dir, n, sequence, m.side, m.typeName())
		return os.WriteFile(name, m.raw, 0o644)
	}
}
