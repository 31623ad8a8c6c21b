package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"sluice/configs"
	"sluice/sandbox"
)

// The lists of actors: by kind, bucket and order, no more than were asked for,
// and one actor with what it waits for.
func TestDebugLists(t *testing.T) {
	s := server(t, sandbox.Options{})
	c := testConfig(bucketFor("bucket-001", s, 2, "app1"), bucketFor("bucket-002", s, 2, "app2"))
	c.Proxy.Pooling = configs.PoolingTransaction
	n := startNode(t, c)
	first := conn(t, dsn(n.tdsAddr(), "app1", "app name", "first"))
	one[int](t, first, "SELECT 1")
	pinned := conn(t, dsn(n.tdsAddr(), "app1", "app name", "pinned"))
	one[int](t, pinned, "CREATE TABLE #t (a int) SELECT 1")
	holder := conn(t, dsn(n.tdsAddr(), "app1", "app name", "holder"))
	one[int](t, holder, "SELECT 1")
	waiter := conn(t, dsn(n.tdsAddr(), "app1", "app name", "waiter"))
	one[int](t, waiter, "SELECT 1")
	go func() { _, _ = holder.ExecContext(t.Context(), "WAITFOR DELAY '00:02:00'") }()
	eventually(t, "both backends are taken", func() bool {
		v, _ := metric(t, n, `proxy_connections_active{bucket_id="bucket-001"}`)
		return v == 2
	})
	go func() { _, _ = waiter.ExecContext(t.Context(), "SELECT 2") }()
	eventually(t, "one waits", func() bool {
		v, _ := metric(t, n, `proxy_queue_length{bucket_id="bucket-001"}`)
		return v == 1
	})
	type actorState struct {
		ID     uint64 `json:"id"`
		Bucket string `json:"bucket"`
		State  struct {
			App  string `json:"app"`
			Wait struct {
				For      string `json:"for"`
				Why      string `json:"why"`
				Position int    `json:"position"`
			} `json:"wait"`
		} `json:"state"`
	}
	list := func(query string) (apps []string, left int, all []actorState) {
		t.Helper()
		code, body := get(t, n, "health", "/debug/actors?state=1&"+query)
		var rep struct {
			Actors []actorState `json:"actors"`
			Left   int          `json:"actors_left_out"`
		}
		if err := json.Unmarshal([]byte(body), &rep); err != nil || code != http.StatusOK {
			t.Fatalf("%s: %d %v %s", query, code, err, body)
		}
		for _, a := range rep.Actors {
			apps = append(apps, a.State.App)
		}
		return apps, rep.Left, rep.Actors
	}
	for query, want := range map[string]string{
		"kind=session&sort=age":                        "[first pinned holder waiter] 0",
		"kind=session&sort=age&n=2":                    "[first pinned] 2",
		"kind=session&sort=id&n=1&bucket=bucket-001":   "[first] 3",
		"kind=session&sort=wait&n=3":                   "[waiter holder first] 1",
		"kind=session&sort=pinned":                     "[pinned] 0",
		"kind=session&sort=wait&bucket=bucket-002":     "[] 0",
		"kind=session&bucket=bucket-002":               "[] 0",
		"kind=bucket&bucket=bucket-002&sort=queued":    "[] 0",
		"kind=nothing":                                 "[] 0",
		"kind=session&sort=queued&n=4&bucket=bucket-x": "[] 0",
	} {
		apps, left, all := list(query)
		if strings.HasPrefix(query, "kind=bucket") {
			if len(all) != 1 || all[0].Bucket != "bucket-002" {
				t.Errorf("%s: %+v", query, all)
			}
			continue
		}
		if got := fmt.Sprint(apps, left); got != want {
			t.Errorf("%s: %s, want %s", query, got, want)
		}
	}
	_, _, waiting := list("kind=session&sort=wait&n=1")
	code, body := get(t, n, "health", "/debug/actors?id="+itoa(waiting[0].ID))
	var a actorState
	if err := json.Unmarshal([]byte(body), &a); err != nil || code != http.StatusOK {
		t.Fatal(code, err, body)
	}
	if a.State.Wait.For != "backend" || a.State.Wait.Position != 1 || a.State.Wait.Why != "all 2 connections are taken" {
		t.Errorf("the waiter: %+v", a)
	}
	for query, want := range map[string]int{
		"kind=session&n=0": 400, "kind=session&n=1001": 400, "kind=session&sort=x": 400, "kind=queue&sort=wait": 400,
		"show=x": 400, "show=queue&format=x": 400, "show=queue&n=x": 400, "id=x": 400, "id=99999": 404, "show=queue&format=csv": 200,
	} {
		if code, _ := get(t, n, "health", "/debug/actors?"+query); code != want {
			t.Errorf("%s: %d, want %d", query, code, want)
		}
	}
}
