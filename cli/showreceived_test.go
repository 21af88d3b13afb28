package cli

import (
	"encoding/json"
	"iter"
	"net/netip"
	"strings"
	"testing"

	"github.com/triggerd/triggerd/internal/rtbh"
)

// tableLab is what the neighbors of the busy lab send: edge1, and one router that
// has no session any more.
type tableLab []TableRoute

// Walk is [Table]'s.
func (t tableLab) Walk(q TableQuery) iter.Seq[TableRoute] {
	return func(yield func(TableRoute) bool) {
		for _, r := range t {
			if q.Neighbor.IsValid() && q.Neighbor != r.Neighbor || q.Within.IsValid() && !covers(q.Within, r.Prefix) || q.Exact && q.Within != r.Prefix {
				continue
			}
			if !yield(r) {
				return
			}
		}
	}
}

// Longest is [Table]'s.
func (t tableLab) Longest(a netip.Addr, keep func(netip.Prefix) bool) (best netip.Prefix, ok bool) {
	for _, r := range t {
		if r.Prefix.Contains(a) && keep(r.Prefix) && (!ok || r.Prefix.Bits() > best.Bits()) {
			best, ok = r.Prefix, true
		}
	}
	return best, ok
}

func newTableLab(state string) tableLab {
	route := func(prefix, from, hop string, path ...uint32) TableRoute {
		return TableRoute{
			Prefix: netip.MustParsePrefix(prefix), Neighbor: netip.MustParseAddr(from), NextHop: netip.MustParseAddr(hop), Path: path, State: state,
			LocalPref: rtbh.Some(100),
		}
	}
	all := tableLab{
		route("198.51.100.0/24", "192.0.2.20", "192.0.2.1", 64510, 64496),
		route("203.0.113.0/24", "192.0.2.20", "192.0.2.20", 64510),
		route("203.0.113.0/24", "192.0.2.21", "192.0.2.21", 64500, 4200000001, 64510),
		route("203.0.113.12/32", "192.0.2.20", "192.0.2.1"),
		route("2001:db8:113::/48", "192.0.2.20", "2001:db8::beef:20", 64510),
	}
	all[0].MED, all[0].Origin = rtbh.Some(4294967295), rtbh.OriginIncomplete
	all[1].Communities = []rtbh.Community{64500<<16 | 1, 65535<<16 | 666}
	return all
}

func (l *lab) beside(user string, t Table) *screen {
	x := l.login(user)
	x.ports.Table = t
	return x
}

func TestReceivedRoutes(t *testing.T) {
	lines := []string{
		"show ip bgp neighbors 192.0.2.20 received-routes", "show bgp ipv6 neighbors 192.0.2.20 routes", "show ip bgp neighbors 192.0.2.21 routes",
		"show ip bgp neighbors 192.0.2.99 routes", "show ip bgp 203.0.113.0/24", "show ip bgp 203.0.113.12/32", "show ip bgp 203.0.113.200",
		"show ip bgp 198.51.100.0/24", "show bgp 2001:db8:113::5", "show ip bgp 203.0.113.64/26",
	}
	json := []string{"show ip bgp neighbors 192.0.2.20 received-routes json", "show ip bgp 203.0.113.12/32 json", "show ip bgp 203.0.113.0/24 json"}
	for _, c := range []struct {
		file, user, state string
		lines             []string
	}{
		{"show-received-routes", "root", "", lines},
		{"show-received-routes-rpki", "root", rpkiInvalid, lines[:5]},
		{"show-received-routes-customer", "alice", rpkiValid, lines},
		{"show-received-routes-json", "root", rpkiNotFound, json},
	} {
		t.Run(c.file, func(t *testing.T) {
			golden(t, c.file, busyLab(t).beside(c.user, newTableLab(c.state)).transcript(c.lines...))
		})
	}
}

// One neighbor may send several paths of a prefix, or nothing: the JSON is whole.
func TestReceivedRoutesAreWholeJSON(t *testing.T) {
	twice := newTableLab("")
	twice = append(tableLab{twice[0], twice[0]}, twice...)
	for want, table := range map[int]Table{0: nil, 1: twice[:1], 5: twice} {
		out := busyLab(t).beside("root", table).run("show ip bgp neighbors 192.0.2.20 received-routes json")
		var got struct {
			Received map[string][]receivedRouteJSON `json:"receivedRoutes"`
			Total    int                            `json:"totalPrefixCounter"`
		}
		if err := json.Unmarshal([]byte(out), &got); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		n := 0
		for _, all := range got.Received {
			n += len(all)
		}
		if n != want || got.Total != want {
			t.Errorf("%d routes, says %d, want %d", n, got.Total, want)
		}
	}
}

// A customer must not learn from received routes what others have.
func TestACustomerSeesOnlyItsOwnReceivedRoutes(t *testing.T) {
	x := busyLab(t).beside("alice", newTableLab(""))
	for _, line := range []string{
		"show ip bgp neighbors 192.0.2.20 received-routes", "show ip bgp neighbors 192.0.2.20 routes json", "show ip bgp 198.51.100.0/24",
		"show ip bgp 198.51.100.7", "show bgp neighbors 192.0.2.20 routes | include 198.51",
	} {
		if out := x.run(line); strings.Contains(out, "64496") || strings.Contains(out, "198.51.100.0/24 ") {
			t.Errorf("%s: %s", line, out)
		}
	}
}
