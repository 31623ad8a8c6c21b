package load

import (
	"context"
	"database/sql"
	"errors"
	"math/rand/v2"
	"time"
)

// client is one application: it connects, works for a while, connects anew. It
// belongs to one goroutine.
type client struct {
	run    *Run
	index  int // among the clients of the run
	bucket int
	row    int
	rng    *rand.Rand
	own    ownRow

	conn    *sql.Conn // nil: not connected
	expires time.Time // of the connection; zero: never
	handles handles
}

// Times between tries of a client that gets no connection.
const (
	retryFirst = 50 * time.Millisecond
	retryMost  = 800 * time.Millisecond
)

// live runs the client until ctx ends. An operation that has begun is not cut
// short by that.
func (c *client) live(ctx context.Context) {
	defer c.disconnect()
	start := c.run.start.Add(c.run.config.RampUp * time.Duration(c.index) / time.Duration(c.run.config.Clients))
	if !sleep(ctx, time.Until(start)) {
		return
	}
	p := pace{next: start, interval: c.run.config.Interval, eager: c.run.config.Eager}
	if p.interval > 0 {
		p.next = p.next.Add(time.Duration(c.rng.Int64N(int64(p.interval))))
	}
	for connected := false; ; connected = true {
		// Once it has been connected, a client with times to keep makes a new
		// connection when it needs one, and the operation waits for that.
		if (!connected || p.free()) && !c.reach(ctx) {
			return
		}
		meant := p.take(time.Now())
		if !sleep(ctx, time.Until(meant)) || !c.reach(ctx) || !c.run.admit() {
			return
		}
		c.operate(ctx, meant)
		if !c.expires.IsZero() && time.Now().After(c.expires) {
			c.disconnect()
		}
	}
}

// reach makes sure that the client is connected, however often it has to try. It
// returns false if ctx ends.
func (c *client) reach(ctx context.Context) bool {
	for retry := retryFirst; c.conn == nil; retry = min(2*retry, retryMost) {
		if ctx.Err() != nil {
			return false
		}
		if !c.connect(ctx) && !sleep(ctx, retry/2+time.Duration(c.rng.Int64N(int64(retry)))) {
			return false
		}
	}
	return ctx.Err() == nil
}

// connect makes the client's connection and counts how that went, unless the
// end of ctx cut it short.
func (c *client) connect(ctx context.Context) bool {
	end := ctx
	ctx, cancel := context.WithTimeout(ctx, c.run.config.OperationTimeout)
	defer cancel()
	c.run.record.connecting(1)
	start := time.Now()
	conn, err := c.open(ctx)
	c.run.record.connecting(-1)
	if err != nil && end.Err() != nil {
		return false
	}
	c.run.record.done(c, Connect, start, start, time.Now(), err)
	if err != nil {
		return false
	}
	c.conn, c.handles = conn, handles{}
	c.run.record.connected(c.bucket, 1)
	c.expires = time.Time{}
	if life := c.run.config.ConnectionTime; life > 0 {
		const percent = 20
		c.expires = time.Now().Add(life*(100-percent)/100 + time.Duration(c.rng.Int64N(int64(life)*2*percent/100+1)))
	}
	return true
}

// open makes a connection and sends what comes first on it.
func (c *client) open(ctx context.Context) (*sql.Conn, error) {
	conn, err := c.run.handles[c.bucket].Conn(ctx)
	if err != nil || c.run.config.OnConnect == "" {
		return conn, err
	}
	if _, err := conn.ExecContext(ctx, c.run.config.OnConnect); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return conn, nil
}

func (c *client) disconnect() {
	if c.conn == nil {
		return
	}
	_ = c.conn.Close() // the server may have closed it
	c.conn = nil
	c.run.record.connected(c.bucket, -1)
}

// operate does one operation that was meant to start at a time.
func (c *client) operate(ctx context.Context, meant time.Time) {
	limit := c.run.config.OperationTimeout + c.run.config.Hold
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), limit)
	defer cancel()
	kind := c.run.config.Mix.pick(c.rng)
	start := time.Now()
	err := operation(kind)(c, ctx)
	c.run.record.done(c, kind, meant, start, time.Now(), err)
	if err != nil && !keepsConnection(err) {
		c.disconnect()
	}
}
