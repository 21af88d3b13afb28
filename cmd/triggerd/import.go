package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/triggerd/triggerd/internal/config"
	"github.com/triggerd/triggerd/internal/daemon"
)

// importing is one run of `triggerd import`.
type importing struct {
	from, conf       string // the old file; the node's file, "" = none
	force, apply     bool
	customer, expire string
	given            config.OldGiven
}

func newImport() *cobra.Command {
	var i importing
	var routerID string
	c := &cobra.Command{
		Use:   "import FILE",
		Short: "Read an old bgpd.conf of Quagga or FRR",
		Long: `Read an old bgpd.conf of Quagga or FRR: print what of it belongs to a node's file, what
belongs to the cluster (prefix-lists, community-lists, route-maps and, with --customer,
network lines) and what is left out, with the reason. The cluster's lines are printed as an
operator types them, all else behind "!": the whole output may be pasted.

Nothing is changed without one of these:
  -c OUT            write the node's file (never over an existing one, but with --force)
  --apply -c FILE   type the printed lines at the node that runs with FILE, as its operator;
                    what it answers stands beside each line

A customer whose network lines are taken over must exist and have prefixes that cover them.`,
		Example: `  triggerd import bgpd.conf --customer acme
  triggerd import bgpd.conf -c /etc/triggerd/triggerd.conf
  triggerd import bgpd.conf --customer acme --apply -c /etc/triggerd/triggerd.conf`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			i.from = args[0]
			if routerID != "" {
				id, err := netip.ParseAddr(routerID)
				if err != nil || !id.Is4() {
					return &exitError{2, fmt.Errorf("--router-id: found %q, expected an IPv4 address", routerID)}
				}
				i.given.RouterID = id
			}
			return i.run(c.Context(), os.Stdout)
		},
	}
	f := c.Flags()
	f.StringVarP(&i.conf, "config", "c", "", "the node's `file`: to be written, or with --apply that of the running node")
	f.BoolVar(&i.force, "force", false, "write over an existing node's file")
	f.BoolVar(&i.apply, "apply", false, "type the lines at the running node")
	f.StringVar(&i.customer, "customer", "", "whose the network lines are: a customer's `name`")
	f.StringVar(&i.expire, "expire", "", "`lifetime` of each network, such as 7d or never; the customer's default without it")
	f.StringVar(&i.given.Hostname, "hostname", "", "the node's `name`, in place of the file's")
	f.StringVar(&routerID, "router-id", "", "the node's router-id, an IPv4 `address`, in place of the file's")
	return c
}

func (i importing) run(ctx context.Context, out io.Writer) error {
	if err := i.check(); err != nil {
		return &exitError{2, err}
	}
	f, err := os.Open(i.from)
	if err != nil {
		return &exitError{2, fmt.Errorf("reading the old file: %w", err)}
	}
	defer f.Close()
	old, err := config.ReadOld(i.from, f, i.given)
	if err != nil {
		return &exitError{2, err}
	}
	lines := old.Proposal(i.customer, i.expire)
	if i.apply {
		return i.typeLines(ctx, lines, out)
	}
	for _, l := range append(old.Describe(i.from), lines...) {
		fmt.Fprintln(out, l)
	}
	if i.conf == "" {
		return nil
	}
	return i.write(old)
}

// check refuses what could not be typed as one word, and flags that do not fit.
func (i importing) check() error {
	for flag, word := range map[string]string{"--customer": i.customer, "--expire": i.expire} {
		if strings.ContainsAny(word, " \t\r\n;!|?") {
			return fmt.Errorf("%s: %q is not one word", flag, word)
		}
	}
	switch {
	case i.apply && i.conf == "":
		return errors.New("--apply needs -c FILE: the file of the node that runs here")
	case i.apply && i.force:
		return errors.New("--apply writes no file, so --force has no meaning with it")
	}
	return nil
}

// write makes the node's file, whole or not at all.
func (i importing) write(old *config.Old) error {
	if old.Err != nil {
		return &exitError{2, fmt.Errorf("%s is not written: %w", i.conf, old.Err)}
	}
	if err := daemon.Check(old.Node); err != nil {
		return &exitError{2, fmt.Errorf("%s is not written: %w", i.conf, err)}
	}
	// Beside it first: a neighbor's password is in it, and a full disk must not
	// leave half of it.
	f, err := os.CreateTemp(filepath.Dir(i.conf), ".import-*") // mode 0600
	if err != nil {
		return fmt.Errorf("writing the node's file: %w", err)
	}
	defer os.Remove(f.Name()) // fails when it has its name
	err = old.Node.Print(f)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = i.put(f.Name())
	}
	switch {
	case errors.Is(err, fs.ErrExist):
		return &exitError{1, fmt.Errorf("%s exists already and stays as it is; --force writes over it", i.conf)}
	case err != nil:
		return fmt.Errorf("writing the node's file: %w", err)
	}
	fmt.Fprintf(os.Stderr, "%s is written; look through it, then: triggerd check %s\n", i.conf, i.conf)
	return nil
}

// put gives the written file its name. A link, unlike a rename, fails where there
// is something of that name.
func (i importing) put(written string) error {
	if i.force {
		return os.Rename(written, i.conf)
	}
	return os.Link(written, i.conf)
}

// typeLines types the lines at the running node's own door, which prints each line
// with its answer. Lines for people are not typed.
func (i importing) typeLines(ctx context.Context, lines []string, out io.Writer) error {
	file := configFlag{path: i.conf}
	conf, err := file.load(os.Stderr)
	if err != nil {
		return err
	}
	var typed strings.Builder
	for _, l := range lines {
		if !strings.HasPrefix(l, "!") {
			typed.WriteString(l + "\n")
		}
	}
	status, err := daemon.CLI(ctx, conf, "", strings.NewReader(typed.String()), out)
	switch {
	case err != nil:
		return err
	case status != 0:
		return &exitError{status, errors.New("not every line was accepted; the others have taken effect, and all may be typed again")}
	}
	return nil
}
