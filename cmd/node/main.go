// Command sluice is a connection-pooling proxy for SQL Server.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/pflag"

	"sluice/configs"
)

// version is set by the build.
var version = "devel"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	switch {
	case errors.Is(err, pflag.ErrHelp):
	case err != nil:
		fmt.Fprintln(os.Stderr, "sluice:", err)
		os.Exit(1)
	}
}

// command is one subcommand.
type command struct {
	name, about string
	run         func(ctx context.Context, args []string, out, errs io.Writer) error
}

func commands() []command {
	return []command{
		{"serve", "run a node", serve},
		{"check", "read the configuration and say everything that is wrong with it", check},
		{"demo", "run a node before two embedded SQL servers; needs nothing else", demo},
		{"sandbox", "run the embedded SQL server alone", runSandbox},
		{"health", "ask a node on this machine whether it lives, or with --ready whether it takes clients", healthCommand},
		{"config-doc", "", func(_ context.Context, _ []string, out, _ io.Writer) error { return configs.WriteReference(out) }},
		{"guard", "", func(ctx context.Context, _ []string, _, errs io.Writer) error { return guard(ctx, os.Stdin, errs) }},
		{"version", "print the version", func(_ context.Context, _ []string, out, _ io.Writer) error {
			_, err := fmt.Fprintln(out, "sluice", version)
			return err
		}},
	}
}

func run(ctx context.Context, args []string, out, errs io.Writer) error {
	if len(args) == 0 || args[0] == "help" || args[0] == "--help" || args[0] == "-h" {
		usage(out)
		return nil
	}
	for _, c := range commands() {
		if c.name == args[0] {
			return c.run(ctx, args[1:], out, errs)
		}
	}
	usage(errs)
	return fmt.Errorf("unknown command %q", args[0])
}

func usage(w io.Writer) {
	fmt.Fprint(w, "Sluice pools connections to SQL Server.\n\nUsage: sluice COMMAND [flags]\n\n")
	for _, c := range commands() {
		if c.about == "" {
			continue // not for people
		}
		fmt.Fprintf(w, "  %-8s  %s\n", c.name, c.about)
	}
	fmt.Fprint(w, "\nEach command explains its flags with --help.\n")
}

// flags returns a flag set that prints its help to out.
func flags(name string, out io.Writer) *pflag.FlagSet {
	fs := pflag.NewFlagSet("sluice "+name, pflag.ContinueOnError)
	fs.SetOutput(out)
	fs.SortFlags = false
	return fs
}
