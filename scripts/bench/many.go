package main

import (
	"context"
	"flag"
	"fmt"
	"os/exec"
	"slices"
	"sync"
	"time"
)

// manySizes are how much "many" does.
type manySizes struct {
	clients, active, backends int
	takes                     time.Duration
	rounds                    int
	length                    time.Duration // of a block
	every                     time.Duration // one of the idle clients asks
	heap                      string        // path of a heap profile
}

const (
	classActive = "active clients"
	classIdle   = "idle clients that ask once"
)

func measureMany(takes time.Duration) string {
	return fmt.Sprintf("requests that take %v", takes)
}

const (
	measureManyMemory = "memory of the nodes, each idle plain client"
	spareFiles        = 500 // open files that a process of clients or a node has beside its clients
)

// runMany is the command "many": very many clients in transaction pooling, of
// which few are active, on few backends.
func runMany(ctx context.Context, args []string) error {
	o := options{}
	s := manySizes{rounds: 7, length: 2 * time.Second, every: 20 * time.Millisecond}
	fs := flag.NewFlagSet("bench many", flag.ContinueOnError)
	o.flags(fs, "many")
	fs.IntVar(&s.clients, "clients", 20000, "connected clients")
	fs.IntVar(&s.active, "active", 300, "of them, those that ask without a pause")
	fs.IntVar(&s.backends, "backends", 50, "max_connections of the bucket")
	fs.DurationVar(&s.takes, "service", 10*time.Millisecond, "what a request takes at the server; it is measured with 0 as well")
	fs.StringVar(&s.heap, "heap-profile", "", "file for a profile of the first node's heap while all clients are idle")
	return o.run(ctx, fs, args, func(ctx context.Context) (*report, error) {
		o.backend = backendEcho // the embedded SQL server does not take a given time
		if o.short {
			s.clients, s.rounds, s.length = min(s.clients, 2000), 3, time.Second
		}
		l, err := buildLab(ctx, o, func(*lab, target) error { return nil })
		if err != nil {
			return nil, err
		}
		defer l.close()
		return l.many(ctx, s)
	})
}

// crowd is nodes and the processes of their clients, as many of the one as of
// the other.
type crowd struct {
	lab   *lab
	nodes []*node
	procs []*clientProcess
	per   int // clients of each
	sizes manySizes
}

func (l *lab) many(ctx context.Context, s manySizes) (*report, error) {
	r, start := newReport(l), time.Now()
	n := (s.clients + fileLimit() - spareFiles - 1) / (fileLimit() - spareFiles)
	if _, err := exec.LookPath("redis-server"); err != nil && n > 1 {
		n = 1
		l.skipped[fmt.Sprintf("%d of the clients", s.clients-fileLimit()+spareFiles)] = "the limit of open files, and redis-server is not installed for a second node"
		s.clients = fileLimit() - spareFiles
	}
	c, err := l.startCrowd(ctx, s, n)
	if err != nil {
		return nil, err
	}
	if err := c.connect(ctx, r); err != nil {
		return nil, err
	}
	for _, takes := range []time.Duration{s.takes, 0} {
		if err := c.measure(ctx, r, takes); err != nil {
			return nil, err
		}
		if s.takes == 0 {
			break
		}
	}
	if err := c.check(ctx, r); err != nil {
		return nil, err
	}
	r.Took = time.Since(start).Round(time.Second).String()
	m := measureMany(s.takes)
	r.goal("throughput over as many direct connections as there are backends", m, targetTransaction, "of direct", true, 0.9)
	r.goal("longest wait of an active client over the median", m, classActive, "max/p50", false, 5)
	r.goal("longest wait of an idle client over the median", m, classIdle, "max/p50", false, 5)
	r.goal("Go heap and stacks, bytes each client", measureManyMemory, targetTransaction, "heap+stack", false, 6<<10)
	r.goal("resident bytes each client", measureManyMemory, targetTransaction, "resident", false, 6<<10)
	r.goal("errors", measureManyCheck, targetTransaction, "errors", false, 1)
	r.goal("pins", measureManyCheck, targetTransaction, "pins", false, 1)
	return r, nil
}

// startCrowd starts n nodes that share the bucket, and a process of clients for
// each.
func (l *lab) startCrowd(ctx context.Context, s manySizes, n int) (*crowd, error) {
	c := &crowd{lab: l, sizes: s, per: s.clients / n}
	settings, err := l.fleetOf(ctx, n)
	if err != nil {
		return nil, err
	}
	for i := range n {
		set := nodeSettings{limit: s.backends, pooling: poolingTransaction, more: settings[i]}
		node, err := l.startSluice(ctx, fmt.Sprintf("node-%d", i+1), l.opts.sluice, set)
		if err != nil {
			return nil, err
		}
		c.nodes = append(c.nodes, node)
		p, err := l.startClients(ctx, fmt.Sprintf("clients-%d", i+1))
		if err != nil {
			return nil, err
		}
		c.procs = append(c.procs, p)
	}
	return c, nil
}

// all gives each process its order at the same time.
func (c *crowd) all(f func(i int) clientsOrder) ([]clientsAnswer, error) {
	answers, errs := make([]clientsAnswer, len(c.procs)), make([]error, len(c.procs))
	var wait sync.WaitGroup
	for i, p := range c.procs {
		wait.Go(func() { answers[i], errs[i] = p.order(f(i)) })
	}
	wait.Wait()
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	return answers, nil
}

// connect opens all connections, and weighs the nodes before and after.
func (c *crowd) connect(ctx context.Context, r *report) error {
	log := []string{c.lab.opts.user, c.lab.opts.password, fastDatabase}
	open := func(set string, count func(i int) int, address func(i int) string) error {
		answers, err := c.all(func(i int) clientsOrder {
			return clientsOrder{Set: set, Open: count(i), Address: address(i), Login: log}
		})
		for _, a := range answers {
			if a.Errors > 0 {
				return fmt.Errorf("%s: %s", set, a.Error)
			}
		}
		return err
	}
	err := open(targetDirect, func(i int) int { return c.share(c.sizes.backends, i) }, func(int) string { return c.lab.fast })
	if err != nil {
		return err
	}
	pooled := func(i int) string { return c.nodes[i].address }
	// The first clients pay for what is made once.
	if err := open("warm", func(int) int { return 2 * c.sizes.backends }, pooled); err != nil {
		return err
	}
	before, err := c.weigh(ctx)
	if err != nil {
		return err
	}
	if err := open(targetTransaction, func(int) int { return c.per }, pooled); err != nil {
		return err
	}
	select {
	case <-time.After(idleFor):
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	after, err := c.weigh(ctx)
	if err != nil {
		return err
	}
	if err := saveTo(ctx, c.nodes[0].debug+"/heap", c.sizes.heap); err != nil {
		return err
	}
	clients := float64(c.per * len(c.nodes))
	each := func(after, before float64) float64 { return (after - before) / clients }
	heap, stack := each(after.heap, before.heap), each(after.stack, before.stack)
	r.add(measureManyMemory, targetTransaction, "clients", "", clients)
	r.add(measureManyMemory, targetTransaction, "nodes", "", float64(len(c.nodes)))
	r.add(measureManyMemory, targetTransaction, "heap+stack", "bytes", heap+stack)
	r.add(measureManyMemory, targetTransaction, "heap", "bytes", heap)
	r.add(measureManyMemory, targetTransaction, "stack", "bytes", stack)
	r.add(measureManyMemory, targetTransaction, "resident", "bytes", each(after.resident, before.resident))
	return nil
}

// share is process i's part of n things.
func (c *crowd) share(n, i int) int {
	part := n / len(c.procs)
	if i < n%len(c.procs) {
		part++
	}
	return part
}

// weigh sums up the memory of the nodes.
func (c *crowd) weigh(ctx context.Context) (sum weight, err error) {
	for _, n := range c.nodes {
		w, err := subject{debug: n.debug, pid: n.process.cmd.Process.Pid}.weigh(ctx)
		if err != nil {
			return sum, err
		}
		sum.heap, sum.stack, sum.resident = sum.heap+w.heap, sum.stack+w.stack, sum.resident+w.resident
	}
	return sum, nil
}

// measure has the direct connections and the clients of the nodes ask in turns.
func (c *crowd) measure(ctx context.Context, r *report, takes time.Duration) error {
	s := c.sizes
	sets := []string{targetDirect, targetTransaction}
	rates := make([][]float64, len(sets))
	active, idle, direct := waits{}, waits{}, waits{}
	block := func(set int) error {
		answers, err := c.all(func(i int) clientsOrder {
			if sets[set] == targetDirect {
				return clientsOrder{Set: targetDirect, For: s.length, Takes: takes, Active: c.share(s.backends, i)}
			}
			return clientsOrder{
				Set: targetTransaction, For: s.length, Takes: takes, Active: c.share(s.active, i), Every: s.every * time.Duration(len(c.procs)),
			}
		})
		if err != nil {
			return err
		}
		rate, to, now := 0.0, &direct, []float64(nil)
		if sets[set] == targetTransaction {
			to = &active
		}
		var all []float64
		for _, a := range answers {
			if a.Errors > 0 {
				return fmt.Errorf("%s: %d errors, such as %s", sets[set], a.Errors, a.Error)
			}
			rate += float64(len(a.Active)+len(a.Now)) / a.Took.Seconds()
			all, now = append(all, a.Active...), append(now, a.Now...)
		}
		rates[set] = append(rates[set], rate)
		to.add(all)
		idle.add(now)
		return nil
	}
	if err := block(1); err != nil { // opens backends, and wakes who is to be active
		return err
	}
	rates, active, idle = make([][]float64, len(sets)), waits{}, waits{}
	if err := rounds(ctx, s.rounds, len(sets), block); err != nil {
		return err
	}
	m := measureMany(takes)
	for i, name := range sets {
		r.add(m, name, "rate", "1/s", rates[i]...)
	}
	r.add(m, targetTransaction, "of direct", "", pairwise(rates[1], rates[0], ratio)...)
	direct.report(r, m, targetDirect)
	active.report(r, m, classActive)
	idle.report(r, m, classIdle)
	return nil
}

// waits are what clients of a class waited, summed up block by block.
type waits struct{ p50, p99, most, over []float64 }

func (w *waits) add(us []float64) {
	if len(us) == 0 {
		return
	}
	slices.Sort(us)
	p50, most := quantile(us, 0.5), us[len(us)-1]
	w.p50, w.p99 = append(w.p50, p50/1e3), append(w.p99, quantile(us, 0.99)/1e3)
	w.most, w.over = append(w.most, most/1e3), append(w.over, ratio(most, p50))
}

func (w *waits) report(r *report, measure, class string) {
	r.add(measure, class, "wait p50", "ms", w.p50...)
	r.add(measure, class, "p99", "ms", w.p99...)
	r.add(measure, class, "max", "ms", w.most...)
	r.add(measure, class, "max/p50", "", w.over...)
}

const measureManyCheck = "beside"

// check tells what must not have been.
func (c *crowd) check(ctx context.Context, r *report) error {
	open, pins, errs := 0.0, 0.0, 0.0
	for _, n := range c.nodes {
		for _, m := range []struct {
			name string
			to   *float64
		}{{"proxy_connections_open", &open}, {"proxy_connection_errors_total", &errs}} {
			v, err := n.metricSum(ctx, m.name, `bucket_id="fast"`)
			if err != nil {
				return err
			}
			*m.to += v
		}
		p, err := n.pins(ctx)
		if err != nil {
			return err
		}
		pins += p
	}
	r.add(measureManyCheck, targetTransaction, "backends", "", open)
	r.add(measureManyCheck, targetTransaction, "errors", "", errs)
	r.add(measureManyCheck, targetTransaction, "pins", "", pins)
	return nil
}
