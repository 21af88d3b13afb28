package testenv

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"
)

// GoBGPd is a router run by the gobgpd of Debian: another version than the one in
// triggerd, as a program of its own.
type GoBGPd struct {
	host *Host
	opts RouterOptions
	proc *Process
}

// GoBGPd makes a gobgpd router on the host.
func (l *Lab) GoBGPd(host *Host, opts RouterOptions) *GoBGPd {
	l.t.Helper()
	Require(l.t, "gobgpd")
	return &GoBGPd{host: host, opts: opts}
}

// Name is the host's name.
func (g *GoBGPd) Name() string { return g.host.Name }

// Start writes the configuration and waits until gobgpd answers.
func (g *GoBGPd) Start() {
	t := g.host.lab.t
	t.Helper()
	conf := g.host.File("gobgpd.toml", g.config())
	g.proc = g.host.Run(nil, "gobgpd", "-f", conf, "-t", "toml", "--api-hosts", g.host.Addr4().String()+":50051", "--pprof-disable")
	Eventually(t, g.Name()+" answers on its API", func() (bool, string) {
		if !g.proc.Running() {
			t.Fatalf("%s", g.proc.Report())
		}
		out, err := g.ask("global")
		return err == nil, fmt.Sprintf("%v %s", err, out)
	})
}

func (g *GoBGPd) ask(command ...string) ([]byte, error) {
	args := append([]string{"-u", g.host.Addr4().String(), "-j"}, command...)
	return g.host.Command("gobgp", args...).Output()
}

// Kill9 ends gobgpd as a power cut would.
func (g *GoBGPd) Kill9() { g.host.lab.t.Helper(); g.proc.Kill9() }

// Stop ends gobgpd as an administrator would.
func (g *GoBGPd) Stop() { g.host.lab.t.Helper(); g.proc.Stop() }

// WaitEstablished waits for the sessions with the peers.
func (g *GoBGPd) WaitEstablished(peers ...netip.Addr) {
	t := g.host.lab.t
	t.Helper()
	for _, peer := range peers {
		Eventually(t, fmt.Sprintf("%s has a session with %s", g.Name(), peer), func() (bool, string) {
			var n struct {
				State struct {
					SessionState int `json:"session_state"`
				} `json:"state"`
			}
			out, err := g.ask("neighbor", peer.String())
			if err == nil {
				err = json.Unmarshal(out, &n)
			}
			const established = 6
			return err == nil && n.State.SessionState == established, fmt.Sprintf("%v %s", err, out)
		})
	}
}

// Routes is the table of both families.
func (g *GoBGPd) Routes() []Route {
	t := g.host.lab.t
	t.Helper()
	var routes []Route
	for _, family := range []string{"ipv4", "ipv6"} {
		out, err := g.ask("global", "rib", "-a", family)
		if err != nil {
			t.Fatalf("%s: %v", g.Name(), err)
		}
		found, err := parseGoBGPRoutes(out)
		if err != nil {
			t.Fatalf("%s: %v\n%s", g.Name(), err, out)
		}
		routes = append(routes, found...)
	}
	sortRoutes(routes)
	return routes
}

func parseGoBGPRoutes(out []byte) ([]Route, error) {
	if !strings.HasPrefix(strings.TrimSpace(string(out)), "{") {
		return nil, nil // it prints a sentence when there is nothing
	}
	var shown map[netip.Prefix][]struct {
		Best  bool       `json:"best"`
		From  netip.Addr `json:"neighbor-ip"`
		Attrs []struct {
			Type        int        `json:"type"`
			NextHop     netip.Addr `json:"nexthop"`
			Communities []uint32   `json:"communities"`
			ASPaths     []struct {
				ASNs []uint32 `json:"asns"`
			} `json:"as_paths"`
		} `json:"attrs"`
	}
	if err := json.Unmarshal(out, &shown); err != nil {
		return nil, err
	}
	var routes []Route
	for p, paths := range shown {
		for _, path := range paths {
			r := Route{Prefix: p, From: path.From, Best: path.Best}
			for _, a := range path.Attrs {
				if a.NextHop.IsValid() {
					r.NextHop = a.NextHop
				}
				for _, s := range a.ASPaths {
					r.ASPath = append(r.ASPath, s.ASNs...)
				}
				for _, c := range a.Communities {
					r.Communities = append(r.Communities, fmt.Sprintf("%d:%d", c>>16, c&0xffff))
				}
			}
			routes = append(routes, r)
		}
	}
	return routes, nil
}

// config is gobgpd's file.
func (g *GoBGPd) config() string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("[global.config]\nas = %d\nrouter-id = %q", g.opts.AS, g.host.Addr4())
	for _, n := range g.opts.Neighbors {
		line("[[neighbors]]\n[neighbors.config]\nneighbor-address = %q\npeer-as = %d", n.Addr, n.AS)
		if n.Password != "" {
			line("auth-password = %q", n.Password)
		}
		line("[neighbors.timers.config]\nhold-time = 9\nkeepalive-interval = 3\nconnect-retry = 1")
		if n.AS != g.opts.AS {
			line("[neighbors.ebgp-multihop.config]\nenabled = true\nmultihop-ttl = 2")
		}
		family := "ipv4-unicast"
		if n.IPv6 {
			family = "ipv6-unicast"
		}
		line("[[neighbors.afi-safis]]\n[neighbors.afi-safis.config]\nafi-safi-name = %q", family)
	}
	return b.String()
}
