package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/triggerd/triggerd/internal/beat"
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
			beat.FromNow()
			go tendMemory(c.Context())
			surviveClosedLog()
			hup := make(chan os.Signal, 1) // from before the start: until then a SIGHUP would end the process
			signal.Notify(hup, syscall.SIGHUP)
			defer signal.Stop(hup)
			d, err := daemon.Start(c.Context(), daemon.Options{Config: conf, Path: file.path, Version: version, Log: log})
			if err != nil {
				return err
			}
			failed := tend(c.Context(), d, hup, &file, log)
			ctx, cancel := context.WithTimeout(context.Background(), stopWithin)
			defer cancel()
			return errors.Join(failed, d.Close(ctx))
		},
	}
	file.add(c)
	logs.add(c)
	return c
}

// useThreads gives the BGP speakers the threads that they need: with fewer than
// four, a route waited seconds behind another peer's table.
func useThreads() { runtime.GOMAXPROCS(max(4, runtime.GOMAXPROCS(0))) }

// surviveClosedLog lets the process go on when nobody reads its output any more:
// a logger that was restarted must not take the routes along.
func surviveClosedLog() { signal.Ignore(syscall.SIGPIPE) }

// tend waits for the end, and reads the file again at each SIGHUP. An error says
// that the node could not go on.
func tend(ctx context.Context, d *daemon.Daemon, hup <-chan os.Signal, file *configFlag, log *slog.Logger) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-d.Failed():
			return fmt.Errorf("the node cannot do its work: %w", d.Failure())
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
