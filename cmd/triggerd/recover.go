package main

import (
	"log/slog"
	"os"

	"github.com/spf13/cobra"

	"github.com/triggerd/triggerd/internal/daemon"
)

func newRecover() *cobra.Command {
	var file configFlag
	c := &cobra.Command{
		Use:   "recover [NAME...]",
		Short: "Go on with this node alone when the majority is lost for good",
		Long: `Make this node the cluster's only voter, so that commands are accepted again. Without
NAMEs it prints what that would do and changes nothing: who answers, which commands of
unknown fate would take effect, and the names of the voters that it excludes. Typing
those names is the confirmation.

It works on the node that runs here, whose BGP sessions and routes are not touched, or
in the directory of a stopped one. It is refused when a majority of the voters answers.
Excluded nodes that come back fetch the state anew by themselves; until a node that is
cut off but runs is back, it goes on announcing: shut its BGP sessions on the routers.`,
		Example: `  triggerd recover
  triggerd recover trigger2 witness`,
		RunE: func(c *cobra.Command, args []string) error {
			conf, err := file.load(os.Stderr)
			if err != nil {
				return err
			}
			log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError}))
			status, err := daemon.Recover(c.Context(), conf, args, version, os.Stdout, log)
			if err == nil && status != 0 {
				return &exitError{code: status}
			}
			return err
		},
	}
	file.add(c)
	return c
}
