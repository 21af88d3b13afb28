package lab

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/triggerd/triggerd/rpki/rtr"
	"github.com/triggerd/triggerd/rpki/rtr/rtrtest"
	"github.com/triggerd/triggerd/testenv"
)

// validators are FRR and triggerd beside each other, with the same cache. FRR also
// sends triggerd what both validate.
type validators struct {
	t       *testing.T
	cache   *testenv.StayRTR
	frr     *testenv.FRR
	trigger *testenv.Trigger
}

// asked of both, by the VRPs and routes of newValidators.
var (
	asked = []string{
		"show rpki cache-connection", "show rpki cache-server", "show rpki prefix-table",
		"show rpki prefix 192.0.2.0/24", "show rpki prefix 192.0.2.0/24 64501", "show rpki prefix 192.0.2.9/24", "show rpki prefix 192.0.2.7/32",
		"show rpki prefix 198.51.100.128/25", "show rpki prefix 198.51.100.128/27", "show rpki prefix 2001:db8:1::/48", "show rpki prefix 9.0.0.0/8",
		"show rpki as-number 64501", "show rpki as-number 64502", "show rpki as-number 5",
	}
	vrps = []string{"192.0.2.0/24-24 AS64500", "192.0.2.0/24-32 AS64501", "198.51.100.0/24-26 AS64510", "203.0.0.0/8-24 AS4200000000", "2001:db8::/32-48 AS64502"}
	sent = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("192.0.2.0/24"),
		netip.MustParsePrefix("198.51.100.0/24"), netip.MustParsePrefix("198.51.100.128/27")}
)

func newValidators(t *testing.T) *validators {
	testenv.Require(t, testenv.Root, "frr", "frr-rpki-rtrlib", "stayrtr")
	lab := testenv.NewLab(t)
	cache, edge, host := lab.Host("cache"), lab.Host("edge"), lab.Host("trigger")
	lab.LAN(cache.On("10.20.0.33/24"), edge.On("10.20.0.1/24"), host.On("10.20.0.11/24"))
	v := &validators{t: t, cache: lab.StayRTR(cache)}
	v.cache.Serve(vrps...)
	v.frr = lab.FRRSpeaker(edge, testenv.RouterOptions{AS: 64510, Originate: []netip.Prefix{}, Caches: []netip.AddrPort{v.cache.Addr()},
		Neighbors: []testenv.Neighbor{{Peer: host, Addr: host.Addr4(), AS: triggerAS, IPv4: true}}})
	v.frr.Start()
	v.trigger = lab.Trigger(host, testenv.TriggerOptions{Role: testenv.Voter, AS: triggerAS, Extra: testenv.RPKI(v.cache.Addr()),
		Neighbors: []testenv.Neighbor{{Peer: edge, Addr: edge.Addr4(), AS: 64510, IPv4: true}}})
	lab.Cluster(v.trigger)
	v.frr.WaitEstablished(host.Addr4())
	lines := []string{"router bgp 64510", "address-family ipv4 unicast"}
	for _, p := range sent {
		lines = append(lines, "network "+p.String())
	}
	v.frr.Configure(lines...)
	return v
}

// same waits until both print the same: lines and members in any order, since FRR
// prints a table in the order of its tree, and JSON by what it says.
func (v *validators) same(lines ...string) {
	v.t.Helper()
	for _, line := range lines {
		testenv.Eventually(v.t, line+" is the same", func() (bool, string) {
			theirs, ours := v.frr.Ask("enable", line), v.trigger.Show(line)
			if sorted(theirs) == sorted(ours) {
				theirs, ours = v.frr.Ask("enable", line+" json"), v.trigger.Show(line+" json")
			}
			return sorted(theirs) == sorted(ours) || reflect.DeepEqual(parsed(theirs), parsed(ours)), fmt.Sprintf("FRR:\n%striggerd:\n%s", theirs, ours)
		})
	}
}

func sorted(text string) string {
	lines := strings.Split(strings.ReplaceAll(text, "\r\n", "\n"), "\n")
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

func parsed(text string) map[string]any {
	var all map[string]any
	if json.Unmarshal([]byte(text), &all) != nil {
		return map[string]any{"not JSON": text}
	}
	if prefixes, ok := all["prefixes"].([]any); ok {
		slices.SortFunc(prefixes, func(a, b any) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
	}
	return all
}

// sameStates waits until both say the same of each route that FRR has.
func (v *validators) sameStates() (states string) {
	v.t.Helper()
	testenv.Eventually(v.t, "every route has the same state at both", func() (bool, string) {
		var theirs, ours []string
		for _, p := range sent {
			var of struct {
				Paths []struct{ RPKIValidationState string }
			}
			if err := json.Unmarshal([]byte(v.frr.Ask("enable", fmt.Sprintf("show bgp ipv4 unicast %s json", p))), &of); err == nil && len(of.Paths) == 1 {
				theirs = append(theirs, fmt.Sprintf("%s %s", p, strings.ReplaceAll(of.Paths[0].RPKIValidationState, " ", "-")))
			}
		}
		var table struct {
			Routes []struct{ Prefix, RPKIValidationState string }
		}
		_ = json.Unmarshal([]byte(v.trigger.Show("show rpki rov prefix 0.0.0.0/0 json")), &table)
		for _, r := range table.Routes {
			ours = append(ours, r.Prefix+" "+r.RPKIValidationState)
		}
		states = strings.Join(ours, ", ")
		return slices.Equal(theirs, ours), fmt.Sprintf("FRR: %s\ntriggerd: %s", strings.Join(theirs, ", "), states)
	})
	return states
}

// TestRPKIShowsAreFRRs: the same cache, the same routes, the same answers; while the
// cache changes what it says, and when it dies.
func TestRPKIShowsAreFRRs(t *testing.T) {
	t.Parallel()
	v := newValidators(t)
	v.same(asked...)
	if got := v.sameStates(); got != "10.0.0.0/8 not-found, 192.0.2.0/24 invalid, 198.51.100.0/24 valid, 198.51.100.128/27 invalid" {
		t.Error(got)
	}
	v.cache.Serve("192.0.2.0/24-24 AS64510", "198.51.100.0/24-32 AS64510", "2001:db8::/32-48 AS64502")
	v.same(asked...)
	if got := v.sameStates(); got != "10.0.0.0/8 not-found, 192.0.2.0/24 valid, 198.51.100.0/24 valid, 198.51.100.128/27 valid" {
		t.Error(got)
	}
	v.cache.Kill9() // the data serve, at both
	v.same(asked...)
	if got := v.sameStates(); !strings.Contains(got, "198.51.100.128/27 valid") {
		t.Error(got)
	}
	v.cache.Serve("10.0.0.0/8-8 AS64510") // another session
	v.frr.Ask("enable", "rpki reset")     // FRR would try again after the 10 minutes that the cache said
	v.same(asked...)
	if got := v.sameStates(); got != "10.0.0.0/8 valid, 192.0.2.0/24 not-found, 198.51.100.0/24 not-found, 198.51.100.128/27 not-found" {
		t.Error(got)
	}
}

// odd is a cache of this process and what it does.
type odd struct {
	cache *rtrtest.Cache
	at    netip.AddrPort
}

func dataOf(vrps ...string) *rtr.Data {
	var all []rtr.VRP
	for _, s := range vrps {
		var v rtr.VRP
		var prefix string
		if _, err := fmt.Sscanf(strings.Replace(s, "-", " ", 1), "%s %d AS%d", &prefix, &v.MaxLen, &v.ASN); err != nil {
			panic(err)
		}
		v.Prefix = netip.MustParsePrefix(prefix)
		all = append(all, v)
	}
	return &rtr.Data{VRPs: rtr.NewSet(all)}
}

// cacheShown is a cache as `show rpki statistics json` prints it.
type cacheShown struct {
	Port       string
	State      string
	Version    uint8
	Session    uint16
	Serial     uint32
	IPv4       int `json:"ipv4PrefixCount"`
	ASPAs      int `json:"aspaCount"`
	LastError  string
	ErrorsSent map[string]int
	Downgrades int
}

// TestCachesOfAllKinds: one node follows caches that behave in every way that
// caches do, each over a real connection, and does what RFC 8210 says.
func TestCachesOfAllKinds(t *testing.T) {
	t.Parallel()
	testenv.Require(t, testenv.Root)
	lab := testenv.NewLab(t)
	host, far := lab.Host("trigger"), lab.Host("caches")
	lab.Wire(host.On("10.20.0.11/24"), far.On("10.20.0.33/24"))
	first, second := dataOf("192.0.2.0/24-24 AS64500"), dataOf("192.0.2.0/24-24 AS64500", "198.51.100.0/24-24 AS64501")
	names := []string{"v0, exits on an error", "v1, answers lower", "v0, closes silently", "v2 with ASPA", "new session", "half an epoch",
		"duplicate", "unknown withdrawal", "bad length", "future serial", "disagrees"}
	all := map[string]odd{}
	var doors []netip.AddrPort
	for i, name := range names {
		c := rtrtest.New(uint16(100 + i))
		c.Timers = rtr.Timers{Refresh: 3600, Retry: 1, Expire: 7200}
		c.Set(first)
		all[name] = odd{c, far.RTRCache(uint16(4000+i), c)}
		doors = append(doors, all[name].at)
	}
	all["v0, exits on an error"].cache.Max, all["v0, exits on an error"].cache.Unknown = rtr.Version0, rtrtest.Report
	all["v1, answers lower"].cache.Max, all["v1, answers lower"].cache.Unknown = rtr.Version1, rtrtest.Lower
	all["v0, closes silently"].cache.Max, all["v0, closes silently"].cache.Unknown = rtr.Version0, rtrtest.Silent
	attested := dataOf("192.0.2.0/24-24 AS64500")
	attested.ASPAs = []rtr.ASPA{{Customer: 64500, Providers: []uint32{64501}}}
	all["v2 with ASPA"].cache.Set(attested)

	trigger := lab.Trigger(host, testenv.TriggerOptions{Role: testenv.Voter, AS: triggerAS, Neighbors: []testenv.Neighbor{}, Extra: testenv.RPKI(doors...)})
	lab.Cluster(trigger)
	shown := func(name, what string, is func(cacheShown) bool) {
		t.Helper()
		testenv.Eventually(t, name+": "+what, func() (bool, string) {
			var s struct{ Caches []cacheShown }
			if err := json.Unmarshal([]byte(trigger.Show("show rpki statistics json")), &s); err != nil {
				return false, err.Error()
			}
			for _, c := range s.Caches {
				if c.Port == fmt.Sprint(all[name].at.Port()) {
					return is(c), fmt.Sprintf("%+v", c)
				}
			}
			return false, "it is not shown"
		})
	}
	versions := map[string]uint8{"v0, exits on an error": 0, "v1, answers lower": 1, "v0, closes silently": 0}
	for _, name := range names {
		version, old := versions[name]
		if !old {
			version = 2
		}
		shown(name, "is synced", func(c cacheShown) bool { return c.State == "synced" && c.Version == version && c.IPv4 == 1 })
	}
	shown("v2 with ASPA", "has its ASPA", func(c cacheShown) bool { return c.ASPAs == 1 })

	// Each changes what it says, in its own way.
	all["new session"].cache.Restart(999, second)
	shown("new session", "is followed into it", func(c cacheShown) bool { return c.State == "synced" && c.Session == 999 && c.IPv4 == 2 })
	breaks := all["half an epoch"].cache
	breaks.Misbehave(func(rtr.PDU) ([]byte, bool, bool) {
		whole := breaks.Answer(2, nil, second)
		return whole[:len(whole)-30], true, true
	})
	breaks.Set(second)
	shown("half an epoch", "changes nothing", func(c cacheShown) bool {
		return c.State != "synced" && c.LastError != "" && c.IPv4 == 1 && c.Serial == 1
	})
	breaks.Misbehave(nil)
	shown("half an epoch", "counts when it is whole", func(c cacheShown) bool { return c.State == "synced" && c.IPv4 == 2 && c.Serial == 2 })

	long := rtrtest.Prefix(2, true, rtr.VRP{Prefix: netip.MustParsePrefix("203.0.113.0/24"), MaxLen: 24, ASN: 1})
	long[10] = 33
	held := netip.MustParsePrefix("192.0.2.0/24")
	for name, lie := range map[string]struct {
		body   []byte
		serial uint32
		code   rtr.ErrorCode
	}{
		"duplicate":          {rtrtest.Prefix(2, true, rtr.VRP{Prefix: held, MaxLen: 24, ASN: 64500}), 2, rtr.DuplicateAnnouncement},
		"unknown withdrawal": {rtrtest.Prefix(2, false, rtr.VRP{Prefix: held, MaxLen: 24, ASN: 64999}), 2, rtr.UnknownWithdrawal},
		"bad length":         {long, 2, rtr.CorruptData},
		"future serial":      {nil, 0xfffffff0, rtr.CorruptData},
	} {
		c := all[name].cache
		session := uint16(100 + slices.Index(names, name))
		c.Misbehave(func(q rtr.PDU) ([]byte, bool, bool) {
			if q.Type != rtr.SerialQuery {
				return nil, false, false
			}
			b := rtr.PDU{Version: 2, Type: rtr.CacheResponse, Session: session}.Append(nil)
			b = append(b, lie.body...)
			return rtr.PDU{Version: 2, Type: rtr.EndOfData, Session: session, Serial: lie.serial, Timers: c.Timers}.Append(b), false, true
		})
		c.Set(second)
		shown(name, "is told so, and asked for everything", func(s cacheShown) bool {
			return s.ErrorsSent[lie.code.String()] == 1 && s.State == "synced" && s.IPv4 == 2
		})
	}
	all["disagrees"].cache.Set(dataOf("203.0.113.0/24-24 AS64502"))
	testenv.Eventually(t, "the difference is shown", func() (bool, string) {
		out := trigger.Show("show rpki difference")
		return strings.Contains(out, fmt.Sprintf("Only in %s:\n", all["disagrees"].at)) && strings.Contains(out, "203.0.113.0 "), out
	})

	// All die: the data serve.
	for _, name := range names {
		all[name].cache.Refuse(true)
	}
	testenv.Eventually(t, "the data serve without any cache", func() (bool, string) {
		out := trigger.Show("show rpki caches") + trigger.Show("show rpki prefix-table")
		return !strings.Contains(out, "synced") && strings.Contains(out, "192.0.2.0 "), out
	})
}
