package cli

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/triggerd/triggerd/internal/config"
	"github.com/triggerd/triggerd/internal/rtbh"
)

// TestMoreShows: the shows that look back, ahead and through the BGP table.
func TestMoreShows(t *testing.T) {
	for _, c := range []struct {
		file, user string
		lines      []string
	}{
		{"show-ip-bgp-forms", "root", []string{
			"show ip bgp community", "show ip bgp community 65535:666", "show ip bgp community no-export 65535:666 exact-match", "show ip bgp community 1:1",
			"show ip bgp community 1:99999", "show ip bgp large-community 64500:66:6", "show ip bgp regexp ^$", "show ip bgp regexp _64500_", "show ip bgp regexp (",
			"show bgp ipv6 unicast regexp ^$", "show ip bgp route-map DECIX", "show ipv6 bgp community 65535:666 json | count Prefix",
		}},
		{"show-advertised-routes", "root", []string{
			"show ip bgp neighbors 192.0.2.20 advertised-routes", "show bgp ipv6 neighbors 192.0.2.20 advertised-routes", "show ip bgp neighbors 192.0.2.21 advertised-routes",
			"show ip bgp neighbors 192.0.2.99 advertised-routes", "show ip bgp neighbors 192.0.2.20 advertised-routes json | count community|network",
		}},
		{"show-advertised-routes-customer", "alice", []string{"show ip bgp neighbors 192.0.2.20 advertised-routes"}},
		{"show-blackhole-at", "root", []string{
			"show blackhole at 2026-06-19T09:59:59Z", "show blackhole at 2026-06-19T10:00:00Z", "show blackhole at 10m", "show blackhole at 2026-06-21T00:00:00Z", "show blackhole at noon",
		}},
		{"show-blackhole-at-customer", "alice", []string{"show blackhole at 2026-06-19T10:46:30Z", "show blackhole at 2026-06-19T10:46:30Z json"}},
		{"show-audit", "root", []string{"show audit", "show audit since 1m", "show audit customer beta", "show audit customer acme since 2026-06-19T10:46:00Z", "show audit since yesterday"}},
		{"show-audit-customer", "alice", []string{"show audit", "show audit since 1m json"}},
		{"test-blackhole", "root", []string{
			"test blackhole 203.0.113.50", "test blackhole 203.0.113.12/32 customer acme route-map DECIX", "test blackhole 198.51.100.9/32", "test blackhole 192.0.2.7",
			"test blackhole 203.0.113.50/32 customer beta", "test blackhole 203.0.113.50/32 route-map NOPE", "test blackhole 203.0.113.50/32 json",
		}},
		{"test-blackhole-customer", "alice", []string{
			"test blackhole 203.0.113.50", "test blackhole 203.0.112.0/23", "test blackhole 2001:db8:113::5", "test blackhole 203.0.113.77/24", "test blackhole 203.0.113.12 json",
		}},
		{"running-config-parts", "root", []string{
			"show running-config customer beta", "show running-config customer nope", "show running-config route-map | include list|route-map", "show startup-config | include !|hostname|customer",
		}},
		{"running-config-parts-customer", "alice", []string{"show running-config bgp", "show running-config route-map", "show startup-config | count"}},
		{"tech-support", "root", []string{"show tech-support"}},
	} {
		t.Run(c.file, func(t *testing.T) { golden(t, c.file, busyLab(t).login(c.user).transcript(c.lines...)) })
	}
}

// TestTechSupportHasNoSecrets: it is made to be sent away.
func TestTechSupportHasNoSecrets(t *testing.T) {
	l := busyLab(t)
	for _, line := range []string{"show tech-support", "show tech-support json"} {
		out := l.login("root").run(line)
		for _, secret := range []string{"tcp-secret", "$argon2id$", hash} {
			if strings.Contains(out, secret) {
				t.Errorf("%s prints %q", line, secret)
			}
		}
	}
}

// TestTheAuditHoldsNoPasswords: neither hashes nor what was typed.
func TestTheAuditHoldsNoPasswords(t *testing.T) {
	l := busyLab(t)
	root := l.login("root")
	root.must("configure terminal", "user root operator", "password a-long-secret-1", "end")
	for _, line := range []string{"show audit", "show audit json", "show audit export", "show audit customer acme"} {
		out := root.run(line)
		for _, secret := range []string{"a-long-secret", "argon2id", "tcp-secret"} {
			if strings.Contains(out, secret) {
				t.Errorf("%s prints %q", line, secret)
			}
		}
	}
}

// TestEveryCommandHasItsWords: the audit names every kind of command in words of
// the command line, never as a Go type.
func TestEveryCommandHasItsWords(t *testing.T) {
	l := busyLab(t)
	l.asOperator(`
customer gamma
 origin-as 64511 roa
 minimum-length ipv4 24
 approval-length ipv4 28
 lifetime default 2h
 prompt gw
 no prompt
 no lifetime default
 no minimum-length ipv4
 user gus
  landing view
  no landing
  disable
  no disable
  exit
 no user gus
 exit
no customer gamma
blackhole maximum-per-customer 500
no blackhole maximum-per-customer
no banner motd
route-map DECIX permit 10
 no set metric
 no set extcommunity soo
 no match ip address prefix-list
 exit
no route-map DECIX deny 20
no ip prefix-list HOSTS seq 10
no ip prefix-list HOSTS
no ip community-list standard BH
end`)
	records, _ := l.st.Audit()
	var said []string
	for _, r := range records {
		text := commandText(r.Command)
		if strings.Contains(text, "rtbh.") || strings.Contains(text, "field ") || text == "" || strings.HasSuffix(text, ": ") || strings.HasSuffix(text, "no ") {
			t.Errorf("%#v is said as %q", r.Command, text)
		}
		said = append(said, text)
	}
	golden(t, "audit-words", strings.Join(said, "\n")+"\n")
}

func TestLocalActsAreRecorded(t *testing.T) {
	l := busyLab(t)
	root := l.login("root")
	root.must("suppress 203.0.113.12", "suppress 203.0.113.12/32", "clear ip bgp *", "clear ip bgp 192.0.2.20 soft", "clear bgp 192.0.2.21 soft in", "clear bgp 192.0.2.21 soft out", "clear session 4")
	if got := root.refused("suppress 203.0.113.99"); got != "% 203.0.113.99/32 is not blackholed." {
		t.Error(got)
	}
	if got := root.refused("clear session 77"); got != "% There is no session 77; type `who`." {
		t.Error(got)
	}
	if got := root.refused("clear ip bgp 192.0.2.99"); got != `%BGP: Unknown neighbor - "192.0.2.99"` {
		t.Error(got)
	}
	l.status.Majority = false
	root.must("suppress 198.51.100.7")
	golden(t, "suppressed", root.transcript("show suppressed", "no suppress 198.51.100.7", "no suppress 198.51.100.7/32", "show suppressed json"))
	want := []string{
		"root: suppress 203.0.113.12/32", "root: clear ip bgp *", "root: clear ip bgp 192.0.2.20 soft", "root: clear bgp 192.0.2.21 soft in",
		"root: clear bgp 192.0.2.21 soft out", "root: clear session 4", "root: suppress 198.51.100.7/32", "root: no suppress 198.51.100.7/32",
	}
	if !slices.Equal(l.recorded, want) {
		t.Errorf("recorded %q", l.recorded)
	}
	asked := []string{
		"reset 192.0.2.20", "reset 192.0.2.21", "reset 2001:db8::beef:20", "refresh 192.0.2.20 in true out true",
		"refresh 192.0.2.21 in true out false", "refresh 192.0.2.21 in false out true",
	}
	if !slices.Equal(l.asked, asked) {
		t.Errorf("asked %q", l.asked)
	}
	for _, line := range []string{"suppress 203.0.113.12", "clear ip bgp *", "clear session 3", "show suppressed"} {
		if got := l.login("alice").refused(line); got != "% Unknown command: "+line {
			t.Errorf("alice: %s: %s", line, got)
		}
	}
}

// TestClearBGPInEveryForm: whom Quagga's forms mean, and which of them are soft.
func TestClearBGPInEveryForm(t *testing.T) {
	for line, want := range map[string]string{
		"clear ip bgp 192.0.2.20":                       "reset 192.0.2.20",
		"clear ip bgp 192.0.2.20 in":                    "refresh 192.0.2.20 in true out false",
		"clear ip bgp 192.0.2.20 in prefix-filter":      "refresh 192.0.2.20 in true out false",
		"clear ip bgp 192.0.2.20 ipv4 unicast out":      "refresh 192.0.2.20 in false out true",
		"clear ip bgp 192.0.2.20 ipv4 unicast soft in":  "refresh 192.0.2.20 in true out false",
		"clear bgp ipv6 unicast 2001:db8::beef:20 soft": "refresh 2001:db8::beef:20 in true out true",
		"clear ip bgp external":                         "reset 192.0.2.20",
		"clear ip bgp 64500":                            "reset 192.0.2.20",
		"clear ip bgp 64500 soft out":                   "refresh 192.0.2.20 in false out true",
	} {
		l := busyLab(t)
		l.neighbors = slices.Clone(l.neighbors)
		for i := range l.neighbors {
			l.neighbors[i].RemoteAS = map[bool]uint32{true: 64500, false: 65535}[i == 0]
		}
		l.login("root").must(line)
		if got := strings.Join(l.asked, ", "); got != want {
			t.Errorf("%s asked %q, want %q", line, got, want)
		}
	}
	l := busyLab(t)
	if got := l.login("root").refused("clear ip bgp 64999"); got != "%BGP: No peer is configured with AS 64999" {
		t.Error(got)
	}
}

// TestNeighborLinesTypedLive change what runs, and are audited without the
// password.
func TestNeighborLinesTypedLive(t *testing.T) {
	l := newLab(t)
	var err error
	file := "hostname trigger1\ncluster advertise 127.0.0.1:7600\nrouter bgp 65535\n bgp router-id 192.0.2.10\n no bgp listen\n"
	if l.node, _, err = config.Parse("f", strings.NewReader(file)); err != nil {
		t.Fatal(err)
	}
	root := l.login("root")
	golden(t, "neighbor-live", root.transcript("configure terminal", "router bgp 65535",
		"neighbor 192.0.2.30 remote-as 64512", "neighbor 192.0.2.30 description edge of the west", "neigh 192.0.2.30 pass a secret", "neighbor 192.0.2.30 timers 10 30",
		"neighbor 192.0.2.30 shutdown message new cable", "neighbor 192.0.2.31 passive", "neighbor 192.0.2.30 ebgp-multihop 300", "neighbor 192.0.2.30 remote-as 23456",
		"address-family ipv6", "neighbor 192.0.2.30 activate", "exit", "no neighbor 192.0.2.30 password", "no neighbor 192.0.2.30 password",
		"no neighbor 192.0.2.30 timers 10 30", "no neighbor 192.0.2.30 shutdown", "neighbor 192.0.2.30 route-map DECIX out", "neighbor 192.0.2.30 remote-as 64513", "end"))
	want := `router bgp 65535
 bgp router-id 192.0.2.10
 no bgp listen
 neighbor 192.0.2.30 remote-as 64513
 neighbor 192.0.2.30 description edge of the west
 neighbor 192.0.2.30 route-map DECIX out
 !
 address-family ipv6
  neighbor 192.0.2.30 activate
 exit-address-family
`
	if _, got, _ := strings.Cut(l.node.String(), "!\nrouter"); "router"+got != want+"!\n" {
		t.Errorf("%s", l.node.String())
	}
	if !slices.Contains(l.recorded, "root: neighbor 192.0.2.30 password (hidden)") {
		t.Errorf("%q", l.recorded)
	}
	if strings.Contains(strings.Join(l.recorded, "\n"), "secret") {
		t.Errorf("a password was recorded: %q", l.recorded)
	}
	root.must("configure terminal", "router bgp 65535", "no neighbor 192.0.2.30")
	if len(l.node.BGP.Neighbors) != 0 {
		t.Errorf("%+v", l.node.BGP.Neighbors)
	}
	alice := l.login("alice")
	alice.must("configure terminal", "router bgp 65534")
	if got := alice.refused("neighbor 192.0.2.30 remote-as 1"); got != "% Unknown command: neighbor 192.0.2.30 remote-as 1" {
		t.Error(got)
	}
}

// TestAnExportIsWhatTheStateHolds: every line holds the record that it shows.
func TestAnExportIsWhatTheStateHolds(t *testing.T) {
	l := busyLab(t)
	out := l.login("root").run("show audit export")
	lines := strings.Split(strings.TrimSpace(out), "\n")
	records, _ := l.st.Audit()
	if len(lines) != len(records)+2 {
		t.Fatalf("%d lines of %d records", len(lines), len(records))
	}
	for i, line := range lines {
		var v map[string]any
		if err := json.Unmarshal([]byte(line), &v); err != nil {
			t.Fatalf("line %d: %v", i+1, err)
		}
	}
}

// TestAnExportBeginsWithWhatCanBeChecked: the oldest record that is kept, of a
// longer chain, is only an anchor.
func TestAnExportBeginsWithWhatCanBeChecked(t *testing.T) {
	l := busyLab(t)
	records, _ := l.st.Audit()
	var whole, cut AuditHead
	if got := whole.anchor(records); len(got) != len(records) || whole.After != 0 || whole.Anchor != "" {
		t.Errorf("of a whole chain: %+v, %d records", whole, len(got))
	}
	if got := cut.anchor(records[4:]); len(got) != len(records)-5 || cut.After != 5 || !got[0].Follows(records[4].Hash) {
		t.Errorf("of the rest of one: %+v", cut)
	}
}

// TestAReceiptCountsNodesAndRouters, and leaves the routers out when a trigger
// does not answer.
func TestAReceiptCountsNodesAndRouters(t *testing.T) {
	l := newLab(t)
	l.asOperator("customer acme\n user amy\n  receipt")
	l.placed = []Placement{{Node: "trigger1", Answered: true, Announced: true, Routers: 2, Written: 2}, {Node: "trigger2", Answered: true, Announced: true, Routers: 1, Written: 1}}
	amy := l.login("amy")
	amy.must("configure terminal", "router bgp 65534")
	if out := amy.run("network 203.0.113.1/32"); !strings.Contains(out, ", applied on 3 of 3 nodes, sent to 3 of 3 routers, until 2026-06-20T") {
		t.Error(out)
	}
	l.silent = []Silent{{Name: "trigger2", For: 14 * time.Second}}
	if out := amy.run("network 203.0.113.2/32"); strings.Contains(out, "sent to") || !strings.Contains(out, "Note: trigger2 has not confirmed") {
		t.Error(out)
	}
	l.silent = nil
	amy.must("batch", "network 203.0.113.3/32", "network 203.0.113.4/32")
	if out := amy.run("commit"); !strings.HasPrefix(out, "Batch of 2 lines: committed at index ") {
		t.Error(out)
	}
	if out := amy.paste(5, "network 203.0.113.5/32", "network 203.0.113.6/32"); strings.Count(out, "committed at index") != 2 {
		t.Error(out)
	}
}

// TestACustomersAuditIsItsOwnUsers: nothing of others, of operators, of the
// cluster.
func TestACustomersAuditIsItsOwnUsers(t *testing.T) {
	l := busyLab(t)
	l.asOperator("customer beta\n no network 198.51.100.7/32\ncustomer acme\n no network 203.0.113.12/32 reason by hand")
	for _, c := range []struct{ user, of string }{{"alice", "acme"}, {"bob", "beta"}} {
		var v struct {
			Records []AuditLine `json:"records"`
		}
		if err := json.Unmarshal([]byte(l.login(c.user).run("show audit json")), &v); err != nil {
			t.Fatal(err)
		}
		for _, r := range v.Records {
			u, _ := l.st.User(r.User)
			if u.Customer != c.of || r.Door == rtbh.DoorLocal.String() {
				t.Errorf("%s sees %+v", c.user, r)
			}
		}
		if (len(v.Records) == 0) != (c.user == "bob") { // bob has typed nothing
			t.Errorf("%s sees %d records", c.user, len(v.Records))
		}
	}
}
