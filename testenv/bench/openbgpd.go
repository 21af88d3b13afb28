package bench

import (
	"bytes"
	"context"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// openbgpd is OpenBGPD with networks that bgpctl adds.
type openbgpd struct {
	single
	rtr   netip.AddrPort // an RTR cache, if valid
	cache content        // of the RTR cache
	rules string         // of the filter, in front of its own
}

func newOpenBGPD(e *env, name string) system { return &openbgpd{single: newSingle(e, name)} }

func (o *openbgpd) start(ctx context.Context) error {
	if err := os.MkdirAll("/run/openbgpd", 0o755); err != nil {
		return err
	}
	if _, err := o.file("bgpd.conf", o.config(), 0o600); err != nil {
		return err
	}
	if err := o.restart(ctx); err != nil {
		return err
	}
	if err := o.answers(ctx, func() error { _, err := o.ctl(ctx, "", "show", "summary"); return err }); err != nil {
		return err
	}
	return o.dialed()
}

func (o *openbgpd) restart(context.Context) error {
	return o.run(nil, "/usr/sbin/bgpd", "-d", "-f", filepath.Join(o.dir, "bgpd.conf"))
}

func (o *openbgpd) config() string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("AS %d\nrouter-id 192.0.2.24\nfib-update no\nsocket %q\nlisten on %s port %d\nnexthop qualify via default", triggerAS, o.socket(), o.at.Addr(), o.at.Port())
	if o.rtr.IsValid() {
		line("rtr %s {\n\tport %d\n}", o.rtr.Addr(), o.rtr.Port())
	}
	for _, a := range routerAddrs {
		line("neighbor %s {\n\tremote-as %d\n\tmultihop 2\n\tpassive\n\tannounce IPv4 unicast\n\tannounce IPv6 none\n\tannounce restart no\n}", a, routerAS)
	}
	line("neighbor %s {\n\tremote-as %d\n\tmultihop 2\n\tpassive\n\tannounce IPv4 unicast\n\tannounce IPv6 unicast\n}", feederAddr, feederAS)
	b.WriteString("allow from any\n" + o.rules)
	if o.rules == "" {
		line("deny to any\nallow to any community 65535:666")
	}
	return b.String()
}

func (o *openbgpd) socket() string { return filepath.Join(o.dir, "sock") }

// ctl runs bgpctl.
func (o *openbgpd) ctl(ctx context.Context, stdin string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "/usr/sbin/bgpctl", append([]string{"-s", o.socket()}, args...)...)
	cmd.Stdin = strings.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	if err != nil {
		err = fmt.Errorf("bgpctl: %w: %s", err, bytes.TrimSpace(out))
	}
	return string(out), err
}

func (o *openbgpd) open(string) (door, error) { return ctlDoor{o}, nil }

type ctlDoor struct{ *openbgpd }

func (d ctlDoor) close() {}

// prepare takes the bulk form for many.
func (d ctlDoor) prepare(c change) (func(context.Context) error, error) {
	verb, all := "add", make([]string, len(c.prefixes))
	if c.withdraw {
		verb = "delete"
	}
	for i, p := range c.prefixes {
		all[i] = p.String()
	}
	args, stdin, attributes := []string{"network", verb, all[0]}, "", []string{"community", "65535:666", "nexthop", "192.0.2.1"}
	switch {
	case len(all) > 1 && c.withdraw:
		args, stdin = []string{"network", "bulk", verb}, lines(all...)
	case len(all) > 1: // there the verb comes last
		args, stdin = append(append([]string{"network", "bulk"}, attributes...), verb), lines(all...)
	case !c.withdraw:
		args = append(args, attributes...)
	}
	return func(ctx context.Context) error { _, err := d.ctl(ctx, stdin, args...); return err }, nil
}
