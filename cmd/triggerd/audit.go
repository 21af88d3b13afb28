package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/triggerd/triggerd/internal/daemon"
)

func newAudit() *cobra.Command {
	c := &cobra.Command{
		Use:   "audit",
		Short: "Export who did what, and check an export",
		Long: `The audit is part of the cluster's state: who did what, when, from where, and what
was refused. Each record carries a hash over itself and the record before, so that a
changed past shows. Whoever owns the disks of the cluster could write all of it anew:
keep an export, or at least the chain's head, elsewhere.`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return &exitError{2, errors.New("say what to do: audit export, or audit verify FILE")}
		},
	}
	c.AddCommand(newAuditExport(), newAuditVerify())
	return c
}

func newAuditExport() *cobra.Command {
	var file configFlag
	c := &cobra.Command{
		Use:   "export",
		Short: "Print the audit, one JSON object a line, with hashes",
		Long: `Print the audit on standard output, one JSON object a line, and the chain's head last.
Ask it of a node that runs, as root on that machine.`,
		Example: "  triggerd audit export > audit-2026-06-19.jsonl",
		Args:    cobra.NoArgs,
		RunE: whenItFails(func(c *cobra.Command, _ []string) error {
			conf, err := file.loadForDoor(os.Stderr)
			if err != nil {
				return err
			}
			return daemon.ExportAudit(c.Context(), conf, os.Stdout)
		}),
	}
	file.add(c)
	return c
}

func newAuditVerify() *cobra.Command {
	return &cobra.Command{
		Use:   "verify FILE",
		Short: "Check an export: exit status 0 whole, 1 changed",
		Long: `Check an export of the audit, "-" for standard input, without any node. When it is
whole, its number of records and the chain's head are printed: compare the head with one
that was kept elsewhere. When it is not, the exit status is 1 and the number of the first
bad record is printed.`,
		Args: cobra.ExactArgs(1),
		RunE: whenItFails(func(c *cobra.Command, args []string) error {
			in := io.Reader(os.Stdin)
			if args[0] != "-" {
				f, err := os.Open(args[0])
				if err != nil {
					return &exitError{2, fmt.Errorf("opening the export: %w", err)}
				}
				defer f.Close()
				in = f
			}
			return verifyAudit(in, c.OutOrStdout())
		}),
	}
}

func verifyAudit(in io.Reader, out io.Writer) error {
	found, err := daemon.VerifyAudit(in)
	var bad *daemon.BadAudit
	switch {
	case errors.As(err, &bad):
		fmt.Fprintf(out, "BAD: %v\n", bad)
		return &exitError{code: 1}
	case err != nil:
		return err
	}
	fmt.Fprintf(out, "OK: cluster %s, %d records, %d to %d\nhead %s\n", found.Cluster, found.Records, found.After+1, found.Last, found.Head)
	return nil
}
