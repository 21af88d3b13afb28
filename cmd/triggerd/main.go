// Command triggerd is one node of a remotely triggered blackhole (RTBH)
// cluster. This package holds flags, subcommands and signals, and nothing of
// how anything works: internal/daemon builds the parts and runs them.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

// version is set by the linker.
var version = "unknown"

// exitError carries an exit status other than 1 to main.
type exitError struct {
	code int
	err  error // nil: everything was said already
}

func (e *exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit status %d", e.code)
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:]))
}

// run executes the command line and returns the exit status: 0 done, 1 failed,
// 2 the configuration or the command line is wrong.
func run(ctx context.Context, args []string) int {
	root := newRoot()
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	var exit *exitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		if exit.err != nil {
			fmt.Fprintln(os.Stderr, "triggerd:", exit.err)
		}
		return exit.code
	}
	// No subcommand has run: cobra did not take the command line.
	fmt.Fprintf(os.Stderr, "triggerd: %v (see triggerd --help)\n", err)
	return 2
}

// whenItFails gives what a subcommand returns exit status 1, unless it chose
// another: so only a wrong command line is left without one.
func whenItFails(do func(*cobra.Command, []string) error) func(*cobra.Command, []string) error {
	return func(c *cobra.Command, args []string) error {
		err := do(c, args)
		var exit *exitError
		if err == nil || errors.As(err, &exit) {
			return err
		}
		return &exitError{1, err}
	}
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "triggerd",
		Short: "A node of a remotely triggered blackhole cluster",
		Long: `triggerd announces blackhole routes for addresses under attack.

Customers log in over SSH and type "network 192.0.2.12/32"; every trigger of the
cluster then announces the same route to the routers it peers with.

Try it on this machine, as an ordinary user:
  triggerd dev

Set up a cluster, one command a line:
  triggerd check FILE                                     is the node's file right?
  triggerd init -c FILE --operator you --key ~/.ssh/id_ed25519.pub
  triggerd run -c FILE                                    under systemd or by hand
  triggerd token -c FILE --role voter                     invite the next node
  triggerd join -c FILE TOKEN                             on that node; then run it

Something is wrong at 3 a.m.:
  triggerd cli -c FILE "show alarms"                      what is wrong now
  triggerd cli -c FILE "show cluster"                     who is up, who leads
  triggerd cli -c FILE                                    the operator's prompt, without any key

-c defaults to /etc/triggerd/triggerd.conf everywhere.`,
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return &exitError{2, fmt.Errorf("%w (see %s --help)", err, c.CommandPath())}
	})
	root.CompletionOptions.HiddenDefaultCmd = true
	root.AddCommand(newRun(), newInit(), newJoin(), newToken(), newCLI(), newAudit(), newRecover(), newBackup(), newRestore(), newCheck(), newImport(), newROV(), newRTR(), newDev(), newVersion())
	for _, c := range root.Commands() {
		c.RunE = whenItFails(c.RunE)
	}
	return root
}

func newVersion() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Println("triggerd", version)
			return err
		},
	}
}
