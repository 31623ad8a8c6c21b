package rig

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

// Ways in which Redis keeps its data over a restart.
const (
	PersistNone = "none"
	PersistRDB  = "rdb"
	PersistAOF  = "aof"
)

// Redis is a real Redis with a directory of its own.
type Redis struct {
	path        string   // of the program
	prefix      []string // of the command, to run it in its namespace
	host        string
	port        int
	dir         string
	persistence string
	proc        *Process
}

const (
	redisPort        = 6379
	redisStartWithin = 10 * time.Second
	redisStopWithin  = 5 * time.Second
	dumpFile         = "dump.rdb"
	oldDumpFile      = "old.rdb"
	appendDir        = "appendonlydir"
)

// Address is host:port.
func (r *Redis) Address() string { return net.JoinHostPort(r.host, strconv.Itoa(r.port)) }

// Start runs the server on what its directory holds and waits until it answers.
func (r *Redis) Start(ctx context.Context) error {
	argv := append(append([]string(nil), r.prefix...), r.path,
		"--port", strconv.Itoa(r.port), "--bind", r.host, "--protected-mode", "no", "--dir", r.dir,
		"--dbfilename", dumpFile, "--appenddirname", appendDir, "--maxmemory-policy", "noeviction", "--daemonize", "no")
	switch r.persistence {
	case PersistRDB:
		argv = append(argv, "--save", "1 1", "--appendonly", "no")
	case PersistAOF:
		argv = append(argv, "--save", "", "--appendonly", "yes", "--appendfsync", "everysec")
	default:
		argv = append(argv, "--save", "", "--appendonly", "no")
	}
	p, err := StartProcess("redis", filepath.Join(r.dir, "redis.log"), argv)
	if err != nil {
		return err
	}
	r.proc = p
	if !Eventually(ctx, redisStartWithin, func() bool { return !p.Running() || r.Command("PING") == nil }) || !p.Running() {
		return fmt.Errorf("redis does not answer at %s:\n%s", r.Address(), p.Tail())
	}
	return nil
}

// Command sends one command by the inline protocol and wants a reply that is no error.
func (r *Redis) Command(line string) error {
	c, err := net.DialTimeout("tcp", r.Address(), time.Second)
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

// Persistence is how the server keeps its data.
func (r *Redis) Persistence() string { return r.persistence }

// Kill ends the server without letting it save anything.
func (r *Redis) Kill() error {
	if r.proc == nil {
		return nil
	}
	return r.proc.End(syscall.SIGKILL, redisStopWithin)
}

// Empty makes the next start one without data.
func (r *Redis) Empty() error {
	return errors.Join(ignoreMissing(os.Remove(filepath.Join(r.dir, dumpFile))), os.RemoveAll(filepath.Join(r.dir, appendDir)))
}

// Save writes everything to the file that the next start without an append
// only file reads. Redis refuses while it saves in the background by itself.
func (r *Redis) Save() (err error) {
	Eventually(context.Background(), redisStopWithin, func() bool {
		err = r.Command("SAVE")
		return err == nil || !strings.Contains(err.Error(), "save already in progress")
	})
	return err
}

// KeepCopy saves and puts the file aside for bringBackCopy.
func (r *Redis) KeepCopy() error {
	if err := r.Save(); err != nil {
		return err
	}
	data, err := os.ReadFile(filepath.Join(r.dir, dumpFile))
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(r.dir, oldDumpFile), data, 0o600)
}

// BringBackCopy makes the next start one with the data of keepCopy.
func (r *Redis) BringBackCopy() error {
	if err := r.Empty(); err != nil {
		return err
	}
	if r.persistence == PersistAOF {
		r.persistence = PersistRDB // it would read nothing but the append only file
	}
	return ignoreMissing(os.Rename(filepath.Join(r.dir, oldDumpFile), filepath.Join(r.dir, dumpFile)))
}

// Pause stops and resume continues the process.
func (r *Redis) Pause() error  { return r.proc.Signal(syscall.SIGSTOP) }
func (r *Redis) Resume() error { return r.proc.Signal(syscall.SIGCONT) }

// Hang makes the server take commands and answer none of them for a time.
func (r *Redis) Hang(d time.Duration) error {
	return r.Command(fmt.Sprintf("CLIENT PAUSE %d ALL", d.Milliseconds()))
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
