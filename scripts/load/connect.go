package load

import (
	"cmp"
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net"
	"net/url"
	"time"

	mssql "github.com/microsoft/go-mssqldb"
)

// dialWithin bounds the TCP connect if the target does not say.
const dialWithin = 5 * time.Second

// Open returns a handle that makes a connection for each use and keeps none.
func Open(t Target, database string) (*sql.DB, error) {
	q := url.Values{"database": {database}, "app name": {"loadgen"}, "encrypt": {"disable"}, "dial timeout": {"0"}, "connection timeout": {"0"}}
	for k, v := range t.Params {
		q.Set(k, v)
	}
	u := url.URL{Scheme: "sqlserver", User: url.UserPassword(t.User, t.Password), Host: t.Addr, RawQuery: q.Encode()}
	c, err := mssql.NewConnector(u.String())
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrConfig, err)
	}
	c.Dialer = &net.Dialer{Timeout: cmp.Or(t.DialTimeout, dialWithin)}
	h := sql.OpenDB(oneTry{c})
	h.SetMaxIdleConns(0)
	return h, nil
}

// oneTry hides from database/sql that a connection is bad, because it would
// try again behind the client's back.
type oneTry struct{ driver.Connector }

// errDuringLogin says at which moment a connection was lost.
var errDuringLogin = errors.New("closed during the login")

func (o oneTry) Connect(ctx context.Context) (driver.Conn, error) {
	c, err := o.Connector.Connect(ctx)
	if errors.Is(err, driver.ErrBadConn) {
		return nil, fmt.Errorf("%w: %w", net.ErrClosed, errDuringLogin)
	}
	return c, err
}
