package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/pflag"

	"sluice/configs"
)

// sources registers the flags that say where the configuration is.
func sources(fs *pflag.FlagSet) func() configs.Sources {
	proxy := fs.String("config", "", "proxy.yaml: settings of the node")
	buckets := fs.String("buckets", "", "buckets.yaml: the servers behind it")
	configs.RegisterFlags(fs)
	return func() configs.Sources {
		src := configs.Sources{Flags: fs}
		for _, f := range []string{*proxy, *buckets} {
			if f != "" {
				src.Files = append(src.Files, f)
			}
		}
		return src
	}
}

func check(_ context.Context, args []string, out, _ io.Writer) error {
	fs := flags("check", out)
	src := sources(fs)
	if err := fs.Parse(args); err != nil {
		return err
	}
	cfg, err := configs.Load(src())
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
	fs := flags("serve", out)
	src := sources(fs)
	if err := fs.Parse(args); err != nil {
		return err
	}
	cfg, err := configs.Load(src())
	if err != nil {
		return err
	}
	raiseFileLimit()
	n, err := newNode(cfg, newLogger(errs, cfg.Log))
	if err != nil {
		return err
	}
	if err := n.start(); err != nil {
		n.close()
		return err
	}
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	defer signal.Stop(hup)
	for {
		select {
		case <-hup:
			now, err := configs.Load(src())
			if err != nil {
				n.log.Error("reload refused, the running configuration stays", "err", err)
				continue
			}
			n.reload(now)
		case <-ctx.Done():
			n.drain()
			return nil
		}
	}
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
