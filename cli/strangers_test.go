//go:build !race

// Without the race detector: one goroutine types thousands of lines, and there is
// nothing to detect for five times the work. `make unit` runs these tests by themselves.

package cli

import (
	"cmp"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/triggerd/triggerd/internal/alarm"
	"github.com/triggerd/triggerd/internal/rtbh"
)

// These tests compare two worlds. In the first, customer acme shares the cluster
// with beta, who holds a part of acme's grant, blackholes, is refused, waits for
// approval and is edited by operators. In the second there is no beta, and the log
// holds notes of a node in the place of its entries. Whatever acme's users type, and
// wherever they ask for help, both must answer alike, byte for byte: what does not
// depend on beta cannot tell of it. (Log indexes and the audit's numbers are the same
// in both: they count what everybody does, and are meant to be printed. The audit's
// hashes hang together with everything, and say nothing.)

// world makes one of the two.
func world(t *testing.T, shared bool) *lab {
	l := bareLab(t)
	l.asCluster(
		rtbh.PutMember{Member: rtbh.Member{Name: "trigger1", Role: rtbh.Voter, Addr: "127.0.0.1:7601"}},
		rtbh.PutMember{Member: rtbh.Member{Name: "trigger2", Role: rtbh.Voter, Addr: "127.0.0.1:7602"}})
	betas := func(lines string) {
		l.t.Helper()
		if shared {
			l.asOperator(lines)
		}
		l.settle(40)
	}
	l.asOperator(`
route-map DECIX permit 10
 set community 64500:666 additive
route-map BLACKHOLE permit 10
 exit
ip prefix-list HOSTS permit any
customer acme
 as-number 65534
 prefix 203.0.113.0/24
 prefix 2001:db8:113::/48
 minimum-length ipv4 24
 approval-length ipv4 30
 maximum-blackholes 500
 lifetime maximum never
 route-map DECIX
 user alice
  receipt
  exit
 user otto viewer
  exit
 exit
user root operator`)
	betas(`
route-map BETA-ONLY permit 10
 set community 64500:77
 set metric 77
 exit
customer beta
 description sworn enemy of acme
 as-number 65533
 prefix 203.0.113.0/24
 prefix 198.51.100.0/24
 route-map BETA-ONLY
 user bob
  exit
 network 203.0.113.13/32 route-map BETA-ONLY reason betas
 network 198.51.100.7/32 reason betas`)
	l.asOperator(`
customer acme
 network 203.0.113.12/32
 network 203.0.113.13/32 ticket T-17 reason NTP flood
 network 203.0.113.14/32 expire 1m
 network 2001:db8:113::1/128
 no network 203.0.113.12/32`)
	l.pass(2 * time.Minute)
	betas(`
customer beta
 minimum-length ipv4 24
 approval-length ipv4 30
 network 203.0.113.12/32 route-map BETA-ONLY
 network 203.0.113.12/32 expire 1m
 network 198.51.100.9/32 expire 1m
 no network 198.51.100.7/32
 network 198.51.100.7/32
 description still sworn`)
	if shared {
		bob := l.login("bob")
		bob.run("configure terminal")
		bob.run("router bgp 65533")
		bob.run("network 198.51.100.64/28") // waits
		bob.run("network 192.0.2.1/32")     // is refused
		l.asCluster(rtbh.CountRefused{User: "bob", Count: 3, From: "192.0.2.9:1", Why: "wrong password"})
	}
	l.pass(3 * time.Minute)
	l.settle(20)
	l.around(shared)
	return l
}

// settle fills the log up to the next multiple, and the ids that are drawn with it.
func (l *lab) settle(to uint64) {
	l.t.Helper()
	start := l.index
	for l.index%to != 0 || l.index == start {
		l.apply(rtbh.Entry{Actor: rtbh.Actor{Door: rtbh.DoorNode}, Commands: []rtbh.Command{rtbh.RecordLocal{Text: "nothing"}}})
	}
	l.ids = l.index
}

// around is what the node itself knows, which differs with what beta does.
func (l *lab) around(shared bool) {
	l.online = []SessionInfo{{ID: 3, User: "alice", Door: "ssh", From: "198.51.100.77:50022", Since: l.now.Time()}}
	l.up = []alarm.Alarm{{Kind: alarm.NoMajority, Text: "no majority", Since: l.now.Time()}}
	edge := NeighborStatus{
		Addr: netip.MustParseAddr("192.0.2.20"), RemoteAS: 65535, LocalAS: 65535, State: "Established", Since: labStart.Time(), IPv4: true, IPv6: true,
		MsgSent: 103, KeepalivesSent: 100, OpensSent: 1, UpdatesSent: 2, PfxSnt4: 1, PfxSnt6: 1, RouteMapOut: "BLACKHOLE",
	}
	l.placed = []Placement{{Node: "trigger1", Answered: true, Applied: 40, Announced: true, Routers: 2, Written: 2}}
	if shared {
		l.online = append(l.online, SessionInfo{ID: 4, User: "bob", Door: "exec", From: "[2001:db8::7]:50023", Since: l.now.Time()})
		l.up = append(l.up, alarm.Alarm{Kind: alarm.OverBudget, Subject: "192.0.2.20", Text: "77 routes", Since: l.now.Time()},
			alarm.Alarm{Kind: alarm.AnnounceFailed, Subject: "198.51.100.7/32", Text: "table is full", Since: l.now.Time()})
		l.suppressed = []Suppressed{{Prefix: netip.MustParsePrefix("198.51.100.7/32"), By: "root", Since: l.now.Time()}}
		edge.UpdatesSent, edge.MsgSent, edge.PfxSnt4, edge.RouteMapOut = 79, 180, 5, "BETA-ONLY"
	}
	l.neighbors = []NeighborStatus{edge}
}

// strangeLines are all commands that there are, for every role, with values of
// acme's and with values of beta's, in every mode that acme's users reach.
func strangeLines() (lines [][2]string) {
	enter := map[string]string{
		"view": "disable", "enable": "", "config": "configure terminal", "config-router": "configure terminal; router bgp 65534",
		"config-router-af-ipv4": "configure terminal; router bgp 65534; address-family ipv4",
		"config-router-af-ipv6": "configure terminal; router bgp 65534; address-family ipv6",
		"config-customer":       "configure terminal; customer beta", "config-route-map": "configure terminal; route-map BETA-ONLY permit 10",
		"config-user": "configure terminal; user bob", "config-customer-user": "configure terminal; customer beta; user bob",
	}
	betas := strings.NewReplacer("acme", "beta", "203.0.113.13", "198.51.100.7", "203.0.113.0/24", "198.51.100.0/24", "DECIX", "BETA-ONLY", "HOSTS", "BETAS", "2001:db8:113::1", "2001:db8:beef::1")
	for _, e := range Manual() {
		for _, line := range expand(e.Command) {
			if line = sampled(line); line != "" {
				lines = append(lines, [2]string{enter[e.Mode.Name], line}, [2]string{enter[e.Mode.Name], betas.Replace(line)})
			}
		}
	}
	slices.SortFunc(lines, func(a, b [2]string) int { return cmp.Or(cmp.Compare(a[0], b[0]), cmp.Compare(a[1], b[1])) })
	return slices.Compact(lines)
}

func TestNothingThatAnotherCustomerDoesShows(t *testing.T) {
	alone, beside := world(t, false), world(t, true)
	if alone.index != beside.index || alone.ids != beside.ids {
		t.Fatalf("the worlds are not of one length: %d and %d", alone.index, beside.index)
	}
	differences := 0
	for _, who := range []string{"alice", "otto"} {
		asked := map[string]bool{}
		for _, l := range strangeLines() {
			a, b := stranger(alone, who, l), stranger(beside, who, l)
			for i := range l[1] { // `?` and Tab, once at each place
				if at := l[0] + ";" + l[1][:i]; l[1][i] == ' ' && !asked[at] {
					asked[at] = true
					a, b = a+helped(alone, who, l[0], l[1][:i]), b+helped(beside, who, l[0], l[1][:i])
				}
			}
			if a != b {
				t.Errorf("%s: %s; %s\n%s", who, l[0], l[1], firstDifference(a, b))
				if differences++; differences > 10 {
					t.Fatal("and so on")
				}
			}
		}
	}
	// An operator does see the difference, or the worlds would prove nothing.
	if line := [2]string{"", "show blackhole"}; stranger(alone, "root", line) == stranger(beside, "root", line) {
		t.Error("the worlds do not differ")
	}
}

func firstDifference(a, b string) string {
	as, bs := strings.Split(a, "\n"), strings.Split(b, "\n")
	for i := range min(len(as), len(bs)) {
		if as[i] != bs[i] {
			return fmt.Sprintf("alone:       %s\nbeside beta: %s", as[i], bs[i])
		}
	}
	return fmt.Sprintf("alone %d lines, beside beta %d", len(as), len(bs))
}

// helped is what `?` and Tab say at a place of a line.
func helped(l *lab, who, mode, typed string) string {
	x := l.login(who)
	for _, line := range strings.Split(mode, "; ") {
		x.run(line)
	}
	insert, choices := x.Complete(typed)
	return fmt.Sprintln(x.Describe(typed+" "), insert, choices)
}

// stranger is all that a user sees of one line: its answer, through pipes as well,
// and where it leads.
func stranger(l *lab, who string, line [2]string) string {
	var out strings.Builder
	x := l.login(who)
	for _, mode := range strings.Split(line[0], "; ") {
		x.run(mode)
	}
	fmt.Fprintln(&out, x.run(line[1]), x.last.Status, x.Prompt())
	if strings.HasPrefix(line[1], "show") {
		fmt.Fprintln(&out, x.run(line[1]+" | count ."), x.run(line[1]+" | include beta|198.51.100"), x.run("do "+line[1]))
	}
	return hashes.ReplaceAllString(out.String(), "")
}

var hashes = regexp.MustCompile(`[0-9a-f]{64}`)
