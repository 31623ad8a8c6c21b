package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"sluice/scripts/rig"
)

// Options are what a run is asked for.
type Options struct {
	Scenarios []string // directed schedules; none: random ones

	Nodes, Limit, Buckets int
	Seed                  uint64
	Schedules             int
	Duration              time.Duration
	Faults                []Fault
	Pooling               string // empty: mixed for random schedules, session for scenarios
	ScheduleFile          string

	Netns, HAProxy, Race, Strict bool
	Bootstrap                    bool
	Sluice                       string // path of the program; empty: build it
	Report                       string // path of the report in Markdown; empty: none
	Keep                         string // folder for configurations and logs; empty: a temporary one
	Set                          []string
	LogLevel                     string

	Demand       float64 // clients, as a multiple of the limit
	Linger       int     // longest time that a session keeps its connection busy, in ms
	Hold, Loan   time.Duration
	Heartbeat    time.Duration
	QueueTimeout time.Duration
	Witnesses    int
	WarmUp       time.Duration // time to reach the limit at the start

	knows   rig.Capabilities
	args    []string // of the command line
	changed []string // flags given that a schedule does not hold
}

// inSchedule names the flags that a schedule has taken up, and those that do
// not matter when it is run again.
func inSchedule(name string) bool {
	return slices.Contains([]string{"seed", "schedules", "schedule", "duration", "faults", "nodes", "limit", "buckets", "pooling", "keep", "sluice", "report"}, name)
}

// of returns the options for one schedule, in which nothing is left open.
func (o *Options) of(s Schedule) *Options {
	own := *o
	if own.Witnesses < 0 {
		own.Witnesses = 0
		if s.Nodes >= 3 {
			own.Witnesses = 3
		}
	}
	return &own
}

// fleet is what a schedule stands on.
func (o *Options) fleet(s Schedule, dir string, n network) rig.Options {
	return rig.Options{
		Dir: dir, Sluice: o.Sluice, Knows: o.knows, Network: n, Name: "chaos",
		Nodes: s.Nodes, Spare: 1, Limit: s.Limit, Buckets: s.Buckets, Prepare: prepareTable,
		Persistence: s.Persistence, RelayRedis: s.slowsRedis(), HAProxy: o.HAProxy, Bootstrap: o.Bootstrap, Witnesses: o.Witnesses,
		Hold: o.Hold, Loan: o.Loan, Heartbeat: o.Heartbeat, QueueTimeout: o.QueueTimeout, LogLevel: o.LogLevel,
		Set: append([]string{"proxy.pooling=" + s.Pooling}, o.Set...),
	}
}

type stringList []string

func (l *stringList) String() string     { return strings.Join(*l, " ") }
func (l *stringList) Set(s string) error { *l = append(*l, s); return nil }

// parseOptions reads a command line: names of scenarios, then flags.
func parseOptions(args []string, out io.Writer) (*Options, error) {
	o := &Options{}
	for len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		o.Scenarios, args = append(o.Scenarios, args[0]), args[1:]
	}
	fs := flag.NewFlagSet("chaos", flag.ContinueOnError)
	fs.SetOutput(out)
	fs.Usage = func() {
		fmt.Fprintf(out, "chaos [SCENARIO ...] [flags]\n\nWithout a scenario, random schedules. \"all\" stands for every scenario.\n\nScenarios:\n")
		for _, name := range scenarioNames(true) {
			s := scenarios()[name]
			note := ""
			if s.network {
				note = " (--netns)"
			}
			fmt.Fprintf(out, "  %-13s %s%s\n", name, s.about, note)
		}
		fmt.Fprintf(out, "\nFaults of random schedules:\n  %v\n\nFlags:\n", randomFaults(true))
		fs.PrintDefaults()
	}
	var faultNames string
	fs.IntVar(&o.Nodes, "nodes", 3, "nodes from the start")
	fs.IntVar(&o.Limit, "limit", 20, "max_connections of each bucket")
	fs.IntVar(&o.Buckets, "buckets", 1, "buckets, each with a server")
	fs.Uint64Var(&o.Seed, "seed", 1, "seed of the first random schedule")
	fs.IntVar(&o.Schedules, "schedules", 1, "random schedules, each with the next seed")
	fs.DurationVar(&o.Duration, "duration", 20*time.Second, "time with faults of a random schedule")
	fs.StringVar(&faultNames, "faults", "", "faults to choose from, with commas (default: all that can be done)")
	fs.StringVar(&o.Pooling, "pooling", "", "session, transaction or mixed: each seed chooses (default: mixed for random schedules, else session)")
	fs.StringVar(&o.Report, "report", "", "file for a report in Markdown; a second one, which ends in .json, has the figures")
	fs.StringVar(&o.ScheduleFile, "schedule", "", "file with a schedule to run again")
	fs.BoolVar(&o.Netns, "netns", false, "a network namespace for each node, so that links can be cut (root)")
	fs.BoolVar(&o.HAProxy, "haproxy", false, "clients come through HAProxy")
	fs.BoolVar(&o.Race, "race", false, "build the node with the race detector")
	fs.BoolVar(&o.Strict, "strict", true, "client errors that no fault explains are violations")
	fs.BoolVar(&o.Bootstrap, "bootstrap", false, "the first start of node-1 creates the ledger at once")
	fs.StringVar(&o.Sluice, "sluice", "", "path of the node's program (default: build it)")
	fs.StringVar(&o.Keep, "keep", "", "folder for configurations and logs, which are kept")
	fs.Var((*stringList)(&o.Set), "set", "key=value for every node's configuration; may be given again")
	fs.StringVar(&o.LogLevel, "log-level", "info", "log.level of the nodes")
	fs.Float64Var(&o.Demand, "demand", 2.5, "clients, as a multiple of the limit")
	fs.IntVar(&o.Linger, "linger", 300, "longest time in ms that a session keeps its connection")
	fs.DurationVar(&o.Hold, "hold", 6*time.Second, "limits.hold_time")
	fs.DurationVar(&o.Loan, "loan", 2*time.Second, "limits.loan_time")
	fs.DurationVar(&o.Heartbeat, "heartbeat", 500*time.Millisecond, "redis.heartbeat_interval")
	fs.DurationVar(&o.QueueTimeout, "queue-timeout", 1500*time.Millisecond, "proxy.queue_timeout")
	fs.IntVar(&o.Witnesses, "witnesses", -1, "witnesses, the first nodes (default: 3, or none of fewer nodes)")
	fs.DurationVar(&o.WarmUp, "warm-up", 30*time.Second, "time to reach the limit at the start")
	if err := fs.Parse(args); err != nil {
		return nil, err
	}
	fs.Visit(func(f *flag.Flag) {
		switch {
		case inSchedule(f.Name):
		case f.Name == "set":
			for _, kv := range o.Set {
				o.changed = append(o.changed, "--set", kv)
			}
		default:
			o.changed = append(o.changed, "--"+f.Name+"="+f.Value.String())
		}
	})
	if fs.NArg() > 0 {
		return nil, fmt.Errorf("%q: scenarios come before flags", fs.Arg(0))
	}
	var err error
	if o.Faults, err = parseFaults(faultNames, o.Netns); err != nil {
		return nil, err
	}
	return o, o.check()
}

func (o *Options) check() error {
	if slices.Contains(o.Scenarios, "all") {
		o.Scenarios = scenarioNames(o.Netns)
	}
	for _, name := range o.Scenarios {
		s, ok := scenarios()[name]
		switch {
		case !ok:
			return fmt.Errorf("no scenario %q; there are %v", name, scenarioNames(true))
		case s.network && !o.Netns:
			return fmt.Errorf("%s needs --netns", name)
		}
	}
	switch {
	case !slices.Contains([]string{"", poolSession, poolTransaction, poolMixed}, o.Pooling):
		return fmt.Errorf("--pooling %q: session, transaction or mixed", o.Pooling)
	case o.Pooling == poolMixed && len(o.Scenarios) > 0:
		return errors.New("--pooling mixed is for random schedules")
	case !slices.Contains([]int{-1, 0, 1, 3, 5}, o.Witnesses):
		return errors.New("--witnesses: 0, 1, 3 or 5")
	case o.Schedules < 1 || o.Schedules > 10000:
		return errors.New("--schedules: 1 to 10000")
	case o.Demand < 0.1 || o.Demand > 4:
		return errors.New("--demand: 0.1 to 4")
	case o.Linger < 0 || o.Linger > 900:
		return errors.New("--linger: 0 to 900")
	case o.Hold < time.Second || o.Heartbeat <= 0 || o.Loan <= 0 || o.QueueTimeout < 0 || o.WarmUp <= 0:
		return errors.New("times must be positive, and --hold at least 1s")
	case len(o.Scenarios) > 0 && o.ScheduleFile != "":
		return errors.New("either scenarios or --schedule")
	}
	for _, kv := range o.Set {
		if key, _, ok := strings.Cut(kv, "="); !ok || !strings.Contains(key, ".") {
			return fmt.Errorf("--set %q: want group.key=value", kv)
		}
	}
	return nil
}
