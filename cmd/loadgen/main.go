// Command loadgen puts load on a Sluice node, or on a SQL Server itself, with
// clients that check what they read. docs/loadgen.md explains it.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/pflag"

	"sluice/scripts/load"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	switch {
	case errors.Is(err, pflag.ErrHelp):
	case err != nil:
		fmt.Fprintln(os.Stderr, "loadgen:", err)
		os.Exit(1)
	}
}

// errWrongAnswers says that clients read what they had not written.
var errWrongAnswers = errors.New("there were wrong answers")

// run does what a command line asks for. Its end by ctx is a normal one: the
// report is written of what there is until then.
func run(ctx context.Context, args []string, out, errs io.Writer) error {
	o, err := parse(args, out)
	if err != nil {
		return err
	}
	if o.setup {
		for _, b := range o.config.Buckets {
			if err := load.Setup(ctx, o.config.Target, b.Database, o.config.Rows()); err != nil {
				return err
			}
		}
		fmt.Fprintln(errs, "tables and procedures are there")
		if o.setupOnly {
			return nil
		}
	}
	r, err := load.Start(ctx, o.config, func(r *load.Run, p load.Point) { fmt.Fprintln(errs, r.Progress(p)) })
	if err != nil {
		return err
	}
	res, err := r.Wait()
	if err != nil {
		return err
	}
	summary(out, res)
	if err := o.write(res); err != nil {
		return err
	}
	if res.Wrong > 0 {
		return fmt.Errorf("%w: %d", errWrongAnswers, res.Wrong)
	}
	return nil
}

// write writes the files that were asked for.
func (o *options) write(res load.Result) error {
	if o.json != "" {
		text, err := json.MarshalIndent(res, "", "  ")
		if err != nil {
			return err
		}
		if err := os.WriteFile(o.json, append(text, '\n'), 0o644); err != nil {
			return err
		}
	}
	if o.report == "" {
		return nil
	}
	f, err := os.Create(o.report)
	if err != nil {
		return err
	}
	return errors.Join(page(f, res), f.Close())
}
