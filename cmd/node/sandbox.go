package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"strings"

	"sluice/configs"
	"sluice/sandbox"
)

// runSandbox runs the embedded SQL server alone.
func runSandbox(ctx context.Context, args []string, out, errs io.Writer) error {
	fs := flags("sandbox", out)
	listen := fs.String("listen", "127.0.0.1:14331", "host:port to listen on")
	limit := fs.Int("max-connections", 0, "sessions allowed at a time (0: no limit)")
	delay := fs.Duration("login-delay", 0, "what a login costs")
	user := fs.String("user", demoUser, "login name")
	password := fs.String("password", demoPassword, "its password")
	databases := fs.StringSlice("databases", []string{"app1", "app2"}, "databases beside master and tempdb")
	encryption := fs.String("encryption", "on", "off, on or required")
	fault := fs.String("fault", "", "misbehave: refuse-connect, stall-login, stall-response, cut-mid-row, late-answer, garbage, garbage-tokens, die-mid-row, reject-reset, close-on-reset, drop-attention")
	faulty := fs.Int("fault-connections", 0, "how many connections have the fault (0: all)")
	faultBytes := fs.Int("fault-bytes", 100, "cut-mid-row: bytes sent before the cut")
	faultDelay := fs.Duration("fault-delay", 0, "late-answer: how late")
	level := fs.String("log", "warn", "log level")
	if err := fs.Parse(args); err != nil {
		return err
	}
	raiseFileLimit()
	enc, err := sandbox.ParseEncryption(*encryption)
	if err != nil {
		return err
	}
	log := newLogger(errs, configs.Log{Level: *level})
	s, err := sandbox.Start(sandbox.Options{
		Addr: *listen, MaxConnections: *limit, LoginDelay: *delay, Databases: *databases, Encryption: enc, Logger: log.Logger,
		Logins: map[string]sandbox.Login{*user: {Password: *password}},
	})
	if err != nil {
		return err
	}
	if *fault != "" {
		kind, err := sandbox.ParseFaultKind(*fault)
		if err != nil {
			_ = s.Close()
			return err
		}
		s.SetFault(sandbox.Fault{Kind: kind, Connections: *faulty, Bytes: *faultBytes, Delay: *faultDelay})
	}
	addr := s.Addr().(*net.TCPAddr)
	database := "master"
	if len(*databases) > 0 {
		database = (*databases)[0]
	}
	fmt.Fprintf(out, "READY host=%s port=%d user=%s password=%s database=%s\n", addr.IP, addr.Port, *user, *password, database)
	fmt.Fprintf(out, "databases: %s\n", strings.Join(*databases, ", "))
	<-ctx.Done()
	st := s.Stats()
	fmt.Fprintf(out, "sessions=%d peak=%d logins=%d refused=%d\n", st.Sessions, st.PeakSessions, st.TotalLogins, st.Refused)
	return s.Close()
}
