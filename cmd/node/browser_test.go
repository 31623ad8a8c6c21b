package main

import (
	"context"
	"flag"
	"os"
	"strings"
	"testing"

	"sluice/configs"
)

var docs = flag.Bool("docs", false, "rewrite the pictures and outputs in docs with what there is to see")

// busyFleet is two nodes that pool by transaction, before a bucket of 5 and one
// that the first of them has paused.
func busyFleet(t *testing.T) *fleetRig {
	t.Helper()
	r := newFleetRig(t, 5)
	r.hold, r.loan, r.heartbeat = borrowHold, borrowLoan, borrowBeat // a browser beside it takes the machine's time
	for _, name := range []string{"node-1", "node-2"} {
		c := r.config(name)
		c.Proxy.Pooling, c.Pool.IdentityHold, c.Log.ClientSample = configs.PoolingTransaction, 0, 1
		c.Buckets = append(c.Buckets, bucketFor("reports", r.sql, 4))
		c.Routes = []configs.Route{{AppName: "report*", Bucket: "reports"}, {Bucket: "bucket-001"}}
		c.Admin.Users = []configs.AdminUser{{User: configs.RoleAdmin, Password: testPassword, Roles: []string{configs.RoleAdmin}}}
		r.start(c)
	}
	return r
}

// late is a client that comes now and has to wait.
func late(t *testing.T, n *node, app string) {
	db := open(t, dsn(n.tdsAddr(), "app1", "app name", app))
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	go func() { _ = db.PingContext(ctx) }()
}

// occupied is the first node of a busy fleet, with clients that run, wait, and
// are pinned.
func occupied(t *testing.T) *fleetNode {
	t.Helper()
	n := busyFleet(t).nodes[0]
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	pin := conn(t, dsn(n.tdsAddr(), "app1", "app name", "cart"))
	one[int](t, pin, "CREATE TABLE #items (id int) INSERT #items VALUES (4711) SELECT 1")
	job := conn(t, dsn(n.tdsAddr(), "app1", "app name", "nightly job"))
	one[int](t, job, "EXEC sp_getapplock @Resource = 'nightly', @LockMode = 'Exclusive', @LockOwner = 'Session' SELECT 1")
	// All log in before the first of them runs: a login that was never seen
	// would have to wait for a backend.
	reports := conn(t, dsn(n.tdsAddr(), "app1", "app name", "report of sales"))
	one[int](t, reports, "SELECT 1")
	var later []func()
	for _, app := range []string{"shop", "shop", "search", "checkout", "mailer"} {
		c := conn(t, dsn(n.tdsAddr(), "app1", "app name", app))
		one[int](t, c, "SELECT 1")
		later = append(later, func() { _, _ = c.ExecContext(ctx, "WAITFOR DELAY '00:02:00'") })
	}
	op := operatorConn(t, n.node, configs.RoleAdmin)
	rowsOf(t, op, "PAUSE reports 0")
	go func() { _, _ = reports.ExecContext(ctx, "SELECT 1") }()
	for _, f := range later {
		go f()
	}
	eventually(t, "some run and some wait", func() bool {
		b := rowsOf(t, op, "SHOW BUCKETS bucket-001")[0]
		return b["in_use"] == "5" && b["waiting"] == "2" && len(rowsOf(t, op, "SHOW QUEUE reports")) == 1
	})
	return n
}

// A browser shows the page without complaint, and in it, without a reload, who
// begins to wait. With -docs the pictures in docs are made.
func TestDebugPageInABrowser(t *testing.T) {
	b := startChromium(t)
	n := occupied(t)
	b.open("http://" + n.addrs["health"].String() + "/debug/actors")
	for id, texts := range map[string][]string{
		"node": {"node-1"}, "live": {"live, "}, "buckets": {"bucket-001", "reports", "paused", "all nodes"},
		"waiting": {"report of sales", "the bucket is paused", "all 5 connections", "1 of 2"},
		"holding": {"nightly job", "pinned: app_lock", "busy"}, "pins": {"temp_table #items", "VALUES (?", "cart"},
		"nodes": {"node-2", "alive"}, "actors": {"session", "queue"}, "tiles": {"clients"},
	} {
		for _, text := range texts {
			b.shows(id, text)
		}
	}
	if strings.Contains(b.eval("document.body.innerText"), "latecomer") {
		t.Error("who has not come yet is on the page")
	}
	late(t, n.node, "report by a latecomer")
	b.shows("waiting", "report by a latecomer")
	if text := b.eval("document.documentElement.outerHTML"); strings.Contains(text, "4711") || strings.Contains(text, testPassword) {
		t.Error("a literal or a password is on the page")
	}
	for _, width := range []int{1240, 390} {
		b.size(width, width < 500, "light")
		if wide := b.eval("document.documentElement.scrollWidth > innerWidth"); wide != "false" {
			t.Errorf("at a width of %d the page is wider than the screen: %s", width, b.eval("document.documentElement.scrollWidth"))
		}
	}
	if said := b.complaints(); len(said) > 0 {
		t.Errorf("the browser complains: %s", strings.Join(said, "\n"))
	}
	if !*docs {
		return
	}
	if err := os.MkdirAll("../../docs/images", 0o755); err != nil {
		t.Fatal(err)
	}
	b.size(1240, false, "light")
	b.screenshot("../../docs/images/debug-actors.png")
	b.size(390, true, "dark")
	b.screenshot("../../docs/images/debug-actors-phone.png")
}
