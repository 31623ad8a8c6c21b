package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"

	"sluice/configs"
)

// guardProcess is the guard of this process.
type guardProcess struct {
	cmd   *exec.Cmd
	state *stateFile
	ended chan struct{}
}

// pidfdFile is the descriptor by which a guard finds the process it watches.
const pidfdFile = 3

// startGuard starts the guard of this process.
func startGuard(cfg *configs.Config, s *stateFile) (*guardProcess, error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, err
	}
	order, err := json.Marshal(orderFor(cfg, s))
	if err != nil {
		return nil, err
	}
	fd, err := unix.PidfdOpen(os.Getpid(), 0)
	if err != nil {
		return nil, fmt.Errorf("pidfd_open: %w", err)
	}
	pidfd := os.NewFile(uintptr(fd), "pidfd")
	defer pidfd.Close()
	cmd := exec.Command(exe, "guard")
	cmd.Stdin, cmd.Stderr = bytes.NewReader(order), os.Stderr
	cmd.ExtraFiles = []*os.File{pidfd}
	// A signal to the node's group or terminal is not for the guard.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	g := &guardProcess{cmd: cmd, state: s, ended: make(chan struct{})}
	go func() {
		_ = cmd.Wait()
		close(g.ended)
	}()
	return g, nil
}

// release ends the guard of a node that has nothing left to be told. Otherwise
// it stays, and tells when the process is gone.
func (g *guardProcess) release() {
	if !g.state.settled() {
		return
	}
	_ = g.cmd.Process.Kill()
	<-g.ended
}

// waitForParent waits until the process is gone whose pidfd this one was given.
// What would end the parent must not end this one.
func waitForParent(ctx context.Context) error {
	signal.Ignore(syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	fds := []unix.PollFd{{Fd: pidfdFile, Events: unix.POLLIN}}
	for ctx.Err() == nil {
		n, err := unix.Poll(fds, -1)
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return fmt.Errorf("guard: poll: %w", err)
		case n > 0 && fds[0].Revents&unix.POLLNVAL != 0:
			return errors.New("guard: this command is for nodes, which start it by themselves")
		case n > 0:
			return nil
		}
	}
	return ctx.Err()
}
