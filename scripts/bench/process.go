package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// process is a child of the benchmark.
type process struct {
	cmd  *exec.Cmd
	name string
	log  string // path of what it wrote to stderr
	out  *bufio.Reader
}

// stopWithin is how long a child has to end by itself.
const stopWithin = 5 * time.Second

// startProcess runs a command whose stderr goes to a file in dir. The child is
// terminated when ctx ends.
func startProcess(ctx context.Context, dir, name, path string, args ...string) (*process, error) {
	p, err := newProcess(ctx, dir, name, path, args...)
	if err != nil {
		return nil, err
	}
	return p, p.start()
}

// startTalking is startProcess for a child that reads its stdin, which is to be
// closed by who talks to it.
func startTalking(ctx context.Context, dir, name, path string, args ...string) (*process, io.WriteCloser, error) {
	p, err := newProcess(ctx, dir, name, path, args...)
	if err != nil {
		return nil, nil, err
	}
	in, err := p.cmd.StdinPipe()
	if err != nil {
		return nil, nil, err
	}
	return p, in, p.start()
}

func newProcess(ctx context.Context, dir, name, path string, args ...string) (*process, error) {
	log, err := os.CreateTemp(dir, name+"-*.log")
	if err != nil {
		return nil, err
	}
	p := &process{cmd: exec.CommandContext(ctx, path, args...), name: name, log: log.Name()}
	p.cmd.Stderr = log
	p.cmd.Cancel = func() error { return p.cmd.Process.Signal(syscall.SIGTERM) }
	p.cmd.WaitDelay = stopWithin
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.out = bufio.NewReader(out)
	return p, nil
}

func (p *process) start() error {
	err := p.cmd.Start()
	if log, ok := p.cmd.Stderr.(*os.File); ok {
		log.Close() // the child has its own
	}
	if err != nil {
		return fmt.Errorf("%s: %w", p.name, err)
	}
	return nil
}

// line returns the next line the process prints that begins with prefix.
func (p *process) line(prefix string) (string, error) {
	for {
		line, err := p.out.ReadString('\n')
		if err != nil {
			return "", p.explain(err)
		}
		if rest, ok := strings.CutPrefix(line, prefix); ok {
			return strings.TrimSpace(rest), nil
		}
	}
}

// explain adds what the process said last to an error about it.
func (p *process) explain(err error) error {
	said, readErr := os.ReadFile(p.log)
	if readErr != nil || len(said) == 0 {
		return fmt.Errorf("%s: %w", p.name, err)
	}
	const enough = 2000
	return fmt.Errorf("%s: %w; it said:\n%s", p.name, err, said[max(0, len(said)-enough):])
}

// stop ends the process and waits for it.
func (p *process) stop() {
	kill := time.AfterFunc(stopWithin, func() { _ = p.cmd.Process.Kill() })
	defer kill.Stop()
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	_, _ = io.Copy(io.Discard, p.out)
	_ = p.cmd.Wait()
}

// waitReady connects to address until a client can log in.
func (p *process) waitReady(ctx context.Context, address string, l login) error {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for {
		c, err := dial(ctx, address, l, false, idleReadSize)
		if err == nil {
			_, err = c.exec(selectOne)
			c.close()
		}
		if err == nil {
			return nil
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return p.explain(fmt.Errorf("not ready at %s: %w", address, err))
		}
	}
}

// cpuTime returns the processor time the process has used so far.
func cpuTime(pid int) (time.Duration, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	// The name in the second field may hold spaces; the rest comes after its bracket.
	_, after, _ := strings.Cut(string(b), ") ")
	fields := strings.Fields(after)
	const utime, stime, perSecond = 11, 12, 100
	if len(fields) <= stime {
		return 0, errors.New("short /proc/pid/stat")
	}
	user, err := strconv.Atoi(fields[utime])
	if err != nil {
		return 0, err
	}
	system, err := strconv.Atoi(fields[stime])
	return time.Duration(user+system) * time.Second / perSecond, err
}

// residentBytes returns the resident memory of a process.
func residentBytes(pid int) (float64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(b)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kib, err := strconv.Atoi(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")))
			return float64(kib) * 1024, err
		}
	}
	return 0, errors.New("no VmRSS in /proc/pid/status")
}

// freePorts returns ports on loopback that nothing listens on at the moment.
func freePorts(n int) ([]int, error) {
	ports := make([]int, n)
	for i := range ports {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer l.Close()
		ports[i] = l.Addr().(*net.TCPAddr).Port
	}
	return ports, nil
}

func local(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }
