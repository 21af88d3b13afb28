package main

import (
	"context"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/triggerd/triggerd/internal/daemon/dev"
)

func newDev() *cobra.Command {
	opt := dev.Options{Stdout: os.Stdout, Stderr: os.Stderr}
	c := &cobra.Command{
		Use:   "dev",
		Short: "Run a whole cluster on this machine to try things out",
		Long: `Run two triggers, a witness and a small receiving router in one process, on loopback
and high ports, as an ordinary user, with a made-up customer. It prints how to log in,
and each route as the router sees it come and go. Ctrl-C ends it and removes its data.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			useThreads()
			surviveClosedLog()
			ctx := c.Context()
			if !signal.Ignored(syscall.SIGHUP) { // unless nohup started it
				var stop context.CancelFunc
				ctx, stop = signal.NotifyContext(ctx, syscall.SIGHUP) // its terminal was closed
				defer stop()
			}
			opt.Version = version
			opt.Log = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
			return dev.Run(ctx, opt)
		},
	}
	c.Flags().BoolVar(&opt.JSON, "json", false, "print one JSON line on standard output once all is ready, all else to standard error")
	c.Flags().StringVar(&opt.Data, "data", "", "keep everything in this `folder`, and go on from there next time")
	return c
}
