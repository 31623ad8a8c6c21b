package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"sluice/limits"
	"sluice/limits/redisledger"
	"sluice/sandbox"
	"sluice/sandbox/redisd"
)

// program is a node that runs as users run it, with its guard.
type program struct {
	t      *testing.T
	binary string
	config string
	health string
	cmd    *exec.Cmd
	log    string
	exited chan error
}

// start runs `serve` and waits until the node is ready.
func (p *program) start() {
	p.t.Helper()
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		p.t.Fatal(err)
	}
	defer closing(p.t, log)
	p.exited = make(chan error, 1)
	p.cmd = exec.Command(p.binary, "serve", "--config", p.config)
	p.cmd.Stderr = log // a file: the guard has it too, and is not waited for
	if err := p.cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	cmd, exited := p.cmd, p.exited
	go func() { exited <- cmd.Wait() }()
	p.t.Cleanup(func() {
		_ = cmd.Process.Kill() // it has ended, if all went well
		if p.t.Failed() {
			text, _ := os.ReadFile(p.log)
			p.t.Logf("log:\n%s", text)
		}
	})
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: time.Second}
	within(p.t, 20*time.Second, "the node is ready", func() bool {
		r, err := client.Get("http://" + p.health + "/health/ready")
		if err != nil {
			return false
		}
		_ = r.Body.Close()
		return r.StatusCode == http.StatusOK
	})
}

// processes are those of the program, by what they do.
func (p *program) processes() (nodes, guards []int) {
	p.t.Helper()
	entries, err := os.ReadDir("/proc")
	if err != nil {
		p.t.Skip("no /proc")
	}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		b, err := os.ReadFile(filepath.Join("/proc", e.Name(), "cmdline"))
		args := strings.Split(string(b), "\x00")
		switch {
		case err != nil || len(args) < 2 || args[0] != p.binary || startedAt(pid) == 0:
		case args[1] == "guard":
			guards = append(guards, pid)
		default:
			nodes = append(nodes, pid)
		}
	}
	return nodes, guards
}

func (p *program) kill(pid int) {
	p.t.Helper()
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		p.t.Fatal(err)
	}
}

// wait waits for the node's end.
func (p *program) wait() error {
	p.t.Helper()
	select {
	case err := <-p.exited:
		return err
	case <-time.After(20 * time.Second):
		p.t.Fatal("the node does not end")
		return nil
	}
}

// newProgram builds the program and writes its configuration.
func newProgram(t *testing.T, s *sandbox.Server, r *redisd.Server) *program {
	t.Helper()
	dir := t.TempDir()
	p := &program{t: t, binary: filepath.Join(dir, "sluice"), config: filepath.Join(dir, "sluice.yaml"), log: filepath.Join(dir, "log"), health: fmt.Sprintf("127.0.0.1:%d", takePort())}
	if out, err := exec.Command("go", "build", "-o", p.binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	_, port, err := net.SplitHostPort(p.health)
	if err != nil {
		t.Fatal(err)
	}
	sql := s.Addr().(*net.TCPAddr)
	text := fmt.Sprintf(`
proxy: {instance_id: node-1, listen_addr: 127.0.0.1, admin_addr: 127.0.0.1, listen_port: 0, health_check_port: %s, metrics_port: 0}
redis: {addr: "%s", heartbeat_interval: 500ms}
gossip: {bind_addr: 127.0.0.1, bind_port: 0, peer_port: 0, preset: local, cluster_name: test}
limits: {hold_time: 60s, loan_time: 5s, state_dir: "%s", bootstrap: true}
shutdown_timeout: 2s
buckets: [{id: bucket-001, host: %s, port: %d, databases: [app1], max_connections: 5}]
`, port, r.Addr(), dir, sql.IP, sql.Port)
	if err := os.WriteFile(p.config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return p
}

// holds waits until the node's one session owns all slots, and returns it.
func holds(t *testing.T, l *redisledger.Ledger) (s limits.Session) {
	t.Helper()
	within(t, 15*time.Second, "one session owns the slots", func() bool {
		all := sessionsOf(t, l, "node-1")
		for session, st := range all {
			s = session
			if st.Held["bucket-001"] == 5 {
				return len(all) == 1
			}
		}
		return false
	})
	return s
}

// A node that is killed is missed by its guard, or by its successor, and by
// nobody if it left in order.
func TestGuardAndSuccessorReportADeath(t *testing.T) {
	if _, err := os.Stat("/proc/self/stat"); err != nil {
		t.Skip("guards need Linux")
	}
	t.Parallel()
	s := server(t, sandbox.Options{})
	r, err := redisd.Start("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	p := newProgram(t, s, r)
	ledger := ledgerOf(t, r.Addr(), "test")
	gone := func(what string, old limits.Session) {
		t.Helper()
		took := within(t, 15*time.Second, what, func() bool {
			_, there := sessionsOf(t, ledger, "node-1")[old]
			return !there
		})
		t.Logf("%s: its session is over after %v", what, took)
	}

	p.start()
	first := holds(t, ledger)
	_, guards := p.processes()
	if len(guards) != 1 {
		t.Fatalf("%d guards", len(guards))
	}
	p.kill(p.cmd.Process.Pid)
	_ = p.wait()
	gone("node killed, guard alive", first)
	within(t, 15*time.Second, "the guard has ended", func() bool { n, g := p.processes(); return len(n)+len(g) == 0 })

	p.start()
	second := holds(t, ledger)
	_, guards = p.processes()
	p.kill(guards[0])
	within(t, 15*time.Second, "the guard is dead", func() bool { _, g := p.processes(); return len(g) == 0 })
	p.kill(p.cmd.Process.Pid)
	_ = p.wait()
	if _, there := sessionsOf(t, ledger, "node-1")[second]; !there {
		t.Error("the session is over though nobody could tell")
	}
	p.start()
	gone("node and guard killed, successor started", second)
	third := holds(t, ledger)

	start := time.Now()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := p.wait(); err != nil {
		t.Errorf("after SIGTERM: %v", err)
	}
	t.Logf("left in order in %v", time.Since(start))
	if all := sessionsOf(t, ledger, "node-1"); len(all) > 0 {
		t.Errorf("a node left in order, and the ledger has %v (it was %s)", all, third)
	}
	if n, g := p.processes(); len(n)+len(g) > 0 {
		t.Errorf("processes are left: nodes %v, guards %v", n, g)
	}
}

func TestGuardWithBadOrders(t *testing.T) {
	for _, text := range []string{"", "{", `{"state":7}`} {
		if err := guard(t.Context(), strings.NewReader(text), io.Discard); err == nil || !strings.Contains(err.Error(), "read the order") {
			t.Errorf("%q: %v", text, err)
		}
	}
	// Without the descriptor that a node gives it: run by hand.
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, exe, "guard")
	cmd.Stdin = strings.NewReader("{}")
	var out bytes.Buffer
	cmd.Stderr = &out
	if err := cmd.Run(); err == nil || !strings.Contains(out.String(), "guard:") {
		t.Errorf("run by hand: %v, %s", err, &out)
	}
}
