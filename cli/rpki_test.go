package cli

import (
	"fmt"
	"iter"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/triggerd/triggerd/internal/rtbh"
)

// rpkiLab is what a node knows from caches: some VRPs, and what neighbors send.
type rpkiLab struct {
	caches []RTRCache
	vrps   []VRP
	routes []Received
	held   bool
	asked  int
	aspas  []ASPA
	differ []CacheDifference
	counts RPKIStatistics
}

func vrpOf(prefix string, most uint8, asn uint32) VRP {
	return VRP{netip.MustParsePrefix(prefix), most, asn}
}

func newRPKILab() *rpkiLab {
	at := labStart.Time()
	r := &rpkiLab{
		caches: []RTRCache{
			{Host: "192.0.2.33", Port: 3323, Transport: "tcp", Preference: 1, InUse: true, Up: true, State: "synced", Version: 1, HasData: true,
				Session: 4711, Serial: 17, Updated: at, Expires: at.Add(2 * time.Hour), IPv4: 3, IPv6: 1},
			{Host: "rtr.example.net", Port: 324, Transport: "tls", Preference: 2, State: "idle", LastError: "connection refused\x1b[2J"},
		},
		vrps: []VRP{
			vrpOf("198.51.100.0/24", 24, 64999), vrpOf("203.0.113.0/24", 24, 65535), vrpOf("203.0.113.128/25", 25, 64510), vrpOf("2001:db8:113::/48", 48, 64510),
		},
	}
	received := func(prefix string, origin uint32, state, reason, why string) {
		r.routes = append(r.routes, Received{Prefix: netip.MustParsePrefix(prefix), Neighbor: netip.MustParseAddr("192.0.2.20"), NeighborAS: 64510,
			Origin: origin, State: state, Reason: reason, Why: why})
	}
	received("192.0.2.0/24", 64510, "not-found", "", "no VRP covers it")
	received("198.51.100.0/24", 64510, "invalid", "as", "authorized for other origins only: 198.51.100.0/24-24 AS64999")
	received("203.0.113.0/24", 65535, "valid", "", "authorized by 203.0.113.0/24-24 AS65535")
	received("203.0.113.64/26", 65535, "invalid", "length", "longer than the maxLength of 203.0.113.0/24-24 AS65535")
	r.routes = append(r.routes, Received{Prefix: netip.MustParsePrefix("203.0.113.192/26"), Neighbor: netip.MustParseAddr("192.0.2.20"), NeighborAS: 64510,
		NoOrigin: true, State: "invalid", Reason: "as", Why: "authorized for other origins only: 203.0.113.0/24-24 AS65535"})
	return r
}

// Caches is [RPKI]'s.
func (r *rpkiLab) Caches() []RTRCache { return r.caches }

// VRPs is [RPKI]'s.
func (r *rpkiLab) VRPs() (iter.Seq[VRP], bool) { return slices.Values(r.vrps), len(r.vrps) > 0 }

func covers(a, b netip.Prefix) bool { return a.Bits() <= b.Bits() && a.Contains(b.Addr()) }

// Covering is [RPKI]'s.
func (r *rpkiLab) Covering(p netip.Prefix) []VRP {
	return slices.DeleteFunc(slices.Clone(r.vrps), func(v VRP) bool { return !covers(v.Prefix, p) })
}

// Received is [RPKI]'s.
func (r *rpkiLab) Received(q ReceivedQuery) ([]Received, bool) {
	return slices.DeleteFunc(slices.Clone(r.routes), func(x Received) bool {
		return q.Within.IsValid() && !covers(q.Within, x.Prefix) || q.State != "" && q.State != x.State || q.Path != "" && q.Path != x.Path ||
			q.Origin != nil && (x.NoOrigin || *q.Origin != x.Origin)
	}), false
}

// Usable is [RPKI]'s.
func (r *rpkiLab) Usable() bool { return len(r.vrps) > 0 }

// Blackhole is [RPKI]'s: a VRP of AS 65535 that is too short refuses.
func (r *rpkiLab) Blackhole(p netip.Prefix, origin uint32) RPKIAdvice {
	a := RPKIAdvice{Known: len(r.vrps) > 0, State: "not-found", VRPs: r.Covering(p)}
	if a.Refused = len(a.VRPs) > 0; a.Refused {
		a.State, a.Reason = "invalid", "length"
	}
	a.Text = fmt.Sprintf("%s from AS%d is RPKI %s upstream", p, origin, a.State)
	return a
}

// ASPAs is [RPKI]'s.
func (r *rpkiLab) ASPAs() []ASPA { return r.aspas }

// Differences is [RPKI]'s.
func (r *rpkiLab) Differences() []CacheDifference { return r.differ }

// Statistics is [RPKI]'s.
func (r *rpkiLab) Statistics() RPKIStatistics { return r.counts }

// Refresh is [RPKI]'s.
func (r *rpkiLab) Refresh() { r.asked++ }

// Accept is [RPKI]'s.
func (r *rpkiLab) Accept() bool { was := r.held; r.held = false; return was }

// withPaths adds what there is where neighbors have roles and caches disagree.
func (r *rpkiLab) withPaths() *rpkiLab {
	at := labStart.Time()
	for i, state := range []string{"valid", "invalid", "unknown", "unverified", "valid"} {
		r.routes[i].Path = state
	}
	r.aspas = []ASPA{{64510, []uint32{64500, 64501}}, {64999, []uint32{0}}}
	r.differ = []CacheDifference{
		{A: "192.0.2.33:3323", B: "rtr.example.net:324", OnlyA: 1, OnlyB: 3, SampleA: r.vrps[:1], SampleB: r.vrps[1:3]},
		{A: "192.0.2.33:3323", B: "[2001:db8::33]:323"},
	}
	r.counts = RPKIStatistics{
		Routes: RouteCounts{Routes: 5, Valid: 1, InvalidAS: 2, InvalidLength: 1, NotFound: 1, PathValid: 2, PathInvalid: 1, PathUnknown: 1},
		Neighbors: []NeighborCounts{{netip.MustParseAddr("192.0.2.20"), 64510, "customer",
			RouteCounts{Routes: 5, Valid: 1, InvalidAS: 2, InvalidLength: 1, NotFound: 1, PathValid: 2, PathInvalid: 1, PathUnknown: 1}}},
		Usable: true, IPv4: 3, IPv6: 1, ASPAs: 2, Expires: at.Add(2 * time.Hour),
		Held: &HeldLoss{Cache: "192.0.2.33:3323", Lost: 700, Of: 1000, Since: at, Until: at.Add(2 * time.Hour)},
		Caches: []CacheCounters{
			{RTRCache: r.caches[0], Connects: 3, Failures: 1, Downgrades: 1, Answers: 17, Expired: 1,
				PDUsIn: map[string]uint64{"IPv4 Prefix": 1003, "End of Data": 17, "Error Report": 1}, PDUsOut: map[string]uint64{"Serial Query": 16, "Reset Query": 1},
				ErrorsIn: map[string]uint64{"Unsupported Protocol Version": 1}},
			{RTRCache: r.caches[1], Connects: 9, Failures: 9},
		},
		Changes: DataChanges{Count: 17, Added: 1010, Removed: 7, States: 4, Took: 31 * time.Millisecond, Longest: 12 * time.Millisecond, Last: 250 * time.Microsecond, LastAt: at.Add(-time.Minute)},
	}
	return r
}

// validating logs in where there is RPKI.
func (l *lab) validating(user string, r RPKI) *screen {
	x := l.login(user)
	x.ports.RPKI = r
	return x
}

func TestShowsOfRPKI(t *testing.T) {
	every := []string{"show rpki prefix 203.0.113.12/32", "show rpki prefix 203.0.113.12/32 covering", "show rpki prefix 203.0.113.7/24", "show rpki prefix 203.0.113.0/24 64510", "show ip bgp rpki valid", "show ip bgp rpki invalid",
		"show ip bgp rpki notfound", "show rpki rov asn 65535", "show rpki rov asn 64510", "show rpki rov prefix 203.0.113.0/24",
		"show rpki rov prefix 203.0.113.8/29", "show rpki blackhole 203.0.113.12/32", "show rpki blackhole 203.0.113.12/32 json",
		"show rpki rov asn 64510 json", "show ip bgp rpki invalid json", "show rpki prefix 203.0.113.12/32 json"}
	for _, c := range []struct {
		file, user string
		lines      []string
	}{
		{"show-rpki", "alice", every},
		{"show-rpki-operator", "root", append([]string{"show rpki cache-connection", "show rpki cache-connection detail", "show rpki cache-server",
			"show rpki prefix-table", "show rpki as-number 64510", "show rpki cache-connection json", "show rpki cache-connection detail json",
			"show rpki cache-server json", "show rpki as-number 64510 json", "show rpki prefix-table json"}, every...)},
	} {
		t.Run(c.file, func(t *testing.T) {
			golden(t, c.file, newLab(t).validating(c.user, newRPKILab()).transcript(c.lines...))
		})
	}
}

func TestShowsOfPathsAndStatistics(t *testing.T) {
	lines := []string{"show ip bgp rpki invalid", "show rpki rov prefix 203.0.113.0/24", "show rpki rov aspa invalid", "show rpki rov aspa valid json",
		"show rpki aspa", "show rpki aspa 64999", "show rpki aspa 1", "show rpki aspa json", "show rpki caches", "show rpki caches json",
		"show rpki difference", "show rpki difference json", "show rpki statistics", "show rpki statistics json"}
	r := newRPKILab().withPaths()
	x := newLab(t).validating("root", r)
	x.now = labStart.Time
	golden(t, "show-rpki-paths", x.transcript(lines...))
	nothing := newLab(t).validating("root", &rpkiLab{})
	for line, want := range map[string]string{
		"show rpki aspa": "No ASPAs.\n", "show rpki caches": "No RPKI caches are configured.\n",
		"show rpki difference": "There are no two caches with data to compare.\n",
		"show rpki statistics": "Received routes: 0, 0 valid, 0 invalid (0 as, 0 length), 0 not-found\n" +
			"AS paths:        0 valid, 0 invalid, 0 unknown, 0 unverified\nJudged by:       nothing, no cache has usable data\nChanges of data: none\n",
	} {
		if out := nothing.run(line); out != want {
			t.Errorf("%s: %s", line, out)
		}
	}
}

// A customer learns nothing about another's prefixes, nor about the caches.
func TestACustomerSeesItsOwnPrefixesOnly(t *testing.T) {
	alice := newLab(t).validating("alice", newRPKILab())
	for _, line := range []string{"show ip bgp rpki valid", "show ip bgp rpki invalid", "show ip bgp rpki notfound", "show bgp rpki invalid",
		"show rpki rov aspa valid", "show rpki rov asn 64999", "show rpki rov asn 64510", "show ip bgp rpki invalid json", "show rpki rov asn 64510 json"} {
		if out := alice.run(line); strings.Contains(out, "198.51.100") || strings.Contains(out, "192.0.2.0/24") {
			t.Errorf("%s: %s", line, out)
		}
	}
	for _, line := range []string{"show rpki prefix 198.51.100.0/24", "show rpki rov prefix 198.51.100.0/24", "show rpki rov prefix 0.0.0.0/0",
		"show rpki blackhole 198.51.100.7/32", "show rpki rov prefix 203.0.112.0/23"} {
		if out := alice.refused(line); !strings.Contains(out, "is not within your prefixes (203.0.113.0/24, 2001:db8:113::/48)") {
			t.Errorf("%s: %s", line, out)
		}
	}
	for _, line := range []string{"show rpki cache-connection", "show rpki cache-server", "show rpki prefix-table", "show rpki as-number 64510",
		"show rpki aspa", "show rpki caches", "show rpki difference", "show rpki statistics"} {
		if out := alice.refused(line); out != "% Unknown command: "+line {
			t.Errorf("%s: %s", line, out)
		}
	}
}

func TestWithoutDataItIsSaid(t *testing.T) {
	for _, r := range []RPKI{nil, &rpkiLab{}} {
		x := newLab(t).validating("root", r)
		for _, line := range []string{"show rpki cache-connection", "show rpki prefix-table", "show rpki as-number 1", "show rpki prefix 192.0.2.0/24"} {
			if out := x.run(line); out != noCache {
				t.Errorf("%s: %s", line, out)
			}
		}
	}
}

// The line is no error: it has no %, and the blackhole is there.
func TestABlackholeThatValidatorsDropIsAccepted(t *testing.T) {
	l := newLab(t)
	x := l.validating("alice", newRPKILab())
	x.must("configure terminal", "router bgp 65534")
	want := "Warning: 203.0.113.12/32 from AS65535 is RPKI invalid upstream.\n"
	if out := x.run("network 203.0.113.12/32"); out != want || x.last.Status != 0 {
		t.Errorf("status %d: %s", x.last.Status, out)
	}
	if _, there := l.st.Blackhole(netip.MustParsePrefix("203.0.113.12/32"), "acme", l.now); !there {
		t.Error("it is not announced")
	}
	if out := x.refused("network 198.51.100.7/32"); strings.Contains(out, "Warning") {
		t.Error(out)
	}
	x.must("no network 203.0.113.12/32", "batch")
	if out := x.run("network 203.0.113.12/32"); out != want {
		t.Errorf("in a batch: %s", out)
	}
}

// A loss that is held off is believed once, and the audit has who did.
func TestAHeldLossIsAccepted(t *testing.T) {
	l, r := newLab(t), newRPKILab()
	x := l.validating("root", r)
	if got := x.refused("rpki accept"); got != "% No loss of VRPs is held off at this node." {
		t.Error(got)
	}
	r.held = true
	x.must("rpki accept", "rpki reset")
	if r.held || r.asked != 1 || !slices.Equal(l.recorded, []string{"root: rpki accept"}) {
		t.Error(r.held, r.asked, l.recorded)
	}
	if got := l.validating("alice", r).refused("rpki accept"); got != "% Unknown command: rpki accept" {
		t.Error(got)
	}
}

func TestTheAuditNamesADerivedGrant(t *testing.T) {
	got := recordText(rtbh.EditCustomer{Name: "acme", Field: rtbh.CustomerROAPrefixes, Value: rtbh.Customer{ROAPrefixes: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}}})
	if got != "customer acme: roa-prefixes 192.0.2.0/24" {
		t.Error(got)
	}
}
