package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
)

// loginCases log in, in every way that must work and in those that must not.
func loginCases() []testCase {
	var cases []testCase
	for _, mode := range knownModes {
		cases = append(cases, testCase{
			name: "login/encrypt-" + mode,
			run: func(ctx context.Context, e endpoint) (string, error) {
				if !e.hasMode(mode) {
					return "", skipError{"the endpoint does not offer encryption mode " + mode}
				}
				if mode == "strict" && e.serverCert == "" {
					return "", skipError{"strict needs TDS_SERVER_CERT"}
				}
				return loginAndAsk(ctx, e.dsn(func(_ *url.URL, q url.Values) { e.setMode(q, mode) }))
			},
		})
	}
	return append(cases,
		testCase{name: "login/second-user", run: loginSecondUser},
		testCase{name: "login/no-database", run: func(ctx context.Context, e endpoint) (string, error) {
			return withConn(ctx, e.dsn(func(_ *url.URL, q url.Values) { q.Del("database") }), func(c *sql.Conn) (string, error) {
				return report(ctx, c, "SELECT 1 AS one")
			})
		}},
		testCase{name: "login/wrong-password", run: func(ctx context.Context, e endpoint) (string, error) {
			return refusedLogin(ctx, e.dsn(func(u *url.URL, _ url.Values) { u.User = url.UserPassword(e.user, "not-"+e.password) }))
		}},
		testCase{name: "login/wrong-password-after-good", run: wrongAfterGood},
		testCase{name: "login/unknown-user", run: func(ctx context.Context, e endpoint) (string, error) {
			return refusedLogin(ctx, e.dsn(func(u *url.URL, _ url.Values) { u.User = url.UserPassword("no_such_user", e.password) }))
		}},
		testCase{name: "login/empty-password", run: func(ctx context.Context, e endpoint) (string, error) {
			return refusedLogin(ctx, e.dsn(func(u *url.URL, _ url.Values) { u.User = url.UserPassword(e.user, "") }))
		}},
		testCase{name: "login/unknown-database", run: func(ctx context.Context, e endpoint) (string, error) {
			return refusedLogin(ctx, e.dsn(func(_ *url.URL, q url.Values) { q.Set("database", "no_such_database") }))
		}},
		testCase{name: "login/packet-size-512", run: loginPacketSize("512")},
		testCase{name: "login/packet-size-32767", run: loginPacketSize("32767")},
		testCase{name: "login/read-only-intent", run: func(ctx context.Context, e endpoint) (string, error) {
			return loginAndAsk(ctx, e.dsn(func(_ *url.URL, q url.Values) { q.Set("applicationintent", "ReadOnly") }))
		}},
	)
}

// loginAndAsk logs in and asks where it landed.
func loginAndAsk(ctx context.Context, dsn string) (string, error) {
	return withConn(ctx, dsn, func(c *sql.Conn) (string, error) {
		return report(ctx, c, "SELECT DB_NAME() AS db, 1 AS one")
	})
}

// refusedLogin expects a login to fail with a server error, which is the result.
func refusedLogin(ctx context.Context, dsn string) (string, error) {
	text, err := loginAndAsk(ctx, dsn)
	if err == nil {
		return text, errors.New("the login was accepted")
	}
	if errorNumber(err) == 0 {
		return "", err
	}
	return describeError(err), nil
}

// wrongAfterGood guards against a warm connection answering for a password
// that was never checked.
func wrongAfterGood(ctx context.Context, e endpoint) (string, error) {
	if _, err := loginAndAsk(ctx, e.dsn(nil)); err != nil {
		return "", err
	}
	return refusedLogin(ctx, e.dsn(func(u *url.URL, _ url.Values) { u.User = url.UserPassword(e.user, e.password+"x") }))
}

func loginSecondUser(ctx context.Context, e endpoint) (string, error) {
	if e.user2 == "" {
		return "", skipError{"TDS_USER2 is not set"}
	}
	return loginAndAsk(ctx, e.dsn(func(u *url.URL, q url.Values) {
		u.User = url.UserPassword(e.user2, e.password2)
		q.Set("database", e.database2)
	}))
}

// loginPacketSize logs in with a packet size and moves enough data both ways to
// need several packets of it.
func loginPacketSize(size string) func(context.Context, endpoint) (string, error) {
	return func(ctx context.Context, e endpoint) (string, error) {
		dsn := e.dsn(func(_ *url.URL, q url.Values) { q.Set("packet size", size) })
		return withConn(ctx, dsn, func(c *sql.Conn) (string, error) {
			text := letters(40_000)
			got, err := scalar(ctx, c, "SELECT @p1 AS v", text)
			if err == nil && got != formatText(text) {
				err = fmt.Errorf("sent %s", formatText(text))
			}
			return got, err
		})
	}
}
