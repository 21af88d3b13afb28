package cli

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/triggerd/triggerd/cli/vty"
	"github.com/triggerd/triggerd/internal/alarm"
	"github.com/triggerd/triggerd/internal/rtbh"
)

// busyLab has something to show in every show.
func busyLab(t *testing.T) *lab {
	l := newLab(t)
	l.asOperator(`
blackhole protected 192.0.2.0/26
blackhole maximum 5000
banner motd line Trigger of Example Transit
ip prefix-list HOSTS seq 5 permit 0.0.0.0/0 ge 32
ip prefix-list HOSTS seq 10 deny any
ipv6 prefix-list HOSTS6 seq 5 permit ::/0 ge 128
ip community-list standard BH seq 5 permit 65535:666
route-map DECIX permit 10
 description what the exchange wants
 match ip address prefix-list HOSTS
 set community 64500:666 additive
 set large-community 64500:66:6
 set extcommunity rt 64500:1 192.0.2.9:2
 set extcommunity soo 4200000001:3
 set ip next-hop 198.51.100.66
 set local-preference 200
 set metric 5
 set origin incomplete
 set as-path prepend 64500 64500
route-map DECIX deny 20
customer acme
 contact noc@acme.example, +43 1 234
 route-map DECIX
 user alice
  key ` + keyA + `
  principal alice@acme
  exit
 user amy
  password encrypted ` + hash + `
  landing view
  receipt
  exit
 exit
user root operator
 key ` + keyB)
	alice := l.login("alice")
	alice.must("configure terminal", "router bgp 65534",
		"network 203.0.113.12/32", "network 203.0.113.13/32 route-map DECIX expire 90m ticket T-17 reason NTP flood")
	l.pass(90 * time.Second)
	alice.must("network 203.0.113.112/32 expire never", "address-family ipv6", "network 2001:db8:113::1/128")
	l.asOperator("customer beta\n network 198.51.100.7/32 reason on the phone")
	l.pass(45 * time.Minute)
	alice.must("network 2001:db8:113::1/128", "network 2001:db8:113::2/128", "no network 2001:db8:113::2/128", "end")
	l.neighbors = []NeighborStatus{
		{
			Addr: netip.MustParseAddr("192.0.2.20"), RemoteAS: 65535, LocalAS: 65535, Description: "edge1", State: "Established",
			Since: l.now.Add(-26 * time.Hour).Time(), RouterID: netip.MustParseAddr("192.0.2.20"), Password: true, IPv4: true, IPv6: true,
			Hold: 90, Keepalive: 30, RestartTime: 20, RouteMapOut: "DECIX",
			MsgRcvd: 3120, MsgSent: 3131, KeepalivesRcvd: 3119, KeepalivesSent: 3100, UpdatesSent: 30, OpensRcvd: 1, OpensSent: 1,
			PfxRcd4: 3, PfxSnt4: 4, PfxSnt6: 1, Flaps: 2, LastError: "hold timer expired",
		},
		{
			Addr: netip.MustParseAddr("192.0.2.21"), RemoteAS: 64500, LocalAS: 65535, State: "Active", IPv4: true,
			Hold: 180, Keepalive: 60, Multihop: 3,
		},
		{
			Addr: netip.MustParseAddr("2001:db8::beef:20"), RemoteAS: 4200000001, State: "Idle", Shutdown: true, IPv6: true,
			Since: l.now.Add(-9 * 24 * time.Hour).Time(), TTLSecurity: 1,
		},
	}
	l.placed = []Placement{
		{Node: "trigger1", Answered: true, Applied: 40, Announced: true, Routers: 2, Written: 1},
		{Node: "trigger2", Silent: 14 * time.Second},
		{Node: "trigger3", Answered: true, Applied: 3, Routers: 1},
	}
	l.up = []alarm.Alarm{
		{Kind: alarm.MemberSilent, Subject: "trigger2", Text: "does not answer", Since: l.now.Add(-14 * time.Second).Time()},
		{Kind: alarm.AnnounceFailed, Subject: "198.51.100.7/32", Text: "table is full", Since: l.now.Time()},
	}
	l.online = []SessionInfo{
		{ID: 3, User: "alice", Door: "ssh", From: "198.51.100.77:50022", Since: l.now.Time()},
		{ID: 4, User: "bob", Door: "exec", From: "[2001:db8::7]:50023", Since: l.now.Time()},
		{ID: 5, User: "local", Door: "local", Since: l.now.Time()},
	}
	l.status.Members[1].Reachable, l.status.Members[1].Silent, l.status.Members[1].Stoppable = false, 14*time.Second, false
	l.status.Members[1].Applied = 20
	l.status.Members[0].Stoppable = false
	return l
}

// TestShows compares every show with its golden file, as a customer, an operator
// and, for a few, a viewer sees it.
func TestShows(t *testing.T) {
	for _, c := range []struct {
		file, user string
		lines      []string
	}{
		{"show-ip-bgp", "alice", []string{"show ip bgp", "show ip bgp 203.0.113.12/32", "show ip bgp 203.0.113.13", "show bgp ipv6",
			"show bgp 2001:db8:113::1/128", "show ip bgp 203.0.113.0/28 longer-prefixes", "show ip bgp 198.51.100.7/32"}},
		{"show-ip-bgp-operator", "root", []string{"show ip bgp", "show ip bgp 198.51.100.7"}},
		{"show-ip-bgp-json", "alice", []string{"show ip bgp json", "show ip bgp 203.0.113.13/32 json"}},
		{"show-summary", "root", []string{"show ip bgp summary", "show bgp summary", "show ip bgp summary json"}},
		{"show-neighbors", "alice", []string{"show ip bgp neighbors", "show ip bgp neighbors 192.0.2.21 json"}},
		{"show-blackhole", "alice", []string{"show blackhole", "show blackhole 203.0.113.13", "show blackhole history"}},
		{"show-blackhole-operator", "root", []string{"show blackhole", "show blackhole 198.51.100.7/32", "show blackhole 2001:db8:113::1/128"}},
		{"show-blackhole-json", "alice", []string{"show blackhole 203.0.113.13/32 json", "show blackhole history json"}},
		{"show-cluster", "alice", []string{"show cluster", "show alarms", "who"}},
		{"show-cluster-operator", "root", []string{"show cluster", "show alarms", "who", "show cluster json", "show alarms json"}},
		{"show-customer", "alice", []string{"show customer", "show users"}},
		{"show-customer-operator", "root", []string{"show customer", "show customer acme", "show users", "show customer beta json"}},
		{"show-lists", "root", []string{"show route-map", "show ip prefix-list", "show ipv6 prefix-list HOSTS6", "show ip community-list",
			"show ip prefix-list NOPE"}},
		{"show-ssh", "root", []string{"show ssh", "show ssh json"}},
		{"show-list-forms", "root", []string{"show ip prefix-list summary", "show ip prefix-list detail HOSTS", "show ip prefix-list HOSTS seq 10",
			"show ip prefix-list HOSTS 0.0.0.0/0", "show ip prefix-list HOSTS 10.0.0.0/8 longer", "show ip prefix-list HOSTS 0.0.0.0/0 first-match",
			"show ipv6 prefix-list detail", "show ip community-list BH", "show ip community-list NOPE", "show ip bgp prefix-list HOSTS", "show ip bgp prefix-list NOPE",
			"show bgp ipv6 prefix-list HOSTS6", "show ip bgp community-list BH", "show ip bgp community-list BH exact-match", "show ip bgp cidr-only", "show ip bgp route-map NOPE"}},
		{"show-version", "alice", []string{"show version", "show clock", "help"}},
		{"running-config", "alice", []string{"show running-config", "write terminal"}},
		{"running-config-operator", "root", []string{"show running-config", "show running-config bgp"}},
		{"running-config-viewer", "vera", []string{"show running-config | include password"}},
	} {
		t.Run(c.file, func(t *testing.T) { golden(t, c.file, busyLab(t).login(c.user).transcript(c.lines...)) })
	}
}

// TestEveryShowHasJSON: it is one valid object, also when the state is not the
// newest, and then it says so.
func TestEveryShowHasJSON(t *testing.T) {
	for _, user := range []string{"alice", "root"} {
		for _, stale := range []bool{false, true} {
			l := busyLab(t)
			l.stale = stale
			x := l.login(user)
			for _, show := range allShows(x.role) {
				out := x.run(show + " json")
				var v map[string]any
				if err := json.Unmarshal([]byte(out), &v); err != nil || x.last.Status != vty.OK {
					t.Errorf("%s: %s json: %v\n%s", user, show, err, out)
				}
				text := x.run(show)
				if _, said := v["asOfIndex"]; said != strings.HasPrefix(text, fmt.Sprintf("! as of index %d\n", l.index)) {
					t.Errorf("%s: text and JSON do not agree whether it is as of an older index:\n%s", show, text)
				}
				if stale && strings.HasPrefix(show, "show blackhole") && !strings.HasPrefix(text, "! as of index") {
					t.Errorf("%s does not say that it is stale:\n%s", show, text)
				}
			}
		}
	}
}

// TestEveryShowRowTakesJSON: a show that somebody adds without it fails here.
func TestEveryShowRowTakesJSON(t *testing.T) {
	for _, e := range Manual() {
		if strings.HasPrefix(e.Command, "show ") && !strings.HasSuffix(e.Command, "[json]") {
			t.Errorf("%s has no JSON form", e.Command)
		}
	}
}

// TestNormalOutputIsNoFailureToAnsible: its pattern for failures is " not found".
func TestNormalOutputIsNoFailureToAnsible(t *testing.T) {
	l := busyLab(t)
	for _, user := range []string{"alice", "root"} {
		x := l.login(user)
		for _, show := range append(allShows(x.role), "help", "list", "who") {
			if out := x.run(show); strings.Contains(out, " not found") {
				t.Errorf("%s: %s", show, out)
			}
		}
	}
}

func TestPipes(t *testing.T) {
	l := busyLab(t)
	alice := l.login("alice")
	for _, c := range []struct{ line, want string }{
		{"show running-config | include ^ network", " network 203.0.113.12/32\n network 203.0.113.13/32 route-map DECIX expire at 2026-06-19T11:30:00Z ticket T-17 reason NTP flood\n" +
			" network 203.0.113.112/32 expire never\n network 2001:db8:113::1/128\n"},
		{"show running-config | begin exit-address", " exit-address-family\n exit\n!\nend\n"},
		{"show running-config | count", "16\n"},
		{"show running-config | count network", "4\n"},
		{"show running-config |exclude .", "\n"},
		{"sh run | i a.b|end", "end\n"},
		{"write terminal | inc ^end$", "end\n"},
		{"show blackhole json | include \"customer\" *:", strings.Repeat("      \"customer\": \"acme\",\n", 4)},
	} {
		if got := alice.run(c.line); got != c.want {
			t.Errorf("%s\n%s\nwant\n%s", c.line, got, c.want)
		}
	}
	for _, c := range []struct{ line, want string }{
		{"show ip bgp | include (", "% Bad regular expression: ("},
		{"show ip bgp |", "% Command incomplete."},
		{"show ip bgp | include", "% Command incomplete."},
		{"show ip bgp | grep x", "% Unknown command: after | there may be include, exclude, begin or count."},
		{"show zz | include x", "% Unknown command: show zz | include x"},
		{"who | include x", "% Unknown command: who | include x"},
		{"show ip bgp 192.0.2.9/32 | include x", "% Network not in table"},
	} {
		if got := alice.refused(c.line); got != c.want {
			t.Errorf("%s: %s", c.line, got)
		}
	}
	alice.must("configure terminal", "router bgp 65534", "network 203.0.113.99/32 reason a | include b")
	if b, _ := l.st.Blackhole(netip.MustParsePrefix("203.0.113.99/32"), "acme", l.now); b.Reason != "a | include b" {
		t.Errorf("a bar in a reason became a pipe: %q", b.Reason)
	}
}

// A member whose disk is full still answers; nobody may take it for a well one.
func TestShowClusterSaysWhoHasStopped(t *testing.T) {
	l := busyLab(t)
	l.status.Members[2].Reachable, l.status.Members[2].Halted = true, true
	alice := l.login("alice")
	if out := alice.run("show cluster"); !strings.Contains(out, "STOPPED") || !strings.Contains(out, "this node reaches 1 of 3 members") {
		t.Errorf("as another node sees it:\n%s", out)
	}
	if l.status.Members[2].Applied = 3; !(ClusterStatus{Members: l.status.Members[2:]}).applied(4) {
		t.Error("it is waited for before each answer about the nodes")
	}
	if out := alice.run("show cluster json"); !strings.Contains(out, `"stopped": true`) {
		t.Error(out)
	}
	l.status.Node = l.status.Members[2].Name
	if out := alice.run("show cluster"); !strings.Contains(out, "STOPPED, this node") || !strings.Contains(out, "NOT accepted here") {
		t.Errorf("as it sees itself:\n%s", out)
	}
}

// TestShowsOnAWitness: without a speaker, alarms or sessions nothing breaks.
func TestShowsOnAWitness(t *testing.T) {
	l := busyLab(t)
	l.node.BGP = nil
	u, _ := l.st.User("root")
	sh := NewShell(Ports{Cluster: l, Node: l, Version: "1"}, Login{User: u, Door: rtbh.DoorSSH})
	x := &screen{Shell: sh, t: t}
	for _, show := range append(allShows(operators), "who") {
		if out := x.run(show); strings.Contains(show, "show") && out == "" && !strings.Contains(show, "neighbors") && show != "show history" {
			t.Errorf("%s prints nothing", show)
		}
	}
	if out := x.run("show ip bgp"); strings.Contains(out, "*>") || !strings.Contains(out, "*  203.0.113.12/32") {
		t.Error(out)
	}
	if got := x.refused("cluster remove trigger2"); got != "% This node cannot change the membership." {
		t.Error(got)
	}
}

// TestAnnouncedOnlyWhenItReallyIs: a route that the speaker does not have, or
// has with other attributes, is not best.
func TestAnnouncedOnlyWhenItReallyIs(t *testing.T) {
	l := busyLab(t)
	routes := l.st.Desired(l.now)
	routes[0].MED = rtbh.Some(77)
	l.announced = routes[:len(routes)-1]
	out := l.login("root").run("show ip bgp")
	if !strings.Contains(out, "*  "+routes[0].Prefix.String()) || !strings.Contains(out, "*> "+routes[1].Prefix.String()) {
		t.Error(out)
	}
	l.announced = []rtbh.Route{}
	if out := l.login("root").run("show ip bgp"); strings.Contains(out, "*>") {
		t.Error(out)
	}
}

func TestTerminalCommands(t *testing.T) {
	l := newLab(t)
	alice := l.login("alice")
	for _, c := range []struct {
		line       string
		rows, cols int
	}{
		{"terminal length 0", 0, 80}, {"terminal length 512", 512, 80}, {"terminal no length", 24, 80}, {"term len 5", 5, 80},
		{"no terminal length", 24, 80}, {"terminal width 132", 24, 132}, {"terminal width 0", 24, 0}, {"terminal no width", 24, 80},
	} {
		alice.must(c.line)
		if r, w := alice.term.Rows(), alice.term.Columns(); r != c.rows || w != c.cols {
			t.Errorf("%s: %d rows, %d columns", c.line, r, w)
		}
	}
	l.local().must("terminal length 0") // without a terminal it is accepted, too
	if out := alice.run("echo  hi  there"); out != "hi  there\n" {
		t.Errorf("%q", out)
	}
}

func TestClusterCommands(t *testing.T) {
	l := newLab(t)
	root := l.login("root")
	if out := root.run("cluster token witness w2"); !strings.HasPrefix(out, "T0KEN\n") || !root.last.Forget {
		t.Errorf("%s %+v", out, root.last)
	}
	if out := root.run("cluster remove trigger2"); !strings.HasPrefix(out, "Note: until triggerd is stopped there, trigger2") {
		t.Errorf("%q", out)
	}
	if out := root.run("cluster transfer-leadership"); out != "Leader is trigger1\n" {
		t.Error(out)
	}
	if got := root.refused("cluster remove trigger1"); !strings.HasPrefix(got, "% This is that node") {
		t.Error(got)
	}
	if got := fmt.Sprint(l.members); got != "[token witness w2 remove trigger2 transfer ]" {
		t.Error(got)
	}
}

func TestWriteMemory(t *testing.T) {
	l := newLab(t)
	for _, line := range []string{"write memory", "wr", "write", "write file", "copy running-config startup-config"} {
		if out := l.login("alice").run(line); out != "Configuration saved to cluster log (index 19)\n[OK]\n" {
			t.Errorf("%s: %s", line, out)
		}
		if l.saved != 0 {
			t.Error("a customer wrote the node's file")
		}
		if out := l.login("root").run(line); out != "Configuration saved to cluster log (index 19)\nConfiguration saved to /etc/triggerd/triggerd.conf\n[OK]\n" || l.saved != 1 {
			t.Errorf("%s: %s", line, out)
		}
		l.saved = 0
	}
	root := l.login("root")
	root.must("configure terminal", "customer acme")
	if out := root.run("wr"); !strings.HasSuffix(out, "[OK]\n") {
		t.Error(out)
	}
}

// TestReceipt: who asked for it gets a line about each accepted network.
func TestReceipt(t *testing.T) {
	l := newLab(t)
	l.asOperator("customer acme\n user amy\n  receipt")
	amy := l.login("amy")
	amy.must("configure terminal", "router bgp 65534")
	if out := amy.run("network 203.0.113.1/32"); out != "Blackhole 203.0.113.1/32: committed at index 21, applied on 3 of 3 nodes, until 2026-06-20T10:00:00Z.\n" {
		t.Error(out)
	}
	if out := amy.run("network 203.0.113.1/32 expire never"); out != "Blackhole 203.0.113.1/32: committed at index 22, applied on 3 of 3 nodes, no end.\n" {
		t.Error(out)
	}
}

// TestASecondOperatorApproves follows a network that is shorter than what one
// person may ask for.
func TestASecondOperatorApproves(t *testing.T) {
	l := newLab(t)
	l.asOperator("customer acme\n minimum-length ipv4 24\n approval-length ipv4 30\n exit\nuser rita operator")
	alice, rita := l.login("alice"), l.login("rita")
	alice.must("configure terminal", "router bgp 65534")
	if out := alice.run("network 203.0.113.0/26"); out != "Note: a second operator has to agree first (approve 1); nothing is announced until then.\n" || alice.last.Status != vty.OK {
		t.Error(out)
	}
	if out := rita.run("show approvals"); !strings.Contains(out, "203.0.113.0/26") {
		t.Error(out)
	}
	if len(l.st.Desired(l.now)) != 0 {
		t.Error("announced without approval")
	}
	rita.must("approve 1")
	if len(l.st.Desired(l.now)) != 1 {
		t.Error("not announced after approval")
	}
	if got := rita.refused("reject 1"); !strings.HasPrefix(got, "% Nothing waits") {
		t.Error(got)
	}
}

// TestQuorumNotes: fewer than three voters cost something, and that is said.
func TestQuorumNotes(t *testing.T) {
	l := newLab(t)
	l.status.Members = l.status.Members[:2]
	if out := l.login("root").run("show cluster"); !strings.Contains(out, "two voters and no third") {
		t.Error(out)
	}
	l.status.Members = l.status.Members[:1]
	l.status.Majority, l.status.Leader = false, ""
	out := l.login("root").run("show cluster")
	if !strings.Contains(out, "one voter only") || !strings.Contains(out, "NOT accepted") || !strings.Contains(out, "none known") {
		t.Error(out)
	}
}

// TestClearTakesTwoLines: the second only counts right after the first.
func TestClearTakesTwoLines(t *testing.T) {
	l := busyLab(t)
	root := l.login("root")
	const all = "clear blackhole all confirm reason wrong feed"
	if got := root.refused(all); got != "% This ends 5 blackholes at every node. Type `clear blackhole all confirm` as the next line to do it." {
		t.Error(got)
	}
	root.run("show clock")
	root.refused(all)
	if len(l.st.Blackholes("", l.now)) != 5 {
		t.Error("one line was enough")
	}
	root.refused("clear blackhole customer acme")
	root.refused(all) // of another thing
	root.refused("clear blackhole customer acme")
	root.must("clear blackhole customer acme confirm")
	if left := l.st.Blackholes("", l.now); len(left) != 1 || left[0].Customer != "beta" {
		t.Error(left)
	}
	root.refused("clear blackhole all")
	root.must(all)
	if len(l.st.Blackholes("", l.now)) != 0 {
		t.Error("not cleared")
	}
	if got := root.refused("clear blackhole customer nope"); got != `% There is no customer "nope".` {
		t.Error(got)
	}
}

// TestACustomersConfigurationReadsBack: a customer can keep its own print and
// paste it again.
func TestACustomersConfigurationReadsBack(t *testing.T) {
	l := busyLab(t)
	alice := l.login("alice")
	was := alice.run("show running-config")
	l.asOperator("end")
	local := l.local()
	local.refused("clear blackhole customer acme")
	local.must("clear blackhole customer acme confirm")
	alice.must("configure terminal")
	_, lines, _ := strings.Cut(was, "Current configuration:\n")
	alice.must(strings.Split(strings.TrimSuffix(lines, "\n"), "\n")...)
	if got := alice.run("show running-config"); got != was {
		t.Errorf("%s\nwas\n%s", got, was)
	}
}

// TestNotAskedLatelyIsNotNotApplied: what is known of other nodes may be a
// second old, and a show waits for news, but not for ever.
func TestNotAskedLatelyIsNotNotApplied(t *testing.T) {
	for _, c := range []struct {
		news, took time.Duration
		want       string
	}{
		{0, 0, "on 3 of 3 nodes (trigger1, trigger2, witness)\n"},
		{900 * time.Millisecond, 900 * time.Millisecond, "on 3 of 3 nodes (trigger1, trigger2, witness)\n"},
		{time.Hour, statusWait, "on 1 of 3 nodes (trigger1); not yet: trigger2, witness\n"},
	} {
		synctest.Test(t, func(t *testing.T) {
			l := newLab(t)
			alice := l.login("alice")
			alice.must("configure terminal", "router bgp 65534", "network 203.0.113.1/32", "end")
			start := time.Now()
			l.heard = start.Add(c.news)
			if out := alice.run("show blackhole 203.0.113.1"); !strings.Contains(out, c.want) {
				t.Errorf("news after %v: %s", c.news, out)
			}
			if took := time.Since(start); took < c.took || took > c.took+statusLook {
				t.Errorf("news after %v: took %v", c.news, took)
			}
		})
	}
}
