package config

import (
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/triggerd/triggerd/internal/route"
)

// text collects lines.
type text struct{ lines []string }

func (t *text) add(format string, args ...any) {
	t.lines = append(t.lines, fmt.Sprintf(format, args...))
}

// when adds a line if it says something that is not the default.
func (t *text) when(say bool, format string, args ...any) {
	if say {
		t.add(format, args...)
	}
}

// Lines prints the node as configuration lines in Quagga's shape, without
// defaults, with "!" between the parts but not around them.
func (n Node) Lines() []string {
	t := &text{}
	t.add("hostname %s", n.Hostname)
	t.when(n.DataDir != DefaultDataDir, "data-directory %s", n.DataDir)
	t.add("!")
	t.when(n.Cluster.Listen != DefaultClusterListen, "cluster listen %s", n.Cluster.Listen)
	t.when(n.Cluster.Advertise != n.Cluster.Listen, "cluster advertise %s", n.Cluster.Advertise)
	t.when(n.Cluster.BootWait != DefaultBootWait, "cluster boot-wait %d", n.Cluster.BootWait/time.Second)
	n.SSH.print(t)
	if n.RPKI != nil {
		t.add("!")
		n.RPKI.print(t)
	}
	if n.BGP != nil { // last: a line about a neighbor that is put behind it belongs to it
		t.add("!")
		n.BGP.print(t)
	}
	return t.lines
}

// String prints the node as a whole file.
func (n Node) String() string { return "!\n" + strings.Join(n.Lines(), "\n") + "\n!\n" }

// Print writes the node as a whole file.
func (n Node) Print(w io.Writer) error {
	_, err := io.WriteString(w, n.String())
	return err
}

func (s SSH) print(t *text) {
	t.when(s.Disabled, "no ssh")
	if !slices.Equal(s.Listen, []string{DefaultSSHListen}) {
		for _, l := range s.Listen {
			t.add("ssh listen %s", l)
		}
	}
	if s.ExecTimeout != DefaultExecTimeout {
		t.add("ssh exec-timeout %d %d", s.ExecTimeout/time.Minute, s.ExecTimeout%time.Minute/time.Second)
	}
	t.when(s.SessionTime != 0, "ssh session-timeout %d", s.SessionTime/time.Minute)
	t.when(s.Sessions != 0, "ssh maximum-sessions %d", s.Sessions)
	t.when(s.PerUser != 0, "ssh maximum-sessions per-user %d", s.PerUser)
	t.when(s.PerSource != 0, "ssh maximum-sessions per-source %d", s.PerSource)
	t.when(s.LoginGrace != 0, "ssh login-grace-time %d", s.LoginGrace/time.Second)
	t.when(s.Startups != 0, "ssh maximum-startups %d", s.Startups)
	t.when(s.StartupsPer != 0, "ssh maximum-startups per-source %d", s.StartupsPer)
	t.when(s.AuthTries != 0, "ssh maximum-authentication-tries %d", s.AuthTries)
	t.when(s.AliveEvery != 0, "ssh client-alive-interval %d", s.AliveEvery/time.Second)
	if s.Banner != "" {
		for _, l := range strings.Split(s.Banner, "\n") {
			t.lines = append(t.lines, strings.TrimRight("ssh banner "+l, " "))
		}
	}
}

func (b BGP) print(t *text) {
	t.add("router bgp %d", b.ASN)
	t.add(" bgp router-id %s", b.RouterID)
	b.printListen(t)
	for _, l := range b.MonitorListen {
		port := ""
		if l.Port() != DefaultBGPPort {
			port = fmt.Sprintf(" port %d", l.Port())
		}
		t.add(" bgp monitor listen address %s%s", l.Addr(), port)
	}
	b.printBMP(t)
	groups := b.groups()
	for _, g := range groups {
		t.add(" neighbor %s peer-group", g.Group)
		g.Neighbor.print(t, g.Group)
	}
	for _, r := range b.Ranges {
		t.add(" bgp listen range %s peer-group %s", r.Prefix, r.Group)
	}
	for _, n := range b.Neighbors {
		n.print(t, n.Addr.String())
	}
	if !slices.ContainsFunc(b.Neighbors, func(n Neighbor) bool { return n.IPv6 }) &&
		!slices.ContainsFunc(groups, func(g Range) bool { return g.Neighbor.IPv6 }) {
		return
	}
	t.add(" !")
	t.add(" address-family ipv6")
	for _, g := range groups {
		t.when(g.Neighbor.IPv6, "  neighbor %s activate", g.Group)
	}
	for _, n := range b.Neighbors {
		t.when(n.IPv6, "  neighbor %s activate", n.Addr)
	}
	t.add(" exit-address-family")
}

func (b BGP) printListen(t *text) {
	switch {
	case b.NoListen:
		t.add(" no bgp listen")
		return
	case len(b.Listen) == 0:
		return
	}
	port := b.Listen[0].Port()
	t.when(port != DefaultBGPPort, " bgp listen port %d", port)
	if slices.Equal(b.Listen, wildcards(port)) {
		return
	}
	for _, l := range b.Listen {
		t.add(" bgp listen address %s", l.Addr())
	}
}

// print writes the neighbor's lines in the order in which Quagga writes them.
func (n Neighbor) print(t *text, name string) {
	is := func(say bool, format string, args ...any) {
		t.when(say, " neighbor "+name+" "+format, args...)
	}
	is(true, "remote-as %d", n.RemoteAS)
	is(n.LocalAS != 0, "local-as %d no-prepend replace-as", n.LocalAS)
	is(n.Description != "", "description %s", n.Description)
	is(n.Shutdown && n.Reason == "", "shutdown")
	is(n.Shutdown && n.Reason != "", "shutdown message %s", n.Reason)
	is(n.Password != "", "password %s", n.Password)
	is(n.Port != 0, "port %d", n.Port)
	is(n.Multihop != 0, "ebgp-multihop %d", n.Multihop)
	is(n.TTLSecurity != 0, "ttl-security hops %d", n.TTLSecurity)
	is(n.UpdateSource != netip.Addr{}, "update-source %s", n.UpdateSource)
	is(n.Passive, "passive")
	is(n.Keepalive != 0 || n.Hold != 0, "timers %d %d", n.Keepalive, n.Hold)
	is(n.ConnectRetry != 0, "timers connect %d", n.ConnectRetry)
	is(n.RestartTime != 0, "graceful-restart restart-time %d", n.RestartTime)
	is(n.BFD.Enabled && n.BFD.Multiplier == 0, "bfd")
	is(n.BFD.Enabled && n.BFD.Multiplier != 0, "bfd %d %d %d", n.BFD.Multiplier, n.BFD.Rx, n.BFD.Tx)
	is(n.MaxAnnounced != 0, "maximum-announced %d", n.MaxAnnounced)
	is(n.Role != route.RoleNone, "local-role %s", n.Role.Opposite())
	is(n.Monitor, "monitor")
	is(n.RouteMapOut != "", "route-map %s out", n.RouteMapOut)
	t.when(!n.IPv4, " no neighbor %s activate", name)
}

// groups are the peer-groups of ranges, each once.
func (b BGP) groups() (all []Range) {
	for _, r := range b.Ranges {
		if !slices.ContainsFunc(all, func(g Range) bool { return g.Group == r.Group }) {
			all = append(all, r)
		}
	}
	return all
}
