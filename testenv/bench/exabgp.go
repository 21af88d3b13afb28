package bench

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// exabgp is ExaBGP 4 with a process that copies a pipe: what is written into that
// is announced. It listens for the routers. What it was told is gone when it ends,
// so the process first says what lies in a file.
type exabgp struct{ single }

func newExaBGP(e *env, name string) system { return &exabgp{newSingle(e, name)} }

func (x *exabgp) pipe() string { return filepath.Join(x.dir, "pipe") }

func (x *exabgp) start(ctx context.Context) error {
	if _, err := x.file("said", "", 0o644); err != nil {
		return err
	}
	// Opened for both, the pipe has no end when a writer goes.
	feed, err := x.file("feed.sh", "#!/bin/sh\ncat "+filepath.Join(x.dir, "said")+"\nexec cat <>"+x.pipe()+"\n", 0o755)
	if err != nil {
		return err
	}
	if err := syscall.Mkfifo(x.pipe(), 0o600); err != nil {
		return err
	}
	if _, err := x.file("exabgp.conf", x.config(feed), 0o644); err != nil {
		return err
	}
	if err := x.restart(ctx); err != nil {
		return err
	}
	return x.dialed()
}

func (x *exabgp) restart(context.Context) error {
	return x.run([]string{"exabgp.daemon.user=root", "exabgp.api.ack=false", "exabgp.log.destination=stdout", "exabgp.log.level=WARNING",
		"exabgp.tcp.bind=" + x.at.Addr().String(), fmt.Sprintf("exabgp.tcp.port=%d", x.at.Port())}, "exabgp", filepath.Join(x.dir, "exabgp.conf"))
}

func (x *exabgp) config(feed string) string {
	var b strings.Builder
	b.WriteString(lines("process feed {", "  run "+feed+";", "  encoder text;", "}"))
	neighbor := func(a netip.Addr, as uint32, api string) {
		b.WriteString(lines(fmt.Sprintf("neighbor %s {", a), "  router-id 192.0.2.23;", "  local-address "+x.at.Addr().String()+";",
			fmt.Sprintf("  local-as %d;\n  peer-as %d;", triggerAS, as), "  hold-time 90;\n  passive true;",
			fmt.Sprintf("  listen %d;", x.at.Port()), "  family {\n    ipv4 unicast;\n  }", api, "}"))
	}
	for _, a := range routerAddrs {
		neighbor(a, routerAS, "  api {\n    processes [ feed ];\n  }")
	}
	neighbor(feederAddr, feederAS, "")
	return b.String()
}

func (x *exabgp) open(string) (door, error) {
	f, err := os.OpenFile(x.pipe(), os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	return &pipeDoor{f}, nil
}

// pipeDoor writes lines; nothing answers.
type pipeDoor struct{ file *os.File }

func (d *pipeDoor) close() { _ = d.file.Close() }

func (d *pipeDoor) prepare(c change) (func(context.Context) error, error) {
	text := exaLines(c)
	return func(ctx context.Context) error {
		stop := context.AfterFunc(ctx, func() { _ = d.file.Close() })
		defer stop()
		_, err := d.file.WriteString(text)
		return err
	}, nil
}

func exaLines(c change) string {
	verb := "announce"
	if c.withdraw {
		verb = "withdraw"
	}
	var b strings.Builder
	for _, p := range c.prefixes {
		fmt.Fprintf(&b, "%s route %s next-hop 192.0.2.1 community [65535:666]\n", verb, p)
	}
	return b.String()
}
