package rig

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

// Process is a child. It is killed by the kernel if this process dies.
type Process struct {
	name     string
	cmd      *exec.Cmd
	log      string // path of what it wrote
	done     chan struct{}
	err      error       // of Wait; read after done
	expected atomic.Bool // its end was asked for
}

// StartProcess runs a command whose output is appended to a file.
func StartProcess(name, log string, argv []string) (*Process, error) {
	out, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	fmt.Fprintf(out, "---- %s started at %s\n", name, time.Now().Format("15:04:05.000"))
	p := &Process{name: name, cmd: exec.Command(argv[0], argv[1:]...), log: log, done: make(chan struct{})}
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

// Running tells whether the process has not ended.
func (p *Process) Running() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// Signal sends a signal; one that ends the process is asked for with end.
func (p *Process) Signal(s syscall.Signal) error {
	if !p.Running() {
		return fmt.Errorf("%s: %w", p.name, os.ErrProcessDone)
	}
	return p.cmd.Process.Signal(s)
}

// End sends a signal that ends the process and waits for it for a time; then
// it kills the process.
func (p *Process) End(s syscall.Signal, within time.Duration) error {
	p.expected.Store(true)
	if err := p.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
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

// PID is the number of the process.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Tail is the end of what the process wrote.
func (p *Process) Tail() string {
	text, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	const enough = 1500
	return string(bytes.TrimSpace(text[max(0, len(text)-enough):]))
}
