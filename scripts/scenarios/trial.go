package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"sync"
	"time"

	"sluice/scripts/load"
	"sluice/scripts/rig"
)

// trial is one run of one scenario.
type trial struct {
	opts    *options
	fleet   fleet
	broken  bool // the scenario's condition is to be broken
	cluster *rig.Cluster
	target  load.Target
	rows    int // of the tables that are taken by groups of clients so far
	log     func(format string, args ...any)

	mu     sync.Mutex // of the record's marks, phases and loads
	record Record
}

// Times of the fleets, as in chaos: short, so that what depends on them shows
// soon.
const (
	holdTime  = 6 * time.Second
	loanTime  = 2 * time.Second
	heartbeat = 500 * time.Millisecond
	// queueTimeout is the default.
	queueTimeout = 30 * time.Second
	tableRows    = 1200
	longestRun   = 45 * time.Minute
)

// run runs a scenario in a folder of its own and returns what was measured.
func run(ctx context.Context, o *options, s scenario, dir string, log func(string, ...any)) (r Record, err error) {
	ctx, cancel := context.WithTimeout(ctx, longestRun)
	defer cancel()
	t := &trial{opts: o, fleet: s.fleet, broken: o.breakIt, log: log}
	t.record = Record{Scenario: s.name, Short: o.short, Limit: s.fleet.limit}
	if t.broken {
		t.fleet = broken(s)
	}
	if t.cluster, err = rig.NewCluster(ctx, t.options(dir)); err != nil {
		return t.record, err
	}
	defer func() { err = errors.Join(err, t.cluster.Close()) }()
	if o.dsn != "" {
		for i := range s.fleet.buckets {
			if err := load.Setup(ctx, o.direct, rig.Database(i), tableRows); err != nil {
				return t.record, err
			}
		}
	}
	if err := t.cluster.Start(ctx); err != nil {
		return t.record, err
	}
	t.target = load.Target{Addr: t.cluster.Balance.Addr, User: rig.User, Password: rig.Password, Params: map[string]string{"app name": appName}}
	if o.dsn != "" {
		t.target.User, t.target.Password = o.direct.User, o.direct.Password
	}
	return t.record, t.measured(ctx, s)
}

// measured does the scenario's steps while everything is watched.
func (t *trial) measured(ctx context.Context, s scenario) error {
	t.record.Started = time.Now()
	looking, stop := context.WithCancel(ctx)
	var watchers sync.WaitGroup
	w, err := t.newWitness()
	if err != nil {
		stop()
		return err
	}
	nodes := &nodeWatch{t: t}
	watchers.Go(func() { w.watch(looking) })
	watchers.Go(func() { nodes.watch(looking) })
	err = s.run(ctx, t)
	stop()
	watchers.Wait()
	t.record.Seconds = t.now()
	t.record.Buckets, t.record.Counts, t.record.Missed, t.record.Witness = w.results()
	t.record.Nodes = nodes.samples
	t.record.Deaths = t.cluster.OwnDeaths()
	return errors.Join(err, w.close())
}

// options are the rig's for a scenario.
func (t *trial) options(dir string) rig.Options {
	f, o := t.fleet, t.opts
	r := rig.Options{
		Dir: dir, Sluice: o.sluice, Knows: o.knows, Network: rig.NewLoopback(), Name: "scenarios",
		Nodes: f.nodes, Spare: f.spare, Limit: f.limit, Buckets: f.buckets, LoginDelay: f.loginDelay,
		Prepare: func(ctx context.Context, addr, database string) error {
			return load.Setup(ctx, load.Target{Addr: addr, User: rig.User, Password: rig.Password}, database, tableRows)
		},
		Persistence: rig.PersistNone, HAProxy: true, Bootstrap: true, Witnesses: f.witnesses,
		Hold: holdTime, Loan: loanTime, Heartbeat: heartbeat, QueueTimeout: queueTimeout, LogLevel: "info",
		Set: append([]string{"proxy.pooling=" + o.pooling}, f.set...),
	}
	if f.hold > 0 {
		r.Hold = f.hold
	}
	if o.dsn != "" {
		r.External = external(o.direct, f.buckets)
		r.Set = append(r.Set, "backend_tls.mode="+o.backendTLS)
	}
	return r
}

// external are the databases of a SQL Server that take the place of servers of
// the rig's own.
func external(t load.Target, buckets int) []rig.Address {
	host, port, err := net.SplitHostPort(t.Addr)
	if err != nil {
		host, port = t.Addr, "1433"
	}
	number, _ := strconv.Atoi(port) // it came from a URL, which allows digits only
	var all []rig.Address
	for i := range buckets {
		all = append(all, rig.Address{Host: host, Port: number, Database: rig.Database(i)})
	}
	return all
}

// parseTarget reads a connection string in the form of a URL.
func parseTarget(dsn string) (load.Target, error) {
	u, err := url.Parse(dsn)
	if err != nil || u.Scheme != "sqlserver" || u.Hostname() == "" {
		return load.Target{}, fmt.Errorf("%w: --dsn: want sqlserver://user:password@host:port", errOptions)
	}
	port := u.Port()
	if port == "" {
		port = "1433"
	}
	t := load.Target{Addr: net.JoinHostPort(u.Hostname(), port), User: u.User.Username(), Params: map[string]string{"app name": appName}}
	t.Password, _ = u.User.Password()
	for k, v := range u.Query() {
		if k != "database" {
			t.Params[k] = v[0]
		}
	}
	return t, nil
}

// now is the time as seconds of the record.
func (t *trial) now() float64 { return time.Since(t.record.Started).Seconds() }

// mark takes note of something that is done now.
func (t *trial) mark(format string, args ...any) float64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	m := Mark{t.now(), fmt.Sprintf(format, args...)}
	t.record.Marks = append(t.record.Marks, m)
	t.log("  %6.1fs %s", m.At, m.Text)
	return m.At
}

// phase waits and takes note of the time as a phase. What came before may need
// a moment first, which is not part of it.
func (t *trial) phase(ctx context.Context, name string, settle, length time.Duration) error {
	if !rig.Sleep(ctx, settle) {
		return context.Cause(ctx)
	}
	from := t.now()
	if !rig.Sleep(ctx, length) {
		return context.Cause(ctx)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.record.Phases = append(t.record.Phases, Phase{name, from, t.now()})
	return nil
}

// clients is a group of clients at work.
type clients struct {
	t      *trial
	name   string
	offset float64
	run    *load.Run
}

// tick is that of the groups' time series.
const tick = 250 * time.Millisecond

// start starts a group of clients of all buckets, with rows of its own. end must
// be called of it.
func (t *trial) start(ctx context.Context, name string, c load.Config) (*clients, error) {
	c.Target, c.Tick, c.FirstRow, c.Seed = t.target, tick, t.rows, t.opts.seed
	t.rows += c.Clients
	if t.rows > tableRows {
		return nil, fmt.Errorf("%w: %d rows are needed", errOptions, t.rows)
	}
	if t.opts.pooling == "session" && c.ConnectionTime == 0 {
		// A client that stays would keep its connection from all others.
		c.ConnectionTime = time.Millisecond
	}
	if c.Buckets == nil {
		c.Buckets = evenly(t.fleet.buckets)
	}
	c.Duration = longestRun
	r, err := load.Start(ctx, c, nil)
	if err != nil {
		return nil, err
	}
	return &clients{t, name, r.Started().Sub(t.record.Started).Seconds(), r}, nil
}

// end stops the group and keeps what it measured.
func (c *clients) end() error {
	c.run.Stop()
	res, err := c.run.Wait()
	c.t.mu.Lock()
	defer c.t.mu.Unlock()
	c.t.record.Loads = append(c.t.record.Loads, Load{c.name, c.offset, res})
	return err
}

// length chooses between the short form and the whole one.
func (t *trial) length(short, whole time.Duration) time.Duration {
	if t.opts.short {
		return short
	}
	return whole
}
