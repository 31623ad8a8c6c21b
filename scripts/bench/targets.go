package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// target is one way to the backend.
type target struct {
	name    string
	address string // with a backend whose logins cost nothing
	slow    string // with one whose logins cost slowLogin
	login   login  // for address
	slowLog login  // for slow
	encrypt bool   // between the client and what it connects to
	pid     int    // of the process in the middle, 0 if there is none
	node    *node  // if that is a node
}

// lab is everything a run needs, processes included.
type lab struct {
	opts    options
	dir     string // of configurations and logs
	running []*process
	fast    string // address of the backend without a login delay
	slow    string
	targets []target
	skipped map[string]string // targets that are missing, and why
}

// Databases that the node routes by: the first to the backend without a login
// delay, the second to the other.
const (
	fastDatabase = "app1"
	slowDatabase = "app2"
)

// newLab starts the backends and what is to be compared.
func newLab(ctx context.Context, o options) (*lab, error) {
	return buildLab(ctx, o, func(l *lab, direct target) error {
		if err := l.startHAProxies(ctx, direct); err != nil {
			return err
		}
		for _, node := range []struct{ name, path string }{{"sluice", o.sluice}, {"baseline", o.baseline}} {
			if node.path == "" {
				continue
			}
			if err := l.addSluice(ctx, node.name, node.path, nodeSettings{limit: 200}, direct); err != nil {
				return err
			}
		}
		for _, t := range l.targets {
			if t.name != "haproxy-1" {
				t.name, t.encrypt = t.name+" tls", true
				l.targets = append(l.targets, t)
			}
		}
		return nil
	})
}

// buildLab starts the backends, and has add start what stands before them.
func buildLab(ctx context.Context, o options, add func(l *lab, direct target) error) (l *lab, err error) {
	l = &lab{opts: o, skipped: map[string]string{}}
	if l.dir, err = os.MkdirTemp("", "sluice-bench-"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			l.close()
		}
	}()
	if l.fast, err = l.startBackend(ctx, "backend", "0s"); err != nil {
		return nil, err
	}
	if l.slow, err = l.startBackend(ctx, "backend-slow", slowLogin.String()); err != nil {
		return nil, err
	}
	plain := login{o.user, o.password, fastDatabase}
	slow := login{o.user, o.password, slowDatabase}
	direct := target{name: "direct", address: l.fast, slow: l.slow, login: plain, slowLog: slow}
	l.targets = append(l.targets, direct)
	return l, add(l, direct)
}

// close ends what was started, last things first.
func (l *lab) close() {
	for i := len(l.running) - 1; i >= 0; i-- {
		l.running[i].stop()
	}
	l.running = nil
	_ = os.RemoveAll(l.dir)
}

// start runs a child that ends with the lab.
func (l *lab) start(ctx context.Context, name, path string, args ...string) (*process, error) {
	p, err := startProcess(ctx, l.dir, name, path, args...)
	if err == nil {
		l.running = append(l.running, p)
	}
	return p, err
}

// write puts a configuration into the lab's directory and returns its path.
func (l *lab) write(name, text string) (string, error) {
	path := filepath.Join(l.dir, name)
	return path, os.WriteFile(path, []byte(text), 0o600)
}

// startBackend starts a server of its own process and returns its address.
func (l *lab) startBackend(ctx context.Context, name, delay string) (string, error) {
	ports, err := freePorts(1)
	if err != nil {
		return "", err
	}
	address := local(ports[0])
	path, args := l.opts.sluice, []string{"sandbox", "--user", l.opts.user, "--password", l.opts.password, "--databases", fastDatabase + "," + slowDatabase}
	if l.opts.backend == backendEcho {
		if path, err = os.Executable(); err != nil {
			return "", err
		}
		args = []string{"echo"}
	}
	p, err := l.start(ctx, name, path, append(args, "--listen", address, "--login-delay", delay)...)
	if err != nil {
		return "", err
	}
	if _, err := p.line("READY"); err != nil {
		return "", err
	}
	return address, p.waitReady(ctx, address, login{l.opts.user, l.opts.password, fastDatabase})
}

// startHAProxies adds HAProxy in TCP mode, with one thread and with as many as
// it takes by itself, or notes why it is left out.
func (l *lab) startHAProxies(ctx context.Context, direct target) error {
	path, err := exec.LookPath("haproxy")
	if err != nil {
		l.skipped["haproxy"] = err.Error()
		return nil
	}
	for _, v := range []struct{ name, threads string }{{"haproxy-1", "nbthread 1"}, {"haproxy", ""}} {
		ports, err := freePorts(2)
		if err != nil {
			return err
		}
		t := direct
		t.name, t.address, t.slow = v.name, local(ports[0]), local(ports[1])
		file, err := l.write(v.name+".cfg", fmt.Sprintf(haproxyConfig, v.threads, t.address, l.fast, t.slow, l.slow))
		if err != nil {
			return err
		}
		p, err := l.start(ctx, v.name, path, "-db", "-f", file)
		if err != nil {
			return err
		}
		if err := p.waitReady(ctx, t.address, t.login); err != nil {
			return err
		}
		t.pid = p.cmd.Process.Pid
		l.targets = append(l.targets, t)
	}
	return nil
}

const haproxyConfig = `global
  maxconn 8000
  %s
defaults
  mode tcp
  timeout connect 5s
  timeout client 10m
  timeout server 10m
listen fast
  bind %s
  server backend %s
listen slow
  bind %s
  server backend %s
`
