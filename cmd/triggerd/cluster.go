package main

import (
	"fmt"
	"log/slog"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/triggerd/triggerd/cli"
	"github.com/triggerd/triggerd/internal/daemon"
)

func newInit() *cobra.Command {
	var file configFlag
	var operator, key string
	c := &cobra.Command{
		Use:   "init",
		Short: "Make a new cluster with this node as its first member",
		Long: `Make a new cluster with this node as its first member: its certificate authority, its
log, and the first operator, who logs in over SSH with the key given.

Done once, on one node. Every other node joins with a token.`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			conf, err := file.load(os.Stderr)
			if err != nil {
				return err
			}
			keys, err := readKeys(key)
			if err != nil {
				return &exitError{2, err}
			}
			log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
			if err := daemon.Init(conf, version, operator, keys, log); err != nil {
				return err
			}
			fmt.Printf("%s is the first member of a new cluster; start it with: triggerd run -c %s\n", conf.Hostname, file.path)
			return nil
		},
	}
	file.add(c)
	c.Flags().StringVar(&operator, "operator", "", "`name` of the first operator")
	c.Flags().StringVar(&key, "key", "", "`file` with the operator's SSH public key, such as ~/.ssh/id_ed25519.pub")
	_ = c.MarkFlagRequired("operator") // both exist
	_ = c.MarkFlagRequired("key")
	return c
}

// readKeys takes the public keys out of a .pub or authorized_keys file.
func readKeys(path string) ([]string, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading the operator's key: %w", err)
	}
	if strings.Contains(string(b), "PRIVATE KEY") {
		return nil, fmt.Errorf("%s is a private key; give the public one, whose name ends in .pub", path)
	}
	var keys []string
	for line := range strings.Lines(string(b)) {
		if line = strings.TrimSpace(line); line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if err := cli.CheckKey(line); err != nil {
			return nil, fmt.Errorf("%s: %s", path, strings.TrimPrefix(err.Error(), "% "))
		}
		keys = append(keys, line)
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("%s holds no public key", path)
	}
	return keys, nil
}

func newToken() *cobra.Command {
	var file configFlag
	var role, name string
	c := &cobra.Command{
		Use:   "token",
		Short: "Invite another node: print a one-time join token",
		Long: `Print a one-time token on standard output with which another node joins the cluster.
Ask it of a node that runs, as root on that machine.

Roles: voter (announces and votes), witness (votes, holds the full state, announces
nothing: the third vote in another failure domain), speaker (announces, does not vote).`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			conf, err := file.loadForDoor(os.Stderr)
			if err != nil {
				return err
			}
			token, err := daemon.AskToken(c.Context(), conf, role, name)
			if err != nil {
				return err
			}
			fmt.Println(token)
			return nil
		},
	}
	file.add(c)
	c.Flags().StringVar(&role, "role", "", "voter, witness or speaker")
	c.Flags().StringVar(&name, "name", "", "let only the node of this `name` use it")
	_ = c.MarkFlagRequired("role") // it exists
	return c
}

func newJoin() *cobra.Command {
	var file configFlag
	c := &cobra.Command{
		Use:   "join TOKEN",
		Short: "Make this node a member of a cluster",
		Long: `Make this node a member of the cluster that the token is from. The node gets its
certificate and is then started with "triggerd run"; it catches up before it counts.`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			conf, err := file.load(os.Stderr)
			if err != nil {
				return err
			}
			if err := daemon.Join(c.Context(), conf, args[0], version); err != nil {
				return err
			}
			fmt.Printf("%s is a member now; start it with: triggerd run -c %s\n", conf.Hostname, file.path)
			return nil
		},
	}
	file.add(c)
	return c
}

func newCLI() *cobra.Command {
	var file configFlag
	c := &cobra.Command{
		Use:   "cli [COMMAND]",
		Short: "The operator's prompt on the machine itself",
		Long: `Open the operator's prompt of the node that runs here, over a unix socket that only
root can open. It needs no key and no network: it is also the way back when keys are lost.

With COMMAND, run that ("line; line" runs several) and exit with status 0 accepted,
1 refused, 2 not confirmed. Without it and without a terminal, read lines from standard input.`,
		Example: `  triggerd cli "show alarms"
  triggerd cli < customers.txt`,
		RunE: func(c *cobra.Command, args []string) error {
			conf, err := file.loadForDoor(os.Stderr)
			if err != nil {
				return err
			}
			status, err := daemon.CLI(c.Context(), conf, strings.Join(args, " "), os.Stdin, os.Stdout)
			if err != nil {
				return err
			}
			if status != 0 {
				return &exitError{code: status}
			}
			return nil
		},
	}
	file.add(c)
	return c
}
