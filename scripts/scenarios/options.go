package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"sluice/scripts/load"
	"sluice/scripts/rig"
)

// errOptions says that a command line cannot be run.
var errOptions = errors.New("command line")

// options are what a run is asked for.
type options struct {
	chosen     []scenario
	short      bool
	breakIt    bool
	pooling    string
	dsn        string
	direct     load.Target // of dsn
	backendTLS string
	out        string // folder of the report; empty: none
	keep       string // folder of configurations and logs
	sluice     string // path of the node's program; empty: build it
	seed       uint64
	knows      rig.Capabilities
	command    string // as it was given
}

// parse reads a command line: names of scenarios, then flags.
func parse(args []string, out io.Writer) (*options, error) {
	o := &options{command: strings.Join(append([]string{"scripts/scenarios/run.sh"}, args...), " ")}
	var wanted []string
	for len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		wanted, args = append(wanted, args[0]), args[1:]
	}
	fs := flag.NewFlagSet("scenarios", flag.ContinueOnError)
	fs.SetOutput(out)
	fs.Usage = func() {
		fmt.Fprintf(out, "scenarios NAME ... [flags]\n\n\"all\" stands for every scenario:\n")
		for _, s := range scenarios() {
			fmt.Fprintf(out, "  %-18s %s\n  %-18s with --break: %s\n", s.name, s.title, "", s.broken)
		}
		fmt.Fprintf(out, "\nFlags:\n")
		fs.PrintDefaults()
	}
	fs.BoolVar(&o.short, "short", false, "the short form of each scenario")
	fs.BoolVar(&o.breakIt, "break", false, "break the condition of each scenario on purpose: it must fail")
	fs.StringVar(&o.pooling, "pooling", "transaction", "proxy.pooling of the nodes: transaction or session")
	fs.StringVar(&o.dsn, "dsn", "", "sqlserver://user:password@host:port of a SQL Server with databases app1, app2 and so on, instead of embedded servers")
	fs.StringVar(&o.backendTLS, "backend-tls", "required", "with --dsn: backend_tls.mode of the nodes")
	fs.StringVar(&o.out, "out", "", "folder for the report; with all, docs/results if not given; - for none")
	fs.StringVar(&o.keep, "keep", "", "folder for configurations and logs, which are kept")
	fs.StringVar(&o.sluice, "sluice", "", "path of the node's program (default: build it)")
	fs.Uint64Var(&o.seed, "seed", 1, "of what clients do at random")
	if err := fs.Parse(args); err != nil {
		return nil, err
	}
	if fs.NArg() > 0 {
		return nil, fmt.Errorf("%w: %q: scenarios come before flags", errOptions, fs.Arg(0))
	}
	if len(wanted) == 0 {
		fs.Usage()
		return nil, flag.ErrHelp
	}
	return o, o.complete(wanted)
}

func (o *options) complete(wanted []string) error {
	all := scenarios()
	if slices.Contains(wanted, "all") {
		o.chosen = all
		if o.out == "" && !o.breakIt {
			o.out = filepath.Join("docs", "results")
		}
	} else {
		for _, name := range wanted {
			i := slices.Index(names(all), name)
			if i < 0 {
				return fmt.Errorf("%w: no scenario %q; there are %s", errOptions, name, strings.Join(names(all), ", "))
			}
			o.chosen = append(o.chosen, all[i])
		}
	}
	if o.out == "-" {
		o.out = ""
	}
	if !slices.Contains([]string{"transaction", "session"}, o.pooling) {
		return fmt.Errorf("%w: --pooling %q: want transaction or session", errOptions, o.pooling)
	}
	if o.dsn == "" {
		return nil
	}
	if o.breakIt {
		return fmt.Errorf("%w: --break needs the embedded servers", errOptions)
	}
	var err error
	o.direct, err = parseTarget(o.dsn)
	return err
}
