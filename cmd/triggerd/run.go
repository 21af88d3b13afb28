package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/triggerd/triggerd/internal/daemon"
)

// stopWithin bounds a planned stop; what is not done by then is left to the
// kernel.
const stopWithin = 15 * time.Second

type logFlags struct{ format, level string }

func (f *logFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&f.format, "log-format", "text", "log as `text` or json")
	c.Flags().StringVar(&f.level, "log-level", "info", "least `level` to log: debug, info, warn or error")
}

// logger writes to standard error, where systemd and daemontools collect it.
func (f *logFlags) logger() (*slog.Logger, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(f.level)); err != nil {
		return nil, &exitError{2, fmt.Errorf("--log-level: %w", err)}
	}
	o := &slog.HandlerOptions{Level: level}
	switch f.format {
	case "text":
		return slog.New(slog.NewTextHandler(os.Stderr, o)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(os.Stderr, o)), nil
	}
	return nil, &exitError{2, fmt.Errorf("--log-format is text or json, not %q", f.format)}
}

func newRun() *cobra.Command {
	var file configFlag
	var logs logFlags
	c := &cobra.Command{
		Use:   "run",
		Short: "Run the node in the foreground",
		Long: `Run the node in the foreground until SIGTERM or SIGINT; the log goes to standard error.
SIGHUP reads the file again and touches only the neighbors that changed.

The node must have been made by "triggerd init" or "triggerd join" before. At boot it
announces what it had applied before, then what the cluster has committed since.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			log, err := logs.logger()
			if err != nil {
				return err
			}
			conf, err := file.load(os.Stderr)
			if err != nil {
				return err
			}
			useThreads()
			d, err := daemon.Start(c.Context(), daemon.Options{Config: conf, Path: file.path, Version: version, Log: log})
			if err != nil {
				return err
			}
			tend(c.Context(), d, &file, log)
			ctx, cancel := context.WithTimeout(context.Background(), stopWithin)
			defer cancel()
			return d.Close(ctx)
		},
	}
	file.add(c)
	logs.add(c)
	return c
}

// useThreads gives the BGP speakers the threads that they need: with fewer than
// four, a route waited seconds behind another peer's table.
func useThreads() { runtime.GOMAXPROCS(max(4, runtime.GOMAXPROCS(0))) }

// tend waits for the end, and reads the file again at each SIGHUP.
func tend(ctx context.Context, d *daemon.Daemon, file *configFlag, log *slog.Logger) {
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	defer signal.Stop(hup)
	for {
		select {
		case <-ctx.Done():
			return
		case <-d.Failed():
			return
		case <-hup:
			conf, err := file.load(os.Stderr)
			if err == nil {
				err = d.Reload(ctx, conf)
			}
			if err != nil {
				log.Error("the file was not taken; the old configuration stays", "file", file.path, "error", err)
			}
		}
	}
}
