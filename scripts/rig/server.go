package rig

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"sluice/sandbox"
)

// Server is the SQL server of one bucket, which counts its connections.
type Server struct {
	*sandbox.Server
	link *sandbox.Link // between it and its clients
	Base time.Time     // moment 0 of its events
	host string
	port int
}

// keepEvents is how many events a server remembers between two looks.
const keepEvents = 4096

// startServer starts the server of the i-th bucket with what clients need.
func startServer(ctx context.Context, o Options, i int) (*Server, error) {
	link := &sandbox.Link{}
	srv, err := sandbox.Start(sandbox.Options{
		Addr: net.JoinHostPort(o.Network.Hub(), "0"), ServerName: BucketName(i), Databases: []string{Database(i)},
		Logins: map[string]sandbox.Login{User: {Password: Password}}, Encryption: sandbox.EncryptionOff, KeepEvents: keepEvents,
		LoginDelay: o.LoginDelay, Link: link,
	})
	if err != nil {
		return nil, err
	}
	addr := srv.Addr().(*net.TCPAddr)
	s := &Server{Server: srv, link: link, host: addr.IP.String(), port: addr.Port, Base: time.Now()}
	if o.Prepare == nil {
		return s, nil
	}
	before := time.Now()
	if err := o.Prepare(ctx, addr.String(), Database(i)); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", BucketName(i), err), srv.Close())
	}
	if events := srv.Events(); len(events) > 0 {
		s.Base = before.Add(-events[0].At)
	}
	return s, nil
}
