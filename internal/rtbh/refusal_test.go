package rtbh

import (
	"fmt"
	"math"
	"net/netip"
	"strings"
	"testing"
)

const (
	someKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f olga@laptop"
	someMD  = "$2b$12$abcdefghijklmnopqrstuv"
)

// wrong is one command that a rule refuses, in the state that refusalStory
// makes.
type wrong struct {
	what string
	who  Actor
	cmd  Command
	code RefusalCode
}

func refusalStory() *story {
	st := newStory()
	st.must(local,
		EditSettings{Field: SettingsProtected, Value: Settings{Protected: []netip.Prefix{pfx("203.0.113.64/28"), pfx("198.51.100.1/32")}}},
		EditCustomer{Name: "full"},
		EditCustomer{Name: "full", Field: CustomerPrefixes, Value: Customer{Prefixes: []netip.Prefix{pfx("10.0.0.0/8"), pfx("2001:db8::/32")}}},
		EditCustomer{Name: "full", Field: CustomerMinLen4, Value: Customer{MinLen4: 9}},
		EditCustomer{Name: "full", Field: CustomerApproveLen4, Value: Customer{ApproveLen4: 24}},
		EditCustomer{Name: "full", Field: CustomerMaxBlackholes, Value: Customer{MaxBlackholes: 2}},
		EditCustomer{Name: "poor"},
		EditClause{Map: "DENYING", Value: Clause{Seq: 10, Deny: true}},
		EditClause{Map: "USED", Field: ClauseNextHop4, Value: Clause{Seq: 10, NextHop4: netip.MustParseAddr("203.0.113.99")}},
		EditCustomer{Name: "acme", Field: CustomerRouteMaps, Value: Customer{RouteMaps: []string{"DENYING", "USED"}}},
		EditPrefixList{Name: "PL4", Rule: PrefixRule{Seq: math.MaxUint32, Any: true}},
		EditCommunityList{Name: "CL", Rule: CommunityRule{Seq: math.MaxUint32, Communities: []Community{1}}},
		network("full", "10.0.0.1/32"), network("full", "10.0.0.2/32"))
	st.must(olga, EditCustomer{Name: "acme", Field: CustomerApproveLen6, Value: Customer{ApproveLen6: 128}},
		EditCustomer{Name: "acme", Field: CustomerMinLen6, Value: Customer{MinLen6: 64}}, network("acme", "2001:db8:113::/64"))
	return st
}

func life(c, p string, l Lifetime) Announce { return Announce{Customer: c, Prefix: pfx(p), Life: l} }

func wrongs() []wrong {
	long := strings.Repeat("x", 5000)
	cust := func(f CustomerField, v Customer) EditCustomer { return EditCustomer{Name: "acme", Field: f, Value: v} }
	user := func(f UserField, v User) EditUser { return EditUser{Name: "alice", Field: f, Value: v} }
	clause := func(f ClauseField, v Clause) EditClause {
		v.Seq = 10
		return EditClause{Map: "USED", Field: f, Value: v}
	}
	return []wrong{
		{"no prefix", alice, Announce{Customer: "acme"}, RefusedSyntax},
		{"IPv4 in IPv6 form", alice, network("acme", "::ffff:203.0.113.7/128"), RefusedFamily},
		{"host bits", alice, network("acme", "203.0.113.7/24"), RefusedHostBits},
		{"host bits, IPv6", alice, network("acme", "2001:db8:113::7/64"), RefusedHostBits},
		{"the whole Internet", alice, network("acme", "0.0.0.0/0"), RefusedGrant},
		{"another's prefix", alice, network("acme", "198.51.100.7/32"), RefusedGrant},
		{"the /23 around its /24", alice, network("acme", "203.0.112.0/23"), RefusedGrant},
		{"the /7 around its /8", olga, network("full", "10.0.0.0/7"), RefusedGrant},
		{"nothing granted", olga, network("poor", "203.0.113.7/32"), RefusedGrant},
		{"a whole network", alice, network("acme", "203.0.113.0/24"), RefusedLength},
		{"within a protected one", alice, network("acme", "203.0.113.65/32"), RefusedProtected},
		{"around a protected one", local, network("full", "10.0.0.0/8"), RefusedLength},
		{"a next-hop of a route-map", alice, network("acme", "203.0.113.99/32"), RefusedProtected},
		{"one too many", olga, network("full", "10.0.0.3/32"), RefusedLimit},
		{"an undefined route-map", alice, Announce{Customer: "acme", Prefix: pfx(victim), RouteMap: "NOSUCH"}, RefusedRouteMap},
		{"another's route-map", bob, Announce{Customer: "bolt", Prefix: pfx(victim), RouteMap: "USED"}, RefusedRouteMap},
		{"a route-map that denies", alice, Announce{Customer: "acme", Prefix: pfx(victim), RouteMap: "DENYING"}, RefusedRouteMap},
		{"never", alice, life("acme", victim, Forever), RefusedLifetime},
		{"too long", alice, life("acme", victim, Lifetime(31*day)), RefusedLifetime},
		{"too short", alice, life("acme", victim, 999), RefusedLifetime},
		{"negative", alice, life("acme", victim, -7), RefusedLifetime},
		{"until yesterday", alice, Announce{Customer: "acme", Prefix: pfx(victim), Until: start - day}, RefusedLifetime},
		{"until far away", alice, Announce{Customer: "acme", Prefix: pfx(victim), Until: start + 18446744073710}, RefusedLifetime},
		{"a long reason", alice, Announce{Customer: "acme", Prefix: pfx(victim), Reason: long}, RefusedSyntax},
		{"a reason with an escape sequence", alice, Announce{Customer: "acme", Prefix: pfx(victim), Reason: "\x1b[2J"}, RefusedSyntax},
		{"a reason that turns the line around", alice, Announce{Customer: "acme", Prefix: pfx(victim), Reason: "a \u202e b"}, RefusedSyntax},
		{"a reason that is no text", alice, Announce{Customer: "acme", Prefix: pfx(victim), Reason: "\xff"}, RefusedSyntax},
		{"a long ticket", alice, Announce{Customer: "acme", Prefix: pfx(victim), Ticket: long}, RefusedSyntax},
		{"no such customer", olga, network("nosuch", victim), RefusedUnknown},
		{"for another customer", alice, network("bolt", "198.51.100.7/32"), RefusedRole},
		{"for no customer", alice, network("", victim), RefusedRole},
		{"a viewer", vera, network("acme", victim), RefusedRole},
		{"a disabled user", mallory, network("acme", victim), RefusedRole},
		{"nobody we know", Actor{User: "nobody", Door: DoorAPI}, network("acme", victim), RefusedRole},
		{"somebody called local at another door", Actor{User: "local", Door: DoorSSH}, network("acme", victim), RefusedRole},

		{"withdraw what is not there", alice, noNetwork("acme", victim), RefusedAbsent},
		{"withdraw another's", alice, noNetwork("full", "10.0.0.1/32"), RefusedRole},
		{"withdraw with host bits", alice, noNetwork("acme", "203.0.113.7/24"), RefusedHostBits},
		{"clear as a customer", alice, Clear{Customer: "acme"}, RefusedRole},
		{"clear of nobody", olga, Clear{Customer: "nosuch"}, RefusedUnknown},
		{"approve what is not waiting", olga, Approve{ID: 99}, RefusedAbsent},
		{"approve one's own", olga, Approve{ID: 1}, RefusedRole},
		{"approve as a viewer", vera, Approve{ID: 1}, RefusedRole},

		{"a customer's name", olga, EditCustomer{Name: "../etc"}, RefusedSyntax},
		{"edit nobody", olga, EditCustomer{Name: "nosuch", Field: CustomerASN, Value: Customer{ASN: 64500}}, RefusedUnknown},
		{"AS 0", olga, cust(CustomerASN, Customer{}), RefusedSyntax},
		{"AS 23456", olga, cust(CustomerOriginAS, Customer{OriginAS: []uint32{23456}}), RefusedSyntax},
		{"the last AS", olga, cust(CustomerASN, Customer{ASN: math.MaxUint32}), RefusedSyntax},
		{"a grant with host bits", olga, cust(CustomerPrefixes, Customer{Prefixes: []netip.Prefix{pfx("10.0.0.1/8")}}), RefusedHostBits},
		{"no grant", olga, cust(CustomerPrefixes, Customer{}), RefusedSyntax},
		{"take a grant that is not there", olga, EditCustomer{Name: "acme", Field: CustomerPrefixes, Remove: true, Value: Customer{Prefixes: []netip.Prefix{pfx("10.0.0.0/8")}}}, RefusedAbsent},
		{"masks below the floor", olga, cust(CustomerMinLen4, Customer{MinLen4: 7, ApproveLen4: 24}), RefusedLength},
		{"masks below the floor, IPv6", olga, cust(CustomerMinLen6, Customer{MinLen6: 18}), RefusedLength},
		{"a mask of 33", olga, cust(CustomerApproveLen4, Customer{ApproveLen4: 33}), RefusedLength},
		{"an undefined route-map for a customer", olga, cust(CustomerRouteMaps, Customer{RouteMaps: []string{"NOSUCH"}}), RefusedRouteMap},
		{"a lifetime of nothing", olga, cust(CustomerDefaultLife, Customer{}), RefusedSyntax},
		{"a lifetime beyond the clock", olga, cust(CustomerMaxLife, Customer{MaxLife: math.MaxInt64}), RefusedSyntax},
		{"never as the shortest", olga, cust(CustomerMinLife, Customer{MinLife: Forever}), RefusedSyntax},
		{"a field of a newer version", olga, cust(customerFields, Customer{}), RefusedSyntax},
		{"delete a customer in need", olga, EditCustomer{Name: "full", Remove: true}, RefusedInUse},

		{"a user called local", olga, EditUser{Name: "local", Value: User{Role: RoleOperator}}, RefusedExists},
		{"a user of another customer", olga, EditUser{Name: "alice", Value: User{Role: RoleCustomer, Customer: "bolt"}}, RefusedExists},
		{"a user of nobody", olga, EditUser{Name: "new", Value: User{Role: RoleCustomer, Customer: "nosuch"}}, RefusedUnknown},
		{"a customer's user without a customer", olga, EditUser{Name: "new", Value: User{Role: RoleCustomer}}, RefusedSyntax},
		{"an operator of a customer", olga, user(UserRole, User{Role: RoleOperator}), RefusedSyntax},
		{"a role of a newer version", olga, user(UserRole, User{Role: 77}), RefusedSyntax},
		{"a user who is not there", olga, EditUser{Name: "nosuch", Field: UserPrompt, Value: User{Prompt: "p"}}, RefusedUnknown},
		{"make oneself an operator", alice, EditUser{Name: "alice", Field: UserRole, Value: User{Role: RoleOperator}}, RefusedRole},
		{"half a key", olga, user(UserKeys, User{Keys: []string{"ssh-ed25519"}}), RefusedSyntax},
		{"a DSA key", olga, user(UserKeys, User{Keys: []string{"ssh-dss AAAA"}}), RefusedSyntax},
		{"a torn key", olga, user(UserKeys, User{Keys: []string{"ssh-ed25519 AAA!"}}), RefusedSyntax},
		{"a key of another type", olga, user(UserKeys, User{Keys: []string{strings.Replace(someKey, "ssh-ed25519", "ssh-rsa", 1)}}), RefusedSyntax},
		{"a password that is not hashed", olga, user(UserPassword, User{Password: "secret"}), RefusedSyntax},
		{"an empty principal", olga, user(UserPrincipals, User{Principals: []string{""}}), RefusedSyntax},

		{"a long banner", olga, EditSettings{Field: SettingsBanner, Value: Settings{Banner: long}}, RefusedSyntax},
		{"a setting of a newer version", olga, EditSettings{Field: settingsFields}, RefusedSyntax},

		{"clause 0", olga, EditClause{Map: "USED"}, RefusedSyntax},
		{"an IPv6 next-hop for IPv4", olga, clause(ClauseNextHop4, Clause{NextHop4: netip.MustParseAddr("100::1")}), RefusedFamily},
		{"no next-hop", olga, clause(ClauseNextHop4, Clause{NextHop4: netip.MustParseAddr("0.0.0.0")}), RefusedFamily},
		{"a next-hop with a zone", olga, clause(ClauseNextHop6, Clause{NextHop6: netip.MustParseAddr("fe80::1%eth0")}), RefusedFamily},
		{"an origin of 3", olga, clause(ClauseOrigin, Clause{Origin: Some(3)}), RefusedSyntax},
		{"a long path", olga, clause(ClausePrepend, Clause{Prepend: make([]uint32, 25)}), RefusedSyntax},
		{"AS 0 in the path", olga, clause(ClausePrepend, Clause{Prepend: []uint32{0}}), RefusedSyntax},
		{"too many communities", olga, clause(ClauseCommunities, Clause{Communities: make([]Community, 129)}), RefusedSyntax},
		{"take a clause that is not there", olga, EditClause{Map: "USED", Remove: true, Value: Clause{Seq: 20}}, RefusedAbsent},
		{"a line of a newer version", olga, clause(clauseFields, Clause{}), RefusedSyntax},
		{"delete the default route-map", olga, DeleteRouteMap{DefaultRouteMap}, RefusedInUse},
		{"delete its last clause", olga, EditClause{Map: DefaultRouteMap, Remove: true, Value: Clause{Seq: 10}}, RefusedInUse},
		{"delete a route-map in use", olga, DeleteRouteMap{"USED"}, RefusedInUse},
		{"delete no route-map", olga, DeleteRouteMap{"NOSUCH"}, RefusedAbsent},
		{"a list of the other family", olga, EditPrefixList{Name: "PL4", IPv6: true, Rule: PrefixRule{Any: true}}, RefusedExists},
		{"an IPv6 rule for IPv4", olga, EditPrefixList{Name: "NEW", Rule: PrefixRule{Prefix: pfx("2001:db8::/32")}}, RefusedFamily},
		{"ge below the length", olga, EditPrefixList{Name: "NEW", Rule: PrefixRule{Prefix: pfx("10.0.0.0/8"), Ge: 8}}, RefusedLength},
		{"le below ge", olga, EditPrefixList{Name: "NEW", Rule: PrefixRule{Prefix: pfx("10.0.0.0/8"), Ge: 24, Le: 23}}, RefusedLength},
		{"le of 33", olga, EditPrefixList{Name: "NEW", Rule: PrefixRule{Prefix: pfx("10.0.0.0/8"), Le: 33}}, RefusedLength},
		{"no number left", olga, EditPrefixList{Name: "PL4", Rule: PrefixRule{Any: true}}, RefusedSyntax},
		{"no list to take", olga, EditPrefixList{Name: "NOSUCH", Remove: true}, RefusedAbsent},
		{"no rule to take", olga, EditPrefixList{Name: "PL4", Remove: true, Rule: PrefixRule{Seq: 5}}, RefusedAbsent},
		{"no community", olga, EditCommunityList{Name: "NEW"}, RefusedSyntax},
		{"no community-list to take", olga, EditCommunityList{Name: "NOSUCH", Remove: true}, RefusedAbsent},
		{"no community rule to take", olga, EditCommunityList{Name: "CL", Remove: true, Rule: CommunityRule{Seq: 5}}, RefusedAbsent},
		{"no community number left", olga, EditCommunityList{Name: "CL", Rule: CommunityRule{Communities: []Community{1}}}, RefusedSyntax},
		{"a contact of nobody", olga, EditContact{Contact: Contact{Name: "noc", Customer: "nosuch"}}, RefusedUnknown},
		{"a contact's address on two lines", olga, EditContact{Contact: Contact{Name: "noc", Mail: []string{"a@example.net\nBcc: b"}}}, RefusedSyntax},
		{"no contact to take", olga, EditContact{Remove: true, Contact: Contact{Name: "nosuch"}}, RefusedAbsent},

		{"a second cluster", thenode, InitCluster{ClusterID: "other"}, RefusedExists},
		{"make a cluster as an operator", olga, InitCluster{ClusterID: "other"}, RefusedRole},
		{"tick as an operator", local, Tick{}, RefusedRole},
		{"a node's name", olga, PutMember{Member{Name: "a b"}}, RefusedSyntax},
		{"a node's role", thenode, PutMember{Member{Name: "a", Role: 9}}, RefusedSyntax},
		{"no member to take", olga, DeleteMember{"nosuch"}, RefusedUnknown},
		{"a token for an odd name", olga, PutToken{Token{Name: "a b"}}, RefusedSyntax},
		{"a used token", thenode, UseToken{}, RefusedUnknown},
		{"a budget of no member", thenode, SetBudget{Node: "nosuch", Neighbor: "192.0.2.250", Max: 1}, RefusedUnknown},
		{"tries of nobody", thenode, CountRefused{User: "nosuch", Count: 1}, RefusedUnknown},
		{"an older version", thenode, RaiseVersion{0}, RefusedVersion},
		{"a version that not all can read", thenode, RaiseVersion{2}, RefusedVersion},
	}
}

// The texts stand in testdata/refusals.txt, so that a change of one is seen and
// read. Each has to end a sentence and must not hold control characters.
func TestRefusals(t *testing.T) {
	var out strings.Builder
	for _, w := range wrongs() {
		t.Run(w.what, func(t *testing.T) {
			st := refusalStory()
			before := st.s.Digest()
			friendly := st.s.Authorize(w.who, w.cmd, st.now)
			if st.s.Digest() != before {
				t.Fatal("asking changed the state")
			}
			r := st.do(w.who, w.cmd)
			refusedAs(t, r, w.code)
			got := r.Outcomes[0].Refusal
			if friendly == nil || *friendly != *got {
				t.Errorf("at the door: %v; in the log: %v", friendly, got)
			}
			if !strings.HasSuffix(got.Error(), ".") || checkText("text", got.Text, 1000) != nil {
				t.Errorf("no sentence: %q", got.Text)
			}
			if len(r.Changed) > 0 || r.All {
				t.Errorf("a refused command changed routes: %+v", r)
			}
			fmt.Fprintf(&out, "%s: %d\n\t%s\n", w.what, got.Code, got.Text)
		})
	}
	if want := string(golden(t, "refusals.txt", []byte(out.String()))); out.String() != want {
		t.Errorf("the texts changed; look at them and run with -update:\n%s", out.String())
	}
	for code := RefusedSyntax; code <= RefusedVersion; code++ {
		told := code == RefusedStale || code == RefusedBatch // in request_test.go and below
		for _, w := range wrongs() {
			told = told || w.code == code
		}
		if !told {
			t.Errorf("no test for rule %d", code)
		}
	}
}

func TestEveryBudgetIsNamedWhenItIsUsedUp(t *testing.T) {
	st := newStory()
	st.must(thenode, SetBudget{Node: "trigger1", Neighbor: "192.0.2.250", Max: 1})
	st.must(alice, network("acme", victim))
	r := st.do(alice, network("acme", "203.0.113.8/32"))
	refusedAs(t, r, RefusedLimit)
	if got := r.Outcomes[0].Refusal.Text; got != "1 routes are announced, and neighbor 192.0.2.250 of trigger1 takes 1 at most; call your provider." {
		t.Error(got)
	}
	accepted(t, st.do(bob, network("bolt", victim))) // no further route
	if routes, over := st.s.OverBudget(st.now); routes != 1 || len(over) != 0 {
		t.Errorf("%d routes are over %v", routes, over)
	}
	st.must(thenode, SetBudget{Node: "trigger2", Neighbor: "192.0.2.251", Max: 3})
	st.must(thenode, SetBudget{Node: "trigger1", Neighbor: "192.0.2.250", Max: 2})
	accepted(t, st.do(alice, network("acme", "203.0.113.8/32")))
	st.must(thenode, SetBudget{Node: "trigger1", Neighbor: "192.0.2.250", Max: 1})
	if routes, over := st.s.OverBudget(st.now); routes != 2 || len(over) != 1 || over[0].Node != "trigger1" {
		t.Errorf("%d routes are over %v", routes, over)
	}
	st.must(alice, noNetwork("acme", "203.0.113.8/32"))
	st.must(thenode, SetBudget{Node: "trigger1", Neighbor: "192.0.2.250"})
	accepted(t, st.do(alice, network("acme", "203.0.113.8/32")))
	st.must(local, EditSettings{Field: SettingsMaxBlackholes, Value: Settings{MaxBlackholes: 3}})
	r = st.do(bob, network("bolt", "203.0.113.8/32"))
	refusedAs(t, r, RefusedLimit)
	if got := r.Outcomes[0].Refusal.Text; got != "The cluster has 3 blackholes, and 3 is its limit; call your provider." {
		t.Error(got)
	}
	// What is over does not count, even before the log says so.
	st.later(25 * 60 * 60 * 1e9)
	if refusal := st.s.Authorize(bob, network("bolt", "203.0.113.8/32"), st.now); refusal != nil {
		t.Error(refusal)
	}
}

func TestABatchSaysWhichLineWasWrong(t *testing.T) {
	st := newStory()
	e := st.entry(alice, network("acme", victim), network("acme", "8.8.8.8/32"), network("acme", "203.0.113.8/32"))
	e.Atomic = true
	r := st.commit(e)
	if r.Outcomes[0].Refusal.Code != RefusedBatch || r.Outcomes[1].Refusal.Code != RefusedGrant || r.Outcomes[2].Refusal.Code != RefusedBatch {
		t.Fatalf("%+v", r.Outcomes)
	}
	a, _ := st.s.Audit()
	if last := a[len(a)-3:]; last[0].Refusal.Code != RefusedBatch || last[1].Refusal.Code != RefusedGrant || st.isOut(victim) {
		t.Fatalf("%+v", last)
	}
}
