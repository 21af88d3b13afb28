package testenv

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"strings"
)

// OpenBGPD is a router run by OpenBGPD that takes routes and installs none.
type OpenBGPD struct {
	host *Host
	opts RouterOptions
	proc *Process
}

// OpenBGPD makes an OpenBGPD router on the host.
func (l *Lab) OpenBGPD(host *Host, opts RouterOptions) *OpenBGPD {
	l.t.Helper()
	Require(l.t, "openbgpd")
	return &OpenBGPD{host: host, opts: opts}
}

// Name is the host's name.
func (o *OpenBGPD) Name() string { return o.host.Name }

// Start writes the configuration, which must be nobody else's to read, and waits
// until bgpd answers.
func (o *OpenBGPD) Start() {
	t := o.host.lab.t
	t.Helper()
	if err := os.MkdirAll("/run/openbgpd", 0o755); err != nil {
		t.Fatal(err)
	}
	var text string
	if o.opts.Text == "" {
		text = o.config()
	} else {
		text = o.opts.Text + fmt.Sprintf("\nsocket \"%s\"\n", o.host.Path("bgpd.sock")) // each has its own
	}
	conf := o.host.File("openbgpd.conf", text)
	if err := os.Chmod(conf, 0o600); err != nil {
		t.Fatal(err)
	}
	o.proc = o.host.Run(nil, "/usr/sbin/bgpd", "-d", "-f", conf)
	Eventually(t, o.Name()+" answers on its control socket", func() (bool, string) {
		if !o.proc.Running() {
			t.Fatalf("%s", o.proc.Report())
		}
		_, err := o.ask("show", "summary")
		return err == nil, fmt.Sprint(err)
	})
}

func (o *OpenBGPD) ask(command ...string) ([]byte, error) {
	out, err := o.host.Command("bgpctl", append([]string{"-j", "-s", o.host.Path("bgpd.sock")}, command...)...).Output()
	if err != nil {
		return nil, fmt.Errorf("bgpctl %s: %w", strings.Join(command, " "), err)
	}
	return out, nil
}

// Kill9 ends bgpd as a power cut would.
func (o *OpenBGPD) Kill9() { o.host.lab.t.Helper(); o.proc.Kill9() }

// Stop ends bgpd as an administrator would.
func (o *OpenBGPD) Stop() { o.host.lab.t.Helper(); o.proc.Stop() }

// WaitEstablished waits for the sessions with the peers.
func (o *OpenBGPD) WaitEstablished(peers ...netip.Addr) {
	t := o.host.lab.t
	t.Helper()
	for _, peer := range peers {
		Eventually(t, fmt.Sprintf("%s has a session with %s", o.Name(), peer), func() (bool, string) {
			var shown struct {
				Neighbors []struct {
					Addr  string `json:"remote_addr"`
					State string `json:"state"`
				} `json:"neighbors"`
			}
			out, err := o.ask("show", "neighbor")
			if err == nil {
				err = json.Unmarshal(out, &shown)
			}
			for _, n := range shown.Neighbors {
				if n.Addr == peer.String() {
					return n.State == "Established", n.State
				}
			}
			return false, fmt.Sprintf("%v %s", err, out)
		})
	}
}

// Received counts the prefixes that the peer has announced, again or for the first
// time, and those that it has withdrawn, since the session came up.
func (o *OpenBGPD) Received(peer netip.Addr) (updates, withdraws int) {
	t := o.host.lab.t
	t.Helper()
	var shown struct {
		Neighbors []struct {
			Addr  string `json:"remote_addr"`
			Stats struct {
				Update struct {
					Received struct{ Updates, Withdraws int }
				}
			}
		}
	}
	out, err := o.ask("show", "neighbor")
	if err == nil {
		err = json.Unmarshal(out, &shown)
	}
	if err != nil {
		t.Fatalf("%s: %v\n%s", o.Name(), err, out)
	}
	for _, n := range shown.Neighbors {
		if n.Addr == peer.String() {
			return n.Stats.Update.Received.Updates, n.Stats.Update.Received.Withdraws
		}
	}
	t.Fatalf("%s shows no neighbor %s: %s", o.Name(), peer, out)
	return 0, 0
}

// Routes is the table of both families, whether the next-hop is reachable or not.
func (o *OpenBGPD) Routes() []Route {
	t := o.host.lab.t
	t.Helper()
	out, err := o.ask("show", "rib", "detail")
	if err != nil {
		t.Fatalf("%s: %v", o.Name(), err)
	}
	routes, err := parseOpenBGPDRoutes(out)
	if err != nil {
		t.Fatalf("%s: %v\n%s", o.Name(), err, out)
	}
	sortRoutes(routes)
	return routes
}

func parseOpenBGPDRoutes(out []byte) ([]Route, error) {
	var shown struct {
		Rib []struct {
			Prefix      netip.Prefix `json:"prefix"`
			ASPath      string       `json:"aspath"`
			NextHop     netip.Addr   `json:"exit_nexthop"`
			Best        bool         `json:"best"`
			MED         uint32       `json:"metric"`
			Communities []string     `json:"communities"`
			Neighbor    struct {
				Addr netip.Addr `json:"remote_addr"`
			} `json:"neighbor"`
		} `json:"rib"`
	}
	if err := json.Unmarshal(out, &shown); err != nil {
		return nil, err
	}
	var routes []Route
	for _, r := range shown.Rib {
		route := Route{Prefix: r.Prefix, From: r.Neighbor.Addr, NextHop: r.NextHop, MED: r.MED, Best: r.Best}
		for _, as := range strings.Fields(r.ASPath) {
			var n uint32
			if _, err := fmt.Sscan(as, &n); err != nil {
				return nil, fmt.Errorf("AS path %q: %w", r.ASPath, err)
			}
			route.ASPath = append(route.ASPath, n)
		}
		for _, c := range r.Communities {
			if number, ok := wellKnown[strings.ToLower(strings.ReplaceAll(c, "_", "-"))]; ok {
				c = number
			}
			route.Communities = append(route.Communities, c)
		}
		routes = append(routes, route)
	}
	return routes, nil
}

// config is OpenBGPD's file.
func (o *OpenBGPD) config() string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("AS %d", o.opts.AS)
	line("router-id %s", o.host.Addr4())
	line("fib-update no")
	line("socket %q", o.host.Path("bgpd.sock"))
	line("listen on %s", o.host.Addr4())
	line("listen on %s", o.host.Addr6())
	for _, n := range o.opts.Neighbors {
		line("neighbor %s {", n.Addr)
		line("\tremote-as %d", n.AS)
		line("\tholdtime 9")
		if n.Password != "" {
			line("\ttcp md5sig password %q", n.Password)
		}
		if n.AS != o.opts.AS {
			line("\tmultihop 2")
		}
		line("\tannounce IPv4 %s", map[bool]string{true: "unicast", false: "none"}[n.IPv4])
		line("\tannounce IPv6 %s", map[bool]string{true: "unicast", false: "none"}[n.IPv6])
		line("}")
	}
	line("allow from any")
	line("deny to any")
	return b.String()
}
