package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"sync"
	"time"
)

// cancelCases stop running queries in the ways a client can.
func cancelCases() []testCase {
	return []testCase{
		{name: "cancel/running-query", needs: []string{"waitfor"}, run: cancelRunning},
		{name: "cancel/between-rows", run: cancelBetweenRows},
		{name: "cancel/in-transaction", needs: []string{"waitfor"}, run: cancelInTransaction},
		{name: "cancel/deadline", needs: []string{"waitfor"}, run: cancelDeadline},
		{name: "cancel/many", run: cancelMany},
		{name: "cancel/disconnect-mid-query", needs: []string{"waitfor"}, run: disconnectMidQuery},
		{name: "connect/1000-in-a-row", run: thousandConnects},
		{name: "connect/50-at-once", run: fiftyAtOnce},
	}
}

const (
	cancelAfter  = 300 * time.Millisecond
	cancelWithin = 5 * time.Second
	longQuery    = "WAITFOR DELAY '00:00:20'"
)

// cancelWait runs a long query, cancels it and fails if that takes too long.
func cancelWait(ctx context.Context, c *sql.Conn) error {
	// The driver keeps its connection after a cancel, not after a deadline, which
	// it takes for a network error.
	short, stop := context.WithCancel(ctx)
	defer stop()
	timer := time.AfterFunc(cancelAfter, stop)
	defer timer.Stop()
	begun := time.Now()
	_, err := c.ExecContext(short, longQuery)
	if took := time.Since(begun); took > cancelWithin {
		return fmt.Errorf("cancel took %s", took)
	}
	if err == nil {
		return errors.New("the query ended by itself")
	}
	if short.Err() == nil {
		return err
	}
	return nil
}

func cancelRunning(ctx context.Context, e endpoint) (string, error) {
	return withConn(ctx, e.dsn(nil), func(c *sql.Conn) (string, error) {
		if _, err := c.ExecContext(ctx, "CREATE TABLE #mine (a int)"); err != nil {
			return "", err
		}
		if err := cancelWait(ctx, c); err != nil {
			return "", err
		}
		// The temporary table shows that it is still the same session.
		text, err := report(ctx, c, "SELECT COUNT(*) AS n FROM #mine")
		return "cancelled, then " + text, err
	})
}

// cancelBetweenRows leaves a result half-read by cancelling its context.
func cancelBetweenRows(ctx context.Context, e endpoint) (string, error) {
	return withConn(ctx, e.dsn(nil), func(c *sql.Conn) (string, error) {
		short, stop := context.WithCancel(ctx)
		defer stop()
		rows, err := c.QueryContext(short, numbers)
		if err != nil {
			return "", err
		}
		if !rows.Next() {
			return "no row", rows.Err()
		}
		stop()
		for rows.Next() {
			continue
		}
		rows.Close() //nolint:errcheck // its error is the cancellation
		return scalar(ctx, c, "SELECT 'usable'")
	})
}

func cancelInTransaction(ctx context.Context, e endpoint) (string, error) {
	return withConn(ctx, e.dsn(nil), func(c *sql.Conn) (string, error) {
		for _, s := range []string{"CREATE TABLE #t (a int NOT NULL)", "BEGIN TRAN", "INSERT INTO #t (a) VALUES (1)"} {
			if _, err := c.ExecContext(ctx, s); err != nil {
				return s, err
			}
		}
		if err := cancelWait(ctx, c); err != nil {
			return "", err
		}
		text, err := report(ctx, c, "SELECT @@TRANCOUNT AS depth, COUNT(*) AS n FROM #t")
		if err != nil {
			return "", err
		}
		_, err = c.ExecContext(ctx, "IF @@TRANCOUNT > 0 ROLLBACK")
		return text, err
	})
}

// cancelDeadline lets a deadline end a long query; the pool then goes on.
func cancelDeadline(ctx context.Context, e endpoint) (string, error) {
	db, err := sql.Open("sqlserver", e.dsn(nil))
	if err != nil {
		return "", err
	}
	defer db.Close() //nolint:errcheck // nothing is pending
	db.SetMaxOpenConns(1)
	short, stop := context.WithTimeout(ctx, cancelAfter)
	defer stop()
	begun := time.Now()
	_, err = db.ExecContext(short, longQuery)
	if took := time.Since(begun); took > cancelWithin {
		return "", fmt.Errorf("the deadline took %s", took)
	}
	if err == nil {
		return "", errors.New("the query ended by itself")
	}
	text, err := report(ctx, db, "SELECT 1 AS one")
	return "deadline, then " + text, err
}

// cancelMany cancels at many moments, so that some cancellations meet an answer
// that is already under way.
func cancelMany(ctx context.Context, e endpoint) (string, error) {
	db, err := sql.Open("sqlserver", e.dsn(nil))
	if err != nil {
		return "", err
	}
	defer db.Close() //nolint:errcheck // nothing is pending
	db.SetMaxOpenConns(1)
	for i := range 40 {
		short, stop := context.WithCancel(ctx)
		timer := time.AfterFunc(time.Duration(i)*200*time.Microsecond, stop)
		var got int
		err := db.QueryRowContext(short, "SELECT 1").Scan(&got)
		expired := short.Err() != nil
		timer.Stop()
		stop()
		if err != nil && !expired {
			return fmt.Sprintf("round %d", i), err
		}
		if err := db.QueryRowContext(ctx, "SELECT @p1 AS i", i).Scan(&got); err != nil {
			return fmt.Sprintf("after round %d", i), err
		}
		if got != i {
			return "", fmt.Errorf("asked for %d, got the answer %d", i, got)
		}
	}
	return "40 rounds, every answer its own", nil
}

// disconnectMidQuery drops the connection while the server works, then logs in anew.
func disconnectMidQuery(ctx context.Context, e endpoint) (string, error) {
	dial, cut := cuttableDialer()
	db := sql.OpenDB(connectorWith(e.dsn(func(_ *url.URL, q url.Values) { q.Set("keepalive", "0") }), dial))
	defer db.Close() //nolint:errcheck // its connection is cut
	c, err := db.Conn(ctx)
	if err != nil {
		return "", err
	}
	timer := time.AfterFunc(cancelAfter, cut)
	defer timer.Stop()
	_, queryErr := c.ExecContext(ctx, longQuery)
	c.Close() //nolint:errcheck // its connection is cut
	if queryErr == nil {
		return "", errors.New("the query went on after the cut")
	}
	begun := time.Now()
	text, err := loginAndAsk(ctx, e.dsn(nil))
	if took := time.Since(begun); took > cancelWithin {
		return text, fmt.Errorf("the next login took %s", took)
	}
	return "cut, then " + text, err
}

func thousandConnects(ctx context.Context, e endpoint) (string, error) {
	ok := 0
	for range 1000 {
		if _, err := withConn(ctx, e.dsn(nil), func(c *sql.Conn) (string, error) { return scalar(ctx, c, "SELECT 1") }); err != nil {
			return fmt.Sprintf("%d ok", ok), err
		}
		ok++
	}
	return fmt.Sprintf("%d ok", ok), nil
}

func fiftyAtOnce(ctx context.Context, e endpoint) (string, error) {
	const clients = 50
	var wg sync.WaitGroup
	results := make([]string, clients)
	errs := make([]error, clients)
	for i := range clients {
		wg.Go(func() {
			results[i], errs[i] = withConn(ctx, e.dsn(nil), func(c *sql.Conn) (string, error) {
				return scalar(ctx, c, "SELECT @p1", int64(i))
			})
		})
	}
	wg.Wait()
	for i := range clients {
		if errs[i] == nil && results[i] != fmt.Sprint(i) {
			errs[i] = fmt.Errorf("client %d got the answer %s", i, results[i])
		}
	}
	return fmt.Sprintf("%d clients", clients), errors.Join(errs...)
}
