package daemon

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/triggerd/triggerd/internal/rtbh"
	"github.com/triggerd/triggerd/rpki/rtr"
)

func prefixes(all ...string) (out []netip.Prefix) {
	for _, s := range all {
		out = append(out, netip.MustParsePrefix(s))
	}
	return out
}

func vrpSet(asn uint32, all ...string) *rtr.Set {
	var out []rtr.VRP
	for _, p := range prefixes(all...) {
		out = append(out, rtr.VRP{Prefix: p, MaxLen: uint8(p.Bits()), ASN: asn})
	}
	return rtr.NewSet(out)
}

func always(netip.Prefix) bool { return true }

// after is what a customer with `origin-as 64511 roa` has when VRPs come.
func after(have []netip.Prefix, set *rtr.Set, t trust) []netip.Prefix {
	c := rtbh.Customer{Name: "acme", OriginAS: []uint32{64511}, ROAPrefixes: have}
	for _, cmd := range changesOf([]rtbh.Customer{c}, prefixesOf([]rtbh.Customer{c}, set), t, always) {
		have = cmd.(rtbh.EditCustomer).Value.ROAPrefixes
	}
	return have
}

func TestGrantsFollowTheROAs(t *testing.T) {
	had := prefixes("192.0.2.0/24", "198.51.100.0/24")
	for _, c := range []struct {
		name string
		set  *rtr.Set
		t    trust
		want []netip.Prefix
	}{
		{"all again", vrpSet(64511, "192.0.2.0/24", "198.51.100.0/24"), full, had},
		{"one more", vrpSet(64511, "192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24"), full, prefixes("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24")},
		{"one less", vrpSet(64511, "192.0.2.0/24"), full, prefixes("192.0.2.0/24")},
		{"one less, but the best cache is away", vrpSet(64511, "192.0.2.0/24", "203.0.113.0/24"), additive, prefixes("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24")},
		{"no cache", nil, untrusted, had},
		{"another AS has them now", vrpSet(64999, "192.0.2.0/24"), full, nil},
		{"one within another", vrpSet(64511, "192.0.2.0/24", "192.0.2.128/25", "192.0.0.0/16"), full, prefixes("192.0.0.0/16")},
		{"too short to be anybody's", vrpSet(64511, "0.0.0.0/0", "192.0.0.0/7", "2000::/3", "2001:db8::/32"), full, prefixes("2001:db8::/32")},
	} {
		if got := after(had, c.set, c.t); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

// What an operator takes away needs no cache to be gone.
func TestAGrantThatIsTakenAwayEnds(t *testing.T) {
	c := rtbh.Customer{Name: "acme", ROAPrefixes: prefixes("192.0.2.0/24")}
	got := changesOf([]rtbh.Customer{c}, nil, untrusted, always)
	if len(got) != 1 || len(got[0].(rtbh.EditCustomer).Value.ROAPrefixes) != 0 {
		t.Error(got)
	}
}

func TestOnlyAFreshCompleteEpochShortensAGrant(t *testing.T) {
	now := time.Now()
	up := rtr.Status{State: rtr.Synced, InUse: true, HasEpoch: true, Updated: now}
	away, spare := up, up
	away.State = rtr.Idle
	spare.InUse = false
	gone := rtr.Status{State: rtr.Idle}
	data := rtr.Effective{Data: &rtr.Data{}}
	early := up
	early.Updated = now.Add(-time.Second)
	held := data
	held.Held = &rtr.Held{}
	for _, c := range []struct {
		name   string
		e      rtr.Effective
		caches []rtr.Status
		union  bool
		want   trust
	}{
		{"the only cache answers", data, []rtr.Status{up}, false, full},
		{"the better one of two answers", data, []rtr.Status{up, spare}, false, full},
		{"the better one is lost, its data serve", data, []rtr.Status{away, gone}, false, untrusted},
		{"the better one is lost, the other serves", data, []rtr.Status{gone, up}, false, additive},
		{"a union of two", data, []rtr.Status{up, up}, true, full},
		{"a union that has lost one", data, []rtr.Status{up, gone}, true, additive},
		{"a sudden loss is held off", held, []rtr.Status{up}, false, untrusted},
		{"no data", rtr.Effective{}, []rtr.Status{up}, false, untrusted},
		{"data of caches that were replaced", data, []rtr.Status{gone}, false, untrusted},
		{"no caches", data, nil, false, untrusted},
		{"it has not answered since this node leads", data, []rtr.Status{early}, false, untrusted},
		{"the better one has not, the other has", data, []rtr.Status{early, up}, false, additive},
	} {
		if got := trustIn(c.e, c.caches, c.union, now); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
}

// Whatever VRPs come, nothing is lost without full trust, nothing is granted that
// no VRP of the AS covers, and saying it again changes nothing.
func TestGrantsAreNeverMoreThanTheROAs(t *testing.T) {
	draw := func(r *rapid.T, what string) (out []string) {
		for range rapid.IntRange(0, 6).Draw(r, what) {
			p := netip.PrefixFrom(netip.AddrFrom4([4]byte{192, 0, rapid.Byte().Draw(r, "octet"), 0}), rapid.IntRange(0, 26).Draw(r, "length"))
			out = append(out, fmt.Sprint(p.Masked()))
		}
		return out
	}
	within := func(p netip.Prefix, all []netip.Prefix) bool {
		return slices.ContainsFunc(all, func(q netip.Prefix) bool { return q.Bits() <= p.Bits() && q.Contains(p.Addr()) })
	}
	rapid.Check(t, func(r *rapid.T) {
		had := outermost(prefixes(draw(r, "had")...))
		names := draw(r, "VRPs")
		trust := rapid.SampledFrom([]trust{untrusted, additive, full}).Draw(r, "trust")
		got := after(had, vrpSet(64511, names...), trust)
		for _, p := range had {
			if trust != full && !within(p, got) {
				r.Errorf("%s is lost", p)
			}
		}
		for _, p := range got {
			if !within(p, prefixes(names...)) && (trust == full || !within(p, had)) {
				r.Errorf("%s is no VRP's", p)
			}
		}
		if again := after(got, vrpSet(64511, names...), trust); !slices.Equal(again, got) {
			r.Errorf("%v, then %v", got, again)
		}
	})
}
