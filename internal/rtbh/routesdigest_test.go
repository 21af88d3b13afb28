package rtbh

import (
	"fmt"
	"net/netip"
	"testing"
)

// Frozen: two versions of triggerd compare theirs.
func TestRoutesDigestIsFrozenAndCoversEveryAttribute(t *testing.T) {
	base := func() Route {
		return Route{
			Prefix: netip.MustParsePrefix("192.0.2.1/32"), NextHop: netip.MustParseAddr("192.0.2.254"), LocalPref: Some(100), MED: Some(0),
			Communities: []Community{BlackholeWellKnown, NoExport}, Prepend: []uint32{64500},
		}
	}
	const frozen = "cad0de9bd78a27432da766f3808b22edb630442f3816cdc97a519ebd56a82e99"
	if got := fmt.Sprintf("%x", RoutesDigest([]Route{base()})); got != frozen {
		t.Errorf("the digest has changed to %s", got)
	}
	seen := map[[32]byte]string{RoutesDigest(nil): "no routes", RoutesDigest([]Route{base()}): "the route itself"}
	for what, change := range map[string]func(r *Route){
		"prefix":      func(r *Route) { r.Prefix = netip.MustParsePrefix("192.0.2.2/32") },
		"next hop":    func(r *Route) { r.NextHop = netip.MustParseAddr("192.0.2.253") },
		"origin":      func(r *Route) { r.Origin++ },
		"no LP":       func(r *Route) { r.LocalPref = Optional{} },
		"no MED":      func(r *Route) { r.MED = Optional{} },
		"MED":         func(r *Route) { r.MED = Some(1) },
		"communities": func(r *Route) { r.Communities = r.Communities[:1] },
		"large":       func(r *Route) { r.Large = []LargeCommunity{{}} },
		"extended":    func(r *Route) { r.Ext = make([]ExtCommunity, 1) },
		"prepend":     func(r *Route) { r.Prepend = []uint32{64500, 64500} },
	} {
		r := base()
		change(&r)
		d := RoutesDigest([]Route{r})
		if other, taken := seen[d]; taken {
			t.Errorf("%s: the same digest as %s", what, other)
		}
		seen[d] = what
	}
}
