package testenv

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
)

// ExaBGP is a route collector run by ExaBGP: it writes down what it is sent.
type ExaBGP struct {
	host *Host
	opts RouterOptions
	proc *Process
}

// ExaBGP makes an ExaBGP collector on the host.
func (l *Lab) ExaBGP(host *Host, opts RouterOptions) *ExaBGP {
	l.t.Helper()
	Require(l.t, "exabgp")
	return &ExaBGP{host: host, opts: opts}
}

// Name is the host's name.
func (e *ExaBGP) Name() string { return e.host.Name }

func (e *ExaBGP) events() string { return e.host.Path("events.json") }

// Start writes the configuration and starts ExaBGP, which says nothing when it is
// ready: sessions are waited for.
func (e *ExaBGP) Start() {
	t := e.host.lab.t
	t.Helper()
	// Its own output stays open: ExaBGP takes a helper that closes it for dead.
	script := e.host.File("receive.sh", "#!/bin/sh\nwhile read -r line; do printf '%s\\n' \"$line\" >>"+e.events()+"; done\n")
	if err := os.Chmod(script, 0o755); err != nil {
		t.Fatal(err)
	}
	conf := e.host.File("exabgp.conf", e.config(script))
	e.proc = e.host.Run(nil, "env", "exabgp.daemon.user=root", "exabgp.api.ack=false", "exabgp.log.destination=stdout",
		"exabgp.cache.attributes=false", "exabgp", conf)
}

// Kill9 ends ExaBGP as a power cut would.
func (e *ExaBGP) Kill9() { e.host.lab.t.Helper(); e.proc.Kill9() }

// Stop ends ExaBGP as an administrator would.
func (e *ExaBGP) Stop() { e.host.lab.t.Helper(); e.proc.Stop() }

// WaitEstablished waits for the sessions with the peers.
func (e *ExaBGP) WaitEstablished(peers ...netip.Addr) {
	t := e.host.lab.t
	t.Helper()
	for _, peer := range peers {
		Eventually(t, fmt.Sprintf("%s has a session with %s", e.Name(), peer), func() (bool, string) {
			up := false
			for _, ev := range e.read() {
				if ev.Neighbor.Address.Peer == peer.String() && ev.Type == "state" {
					up = ev.Neighbor.State == "up"
				}
			}
			return up, e.proc.Report()
		})
	}
}

// exaEvent is a line of ExaBGP's JSON, as far as needed.
type exaEvent struct {
	Type     string `json:"type"`
	Neighbor struct {
		Address struct{ Local, Peer string } `json:"address"`
		State   string                       `json:"state"`
		Message struct {
			Update struct {
				Attribute struct {
					ASPath      []uint32   `json:"as-path"`
					Communities [][]uint32 `json:"community"`
				} `json:"attribute"`
				Announce map[string]map[string][]struct {
					NLRI netip.Prefix `json:"nlri"`
				} `json:"announce"`
				Withdraw map[string][]struct {
					NLRI netip.Prefix `json:"nlri"`
				} `json:"withdraw"`
			} `json:"update"`
		} `json:"message"`
	} `json:"neighbor"`
}

func (e *ExaBGP) read() []exaEvent {
	content, _ := os.ReadFile(e.events()) // not there before the first event
	var all []exaEvent
	for line := range strings.Lines(string(content)) {
		var ev exaEvent
		if json.Unmarshal([]byte(line), &ev) == nil {
			all = append(all, ev)
		}
	}
	return all
}

// Routes is what was announced and not withdrawn.
func (e *ExaBGP) Routes() []Route {
	e.host.lab.t.Helper()
	var routes []Route
	drop := func(from netip.Addr, p netip.Prefix) {
		routes = slices.DeleteFunc(routes, func(r Route) bool { return r.From == from && r.Prefix == p })
	}
	for _, ev := range e.read() {
		from, err := netip.ParseAddr(ev.Neighbor.Address.Peer)
		if err != nil {
			continue
		}
		u := ev.Neighbor.Message.Update
		for _, nlri := range u.Withdraw {
			for _, n := range nlri {
				drop(from, n.NLRI)
			}
		}
		for _, byNextHop := range u.Announce {
			for hop, nlri := range byNextHop {
				nextHop, err := netip.ParseAddr(hop)
				if err != nil {
					continue // End-of-RIB
				}
				for _, n := range nlri {
					drop(from, n.NLRI)
					r := Route{Prefix: n.NLRI, From: from, NextHop: nextHop, ASPath: u.Attribute.ASPath}
					for _, c := range u.Attribute.Communities {
						r.Communities = append(r.Communities, fmt.Sprintf("%d:%d", c[0], c[1]))
					}
					routes = append(routes, r)
				}
			}
		}
	}
	sortRoutes(routes)
	return routes
}

// config is ExaBGP's file.
func (e *ExaBGP) config(script string) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("process receive {\n  run %s;\n  encoder json;\n}", script)
	for _, n := range e.opts.Neighbors {
		local, family := e.host.Addr4(), "ipv4"
		if n.Addr.Is6() {
			local = e.host.Addr6()
		}
		if n.IPv6 {
			family = "ipv6"
		}
		line("neighbor %s {", n.Addr)
		line("  router-id %s;\n  local-address %s;\n  local-as %d;\n  peer-as %d;\n  hold-time 9;", e.host.Addr4(), local, e.opts.AS, n.AS)
		if n.Password != "" {
			line("  md5-password %q;", n.Password)
		}
		line("  family {\n    %s unicast;\n  }", family)
		line("  api {\n    processes [ receive ];\n    neighbor-changes;\n    receive {\n      parsed;\n      update;\n    }\n  }")
		line("}")
	}
	return b.String()
}
