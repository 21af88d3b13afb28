package main

import (
	"fmt"
	"log/slog"
	"os"

	"github.com/spf13/cobra"

	"github.com/triggerd/triggerd/internal/daemon"
)

func newBackup() *cobra.Command {
	var file configFlag
	c := &cobra.Command{
		Use:   "backup OUT",
		Short: "Save the cluster's state from the node that runs here",
		Long: `Save customers, users, route-maps, blackholes and the audit, as the node that runs here
has them, to a file that only its owner may read. Its digest is checked before the file
is replaced. No key of a node or of the cluster is in it, but users' password hashes are.`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			conf, err := file.loadForDoor(os.Stderr)
			if err != nil {
				return err
			}
			info, err := daemon.Backup(c.Context(), conf, args[0])
			if err != nil {
				return err
			}
			fmt.Printf("%s: cluster %s as of %s (index %d): %s, %s\n",
				args[0], info.Cluster, info.At, info.Index, count(info.Customers, "customer"), count(info.Blackholes, "blackhole"))
			return nil
		},
	}
	file.add(c)
	return c
}

func newRestore() *cobra.Command {
	var file configFlag
	c := &cobra.Command{
		Use:   "restore IN",
		Short: "Make a new cluster from a saved state",
		Long: `Make a new cluster with this node as its first member, with the customers, users,
route-maps and blackholes of a backup. Membership, certificate authority and cluster id
are new, so every other node joins with a token. Blackholes that have not ended since
are announced when the node is started, also those that were withdrawn after the backup.`,
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			conf, err := file.load(os.Stderr)
			if err != nil {
				return err
			}
			log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
			info, err := daemon.Restore(conf, args[0], version, log)
			if err != nil {
				return err
			}
			fmt.Printf("%s is the first member of a new cluster, with %s and %s as of %s; start it with: triggerd run -c %s\n",
				conf.Hostname, count(info.Customers, "customer"), count(info.Blackholes, "blackhole"), info.At, file.path)
			return nil
		},
	}
	file.add(c)
	return c
}

// count says how many there are of something.
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
