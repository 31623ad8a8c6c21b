package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// redisServer is a real Redis with a directory of its own.
type redisServer struct {
	path        string   // of the program
	prefix      []string // of the command, to run it in its namespace
	host        string
	port        int
	dir         string
	persistence string
	proc        *process
}

const (
	redisStartWithin = 10 * time.Second
	redisStopWithin  = 5 * time.Second
	dumpFile         = "dump.rdb"
	oldDumpFile      = "old.rdb"
	appendDir        = "appendonlydir"
)

func (r *redisServer) address() string { return net.JoinHostPort(r.host, strconv.Itoa(r.port)) }

// start runs the server on what its directory holds and waits until it answers.
func (r *redisServer) start(ctx context.Context) error {
	argv := append(append([]string(nil), r.prefix...), r.path,
		"--port", strconv.Itoa(r.port), "--bind", r.host, "--protected-mode", "no", "--dir", r.dir,
		"--dbfilename", dumpFile, "--appenddirname", appendDir, "--maxmemory-policy", "noeviction", "--daemonize", "no")
	switch r.persistence {
	case persistRDB:
		argv = append(argv, "--save", "1 1", "--appendonly", "no")
	case persistAOF:
		argv = append(argv, "--save", "", "--appendonly", "yes", "--appendfsync", "everysec")
	default:
		argv = append(argv, "--save", "", "--appendonly", "no")
	}
	p, err := startProcess("redis", filepath.Join(r.dir, "redis.log"), argv)
	if err != nil {
		return err
	}
	r.proc = p
	if !eventually(ctx, redisStartWithin, func() bool { return !p.running() || r.command("PING") == nil }) || !p.running() {
		return fmt.Errorf("redis does not answer at %s:\n%s", r.address(), p.tail())
	}
	return nil
}

// command sends one command by the inline protocol and wants a reply that is no error.
func (r *redisServer) command(line string) error {
	c, err := net.DialTimeout("tcp", r.address(), time.Second)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(redisStopWithin)); err != nil {
		return err
	}
	if _, err := fmt.Fprintf(c, "%s\r\n", line); err != nil {
		return err
	}
	answer, err := bufio.NewReader(c).ReadString('\n')
	if err == nil && strings.HasPrefix(answer, "-") {
		err = errors.New(strings.TrimSpace(answer[1:]))
	}
	if err != nil {
		return fmt.Errorf("redis: %s: %w", line, err)
	}
	return nil
}

// kill ends the server without letting it save anything.
func (r *redisServer) kill() error {
	if r.proc == nil {
		return nil
	}
	return r.proc.end(syscall.SIGKILL, redisStopWithin)
}

// empty makes the next start one without data.
func (r *redisServer) empty() error {
	return errors.Join(ignoreMissing(os.Remove(filepath.Join(r.dir, dumpFile))), os.RemoveAll(filepath.Join(r.dir, appendDir)))
}

// save writes everything to the file that the next start without an append
// only file reads. Redis refuses while it saves in the background by itself.
func (r *redisServer) save() (err error) {
	eventually(context.Background(), redisStopWithin, func() bool {
		err = r.command("SAVE")
		return err == nil || !strings.Contains(err.Error(), "save already in progress")
	})
	return err
}

// keepCopy saves and puts the file aside for bringBackCopy.
func (r *redisServer) keepCopy() error {
	if err := r.save(); err != nil {
		return err
	}
	data, err := os.ReadFile(filepath.Join(r.dir, dumpFile))
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(r.dir, oldDumpFile), data, 0o600)
}

// bringBackCopy makes the next start one with the data of keepCopy.
func (r *redisServer) bringBackCopy() error {
	if err := r.empty(); err != nil {
		return err
	}
	if r.persistence == persistAOF {
		r.persistence = persistRDB // it would read nothing but the append only file
	}
	return ignoreMissing(os.Rename(filepath.Join(r.dir, oldDumpFile), filepath.Join(r.dir, dumpFile)))
}

// pause stops and resume continues the process.
func (r *redisServer) pause() error  { return r.proc.signal(syscall.SIGSTOP) }
func (r *redisServer) resume() error { return r.proc.signal(syscall.SIGCONT) }

// hang makes the server take commands and answer none of them for a time.
func (r *redisServer) hang(d time.Duration) error {
	return r.command(fmt.Sprintf("CLIENT PAUSE %d ALL", d.Milliseconds()))
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
