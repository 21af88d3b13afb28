package testenv

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// BIRD is an edge router run by BIRD 2. It takes blackholes as FRR does here: host
// routes that carry 65535:666, the next-hop set to the discard address, which a
// static route blackholes.
type BIRD struct {
	host *Host
	opts RouterOptions
	proc *Process
}

// BIRD makes a BIRD edge router on the host.
func (l *Lab) BIRD(host *Host, opts RouterOptions) *BIRD {
	l.t.Helper()
	Require(l.t, "bird2")
	return &BIRD{host: host, opts: opts}
}

// Name is the host's name.
func (b *BIRD) Name() string { return b.host.Name }

// Start writes the configuration and waits until BIRD answers.
func (b *BIRD) Start() {
	t := b.host.lab.t
	t.Helper()
	conf := b.host.File("bird.conf", cmp.Or(b.opts.Text, b.config()))
	b.proc = b.host.Run(nil, "bird", "-f", "-c", conf, "-s", b.socket(), "-P", b.host.Path("bird.pid"))
	Eventually(t, b.Name()+" answers on its control socket", func() (bool, string) {
		if !b.proc.Running() {
			t.Fatalf("%s", b.proc.Report())
		}
		_, err := askBird(b.socket(), "show status")
		return err == nil, fmt.Sprint(err)
	})
}

func (b *BIRD) socket() string { return b.host.Path("bird.ctl") }

// Kill9 ends BIRD as a power cut would.
func (b *BIRD) Kill9() {
	b.host.lab.t.Helper()
	b.proc.Kill9()
}

// Stop ends BIRD as an administrator would.
func (b *BIRD) Stop() {
	b.host.lab.t.Helper()
	b.proc.Stop()
}

// Ask asks over the control socket.
func (b *BIRD) Ask(command string) []string {
	b.host.lab.t.Helper()
	lines, err := askBird(b.socket(), command)
	if err != nil {
		b.host.lab.t.Fatalf("%s: %q: %v", b.Name(), command, err)
	}
	return lines
}

// WaitEstablished waits for the sessions with the peers.
func (b *BIRD) WaitEstablished(peers ...netip.Addr) {
	t := b.host.lab.t
	t.Helper()
	for _, peer := range peers {
		what := fmt.Sprintf("%s has a session with %s (%s)", b.Name(), b.host.lab.nameOf(peer), peer)
		Eventually(t, what, func() (bool, string) { return b.established(peer) })
	}
}

// WaitDown waits until there is no session with the peer.
func (b *BIRD) WaitDown(peer netip.Addr) {
	t := b.host.lab.t
	t.Helper()
	what := fmt.Sprintf("%s has lost %s (%s)", b.Name(), b.host.lab.nameOf(peer), peer)
	Eventually(t, what, func() (bool, string) {
		up, saw := b.established(peer)
		return !up, saw
	})
}

func (b *BIRD) established(peer netip.Addr) (bool, string) {
	lines, err := askBird(b.socket(), "show protocols "+protocolName(peer))
	if err != nil {
		return false, err.Error()
	}
	saw := strings.Join(lines, "; ")
	return strings.Contains(saw, "Established"), saw
}

// protocolName is the name of the protocol instance of one session.
func protocolName(peer netip.Addr) string {
	return "peer_" + strings.NewReplacer(".", "_", ":", "_").Replace(peer.String())
}

// Routes is the table of both families, without static routes.
func (b *BIRD) Routes() []Route {
	b.host.lab.t.Helper()
	var routes []Route
	for _, table := range []string{"master4", "master6"} {
		found, err := parseBirdRoutes(b.Ask("show route table " + table + " all where source = RTS_BGP"))
		if err != nil {
			b.host.lab.t.Fatalf("%s: %v", b.Name(), err)
		}
		routes = append(routes, found...)
	}
	sortRoutes(routes)
	return routes
}

// Received is what the peers have sent, before this router's own filters.
func (b *BIRD) Received(peers ...*Host) []Route {
	b.host.lab.t.Helper()
	var routes []Route
	for _, n := range b.opts.Neighbors {
		if !slices.Contains(peers, n.Peer) {
			continue
		}
		for channel, on := range map[string]bool{"ipv4": n.IPv4, "ipv6": n.IPv6} {
			if !on {
				continue
			}
			found, err := parseBirdRoutes(b.Ask("show route import table " + protocolName(n.Addr) + "." + channel + " all"))
			if err != nil {
				b.host.lab.t.Fatalf("%s: %v", b.Name(), err)
			}
			for i := range found {
				found[i].From = n.Addr
			}
			routes = append(routes, found...)
		}
	}
	sortRoutes(routes)
	return routes
}

// Removals is how often BIRD has taken the prefix from that peer out of its tables
// since it started, for whatever reason: a withdrawal, a lost session, or the end of
// a graceful restart. It reads the log, in which nothing is missed between two looks.
func (b *BIRD) Removals(peer *Host, p netip.Prefix) int {
	b.host.lab.t.Helper()
	count := 0
	for _, n := range b.opts.Neighbors {
		if n.Peer != peer {
			continue
		}
		for line := range strings.Lines(b.proc.Output()) {
			if strings.Contains(line, protocolName(n.Addr)+".") && strings.Contains(line, "> removed") && strings.Contains(line, " "+p.String()+" ") {
				count++
			}
		}
	}
	return count
}

// AllRemovals is Removals for every prefix together.
func (b *BIRD) AllRemovals(peer *Host) int {
	b.host.lab.t.Helper()
	count := 0
	for _, n := range b.opts.Neighbors {
		for line := range strings.Lines(b.proc.Output()) {
			if n.Peer == peer && strings.Contains(line, protocolName(n.Addr)+".") && strings.Contains(line, "> removed") {
				count++
			}
		}
	}
	return count
}

// config is BIRD's file.
func (b *BIRD) config() string {
	var s strings.Builder
	if slices.ContainsFunc(b.opts.Neighbors, func(n Neighbor) bool { return n.BFD }) {
		s.WriteString("protocol bfd { interface \"*\" { interval 300 ms; multiplier 3; }; }\n")
	}
	fmt.Fprintf(&s, "log stderr all;\nrouter id %s;\n%s", b.host.Addr4(), birdPolicy)
	for _, n := range b.opts.Neighbors {
		fmt.Fprintf(&s, "protocol bgp %s {\n  local as %d;\n  neighbor %s as %d;\n",
			protocolName(n.Addr), b.opts.AS, n.Addr, n.AS)
		if n.Password != "" {
			fmt.Fprintf(&s, "  password %q;\n", n.Password)
		}
		switch {
		case n.BFD:
			s.WriteString("  direct;\n  bfd on;\n")
		case n.AS != b.opts.AS:
			s.WriteString("  multihop 2;\n")
		}
		s.WriteString("  debug { routes };\n  graceful restart aware;\n  long lived graceful restart off;\n" +
			fmt.Sprintf("  hold time %d;\n  keepalive time 3;\n", b.opts.hold()) +
			"  connect delay time 1;\n  connect retry time 1;\n  error wait time 1, 2;\n")
		if n.IPv4 {
			s.WriteString("  ipv4 { import table on; import filter rtbh4; export none; gateway recursive; };\n")
		}
		if n.IPv6 {
			s.WriteString("  ipv6 { import table on; import filter rtbh6; export none; gateway recursive; };\n")
		}
		s.WriteString("}\n")
	}
	return s.String()
}

// birdPolicy is what an edge does with what its triggers announce.
const birdPolicy = `
protocol device { }
protocol static discard4 { ipv4; route 192.0.2.1/32 blackhole; }
protocol static discard6 { ipv6; route 100::1/128 blackhole; }
protocol kernel kernel4 { ipv4 { import none; export where source = RTS_BGP; }; }
protocol kernel kernel6 { ipv6 { import none; export where source = RTS_BGP; }; }
filter rtbh4 {
  if net.len != 32 || !((65535, 666) ~ bgp_community) then reject;
  bgp_next_hop = 192.0.2.1;
  bgp_community.add((65535, 65281));
  accept;
}
filter rtbh6 {
  if net.len != 128 || !((65535, 666) ~ bgp_community) then reject;
  bgp_next_hop = 100::1;
  bgp_community.add((65535, 65281));
  accept;
}
`
