package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// A process of clients keeps many connections open and uses some of them as it
// is told, in lines of JSON. One process may not have as many open files as
// there are clients.

// clientsOrder is what such a process is told: to open connections, or to use
// those that it has.
type clientsOrder struct {
	Set     string        `json:"set"` // of connections, by a name
	Open    int           `json:"open,omitempty"`
	Address string        `json:"address,omitempty"` // with Open
	Login   []string      `json:"login,omitempty"`   // with Open: user, password, database
	For     time.Duration `json:"for,omitempty"`     // without Open
	Takes   time.Duration `json:"takes,omitempty"`   // of each request at the server
	Active  int           `json:"active,omitempty"`  // clients that ask again as soon as they are answered
	Every   time.Duration `json:"every,omitempty"`   // one of the others asks once; 0: none does
}

// clientsAnswer is what the clients saw. Waits are in microseconds: the time to
// the end of the answer, less what the request takes at the server.
type clientsAnswer struct {
	Took   time.Duration `json:"took"`
	Active []float64     `json:"active,omitempty"`
	Now    []float64     `json:"now,omitempty"` // of those that ask once in a while
	Errors int           `json:"errors"`
	Error  string        `json:"error,omitempty"` // the first, or why the order could not be followed
}

// runClients is the command "clients".
func runClients(ctx context.Context, args []string) error {
	fs := flag.NewFlagSet("clients", flag.ContinueOnError)
	if err := fs.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return nil
		}
		return err
	}
	c := clients{sets: map[string][]*conn{}}
	defer c.close()
	orders := make(chan clientsOrder)
	go func() {
		defer close(orders)
		for in := json.NewDecoder(os.Stdin); ; {
			o := clientsOrder{}
			if in.Decode(&o) != nil {
				return // whoever gives orders is gone
			}
			select {
			case orders <- o:
			case <-ctx.Done():
				return
			}
		}
	}()
	out := bufio.NewWriter(os.Stdout)
	for {
		select {
		case <-ctx.Done():
			return nil
		case o, ok := <-orders:
			if !ok {
				return nil
			}
			if err := errors.Join(json.NewEncoder(out).Encode(c.follow(ctx, o)), out.Flush()); err != nil {
				return err
			}
		}
	}
}

type clients struct {
	sets map[string][]*conn
	next int // of the clients that ask once in a while
}

func (c *clients) close() {
	for _, s := range c.sets {
		closeAll(s)
	}
}

func (c *clients) follow(ctx context.Context, o clientsOrder) clientsAnswer {
	start := time.Now()
	a := clientsAnswer{}
	if o.Open > 0 {
		s := subject{address: o.Address, login: login{o.Login[0], o.Login[1], o.Login[2]}}
		conns, err := openSessions(ctx, s, o.Open)
		c.sets[o.Set] = append(c.sets[o.Set], conns...)
		if err != nil {
			a.Errors, a.Error = 1, err.Error()
		}
	} else if o.Active > len(c.sets[o.Set]) {
		a.Errors, a.Error = 1, fmt.Sprintf("%d clients, %d are to be active", len(c.sets[o.Set]), o.Active)
	} else {
		a = c.use(ctx, o)
	}
	a.Took = time.Since(start)
	return a
}

// use has clients ask for a while.
func (c *clients) use(ctx context.Context, o clientsOrder) clientsAnswer {
	var (
		request = order{takes: o.Takes}.batch()
		set     = c.sets[o.Set]
		over    atomic.Bool
		wait    sync.WaitGroup
		mu      sync.Mutex
		a       clientsAnswer
	)
	timer := time.AfterFunc(o.For, func() { over.Store(true) })
	defer timer.Stop()
	ask := func(k *conn) (us float64, ok bool) {
		k.within(patience)
		start := time.Now()
		if _, err := k.exec(request); err != nil {
			mu.Lock()
			defer mu.Unlock()
			if a.Errors++; a.Error == "" {
				a.Error = err.Error()
			}
			return 0, false
		}
		return float64(time.Since(start)-o.Takes) / float64(time.Microsecond), true
	}
	for _, k := range set[:o.Active] {
		wait.Go(func() {
			var waits []float64
			for !over.Load() {
				us, ok := ask(k)
				if !ok {
					break
				}
				waits = append(waits, us)
			}
			mu.Lock()
			defer mu.Unlock()
			a.Active = append(a.Active, waits...)
		})
	}
	if rest := set[o.Active:]; o.Every > 0 && len(rest) > 0 {
		idle := make(chan *conn, len(rest))
		for i := range rest {
			idle <- rest[(c.next+i)%len(rest)]
		}
		tick := time.NewTicker(o.Every)
		defer tick.Stop()
		for !over.Load() {
			select {
			case <-ctx.Done():
				over.Store(true)
			case <-tick.C:
				select {
				case k := <-idle:
					c.next++
					wait.Go(func() {
						us, ok := ask(k)
						idle <- k
						if ok {
							mu.Lock()
							defer mu.Unlock()
							a.Now = append(a.Now, us)
						}
					})
				default: // all of them wait
				}
			}
		}
	}
	wait.Wait()
	return a
}

// clientProcess is a process of clients, as seen by who gives it orders.
type clientProcess struct {
	*process
	in io.WriteCloser
}

func (l *lab) startClients(ctx context.Context, name string) (*clientProcess, error) {
	path, err := os.Executable()
	if err != nil {
		return nil, err
	}
	p, in, err := startTalking(ctx, l.dir, name, path, "clients")
	if err != nil {
		return nil, err
	}
	l.running = append(l.running, p)
	return &clientProcess{p, in}, nil
}

// order gives an order and waits until it has been followed.
func (p *clientProcess) order(o clientsOrder) (clientsAnswer, error) {
	a := clientsAnswer{}
	if err := json.NewEncoder(p.in).Encode(o); err != nil {
		return a, p.explain(err)
	}
	line, err := p.out.ReadBytes('\n')
	if err != nil {
		return a, p.explain(err)
	}
	return a, json.Unmarshal(line, &a)
}
