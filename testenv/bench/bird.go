package bench

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// bird is BIRD 2 with static routes in a file of their own: that is rewritten, and
// `configure` asked for over the control socket, as birdc does.
type bird struct {
	single
	routes map[netip.Prefix]bool
	rpki   netip.AddrPort // an RTR cache, if valid
}

func newBird(e *env, name string) system {
	return &bird{single: newSingle(e, name), routes: map[netip.Prefix]bool{}}
}

func (b *bird) start(ctx context.Context) error {
	if _, err := b.file("routes.conf", "", 0o644); err != nil {
		return err
	}
	conf, err := b.file("bird.conf", b.config(), 0o644)
	if err != nil {
		return err
	}
	if err := b.run(nil, "bird", "-f", "-c", conf, "-s", b.socket(), "-P", filepath.Join(b.dir, "pid")); err != nil {
		return err
	}
	if err := b.answers(ctx, func() error { _, err := b.ask(ctx, "show status"); return err }); err != nil {
		return err
	}
	return b.dialed()
}

func (b *bird) socket() string { return filepath.Join(b.dir, "ctl") }

func (b *bird) config() string {
	var s strings.Builder
	s.WriteString(lines("log stderr { warning, error, fatal };", "router id 192.0.2.21;", "protocol device { }", "protocol static blackholes {", "  ipv4;",
		"include "+fmt.Sprintf("%q;", filepath.Join(b.dir, "routes.conf")), "}", b.validation()))
	for i, a := range routerAddrs {
		s.WriteString(b.neighbor(fmt.Sprintf("router%d", i+1), a, routerAS, "ipv4 { import none; export where source = RTS_STATIC; };"))
	}
	s.WriteString(b.neighbor("feeder", feederAddr, feederAS, "ipv4 { "+b.imports("4")+"; export none; };\n  ipv6 { "+b.imports("6")+"; export none; };"))
	return s.String()
}

func (b *bird) neighbor(name string, a netip.Addr, as uint32, channels string) string {
	return lines("protocol bgp "+name+" {", fmt.Sprintf("  local %s port %d as %d;", b.at.Addr(), b.at.Port(), triggerAS),
		fmt.Sprintf("  neighbor %s as %d;", a, as), "  multihop; passive; hold time 90; graceful restart off;", "  "+channels, "}")
}

// ask asks over the control socket and returns the answer's lines without their
// codes. A line is "CODE-text", "CODE text" (the last), or a continued " text";
// codes from 8000 on are errors.
func (b *bird) ask(ctx context.Context, command string) ([]string, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "unix", b.socket())
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close() }()
	if deadline, ok := ctx.Deadline(); ok {
		_ = conn.SetDeadline(deadline)
	}
	in := bufio.NewReader(conn)
	if _, err := birdAnswer(in); err != nil {
		return nil, err
	}
	if _, err := io.WriteString(conn, command+"\n"); err != nil {
		return nil, err
	}
	return birdAnswer(in)
}

func birdAnswer(in *bufio.Reader) (all []string, err error) {
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return nil, fmt.Errorf("BIRD's answer: %w", err)
		}
		line = strings.TrimRight(line, "\n")
		code := len(line) >= 5 && strings.Trim(line[:4], "0123456789") == "" && (line[4] == ' ' || line[4] == '-')
		switch {
		case !code:
			all = append(all, strings.TrimSpace(line))
		case line >= "8":
			return nil, errors.New("BIRD: " + line)
		default:
			if all = append(all, line[5:]); line[4] == ' ' {
				return all, nil
			}
		}
	}
}

func (b *bird) open(string) (door, error) { return birdDoor{b}, nil }

type birdDoor struct{ *bird }

func (d birdDoor) close() {}

func (d birdDoor) prepare(c change) (func(context.Context) error, error) {
	for _, p := range c.prefixes {
		if d.routes[p] = true; c.withdraw {
			delete(d.routes, p)
		}
	}
	return func(ctx context.Context) error {
		fresh, err := d.file("routes.new", d.text(), 0o644)
		if err != nil {
			return err
		}
		if err := os.Rename(fresh, filepath.Join(d.dir, "routes.conf")); err != nil {
			return err // in one step: BIRD may be reading it
		}
		_, err = d.ask(ctx, "configure")
		return err
	}, nil
}

// text is the file of routes.
func (d birdDoor) text() string {
	all := make([]netip.Prefix, 0, len(d.routes))
	for p := range d.routes {
		all = append(all, p)
	}
	slices.SortFunc(all, func(a, b netip.Prefix) int { return a.Addr().Compare(b.Addr()) })
	var s strings.Builder
	s.Grow(len(all) * 80)
	for _, p := range all {
		s.WriteString("route " + p.String() + " blackhole { bgp_community.add((65535, 666)); bgp_next_hop = 192.0.2.1; };\n")
	}
	return s.String()
}

// restart is a start after a kill -9; everything that it needs is in its files.
func (b *bird) restart(context.Context) error {
	conf := filepath.Join(b.dir, "bird.conf")
	return b.run(nil, "bird", "-f", "-c", conf, "-s", b.socket(), "-P", filepath.Join(b.dir, "pid"))
}
