package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

const measureMemory = "memory of an idle session"

// memory measures what an idle session costs a node in user space, plain and
// with TLS. Each kind gets a node of its own; a session has logged in and run
// one statement, and has a backend connection.
func (l *lab) memory(ctx context.Context, r *report, s sizes) error {
	if l.opts.sluice == "" {
		return nil
	}
	for _, encrypt := range []bool{false, true} {
		name := "sluice"
		if encrypt {
			name = "sluice tls"
		}
		n, err := l.startSluice(ctx, "memory", l.opts.sluice, nodeSettings{limit: s.sessions + 10})
		if err != nil {
			return err
		}
		log := login{l.opts.user, l.opts.password, fastDatabase}
		err = idleSessions(ctx, r, name, subject{n.address, n.debug, n.process.cmd.Process.Pid, log, encrypt}, s.sessions)
		l.stop(n)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// subject is a process whose sessions are weighed.
type subject struct {
	address string
	debug   string // base URL of its net/http/pprof
	pid     int
	login   login
	encrypt bool
}

// weight is the user-space memory of a process, in bytes.
type weight struct{ heap, stack, resident float64 }

// idleSessions opens count sessions and adds what each of them costs.
func idleSessions(ctx context.Context, r *report, name string, s subject, count int) error {
	// The first sessions pay for what is made once.
	warm, err := openSessions(ctx, s, 8)
	closeAll(warm)
	if err != nil {
		return err
	}
	before, err := s.weigh(ctx)
	if err != nil {
		return err
	}
	conns, err := openSessions(ctx, s, count)
	defer closeAll(conns)
	if err != nil {
		return err
	}
	// A session is idle once its client has been silent for a while, not in the
	// moment after its last response.
	select {
	case <-time.After(idleFor):
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	after, err := s.weigh(ctx)
	if err != nil {
		return err
	}
	each := func(after, before float64) float64 { return (after - before) / float64(count) }
	heap, stack := each(after.heap, before.heap), each(after.stack, before.stack)
	r.add(measureMemory, name, "sessions", "", float64(count))
	r.add(measureMemory, name, "heap+stack", "bytes", heap+stack)
	r.add(measureMemory, name, "heap", "bytes", heap)
	r.add(measureMemory, name, "stack", "bytes", stack)
	r.add(measureMemory, name, "resident", "bytes", each(after.resident, before.resident))
	return nil
}

// idleFor is how long sessions have been silent when they are weighed.
const idleFor = 3 * time.Second

// openSessions opens count sessions, some at a time, and runs a statement on
// each. It returns those that were opened even if one failed.
func openSessions(ctx context.Context, s subject, count int) ([]*conn, error) {
	var (
		wait   sync.WaitGroup
		mu     sync.Mutex
		conns  []*conn
		failed []error
		slots  = make(chan struct{}, connectClients)
	)
	for range count {
		slots <- struct{}{}
		wait.Go(func() {
			defer func() { <-slots }()
			c, err := dial(ctx, s.address, s.login, s.encrypt, idleReadSize)
			if err == nil {
				_, err = c.exec(selectOne)
			}
			mu.Lock()
			defer mu.Unlock()
			if c != nil {
				conns = append(conns, c)
			}
			if err != nil {
				failed = append(failed, err)
			}
		})
		mu.Lock()
		stop := len(failed) > 0
		mu.Unlock()
		if stop {
			break
		}
	}
	wait.Wait()
	return conns, errors.Join(failed...)
}

// weigh collects garbage until the process weighs the same twice, and at most
// ten times: stacks shrink, and pools let go, over several collections.
func (s subject) weigh(ctx context.Context) (weight, error) {
	var last weight
	for range 10 {
		w, err := s.collect(ctx)
		if err != nil {
			return last, err
		}
		const same = 0.005
		near := func(a, b float64) bool { return a-b <= same*b && b-a <= same*b }
		if near(w.heap, last.heap) && near(w.stack, last.stack) {
			w.resident, err = residentBytes(s.pid)
			return w, err
		}
		last = w
	}
	resident, err := residentBytes(s.pid)
	last.resident = resident
	return last, err
}

// collect has the process collect its garbage and say what is in use.
func (s subject) collect(ctx context.Context) (weight, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.debug+"/heap?gc=1&debug=1", nil)
	if err != nil {
		return weight{}, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return weight{}, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return weight{}, fmt.Errorf("%s: %s", req.URL, resp.Status)
	}
	return parseMemStats(resp.Body)
}

var errNoMemStats = errors.New("the heap profile says nothing of HeapInuse and Stack")

// parseMemStats reads the runtime's figures at the end of a heap profile in
// text form.
func parseMemStats(r io.Reader) (weight, error) {
	w := weight{heap: -1, stack: -1}
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		key, value, ok := strings.Cut(strings.TrimPrefix(lines.Text(), "# "), " = ")
		if !ok {
			continue
		}
		var to *float64
		switch key {
		case "HeapInuse":
			to = &w.heap
		case "Stack": // in use / taken from the system
			to = &w.stack
			value, _, _ = strings.Cut(value, " ")
		default:
			continue
		}
		var err error
		if *to, err = strconv.ParseFloat(value, 64); err != nil {
			return w, fmt.Errorf("%s: %w", key, err)
		}
	}
	if err := lines.Err(); err != nil {
		return w, err
	}
	if w.heap < 0 || w.stack < 0 {
		return w, errNoMemStats
	}
	return w, nil
}
