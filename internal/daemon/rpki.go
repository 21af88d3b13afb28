package daemon

import (
	"context"
	"fmt"
	"iter"
	"net"
	"net/netip"
	"slices"
	"strconv"

	"github.com/triggerd/triggerd/cli"
	"github.com/triggerd/triggerd/internal/config"
	"github.com/triggerd/triggerd/rpki"
	"github.com/triggerd/triggerd/rpki/rtr"
	"github.com/triggerd/triggerd/rpki/vrp"
)

// openRPKI starts what judges received routes. It is there without an `rpki`
// block too: a reload may bring one.
func (d *Daemon) openRPKI(ctx context.Context, c config.Node) {
	o := rpki.Options{Caches: cachesOf(c.RPKI), Alarms: d.alarms, Log: d.log}
	if c.BGP != nil {
		o.OwnAS = c.BGP.ASN
	}
	d.rpki = rpki.New(o)
	d.work.Go(func() { d.rpki.Run(ctx) })
	d.work.Go(func() { d.tellGrants(ctx) })
}

// takeCaches follows a change of the `rpki` block.
func (d *Daemon) takeCaches(was, is *config.RPKI) {
	if !sameCaches(was, is) {
		d.rpki.Reconfigure(cachesOf(is))
	}
}

func sameCaches(a, b *config.RPKI) bool {
	if a == nil || b == nil {
		return a == b
	}
	return slices.Equal(a.Caches, b.Caches) && a.Union == b.Union &&
		a.Refresh == b.Refresh && a.Retry == b.Retry && a.Expire == b.Expire
}

// cachesOf is the `rpki` block as the client takes it; nil has no caches.
func cachesOf(c *config.RPKI) rtr.GroupOptions {
	if c == nil {
		return rtr.GroupOptions{}
	}
	o := rtr.GroupOptions{Ceilings: rtr.Ceilings{Refresh: c.Refresh, Retry: c.Retry, Expire: c.Expire}}
	if c.Union {
		o.Mode = rtr.Unite
	}
	for _, k := range c.Caches {
		o.Caches = append(o.Caches, cacheOf(k))
	}
	return o
}

func cacheOf(k config.Cache) rtr.Cache {
	out := rtr.Cache{
		Addr: k.Endpoint(), Preference: k.Preference, Source: k.SourceAddr(), Password: k.Password,
		CA: k.CA, Cert: k.Cert, Key: k.Key, ServerName: k.ServerName,
		User: k.User, PrivateKey: k.PrivateKey, KnownHosts: k.KnownHosts,
	}
	switch {
	case k.TLS:
		out.Transport = rtr.TLS
	case k.User != "":
		out.Transport = rtr.SSH
	case k.Password != "":
		out.Transport = rtr.TCPMD5
	default:
		out.Transport = rtr.TCP
	}
	return out
}

// checkCaches finds what is wrong with caches beyond their syntax.
func checkCaches(c *config.RPKI) error {
	for _, k := range cachesOf(c).Caches {
		if err := k.Check(); err != nil {
			return fmt.Errorf("rpki cache %s: %w", k.Addr, err)
		}
	}
	return nil
}

// validation is the RPKI side as the command line sees it.
type validation struct{ *rpki.Service }

// Caches returns the configured caches, best first.
func (v validation) Caches() []cli.RTRCache {
	var out []cli.RTRCache
	for _, s := range v.Service.Caches() {
		host, text, _ := net.SplitHostPort(s.Name)
		port, _ := strconv.ParseUint(text, 10, 16)
		out = append(out, cli.RTRCache{
			Host: host, Port: uint16(port), Transport: s.Transport, Preference: s.Preference,
			InUse: s.InUse, Up: s.Up(), State: s.State.String(), Since: s.Since, Version: s.Version,
			HasData: s.HasEpoch, Session: s.Session, Serial: s.Serial, Updated: s.Updated, Expires: s.Expires,
			IPv4: s.VRPs4, IPv6: s.VRPs6, ASPAs: s.ASPAs, RouterKeys: s.Keys, LastError: s.LastError,
		})
	}
	return out
}

// VRPs are those that count, or false when there are none to judge by.
func (v validation) VRPs() (iter.Seq[cli.VRP], bool) {
	e := v.Effective()
	if e.Data == nil {
		return func(func(cli.VRP) bool) {}, false
	}
	return func(yield func(cli.VRP) bool) {
		for r := range e.Data.Set().All() {
			if !yield(cli.VRP(r)) {
				return
			}
		}
	}, true
}

// Covering returns the VRPs whose prefix covers p, the longest first.
func (v validation) Covering(p netip.Prefix) []cli.VRP {
	covering, _ := v.Service.Covering(p)
	return vrps(covering)
}

func vrps(all []rtr.VRP) []cli.VRP {
	out := make([]cli.VRP, 0, len(all))
	for _, r := range all {
		out = append(out, cli.VRP(r))
	}
	return out
}

// statesOf are the states by their names; "" is any.
var statesOf = map[string][]vrp.State{
	vrp.Valid.String():     {vrp.Valid},
	vrp.InvalidAS.String(): {vrp.InvalidAS, vrp.InvalidLength},
	vrp.NotFound.String():  {vrp.NotFound},
}

// Received returns received routes with their states.
func (v validation) Received(q cli.ReceivedQuery) ([]cli.Received, bool) {
	a := v.Routes(rpki.Query{Prefix: q.Within, Origin: q.Origin, States: statesOf[q.State], Limit: q.Limit})
	out := make([]cli.Received, 0, len(a.Routes))
	for _, r := range a.Routes {
		out = append(out, cli.Received{
			Prefix: r.Prefix, Neighbor: r.Peer, NeighborAS: r.PeerAS, Origin: r.Origin.ASN, NoOrigin: r.Origin.None,
			State: r.State.String(), Reason: r.State.Reason(), Why: v.Explain(r.Prefix, r.Origin).String(),
		})
	}
	return out, a.More
}

// Blackhole judges the route of a blackhole as a neighbor would.
func (v validation) Blackhole(p netip.Prefix, origin uint32) cli.RPKIAdvice {
	a := v.Service.Blackhole(p, origin)
	return cli.RPKIAdvice{
		Text: a.String(), Known: a.Known, Refused: a.Refused(), State: a.Verdict.State.String(), Reason: a.Verdict.State.Reason(),
		VRPs: vrps(slices.Concat(a.Verdict.Matched, a.Verdict.UnmatchedLength, a.Verdict.UnmatchedAS)),
	}
}
