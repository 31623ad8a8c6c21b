// Bench compares a node with a direct connection and with HAProxy in TCP mode,
// in one run over the same backend, all on loopback. Measures go in short
// blocks that take turns, so that whatever else the machine does hits all
// alike; medians of the blocks are reported.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

// Backends to measure against.
const (
	backendSandbox = "sandbox" // the embedded SQL server
	backendEcho    = "echo"    // prepared answers: isolates the cost of what is between
)

type options struct {
	sluice, baseline string // paths; empty: leave out
	backend          string
	user, password   string
	only             string
	short            bool
	out              string
	document         string // with a part for this command; empty: none
	part             string // of the document
}

// sizes are how much of everything a run does.
type sizes struct {
	roundTripBlocks, roundTrips int
	loopBlocks                  int
	loopTime                    time.Duration
	connectBlocks               int
	connectTime                 time.Duration
	streamBlocks, streamBytes   int
	sessions                    int
}

var (
	full  = sizes{20, 500, 5, 2 * time.Second, 5, time.Second, 5, 64 << 20, 5000}
	short = sizes{10, 300, 3, 500 * time.Millisecond, 3, 300 * time.Millisecond, 3, 16 << 20, 1000}
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) > 0 {
		if c := commands()[args[0]]; c != nil {
			return c(ctx, args[1:])
		}
	}
	o := options{}
	fs := flag.NewFlagSet("bench", flag.ContinueOnError)
	o.flags(fs, "bench")
	o.baselineFlag(fs)
	fs.StringVar(&o.only, "only", "", "measures to run, with commas: roundtrip, throughput, connects, stream, memory")
	return o.run(ctx, fs, args, o.measure)
}

// commands are what the program does beside its comparison of everything:
// measures of transaction pooling, and the processes that they start.
func commands() map[string]func(ctx context.Context, args []string) error {
	return map[string]func(ctx context.Context, args []string) error{
		"echo": runEcho, "clients": runClients,
		"many": runMany, "storm": runStorm, "roundtrip": runRoundTrip, "walk": runWalk,
	}
}

// flags adds the flags that all measures have.
func (o *options) flags(fs *flag.FlagSet, name string) {
	fs.StringVar(&o.sluice, "sluice", "bin/sluice", "the node's binary")
	fs.StringVar(&o.backend, "backend", backendSandbox, "sandbox: the embedded SQL server; echo: prepared answers, which isolates the cost of what is between")
	fs.StringVar(&o.user, "user", "demo", "login name at the backend")
	fs.StringVar(&o.password, "password", "Demo-passw0rd", "its password")
	fs.BoolVar(&o.short, "short", false, "less of everything, within a minute")
	fs.StringVar(&o.out, "out", "bin/"+name+".json", "file for the figures as JSON")
	fs.StringVar(&o.document, "document", "", "Markdown file with a part that is to hold the report")
	fs.StringVar(&o.part, "part", name, "name of that part")
}

func (o *options) baselineFlag(fs *flag.FlagSet) {
	fs.StringVar(&o.baseline, "baseline", "", "another binary of the node to compare with")
}

// run parses the flags, measures and reports.
func (o *options) run(ctx context.Context, fs *flag.FlagSet, args []string, measure func(context.Context) (*report, error)) error {
	if err := fs.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return nil
		}
		return err
	}
	shown := strings.Replace(fs.Name(), "bench", "scripts/bench/run.sh", 1)
	fs.Visit(func(f *flag.Flag) {
		if f.Name != "document" && f.Name != "part" && f.Name != "out" {
			shown += " --" + f.Name
			if b, ok := f.Value.(interface{ IsBoolFlag() bool }); !ok || !b.IsBoolFlag() {
				shown += " " + f.Value.String()
			}
		}
	})
	if o.backend != backendSandbox && o.backend != backendEcho {
		return fmt.Errorf("--backend must be %s or %s, not %q", backendSandbox, backendEcho, o.backend)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, longest, errTooLong)
	defer cancel()
	r, err := measure(ctx)
	if err != nil {
		return errors.Join(err, context.Cause(ctx))
	}
	r.print(os.Stdout)
	if o.document != "" {
		if err := r.saveMarkdown(o.document, o.part, shown); err != nil {
			return err
		}
	}
	if o.out == "" {
		return nil
	}
	if err := r.save(o.out); err != nil {
		return err
	}
	fmt.Println("\nfigures:", o.out)
	return nil
}

// longest bounds a run, whatever happens.
const longest = 6 * time.Minute

var errTooLong = errors.New("the run took too long")

// measure runs what was asked for.
func (o *options) measure(ctx context.Context) (*report, error) {
	l, err := newLab(ctx, *o)
	if err != nil {
		return nil, err
	}
	defer l.close()
	s := full
	if o.short {
		s = short
	}
	if most := fileLimit()/2 - 200; s.sessions > most {
		l.skipped[fmt.Sprintf("%d of the idle sessions", s.sessions-most)] = "the limit of open files"
		s.sessions = most
	}
	r := newReport(l)
	measures := []struct {
		name string
		run  func() error
	}{
		{"roundtrip", func() error { return roundTrip(ctx, r, l.targets, s) }},
		{"throughput", func() error { return throughput(ctx, r, l.targets, s) }},
		{"connects", func() error { return connects(ctx, r, l.targets, s) }},
		{"stream", func() error { return stream(ctx, r, l.targets, s, streamRequest(o.backend, s.streamBytes)) }},
		{"memory", func() error { return l.memory(ctx, r, s) }},
	}
	start := time.Now()
	for _, m := range measures {
		if o.only != "" && !strings.Contains(","+o.only+",", ","+m.name+",") {
			continue
		}
		fmt.Fprintf(os.Stderr, "%s ...\n", m.name)
		if err := m.run(); err != nil {
			return nil, fmt.Errorf("%s: %w", m.name, err)
		}
	}
	r.Took = time.Since(start).Round(time.Second).String()
	r.judge()
	return r, nil
}

// fileLimit is how many files a process may have open; the Go runtime has
// raised it as far as it goes.
func fileLimit() int {
	var l syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l); err != nil {
		return 1024
	}
	return int(min(l.Max, 1<<20))
}

func port(address string) string {
	_, p, _ := net.SplitHostPort(address)
	return p
}
