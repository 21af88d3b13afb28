package config

import (
	"cmp"
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/triggerd/triggerd/internal/route"
)

// finish fills in the defaults and checks what no single line can show.
func (r *reader) finish() (Node, error) {
	c := &complaints{file: r.file}
	n := r.draft.node
	if n.Hostname == "" {
		c.add(0, "the node has no name: add a line such as `hostname trigger1`")
	}
	if n.DataDir == "" {
		n.DataDir = DefaultDataDir
	}
	r.finishCluster(c, &n.Cluster)
	r.finishSSH(c, &n.SSH)
	if r.draft.bgp != nil {
		n.BGP = r.finishBGP(c)
	}
	if err := c.err(); err != nil {
		return Node{}, err
	}
	return n, nil
}

func (r *reader) finishCluster(c *complaints, cl *Cluster) {
	if cl.Listen == "" {
		cl.Listen = DefaultClusterListen
	}
	if _, given := r.first["cluster boot-wait"]; !given {
		cl.BootWait = DefaultBootWait
	}
	if cl.Advertise == "" {
		cl.Advertise = r.advertise(c, cl.Listen)
	}
}

// advertise is what others dial when the file does not say: the one address that
// this node listens on, else the router-id, so that an old bgpd.conf is enough.
func (r *reader) advertise(c *complaints, listen string) string {
	host, port, _ := net.SplitHostPort(listen)
	switch {
	case host != "" && !isWildcard(host):
	case r.draft.bgp != nil && r.draft.bgp.routerID.IsValid():
		listen = net.JoinHostPort(r.draft.bgp.routerID.String(), port)
		r.noteAt(r.first["bgp router-id"], "advertise", "the other nodes are told to dial %s, after the router-id: "+
			"say `cluster advertise HOST:PORT` if that is not this node's address", listen)
	default:
		c.add(r.first["cluster listen"], "this node listens on all its addresses, so it must say which one the others dial: "+
			"add a line such as `cluster advertise 192.0.2.10:%s`", port)
	}
	return listen
}

func (r *reader) finishSSH(c *complaints, s *SSH) {
	if _, given := r.first["ssh exec-timeout"]; !given {
		s.ExecTimeout = DefaultExecTimeout
	}
	s.Banner = strings.Join(r.draft.banner, "\n")
	if most := cmp.Or(s.Startups, DefaultStartups); s.StartupsPer > most {
		c.add(r.first["ssh maximum-startups per-source"], "`ssh maximum-startups per-source %d` is more than all together may have (%d): "+
			"lower it, or raise `ssh maximum-startups`", s.StartupsPer, most)
	}
	switch {
	case s.Disabled && len(s.Listen) > 0:
		c.add(r.first["no ssh"], "`no ssh` contradicts `ssh listen` in line %d: leave one of them out", r.first["ssh listen"])
	case !s.Disabled && len(s.Listen) == 0:
		s.Listen = []string{DefaultSSHListen}
	}
}

func (r *reader) finishBGP(c *complaints) *BGP {
	d := r.draft.bgp
	b := &BGP{ASN: d.as, RouterID: d.routerID, NoListen: d.noListen, MonitorListen: d.monitor, BMP: d.bmpStations()}
	if !d.routerID.IsValid() {
		c.add(d.line, "`router bgp %d` has no router-id: add a line such as ` bgp router-id 192.0.2.10` with an IPv4 address "+
			"that no other router here has (RFC 6286)", d.as)
	}
	b.Listen = r.finishListen(c, d)
	for _, p := range d.order {
		if p.addr.IsValid() {
			b.Neighbors = append(b.Neighbors, r.finishNeighbor(c, d, p))
		} else if !p.isGroup {
			c.add(p.line, "%q is neither an address nor a peer-group: add `neighbor %s peer-group`, or write the neighbor's address", p.name, p.name)
		}
	}
	b.Ranges = r.finishRanges(c, d)
	slices.SortFunc(b.Neighbors, func(a, b Neighbor) int { return a.Addr.Compare(b.Addr) })
	return b
}

// finishRanges gives each range the settings of its group.
func (r *reader) finishRanges(c *complaints, d *draftBGP) (all []Range) {
	for _, l := range d.ranges {
		g, ok := d.peers[l.group]
		if !ok || !g.isGroup {
			c.add(l.line, "the peer-group %s is not defined: add `neighbor %s peer-group`", l.group, l.group)
			continue
		}
		n := r.finishNeighbor(c, d, g)
		n.Addr = netip.Addr{}
		switch {
		case d.noListen:
			c.add(l.line, "`bgp listen range` needs a listener: take out `no bgp listen`")
		case n.RouteMapOut != "":
			c.add(l.line, "neighbors of a range are sent the blackholes with their own attributes: the peer-group %s can have no `route-map ... out`", l.group)
		case n.BFD.Enabled:
			c.add(l.line, "neighbors of a range can have no `bfd`: take it out of the peer-group %s, and name the neighbors that need it", l.group)
		case n.Monitor, n.Shutdown, n.UpdateSource.IsValid(), n.Port != 0:
			c.add(l.line, "`monitor`, `shutdown`, `update-source` and `port` mean nothing for a range: take them out of the peer-group %s", l.group)
		}
		n.Passive = false // it always is
		all = append(all, Range{l.prefix, l.group, n})
	}
	slices.SortFunc(all, func(a, b Range) int {
		return cmp.Or(a.Prefix.Addr().Compare(b.Prefix.Addr()), cmp.Compare(a.Prefix.Bits(), b.Prefix.Bits()))
	})
	return all
}

func (r *reader) finishListen(c *complaints, d *draftBGP) []netip.AddrPort {
	if d.noListen {
		if len(d.listen) > 0 || d.port != 0 {
			c.add(r.first["no bgp listen"], "`no bgp listen` contradicts the other `bgp listen` lines: leave one of them out")
		}
		return nil
	}
	standard := cmp.Or(d.port, DefaultBGPPort)
	if len(d.listen) == 0 {
		return wildcards(standard)
	}
	var all []netip.AddrPort
	for _, l := range d.listen {
		a := netip.AddrPortFrom(l.addr, cmp.Or(l.port, standard))
		all = append(all, a)
		if a.Port() != all[0].Port() {
			c.add(l.line, "all `bgp listen` lines must have the same port: this one has %d, the first one %d", a.Port(), all[0].Port())
		}
	}
	return all
}

// finishNeighbor puts together what was said of all neighbors, of the neighbor's
// group and of itself, in this order.
func (r *reader) finishNeighbor(c *complaints, d *draftBGP, p *peer) Neighbor {
	n := Neighbor{Addr: p.addr, IPv4: !d.noIPv4}
	said := slices.Clone(d.defaults.list)
	if g, ok := d.peers[p.group]; ok && g.isGroup {
		said = append(said, g.list...)
	} else if p.group != "" {
		c.add(p.line, "neighbor %s is a member of the peer-group %s, which is not defined: add `neighbor %s peer-group`", p.name, p.group, p.group)
	}
	all := settings{append(said, p.list...)}
	all.apply(&n)
	if n.RemoteAS == cmp.Or(n.LocalAS, d.as) && n.Multihop > 0 && n.TTLSecurity == 0 {
		// Quagga takes the line and does nothing with it.
		r.noteAt(all.lineOf("ebgp-multihop"), "multihop", "`neighbor ... ebgp-multihop` is skipped for a neighbor of the same AS: "+
			"such a session may cross hops without it")
		n.Multihop = 0
	}
	checkNeighbor(c, d, p, n, all.lineOf)
	return n
}

func checkNeighbor(c *complaints, d *draftBGP, p *peer, n Neighbor, lineOf func(what string) int) {
	if n.RemoteAS == 0 {
		c.add(p.line, "neighbor %s has no AS number: add `neighbor %s remote-as N`", p.name, p.name)
	}
	if n.LocalAS != 0 && n.LocalAS != d.as && n.RemoteAS == d.as {
		c.add(lineOf("local-as"), "neighbor %s is in our own AS %d, where `local-as` cannot be used", p.name, d.as)
	}
	if n.Role != route.RoleNone && n.RemoteAS == cmp.Or(n.LocalAS, d.as) {
		c.add(lineOf("local-role"), "neighbor %s is in our own AS %d: a role is for neighbors of other ASes (RFC 9234 section 3)", p.name, n.RemoteAS)
	}
	if n.Multihop > 0 && n.TTLSecurity > 0 {
		c.add(max(lineOf("ebgp-multihop"), lineOf("ttl-security")), "neighbor %s has `ebgp-multihop` and `ttl-security`, which exclude "+
			"each other: `ttl-security hops N` alone reaches N hops", p.name)
	}
	if !n.IPv4 && !n.IPv6 {
		c.add(p.line, "neighbor %s has no address family: add `neighbor %s activate` under `address-family ipv4` or `address-family ipv6`", p.name, p.name)
	}
	if n.BFD.Enabled && n.Multihop > 1 {
		c.add(lineOf("bfd"), "neighbor %s has `bfd` and `ebgp-multihop`: BFD here is for one hop (RFC 5881); leave one of them out, "+
			"or write `ebgp-multihop 1`", p.name)
	}
	if n.BFD.Enabled && n.Monitor {
		c.add(lineOf("bfd"), "neighbor %s is a monitor session, where nothing is gained by `bfd`", p.name)
	}
	if n.UpdateSource.IsValid() && n.UpdateSource.Is4() != n.Addr.Is4() {
		c.add(lineOf("update-source"), "update-source %s is of the other address family than neighbor %s", n.UpdateSource, p.name)
	}
}
