package docker

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	_ "github.com/microsoft/go-mssqldb"
)

// rig is the stack of compose.yaml as processes of this machine. Each service
// has a loopback address of its own, so that ports are those of the files; only
// names are replaced by addresses.
type rig struct {
	t     *testing.T
	dir   string
	hosts map[string]string
	procs map[string]*process
}

type process struct {
	cmd   *exec.Cmd
	log   string
	ended chan struct{}
}

func newRig(t *testing.T) *rig {
	t.Helper()
	r := &rig{t: t, dir: t.TempDir(), hosts: map[string]string{}, procs: map[string]*process{}}
	net24 := fmt.Sprintf("127.%d.%d.", 2+rand.IntN(250), rand.IntN(250))
	i := 1
	for name := range loadCompose(t).Services {
		r.hosts[name] = fmt.Sprint(net24, i)
		i++
	}
	l, err := net.Listen("tcp", net.JoinHostPort(r.hosts["node-1"], "0"))
	if err != nil {
		t.Skipf("this system has no loopback addresses but one: %v", err)
	}
	l.Close()
	return r
}

// addr is where a service listens.
func (r *rig) addr(service, port string) string { return net.JoinHostPort(r.hosts[service], port) }

// located writes a file of the stack with addresses in place of names, and with
// the other replacements, which must apply.
func (r *rig) located(file string, replace ...string) string {
	r.t.Helper()
	text := string(read(r.t, file))
	for i := 0; i < len(replace); i += 2 {
		if !strings.Contains(text, replace[i]) {
			r.t.Fatalf("%s has no %q", file, replace[i])
		}
		text = strings.ReplaceAll(text, replace[i], replace[i+1])
	}
	for name, host := range r.hosts {
		text = strings.ReplaceAll(text, " "+name+":", " "+host+":")
		text = strings.ReplaceAll(text, "["+name+":", "["+host+":")
	}
	to := filepath.Join(r.dir, filepath.Base(file))
	if err := os.WriteFile(to, []byte(text), 0o600); err != nil {
		r.t.Fatal(err)
	}
	return to
}

// run starts a process, which ends with the test.
func (r *rig) run(name string, env []string, program string, args ...string) *process {
	r.t.Helper()
	log, err := os.OpenFile(filepath.Join(r.dir, name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		r.t.Fatal(err)
	}
	p := &process{cmd: exec.Command(program, args...), log: log.Name(), ended: make(chan struct{})}
	p.cmd.Env, p.cmd.Stdout, p.cmd.Stderr = append(os.Environ(), env...), log, log
	if err := p.cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	go func() {
		_ = p.cmd.Wait() // cmd.ProcessState says how
		log.Close()
		close(p.ended)
	}()
	r.procs[name] = p
	r.t.Cleanup(func() {
		p.end(syscall.SIGKILL)
		if r.t.Failed() {
			text, _ := os.ReadFile(p.log)
			lines := strings.Split(string(text), "\n")
			r.t.Logf("log of %s:\n%s", name, strings.Join(lines[max(0, len(lines)-15):], "\n"))
		}
	})
	return p
}

// end ends a process and waits for it.
func (p *process) end(with syscall.Signal) {
	_ = p.cmd.Process.Signal(with) // it may have ended
	<-p.ended
}

// eventually waits for a condition, which returns what is missing.
func (r *rig) eventually(what string, within time.Duration, missing func() error) {
	r.t.Helper()
	var err error
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(within); time.Now().Before(end); <-tick.C {
		if err = missing(); err == nil {
			return
		}
	}
	r.t.Fatalf("%s: not within %s: %v", what, within, err)
}

// listens waits until a service accepts connections.
func (r *rig) listens(service, port string) {
	r.t.Helper()
	r.eventually(service+" listens", 20*time.Second, func() error {
		c, err := net.Dial("tcp", r.addr(service, port))
		if err == nil {
			c.Close()
		}
		return err
	})
}

const appPassword = "Change-me-2" // of .env.example

// startSQL starts an embedded SQL server in the place of SQL Server n.
func (r *rig) startSQL(n int) {
	r.t.Helper()
	name := fmt.Sprintf("sql-%d", n)
	r.run(name, nil, sluice(r.t), "sandbox", "--listen", r.addr(name, "1433"), "--user", "app", "--password", appPassword,
		"--databases", fmt.Sprintf("app%d", n))
	r.listens(name, "1433")
}

func (r *rig) startRedis() {
	r.t.Helper()
	// As a service of compose.yaml is told, less the shell.
	r.run("redis", nil, need(r.t, "redis-server"), r.located("redis/redis.conf"), "--requirepass", envExample(r.t, ".env.example")["REDIS_PASSWORD"],
		"--bind", r.hosts["redis"], "--dir", r.dir)
	r.listens("redis", "6379")
}

// startNode starts a node with the files and the environment of the stack, and
// with more variables.
func (r *rig) startNode(n int, more ...string) *process {
	r.t.Helper()
	name := fmt.Sprintf("node-%d", n)
	host := r.hosts[name]
	state := filepath.Join(r.dir, name+"-state") // its volume
	if err := os.MkdirAll(state, 0o700); err != nil {
		r.t.Fatal(err)
	}
	env := append(environment(r.t, name),
		"SLUICE_LIMITS_STATE_DIR="+state, "SLUICE_PROXY_LISTEN_ADDR="+host, "SLUICE_PROXY_ADMIN_ADDR="+host, "SLUICE_GOSSIP_BIND_ADDR="+host,
		"SLUICE_REDIS_ADDR="+r.addr("redis", "6379"),
		"SLUICE_GOSSIP_JOIN="+r.hosts["node-1"]+","+r.hosts["node-2"]+","+r.hosts["node-3"],
	)
	for i := 1; i <= 3; i++ {
		env = append(env, fmt.Sprintf("SLUICE_BUCKETS_BUCKET_00%d_HOST=%s", i, r.hosts[fmt.Sprintf("sql-%d", i)]))
	}
	return r.run(name, append(env, more...), sluice(r.t), "serve", "--config", "node/proxy.yaml", "--buckets", "node/buckets.yaml")
}

// ready waits until a node says by the image's own means that it takes clients.
func (r *rig) ready(node string) {
	r.t.Helper()
	r.eventually(node+" is ready", 40*time.Second, func() error {
		out, err := exec.Command(sluice(r.t), "health", "--ready", "--address", r.addr(node, "8080")).CombinedOutput()
		if err != nil {
			return fmt.Errorf("%w: %s", err, out)
		}
		return nil
	})
}

func (r *rig) startHAProxy() {
	r.t.Helper()
	host := r.hosts["haproxy"]
	file := r.located("haproxy/haproxy.cfg", "bind :1433", "bind "+host+":1433", "bind :8404", "bind "+host+":8404",
		// What the tests' machine allows of files may be less.
		"maxconn 20000", "maxconn 1000",
		// So that a test sees an idle connection outlive them.
		"timeout client 1m", "timeout client 1s", "timeout server 1m", "timeout server 1s")
	r.run("haproxy", nil, need(r.t, "haproxy"), "-db", "-f", file)
	r.listens("haproxy", "1433")
}

// startPrometheus starts it with the stack's file and rules, asking more often.
func (r *rig) startPrometheus() {
	r.t.Helper()
	r.located("prometheus/alerts.yml")
	file := r.located("prometheus/prometheus.yml", "scrape_interval: 10s", "scrape_interval: 1s", "evaluation_interval: 10s", "evaluation_interval: 1s")
	text := string(read(r.t, file))
	for name, host := range r.hosts { // the middle ones of a list
		text = strings.ReplaceAll(text, " "+name+":", " "+host+":")
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		r.t.Fatal(err)
	}
	r.run("prometheus", nil, need(r.t, "prometheus"), "--config.file="+file, "--storage.tsdb.path="+filepath.Join(r.dir, "tsdb"),
		"--web.listen-address="+r.addr("prometheus", "9090"))
}

// get asks for a page.
func get(u string) ([]byte, error) {
	c := http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := c.Get(u)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s: %s", u, resp.Status, bytes.TrimSpace(body))
	}
	return body, err
}

// open returns a pool of one connection to a database through an address.
func open(t *testing.T, addr, database string) *sql.DB {
	t.Helper()
	u := url.URL{
		Scheme: "sqlserver", User: url.UserPassword("app", appPassword), Host: addr,
		RawQuery: url.Values{"database": {database}, "TrustServerCertificate": {"true"}, "dial timeout": {"5"}, "app name": {"stack"}}.Encode(),
	}
	db, err := sql.Open("sqlserver", u.String())
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// orders counts the orders that seed.sql makes.
func orders(ctx context.Context, q interface {
	QueryRowContext(context.Context, string, ...any) *sql.Row
},
) (n int, err error) {
	err = q.QueryRowContext(ctx, "SELECT COUNT(*) FROM dbo.orders").Scan(&n)
	return n, err
}
