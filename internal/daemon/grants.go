package daemon

import (
	"context"
	"net/netip"
	"slices"
	"time"

	"github.com/triggerd/triggerd/internal/alarm"
	"github.com/triggerd/triggerd/internal/rtbh"
	"github.com/triggerd/triggerd/rpki/rtr"
)

// lookForGrants is how often the leader compares what ROAs grant with what the
// state says.
const lookForGrants = 10 * time.Second

// The shortest prefixes that a ROA grants: whatever a ROA says, nobody is the
// customer of this much of the Internet.
const (
	shortestGrant4 = 8
	shortestGrant6 = 19
)

// mostGrants bounds the derived list of a customer, which every node keeps.
const mostGrants = 10_000

// tellGrants keeps the derived prefixes of customers with `origin-as N roa` in
// step with the VRPs. Only the leader does; it says the whole list when it
// differs, and looks again. The others only remember what their caches say.
func (d *Daemon) tellGrants(ctx context.Context) {
	for ctx.Err() == nil {
		d.tellGrantsOnce(ctx)
		select {
		case <-ctx.Done():
		case <-time.After(lookForGrants):
		}
	}
}

func (d *Daemon) tellGrantsOnce(ctx context.Context) {
	d.telling.Lock()
	defer d.telling.Unlock()
	commands := d.grantChanges(ctx)
	if len(commands) == 0 {
		return
	}
	_, err := d.node.Propose(ctx, rtbh.Entry{
		Actor:    rtbh.Actor{Door: rtbh.DoorNode, Node: d.node.Name()},
		Commands: commands,
	})
	if err != nil {
		d.log.Debug("the grants from ROAs could not be told yet", "error", err)
	}
}

// grantChanges compares what the VRPs say with what the state says.
func (d *Daemon) grantChanges(ctx context.Context) []rtbh.Command {
	commands, ask := d.grants.look(look{
		now: time.Now(), leader: d.node.Status(ctx).Leader == d.node.Name(), customers: d.customersByROA(),
		data: d.rpki.Effective(), caches: d.rpki.Caches(), union: d.conf.Current().RPKI != nil && d.conf.Current().RPKI.Union,
	})
	if ask {
		d.rpki.Refresh()
	}
	text := ""
	if d.grants.stands {
		text = "customers have `origin-as N roa`, and this node, which leads, has no RPKI cache that answers: their grants stay as they are"
	}
	d.alarms.Set(d.grants.stands, alarm.NoVRPs, "grants", text)
	return commands
}

// customersByROA are the customers that have, or had, grants from ROAs.
func (d *Daemon) customersByROA() (out []rtbh.Customer) {
	d.node.View(func(s *rtbh.State, _ rtbh.Instant) {
		for _, c := range s.Customers() {
			if len(c.OriginAS) > 0 || len(c.ROAPrefixes) > 0 {
				out = append(out, c)
			}
		}
	})
	return out
}

// trust is what the VRPs at hand may do to a grant.
type trust uint8

const (
	untrusted trust = iota // nothing: no cache that serves them answers now
	additive               // add to it: the better cache is away
	full                   // shorten it too
)

// trustIn judges the effective data. An answer from before this node led counts
// for nothing: the leader before may have had a newer one. A cache that is lost takes nothing away:
// its data stay until they expire, then another cache's count, which may have
// less. So a grant is shortened only while the best cache answers and is the one
// that counts, in a union only while all do. A loss that is held off is no
// complete epoch that anybody believes.
func trustIn(e rtr.Effective, caches []rtr.Status, union bool, since time.Time) trust {
	if e.Data == nil || e.Held != nil || len(caches) == 0 {
		return untrusted
	}
	good := func(c rtr.Status) bool { return c.Up() && c.InUse && c.HasEpoch && !c.Updated.Before(since) }
	if good(caches[0]) && (!union || !slices.ContainsFunc(caches, func(c rtr.Status) bool { return !good(c) })) {
		return full
	}
	if slices.ContainsFunc(caches, good) {
		return additive
	}
	return untrusted
}

// prefixesOf collects what VRPs name for the ASes of customers.
func prefixesOf(customers []rtbh.Customer, all *rtr.Set) map[uint32][]netip.Prefix {
	of := map[uint32][]netip.Prefix{}
	for _, c := range customers {
		for _, n := range c.OriginAS {
			of[n] = nil
		}
	}
	for v := range all.All() {
		if have, asked := of[v.ASN]; asked && v.Prefix.Bits() >= shortestGrant(v.Prefix) {
			of[v.ASN] = append(have, v.Prefix)
		}
	}
	return of
}

func shortestGrant(p netip.Prefix) int {
	if p.Addr().Is4() {
		return shortestGrant4
	}
	return shortestGrant6
}

// changesOf says the derived list of each customer for whom it differs. gone
// tells of a prefix that no VRP names any more whether it may be taken away.
func changesOf(customers []rtbh.Customer, of map[uint32][]netip.Prefix, trust trust, gone func(netip.Prefix) bool) (commands []rtbh.Command) {
	for _, c := range customers {
		var want []netip.Prefix
		for _, n := range c.OriginAS {
			want = append(want, of[n]...)
		}
		if len(c.OriginAS) > 0 { // else an operator took the last one away
			if trust == untrusted {
				continue
			}
			for _, p := range c.ROAPrefixes {
				if trust == additive || !gone(p) {
					want = append(want, p)
				}
			}
		}
		want = outermost(want)
		if len(want) <= mostGrants && !slices.Equal(want, c.ROAPrefixes) {
			commands = append(commands, rtbh.EditCustomer{
				Name: c.Name, Field: rtbh.CustomerROAPrefixes, Value: rtbh.Customer{ROAPrefixes: want},
			})
		}
	}
	return commands
}

// outermost sorts prefixes and leaves out those that another one covers.
func outermost(all []netip.Prefix) []netip.Prefix {
	slices.SortFunc(all, rtbh.ComparePrefixes)
	var out []netip.Prefix
	for _, p := range all {
		if n := len(out); n == 0 || !out[n-1].Contains(p.Addr()) || out[n-1].Bits() > p.Bits() {
			out = append(out, p)
		}
	}
	return out
}
