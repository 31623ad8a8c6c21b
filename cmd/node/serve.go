package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"sluice/configs"
	"sluice/limits/redisledger"
)

// load reads the configuration that a command's flags point to, and returns how
// to read it again.
func load(command string, args []string, out io.Writer) (cfg *configs.Config, again func() (*configs.Config, error), err error) {
	fs := flags(command, out)
	proxy := fs.String("config", "", "proxy.yaml: settings of the node")
	buckets := fs.String("buckets", "", "buckets.yaml: the servers behind it")
	configs.RegisterFlags(fs)
	if err := fs.Parse(args); err != nil {
		return nil, nil, err
	}
	src := configs.Sources{Flags: fs}
	for _, f := range []string{*proxy, *buckets} {
		if f != "" {
			src.Files = append(src.Files, f)
		}
	}
	again = func() (*configs.Config, error) { return configs.Load(src) }
	cfg, err = again()
	return cfg, again, err
}

func check(_ context.Context, args []string, out, _ io.Writer) error {
	cfg, _, err := load("check", args, out)
	if err != nil {
		return err
	}
	for _, w := range cfg.Warnings {
		fmt.Fprintln(out, "warning:", w)
	}
	_, err = fmt.Fprintf(out, "%s\nconfiguration is valid: %d buckets, %d warnings\n", cfg.Dump(), len(cfg.Buckets), len(cfg.Warnings))
	return err
}

func serve(ctx context.Context, args []string, out, errs io.Writer) error {
	cfg, again, err := load("serve", args, out)
	if err != nil {
		return err
	}
	raiseFileLimit()
	redisledger.LogClient(newLogger(errs, cfg.Log).Logger)
	n, err := startedNode(cfg, errs)
	if err != nil {
		return err
	}
	n.mu.Lock()
	n.again = again
	n.mu.Unlock()
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	defer signal.Stop(hup)
	for {
		select {
		case <-hup:
			now, err := again()
			if err != nil {
				n.metrics.reloads.done(false)
				n.log.Error("reload refused, the running configuration stays", "err", err)
				continue
			}
			n.reload(now)
		case <-n.stopping:
			n.drain()
			return nil
		case <-ctx.Done():
			n.drain()
			return nil
		}
	}
}

// startedNode returns a node that serves and logs to errs.
func startedNode(cfg *configs.Config, errs io.Writer) (*node, error) {
	n, err := newNode(cfg, newLogger(errs, cfg.Log))
	if err != nil {
		return nil, err
	}
	if err := n.start(); err != nil {
		n.close()
		return nil, err
	}
	return n, nil
}

// newLogger returns the node's logger and lets its level be changed.
func newLogger(w io.Writer, c configs.Log) *logger {
	l := &logger{}
	l.level.Set(logLevel(c.Level))
	o := &slog.HandlerOptions{Level: &l.level}
	if c.Format == "json" {
		l.Logger = slog.New(slog.NewJSONHandler(w, o))
	} else {
		l.Logger = slog.New(slog.NewTextHandler(w, o))
	}
	return l
}

type logger struct {
	*slog.Logger
	level slog.LevelVar
}

func logLevel(s string) slog.Level {
	var l slog.Level
	if l.UnmarshalText([]byte(s)) != nil {
		return slog.LevelInfo
	}
	return l
}
