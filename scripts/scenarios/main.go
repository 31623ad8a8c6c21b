// Scenarios runs nine situations against real nodes, Redis, HAProxy and clients
// and says of each whether what is promised was kept. README.md explains it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"sluice/scripts/rig"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := runAll(ctx, os.Args[1:])
	stop()
	switch {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		fmt.Fprintln(os.Stderr, "scenarios:", err)
		os.Exit(1)
	}
}

var (
	errFailed    = errors.New("a scenario failed")
	errUnnoticed = errors.New("a scenario passed although its condition was broken on purpose")
)

// row is a scenario with what came of it.
type row struct {
	scenario scenario
	record   Record
	checks   []Check
	err      error // that broke the run
	took     time.Duration
}

func (r row) passed() bool { return r.err == nil && passed(r.checks) }

func runAll(ctx context.Context, args []string) error {
	o, err := parse(args, os.Stdout)
	if err != nil {
		return err
	}
	base, done, err := rig.WorkDir(o.keep, "scenarios")
	if err != nil {
		return err
	}
	defer done()
	if err := o.program(ctx, base); err != nil {
		return err
	}
	start := time.Now()
	var rows []row
	for _, s := range o.chosen {
		fmt.Printf("\n== %s: %s\n", s.name, s.title)
		if o.breakIt {
			fmt.Println("   broken on purpose:", s.broken)
		}
		r := runOne(ctx, o, s, filepath.Join(base, s.name))
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		rows = append(rows, r)
		printChecks(os.Stdout, r)
		if r.passed() != o.breakIt && o.keep == "" {
			if err := os.RemoveAll(filepath.Join(base, s.name)); err != nil {
				return err
			}
		} else {
			fmt.Println("   logs:", filepath.Join(base, s.name))
		}
	}
	fmt.Println()
	printTable(os.Stdout, rows)
	fmt.Printf("\n%d scenarios in %v\n", len(rows), time.Since(start).Round(time.Second))
	if o.out != "" {
		if err := writeReport(o, rows); err != nil {
			return err
		}
		fmt.Println("report:", filepath.Join(o.out, reportFile))
	}
	err = verdict(o, rows)
	if o.breakIt && err == nil {
		fmt.Println("each failed, as it should")
	}
	return err
}

func runOne(ctx context.Context, o *options, s scenario, dir string) row {
	start := time.Now()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return row{scenario: s, err: err}
	}
	record, err := run(ctx, o, s, dir, func(format string, args ...any) { fmt.Printf(format+"\n", args...) })
	r := row{scenario: s, record: record, err: err}
	if err == nil {
		r.checks = s.judge(record)
	}
	r.took = time.Since(start)
	return r
}

// verdict is the error that the rows make; with --break a run that broke counts
// as one that nothing can be said of.
func verdict(o *options, rows []row) error {
	for _, r := range rows {
		switch {
		case r.err != nil:
			return fmt.Errorf("%w: %s: the run broke: %w", errFailed, r.scenario.name, r.err)
		case o.breakIt && r.passed():
			return fmt.Errorf("%w: %s", errUnnoticed, r.scenario.name)
		case !o.breakIt && !r.passed():
			return fmt.Errorf("%w: %s", errFailed, r.scenario.name)
		}
	}
	return nil
}

// program makes sure that there is a node's program and asks what it knows.
func (o *options) program(ctx context.Context, base string) (err error) {
	if o.sluice == "" {
		if o.sluice, err = rig.Build(ctx, base, false); err != nil {
			return err
		}
	}
	if o.sluice, err = filepath.Abs(o.sluice); err != nil {
		return err
	}
	o.knows, err = rig.AskCapabilities(o.sluice)
	return err
}
