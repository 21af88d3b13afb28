package daemon

import (
	"context"
	"fmt"
	"net/netip"
	"slices"

	"github.com/triggerd/triggerd/internal/config"
	"github.com/triggerd/triggerd/internal/route"
	"github.com/triggerd/triggerd/rpki"
	"github.com/triggerd/triggerd/rpki/rtr"
)

// openRPKI starts what judges received routes. It is there without an `rpki`
// block too: a reload may bring one.
func (d *Daemon) openRPKI(ctx context.Context, c config.Node) {
	o := rpki.Options{Caches: cachesOf(c.RPKI), Alarms: d.alarms, Log: d.log, Role: d.roleOf}
	if c.BGP != nil {
		o.OwnAS = c.BGP.ASN
	}
	d.rpki = rpki.New(o)
	d.grants = &grantBook{}
	d.work.Go(func() { d.rpki.Run(ctx) })
	d.work.Go(func() { d.tellGrants(ctx) })
}

// roleOf is what a neighbor is to us, by its own configuration or that of the
// range that it lies in.
func (d *Daemon) roleOf(neighbor netip.Addr) route.Role {
	bgp := d.conf.Current().BGP
	if bgp == nil {
		return route.RoleNone
	}
	role, best := route.RoleNone, -1
	for _, n := range bgp.Neighbors {
		if n.Addr == neighbor {
			return n.Role
		}
	}
	for _, r := range bgp.Ranges {
		if r.Prefix.Contains(neighbor) && r.Prefix.Bits() > best {
			role, best = r.Neighbor.Role, r.Prefix.Bits()
		}
	}
	return role
}

// localRole names what we are to a neighbor, "" without a role.
func localRole(n config.Neighbor) string {
	if n.Role == route.RoleNone {
		return ""
	}
	return n.Role.Opposite().String()
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
