package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// process is a child. It is killed by the kernel if this process dies.
type process struct {
	name     string
	cmd      *exec.Cmd
	log      string // path of what it wrote
	done     chan struct{}
	err      error       // of Wait; read after done
	expected atomic.Bool // its end was asked for
}

// startProcess runs a command whose output is appended to a file.
func startProcess(name, log string, argv []string) (*process, error) {
	out, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	fmt.Fprintf(out, "---- %s started at %s\n", name, time.Now().Format("15:04:05.000"))
	p := &process{name: name, cmd: exec.Command(argv[0], argv[1:]...), log: log, done: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = out, out
	p.cmd.Env = environment()
	// A group of its own keeps Ctrl-C for us, who end children in order.
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

// environment is ours without what would configure a node.
func environment() []string {
	var env []string
	for _, e := range os.Environ() {
		if !strings.HasPrefix(e, "SLUICE_") {
			env = append(env, e)
		}
	}
	return env
}

func (p *process) running() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// signal sends a signal; one that ends the process is asked for with end.
func (p *process) signal(s syscall.Signal) error {
	if !p.running() {
		return fmt.Errorf("%s: %w", p.name, os.ErrProcessDone)
	}
	return p.cmd.Process.Signal(s)
}

// end sends a signal that ends the process and waits for it for a time; then
// it kills the process.
func (p *process) end(s syscall.Signal, within time.Duration) error {
	p.expected.Store(true)
	if err := p.signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	t := time.NewTimer(within)
	defer t.Stop()
	select {
	case <-p.done:
		return nil
	case <-t.C:
	}
	err := p.cmd.Process.Kill()
	<-p.done
	return errors.Join(err, fmt.Errorf("%s did not end within %v of %v", p.name, within, s))
}

// tail is the end of what the process wrote.
func (p *process) tail() string {
	text, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	const enough = 1500
	return string(bytes.TrimSpace(text[max(0, len(text)-enough):]))
}
