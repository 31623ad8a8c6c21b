package main

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"sluice/configs"
	"sluice/sandbox"
)

func topTenants(t *testing.T, n *node, query string) tenantsReport {
	t.Helper()
	code, body := get(t, n, "health", "/debug/tenants?"+query)
	var rep tenantsReport
	if err := json.Unmarshal([]byte(body), &rep); code != http.StatusOK || err != nil {
		t.Fatalf("%d, %v: %s", code, err, body)
	}
	return rep
}

// Who waits, uses and fails is found in either way of pooling.
func TestTopTenants(t *testing.T) {
	for _, pooling := range []configs.PoolingMode{configs.PoolingSession, configs.PoolingTransaction} {
		t.Run(string(pooling), func(t *testing.T) {
			s := server(t, sandbox.Options{})
			c := testConfig(bucketFor("bucket-001", s, 1, "app1"))
			c.Proxy.Pooling, c.Proxy.QueueTimeout = pooling, 200*time.Millisecond
			n := startNode(t, c)
			greedy := open(t, dsn(n.tdsAddr(), "app1", "app name", "greedy"))
			done := make(chan error, 1)
			go func() {
				_, err := greedy.ExecContext(context.Background(), "WAITFOR DELAY '00:00:03'")
				done <- err
			}()
			eventually(t, "it is at work", func() bool { return s.Stats().Requests > 0 })
			if got := topTenants(t, n, "by=use").Tenants; len(got) == 0 || got[0].App != "greedy" {
				t.Errorf("a lease under way is not shown: %+v", got)
			}
			if err := open(t, dsn(n.tdsAddr(), "app1", "app name", "patient")).PingContext(t.Context()); err == nil {
				t.Error("there was a connection for another client")
			}
			if err := <-done; err != nil {
				t.Error(err)
			}
			closing(t, greedy)
			eventually(t, "the end of the lease counts", func() bool {
				got := topTenants(t, n, "by=use&n=1").Tenants
				return len(got) == 1 && got[0].App == "greedy" && got[0].AtLeast >= 2.9 && got[0].Errors == 0
			})
			for _, by := range []string{"wait", "errors"} {
				got := topTenants(t, n, "by="+by)
				if len(got.Tenants) == 0 || got.By != by {
					t.Fatalf("by %s: %+v", by, got)
				}
				first := got.Tenants[0]
				if first.App != "patient" || first.Errors != 1 || first.Waited < 0.2 || first.Login != testUser || first.Database != "app1" || first.Bucket != "bucket-001" {
					t.Errorf("by %s: %+v", by, first)
				}
			}
			_, text := get(t, n, "health", "/debug/tenants?by=errors&format=text")
			if lines := strings.Split(text, "\n"); !strings.HasPrefix(text, "waited_s") || !strings.Contains(lines[1], "patient") {
				t.Errorf("as text:\n%s", text)
			}
		})
	}
}

func TestTenantsRefusesNonsense(t *testing.T) {
	n := startNode(t, testConfig(bucketFor("bucket-001", server(t, sandbox.Options{}), 1, "app1")))
	for _, query := range []string{"by=beauty", "n=0", "n=many", "n=501"} {
		if code, _ := get(t, n, "health", "/debug/tenants?"+query); code != http.StatusBadRequest {
			t.Errorf("%s: %d", query, code)
		}
	}
	if got := topTenants(t, n, ""); got.By != "wait" || len(got.Tenants) != 0 {
		t.Errorf("%+v", got)
	}
	if got := oneLine("a\nb\t\"c\x00"); strings.ContainsAny(got, "\n\t\x00") || oneLine("") != "-" {
		t.Errorf("a name of several lines becomes %q", got)
	}
}
