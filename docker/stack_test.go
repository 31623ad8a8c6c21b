package docker

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"
)

var separator = regexp.MustCompile(`(?mi)^GO\s*$`)

// prepare runs the scripts of the init service that need no SQL Server, through
// a driver.
func (r *rig) prepare(n int) {
	r.t.Helper()
	db := open(r.t, r.addr(fmt.Sprintf("sql-%d", n), "1433"), fmt.Sprintf("app%d", n))
	defer func() { _ = db.Close() }()
	for _, file := range []string{"sql/schema.sql", "sql/seed.sql"} {
		for _, batch := range separator.Split(string(read(r.t, file)), -1) {
			if strings.TrimSpace(batch) == "" {
				continue
			}
			if _, err := db.Exec(batch); err != nil {
				r.t.Fatalf("%s: %v", file, err)
			}
		}
	}
}

// The scripts of the init service run twice, by a program like sqlcmd, and the
// second time change nothing. What of them is for SQL Server alone (server.sql)
// is looked at as text: the embedded server has neither logins nor roles.
func TestInitScripts(t *testing.T) {
	tsql := need(t, "tsql")
	r := newRig(t)
	r.startSQL(1)
	host, port, err := net.SplitHostPort(r.addr("sql-1", "1433"))
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		for _, file := range []string{"sql/schema.sql", "sql/seed.sql"} {
			cmd := exec.Command(tsql, "-H", host, "-p", port, "-U", "app", "-P", appPassword, "-D", "app1", "-o", "q")
			cmd.Stdin = bytes.NewReader(read(t, file))
			out, err := cmd.CombinedOutput()
			if err != nil || bytes.Contains(out, []byte("Msg ")) {
				t.Fatalf("%s: %v\n%s", file, err, out)
			}
		}
	}
	if n, err := orders(t.Context(), open(t, r.addr("sql-1", "1433"), "app1")); err != nil || n != 1000 {
		t.Errorf("%d orders, %v", n, err)
	}
	script := string(read(t, "sql/init.sh"))
	for _, m := range regexp.MustCompile(`\$\((\w+)\)`).FindAllStringSubmatch(string(read(t, "sql/server.sql")), -1) {
		if !strings.Contains(script, `"`+m[1]+"=") {
			t.Errorf("init.sh does not set $(%s)", m[1])
		}
	}
	for _, m := range regexp.MustCompile(`/init/(\w+\.\w+)`).FindAllStringSubmatch(script, -1) {
		mustExist(t, "init.sh", filepath.Join("sql", m[1]))
	}
	mustRun(t, nil, "bash", "-n", "sql/init.sh")
}

// load is clients that connect through HAProxy, ask, and leave.
type load struct {
	done    atomic.Int64 // answers
	retries atomic.Int64 // tries that failed and were tried again
	lost    atomic.Pointer[error]
	stop    context.CancelFunc
	clients sync.WaitGroup
}

// A client connects that often before it gives up, and waits twice as long each
// time, as retry policies of drivers do.
const (
	tries      = 7
	firstPause = 50 * time.Millisecond
)

func (r *rig) startLoad() *load {
	ctx, stop := context.WithCancel(r.t.Context())
	l := &load{stop: stop}
	r.t.Cleanup(l.end)
	for i := range 6 {
		database := fmt.Sprintf("app%d", i%3+1)
		l.clients.Go(func() {
			for ctx.Err() == nil {
				if err := r.ask(ctx, database, l); err != nil && ctx.Err() == nil {
					l.lost.CompareAndSwap(nil, &err)
				}
				pause(ctx, 20*time.Millisecond)
			}
		})
	}
	return l
}

func (l *load) end() {
	l.stop()
	l.clients.Wait()
}

func (r *rig) ask(ctx context.Context, database string, l *load) (err error) {
	for i := range tries {
		db := open(r.t, r.addr("haproxy", "1433"), database)
		var n int
		n, err = orders(ctx, db)
		_ = db.Close()
		if err == nil && n == 1000 {
			l.done.Add(1)
			return nil
		}
		if err == nil {
			return fmt.Errorf("%s has %d orders", database, n)
		}
		l.retries.Add(1)
		pause(ctx, firstPause<<i)
	}
	return err
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

// goesOn waits for as many answers more, and fails if one did not come.
func (l *load) goesOn(r *rig, when string) {
	r.t.Helper()
	from := l.done.Load()
	r.eventually("clients are served "+when, 20*time.Second, func() error {
		if n := l.done.Load() - from; n < 60 {
			return fmt.Errorf("%d answers", n)
		}
		return nil
	})
	if err := l.lost.Load(); err != nil {
		r.t.Fatalf("a client gave up %s: %v", when, *err)
	}
	r.t.Logf("%s: %d answers so far, %d tries repeated", when, l.done.Load(), l.retries.Load())
}

// The stack starts, serves, shows itself to Prometheus, and goes on serving
// while a node leaves and comes back, and while one dies and comes back.
func TestStack(t *testing.T) {
	for _, program := range []string{"redis-server", "haproxy", "prometheus"} {
		need(t, program)
	}
	r := newRig(t)
	r.startRedis()
	for n := 1; n <= 3; n++ {
		r.startSQL(n)
		r.prepare(n)
	}
	r.startNode(1, "SLUICE_LIMITS_BOOTSTRAP=true") // saves the wait for hold_time
	r.startNode(2)
	r.startNode(3)
	for n := 1; n <= 3; n++ {
		r.ready(fmt.Sprintf("node-%d", n))
	}
	r.startHAProxy()
	r.startPrometheus()

	idle := r.idleConnections(6)
	l := r.startLoad()
	l.goesOn(r, "by three nodes")
	r.checkPrometheus()
	r.checkIdle(idle)

	one := r.procs["node-1"]
	one.end(syscall.SIGTERM)
	if code := one.cmd.ProcessState.ExitCode(); code != 0 {
		t.Errorf("node-1 ends with %d on SIGTERM", code)
	}
	l.goesOn(r, "while node-1 is away")
	r.balanced("node-1 is out", "DOWN", "UP", "UP")
	r.startNode(1)
	r.ready("node-1")
	r.balanced("node-1 is back", "UP", "UP", "UP")

	r.procs["node-2"].end(syscall.SIGKILL)
	l.goesOn(r, "after the death of node-2")
	r.balanced("node-2 is out", "UP", "DOWN", "UP")
	// By limits.state_dir its slots are free before hold_time is over.
	died := time.Now()
	r.startNode(2)
	r.ready("node-2")
	t.Logf("node-2 is ready %s after it was started again", time.Since(died).Round(time.Millisecond))
	r.balanced("node-2 is back", "UP", "UP", "UP")
	l.goesOn(r, "by three nodes again")
	l.end()
}

// balanced waits until HAProxy sees the nodes in these states.
func (r *rig) balanced(what string, states ...string) {
	r.t.Helper()
	r.eventually(what, 20*time.Second, func() error {
		page, err := get("http://" + r.addr("haproxy", "8404") + "/;csv")
		if err != nil {
			return err
		}
		for i, want := range states {
			m := regexp.MustCompile(fmt.Sprintf(`(?m)^tds,node-%d,(?:[^,]*,){15}([^,]*),`, i+1)).FindSubmatch(page)
			if m == nil || !strings.HasPrefix(string(m[1]), want) {
				return fmt.Errorf("node-%d is %s, not %s", i+1, m, want)
			}
		}
		return nil
	})
}

func (r *rig) idleConnections(count int) []*sql.Conn {
	r.t.Helper()
	var all []*sql.Conn
	for range count {
		c, err := open(r.t, r.addr("haproxy", "1433"), "app1").Conn(r.t.Context())
		if err != nil {
			r.t.Fatal(err)
		}
		all = append(all, c)
	}
	return all
}

// checkIdle sees that connections outlived HAProxy's time-outs for connections
// under way (see startHAProxy).
func (r *rig) checkIdle(all []*sql.Conn) {
	r.t.Helper()
	wait := time.NewTimer(1500 * time.Millisecond)
	<-wait.C
	for _, c := range all {
		if n, err := orders(r.t.Context(), c); err != nil || n != 1000 {
			r.t.Errorf("a connection that was idle: %d orders, %v", n, err)
		}
		_ = c.Close()
	}
}

// checkPrometheus sees that every target is up and every rule is loaded and has
// been evaluated without an error.
func (r *rig) checkPrometheus() {
	r.t.Helper()
	base := "http://" + r.addr("prometheus", "9090") + "/api/v1/"
	r.eventually("Prometheus reads all targets", 20*time.Second, func() error {
		var page struct {
			Data struct {
				ActiveTargets []struct{ ScrapeURL, Health, LastError string }
			}
		}
		if err := getJSON(base+"targets", &page); err != nil {
			return err
		}
		if n := len(page.Data.ActiveTargets); n != 4 {
			return fmt.Errorf("%d targets", n)
		}
		for _, target := range page.Data.ActiveTargets {
			if target.Health != "up" {
				return fmt.Errorf("%s is %s: %s", target.ScrapeURL, target.Health, target.LastError)
			}
		}
		return nil
	})
	want := r.rulesOfTheStack()
	r.eventually("Prometheus has its rules", 20*time.Second, func() error {
		var page struct {
			Data struct {
				Groups []struct {
					Rules []struct{ Name, Health, LastError string }
				}
			}
		}
		if err := getJSON(base+"rules", &page); err != nil {
			return err
		}
		n := 0
		for _, g := range page.Data.Groups {
			for _, rule := range g.Rules {
				if rule.Health != "ok" {
					return fmt.Errorf("%s is %s: %s", rule.Name, rule.Health, rule.LastError)
				}
				n++
			}
		}
		if n != want {
			return fmt.Errorf("%d rules of %d", n, want)
		}
		return nil
	})
	r.t.Logf("Prometheus: 4 targets up, %d rules evaluated", want)
}

func (r *rig) rulesOfTheStack() int {
	r.t.Helper()
	var rules struct{ Groups []struct{ Rules []yaml.Node } }
	if err := yaml.Unmarshal(read(r.t, "prometheus/alerts.yml"), &rules); err != nil {
		r.t.Fatal(err)
	}
	n := 0
	for _, g := range rules.Groups {
		n += len(g.Rules)
	}
	if n == 0 {
		r.t.Fatal("alerts.yml has no rules")
	}
	return n
}

func getJSON(u string, into any) error {
	page, err := get(u)
	if err != nil {
		return err
	}
	return json.Unmarshal(page, into)
}
