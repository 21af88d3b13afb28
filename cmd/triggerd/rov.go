package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/triggerd/triggerd/rpki/rov"
	"github.com/triggerd/triggerd/rpki/rtr"
)

// The exit statuses of rov, which scripts build on.
const (
	rovInvalid = 1 // something is invalid
	rovFailed  = 2 // the command failed
)

// failed makes an error end with the status of a command that failed.
func failed(err error) error {
	if err == nil {
		return nil
	}
	return &exitError{rovFailed, err}
}

// noArgs is cobra.NoArgs with the exit status of rov.
func noArgs(c *cobra.Command, args []string) error { return failed(cobra.NoArgs(c, args)) }

func newROV() *cobra.Command {
	var o rov.Options
	var asns, prefixes []string
	format := string(rov.Text)
	c := &cobra.Command{
		Use:   "rov --rib FILE --vrps FILE",
		Short: "Validate a routing table in files against RPKI",
		Long: `rov says of every route in a routing table whether RPKI authorizes its origin
(RFC 6811). It needs no daemon, no configuration and no rights, and changes
nothing.

A route is valid, invalid or not-found. Invalid has a reason:
  as      VRPs cover the prefix, but for other origins only: a hijack, or a ROA
          that is missing
  length  the origin is right, but the prefix is longer than the maxLength
A prefix with its origin counts once, however many neighbors sent it.

--rib takes MRT files (TABLE_DUMP and TABLE_DUMP_V2, with ADD-PATH too) as
RouteViews, RIPE RIS and routers write them, or text lines "prefix,origin".
--vrps takes JSON (Routinator, rpki-client, "rtr dump"), CSV, or a live cache as
rtr://HOST:PORT. gzip and bzip2 are unpacked. - is the standard input.

--asn and --prefix choose what is looked at: routes of any of these origins, or
in any of these prefixes. What was asked for and is nowhere is not-advertised.

Exit status: 0 nothing is invalid, 1 something is, 2 the command failed. A file
that is cut off is validated as far as it goes, and the status is 2.`,
		Example: `  triggerd rov --rib rib.20260619.mrt.bz2 --vrps vrps.json --invalid
  triggerd rov --rib rib4.csv.gz --rib rib6.csv.gz --vrps rtr://127.0.0.1:3323 --summary
  triggerd rov --rib rib.mrt --vrps vrps.csv --asn 64500 --prefix 192.0.2.0/24`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			err := fillROV(&o, asns, prefixes, format)
			if err != nil {
				return failed(err)
			}
			o.Stdin, o.Progress = c.InOrStdin(), terminal(os.Stderr)
			return verdict(rov.Run(c.Context(), o, c.OutOrStdout()))
		},
	}
	f := c.Flags()
	f.StringArrayVar(&o.RIBs, "rib", nil, "a routing table: MRT or prefix,origin lines; may be given again")
	f.StringVar(&o.VRPs, "vrps", "", "VRPs: JSON, CSV or rtr://HOST:PORT")
	f.StringArrayVar(&asns, "asn", nil, "only routes of this origin; may be given again")
	f.StringArrayVar(&prefixes, "prefix", nil, "only this prefix and what lies in it; may be given again")
	f.BoolVar(&o.Invalid, "invalid", false, "print only what is invalid")
	f.BoolVar(&o.Summary, "summary", false, "print only the totals, as one line of JSON")
	f.StringVar(&format, "format", format, "text, json or csv")
	return c
}

func fillROV(o *rov.Options, asns, prefixes []string, format string) (err error) {
	switch {
	case len(o.RIBs) == 0:
		return errors.New("no routing table: give --rib FILE (see triggerd rov --help)")
	case o.VRPs == "":
		return errors.New("no VRPs: give --vrps FILE or --vrps rtr://HOST:PORT (see triggerd rov --help)")
	}
	if o.Format, err = rov.ParseFormat(format); err != nil {
		return fmt.Errorf("--format: %w", err)
	}
	for _, s := range asns {
		asn, err := rov.ParseASN(s)
		if err != nil {
			return fmt.Errorf("--asn: %w", err)
		}
		o.ASNs = append(o.ASNs, asn)
	}
	for _, s := range prefixes {
		p, err := netip.ParsePrefix(s)
		if err != nil || p != p.Masked() {
			return fmt.Errorf("--prefix: %q is not a prefix such as 192.0.2.0/24 or 2001:db8::/32", s)
		}
		o.Prefixes = append(o.Prefixes, p)
	}
	return nil
}

// verdict turns the result into the exit status.
func verdict(s rov.Summary, err error) error {
	if err == nil && s.Invalid > 0 {
		return &exitError{rovInvalid, nil}
	}
	return failed(err)
}

// terminal returns the file when it is one, so that nothing draws into logs.
func terminal(f *os.File) io.Writer {
	if term.IsTerminal(int(f.Fd())) {
		return f
	}
	return nil
}

func newRTR() *cobra.Command {
	c := &cobra.Command{
		Use:   "rtr",
		Short: "Talk to an RPKI cache",
		Args:  noArgs,
		RunE:  func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newRTRDump())
	return c
}

func newRTRDump() *cobra.Command {
	var cache rtr.Cache
	var useTLS bool
	format, limit := string(rov.Text), time.Minute
	c := &cobra.Command{
		Use:   "dump HOST:PORT",
		Short: "Print everything that a cache has",
		Long: `dump asks an RPKI cache (RTR, versions 2, 1 and 0) for all its VRPs, ASPAs and
router keys, prints them and goes.

JSON has the shape of rpki-client and can be given to "rov --vrps"; so can CSV,
which holds the VRPs only. The usual port is 323, 324 with TLS, 22 with SSH.

Exit status: 0 printed, 2 the cache gave no complete answer.`,
		Example: `  triggerd rtr dump 127.0.0.1:3323
  triggerd rtr dump rpki.example.net:324 --tls --ca ca.pem --format json
  triggerd rtr dump rpki.example.net:22 --ssh-user rpki --ssh-key id --known-hosts known_hosts`,
		Args: func(c *cobra.Command, args []string) error { return failed(cobra.ExactArgs(1)(c, args)) },
		RunE: func(c *cobra.Command, args []string) error {
			cache.Addr, cache.Transport = args[0], transportOf(cache, useTLS)
			return failed(dumpCache(c.Context(), cache, format, limit, c.OutOrStdout()))
		},
	}
	f := c.Flags()
	f.StringVar(&format, "format", format, "text, json or csv")
	f.DurationVar(&limit, "timeout", limit, "give up after this time")
	f.BoolVar(&useTLS, "tls", false, "connect with TLS")
	f.StringVar(&cache.CA, "ca", "", "TLS: file with the CA of the cache (default the system's)")
	f.StringVar(&cache.Cert, "cert", "", "TLS: file with our certificate")
	f.StringVar(&cache.Key, "cert-key", "", "TLS: file with its key")
	f.StringVar(&cache.ServerName, "server-name", "", "TLS: the name in the certificate (default HOST)")
	f.StringVar(&cache.User, "ssh-user", "", "SSH: connect as this user")
	f.StringVar(&cache.PrivateKey, "ssh-key", "", "SSH: file with our private key")
	f.StringVar(&cache.KnownHosts, "known-hosts", "", "SSH: file that has the key of the cache")
	f.StringVar(&cache.Password, "md5", "", "TCP MD5: the password")
	return c
}

// transportOf is what the flags imply.
func transportOf(c rtr.Cache, useTLS bool) rtr.Transport {
	switch {
	case c.User != "" || c.PrivateKey != "" || c.KnownHosts != "":
		return rtr.SSH
	case useTLS || c.CA != "" || c.Cert != "" || c.Key != "" || c.ServerName != "":
		return rtr.TLS
	case c.Password != "":
		return rtr.TCPMD5
	}
	return rtr.TCP
}

func dumpCache(ctx context.Context, cache rtr.Cache, format string, limit time.Duration, out io.Writer) error {
	f, err := rov.ParseFormat(format)
	if err != nil {
		return fmt.Errorf("--format: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	e, err := rtr.Fetch(ctx, cache)
	if err != nil {
		return err
	}
	return rov.Dump(out, e, f)
}
