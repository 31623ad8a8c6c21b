// Chaos runs fleets of real nodes, breaks what they stand on, and counts from
// outside, at the SQL servers, whether a bucket's limit was ever exceeded.
// README.md explains it.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"sluice/scripts/rig"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	switch {
	case errors.Is(err, flag.ErrHelp):
	case errors.Is(err, errInner):
		os.Exit(1) // it has said why
	case err != nil:
		fmt.Fprintln(os.Stderr, "chaos:", err)
		os.Exit(1)
	}
}

// errViolations says that a promise was broken; the report says which.
var errViolations = errors.New("there were violations")

func run(ctx context.Context, args []string) error {
	o, err := parseOptions(args, os.Stdout)
	if err != nil {
		return err
	}
	o.args = args
	base, done, err := rig.WorkDir(o.Keep, "chaos")
	if err != nil {
		return err
	}
	defer done()
	if o.Sluice == "" {
		if o.Sluice, err = rig.Build(ctx, base, o.Race); err != nil {
			return err
		}
		args = append(args, "--sluice", o.Sluice)
	}
	if o.Sluice, err = filepath.Abs(o.Sluice); err != nil {
		return err
	}
	if o.knows, err = rig.AskCapabilities(o.Sluice); err != nil {
		return err
	}
	plans, err := o.plans()
	if err != nil {
		return err
	}
	prefix := os.Getenv(namespacePrefix)
	if o.Netns && prefix == "" {
		most := 0
		for _, s := range plans {
			most = max(most, s.Nodes)
		}
		return runInNamespaces(most+1, args)
	}
	if o.Netns {
		return runAll(ctx, o, plans, base, namespaces{prefix})
	}
	return runAll(ctx, o, plans, base, loopback{rig.NewLoopback()})
}

// plans are the schedules that were asked for.
func (o *Options) plans() ([]Schedule, error) {
	if o.ScheduleFile != "" {
		f, err := os.Open(o.ScheduleFile)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		s, err := ParseSchedule(f)
		return []Schedule{s}, errors.Join(err, o.fits(s))
	}
	var all []Schedule
	for _, name := range o.Scenarios {
		all = append(all, scenarios()[name].schedule(name, o))
	}
	if len(all) == 0 {
		p := Plan{Nodes: o.Nodes, Limit: o.Limit, Buckets: o.Buckets, Duration: o.Duration, Hold: o.Hold, Faults: o.Faults, Pooling: cmp.Or(o.Pooling, poolMixed)}
		for i := range o.Schedules {
			all = append(all, Generate(o.Seed+uint64(i), p))
		}
	}
	for _, s := range all {
		if err := errors.Join(s.Validate(), o.fits(s)); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// fits says why a schedule cannot be run with these options.
func (o *Options) fits(s Schedule) error {
	if o.Witnesses > s.Nodes {
		return fmt.Errorf("--witnesses %d: there are %d nodes", o.Witnesses, s.Nodes)
	}
	for _, st := range s.Steps {
		if faults[st.Fault].network && !o.Netns {
			return fmt.Errorf("%v: needs --netns", st)
		}
	}
	return nil
}

// longest bounds one run beside its schedule, whatever happens.
const longest = 3 * time.Minute

var errTooLong = errors.New("the run took too long")

func runAll(ctx context.Context, o *Options, plans []Schedule, base string, n network) error {
	start := time.Now()
	var all []*result
	broken, bad := 0, false
	for i, s := range plans {
		dir := filepath.Join(base, strconv.Itoa(i+1)+"-"+strings.ReplaceAll(s.title(), " ", "-"))
		fmt.Printf("\n== %s\n%s", s.title(), s)
		res, err := runOne(ctx, o, s, dir, n)
		if ctx.Err() != nil {
			fmt.Println("interrupted")
			break
		}
		if err != nil {
			fmt.Printf("FAIL %s: the run broke: %v\n", s.title(), err)
			broken++
		} else {
			if i == 0 {
				lines(os.Stdout, "the node warns: ", res.warnings)
			}
			res.print(os.Stdout, o.again(s, filepath.Join(dir, "schedule.txt")))
			all = append(all, res)
		}
		failed := err != nil || len(res.violations) > 0
		bad = bad || failed
		if failed || o.Keep != "" {
			fmt.Println("     logs:", dir)
		} else if err := os.RemoveAll(dir); err != nil {
			return err
		}
	}
	bound := recoveryBound(o.Hold)
	summary(os.Stdout, all, time.Since(start), bound)
	if o.Report != "" && ctx.Err() == nil {
		if err := newRecord(o.command(), all, broken, time.Since(start), bound).write(o.Report); err != nil {
			return err
		}
	}
	if broken > 0 {
		fmt.Printf("%d runs broke\n", broken)
	}
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case bad:
		return errViolations
	}
	return nil
}

func runOne(ctx context.Context, o *Options, s Schedule, dir string, n network) (*result, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, s.Duration+longest, errTooLong)
	defer cancel()
	return runSchedule(ctx, o, s, dir, n, func(format string, args ...any) { fmt.Printf(format+"\n", args...) })
}

// command is the line that was given.
func (o *Options) command() string {
	return strings.Join(append([]string{"scripts/chaos/run.sh"}, o.args...), " ")
}

// again is the command that runs a schedule once more.
func (o *Options) again(s Schedule, file string) string {
	words := []string{"scripts/chaos/run.sh"}
	if s.Name != "" {
		words = append(words, s.Name)
		if s.Pooling != poolSession {
			words = append(words, "--pooling="+s.Pooling)
		}
	} else {
		words = append(words, "--schedule", file)
	}
	words = append(words, o.changed...)
	return strings.Join(words, " ")
}
