package sandbox

import (
	"context"
	"errors"
	"io"
	"net"
	"time"

	"sluice/tds"
)

// conn is one TCP connection, from accept to close.
type conn struct {
	srv  *Server
	raw  net.Conn // TCP
	own  []Fault
	seen *witnessed

	stream net.Conn // what packets are read from and written to: TCP or TLS
	// strict: TLS came before PRELOGIN (TDS 8.0).
	strict bool
	// encrypted: the whole session is inside TLS.
	encrypted bool
}

// fault looks up a fault that this connection has.
func (c *conn) fault(k FaultKind) (Fault, bool) { return c.srv.faults.find(c.own, k) }

// abort closes the connection under whatever uses it. What the server ends is
// over when it says so: counted out only behind the close, a client that saw
// the close and came back at once would be counted twice.
func (c *conn) abort() {
	c.srv.witness.closed(c.seen)
	_ = c.raw.Close()
}

// reset closes the connection with RST instead of FIN.
func (c *conn) reset() {
	if t, ok := c.raw.(interface{ SetLinger(sec int) error }); ok {
		_ = t.SetLinger(0)
	}
	c.abort()
}

func (c *conn) serve() {
	defer func() {
		c.abort()
		c.srv.witness.closed(c.seen)
		c.srv.mu.Lock()
		delete(c.srv.conns, c)
		c.srv.mu.Unlock()
	}()
	if _, ok := c.fault(RefuseConnect); ok {
		c.reset()
		return
	}
	_ = c.raw.SetDeadline(time.Now().Add(c.srv.opts.LoginTimeout))
	login, r, err := c.handshake()
	if err != nil {
		c.end("handshake", err)
		return
	}
	ses, err := c.login(login, r)
	if err != nil {
		c.end("login", err)
		return
	}
	_ = c.raw.SetDeadline(time.Time{})
	err = ses.run()
	ses.close()
	c.end("session", err)
}

// end logs why a connection ends, unless there is nothing to say.
func (c *conn) end(where string, err error) {
	if err == nil || errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed) || errors.Is(err, errNoSession) {
		return
	}
	c.srv.log.Info("connection ended", "in", where, "client", c.raw.RemoteAddr(), "err", err)
}

// wait sleeps for d or until the server is closed.
func (c *conn) wait(d time.Duration) error {
	if d <= 0 {
		return nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-c.srv.ctx.Done():
		return context.Cause(c.srv.ctx)
	}
}

// send writes one reply message outside a session.
func (c *conn) send(spid int, payload []byte) error {
	_, err := c.stream.Write(tds.AppendMessage(nil, tds.PacketReply, 0, uint16(spid), tds.DefaultPacketSize, payload))
	return err
}
