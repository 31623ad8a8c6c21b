package main

import (
	"context"
	"database/sql/driver"
	"net"
	"sync"

	mssql "github.com/microsoft/go-mssqldb"
)

// dialFunc connects as net.Dialer.DialContext does.
type dialFunc func(ctx context.Context, network, address string) (net.Conn, error)

// DialContext implements the driver's dialer interface.
func (d dialFunc) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	return d(ctx, network, address)
}

// connectorWith makes a connector that dials through d. A connection string
// that does not parse makes every connect fail with that error.
func connectorWith(dsn string, d mssql.Dialer) driver.Connector {
	c, err := mssql.NewConnector(dsn)
	if err != nil {
		return failingConnector{err}
	}
	c.Dialer = d
	return c
}

// failingConnector reports the same error for every connect.
type failingConnector struct{ err error }

func (f failingConnector) Connect(context.Context) (driver.Conn, error) { return nil, f.err }
func (f failingConnector) Driver() driver.Driver                        { return &mssql.Driver{} }

// cuttableDialer returns a dialer and a function that closes, without a word,
// every connection it has made.
func cuttableDialer() (dialFunc, func()) {
	var mu sync.Mutex
	var conns []net.Conn
	dial := func(ctx context.Context, network, address string) (net.Conn, error) {
		var d net.Dialer
		c, err := d.DialContext(ctx, network, address)
		if err == nil {
			mu.Lock()
			conns = append(conns, c)
			mu.Unlock()
		}
		return c, err
	}
	return dial, func() {
		mu.Lock()
		defer mu.Unlock()
		for _, c := range conns {
			c.Close() //nolint:errcheck // the point is that it is gone
		}
	}
}
