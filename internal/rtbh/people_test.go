package rtbh

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// Who may do which kind of thing. The state decides by its own records; an actor
// only says who it is.
func TestWhoMayDoWhat(t *testing.T) {
	viewerOfAcme := Actor{User: "val", Door: DoorSSH}
	kinds := []struct {
		what string
		cmd  Command
		may  string
	}{
		{"announce for acme", network("acme", "203.0.113.9/32"), "olga local node alice"},
		{"withdraw for acme", noNetwork("acme", victim), "olga local node alice"},
		{"clear", Clear{}, "olga local node"},
		{"edit a customer", EditCustomer{Name: "acme", Field: CustomerDescription}, "olga local node"},
		{"edit a user", EditUser{Name: "bob", Field: UserReceipt}, "olga local node"},
		{"edit the settings", EditSettings{Field: SettingsBanner}, "olga local node"},
		{"edit a route-map", EditClause{Map: "NEW", Value: Clause{Seq: 1}}, "olga local node"},
		{"edit a contact", EditContact{Contact: Contact{Name: "noc"}}, "olga local node"},
		{"make a token", PutToken{}, "olga local node"},
		{"take a member out", DeleteMember{"trigger2"}, "olga local node"},
		{"tick", Tick{}, "node"},
		{"a checkpoint", Checkpoint{}, "node"},
		{"a budget", SetBudget{Node: "trigger1"}, "node"},
		{"count tries", CountRefused{User: "bob"}, "node"},
		{"raise the version", RaiseVersion{1}, "node"},
		{"a local record", RecordLocal{}, "node"},
	}
	people := map[string]Actor{"olga": olga, "local": local, "node": thenode, "alice": alice, "bob": bob, "vera": vera, "val": viewerOfAcme,
		"mallory": mallory, "nobody": {User: "nobody", Door: DoorSSH}, "root": {User: "root", Door: DoorExec}, "": {Door: DoorStdin}, "odd": {User: "local", Door: 99}}
	for _, k := range kinds {
		for name, who := range people {
			st := newStory()
			st.must(local, EditUser{Name: "val", Value: User{Role: RoleViewer, Customer: "acme"}})
			st.must(alice, network("acme", victim))
			refusal := st.s.Authorize(who, k.cmd, st.now)
			want := name != "" && strings.Contains(" "+k.may+" ", " "+name+" ")
			if (refusal == nil) != want || (refusal != nil && refusal.Code != RefusedRole) {
				t.Errorf("%s by %q: %v", k.what, name, refusal)
			}
		}
	}
}

func TestADisabledOrDeletedUserIsOutAtOnce(t *testing.T) {
	st := newStory()
	st.must(olga, EditUser{Name: "alice", Field: UserDisabled, Value: User{Disabled: true}})
	refusedAs(t, st.do(alice, network("acme", victim)), RefusedRole)
	st.must(olga, EditUser{Name: "alice", Field: UserDisabled, Remove: true})
	accepted(t, st.do(alice, network("acme", victim)))
	st.must(olga, EditUser{Name: "oscar", Remove: true})
	refusedAs(t, st.do(oscar, Clear{}), RefusedRole)
	st.must(local, Clear{Customer: "acme"}, EditCustomer{Name: "acme", Remove: true})
	refusedAs(t, st.do(alice, network("acme", victim)), RefusedRole)
	if _, still := st.s.User("alice"); still {
		t.Error("a deleted customer's user is left")
	}
}

func TestKeysAreTaken(t *testing.T) {
	st := newStory()
	st.must(olga, EditUser{Name: "alice", Field: UserKeys, Value: User{Keys: []string{someKey}}},
		EditUser{Name: "alice", Field: UserPassword, Value: User{Password: someMD}})
	if u, _ := st.s.User("alice"); len(u.Keys) != 1 || u.Password != someMD {
		t.Fatalf("%+v", u)
	}
}

// waitingStory has a request of alice for a /64 waiting under number 1.
func waitingStory(t *testing.T) *story {
	st := newStory()
	st.must(local, EditCustomer{Name: "acme", Field: CustomerMinLen6, Value: Customer{MinLen6: 64}},
		EditCustomer{Name: "acme", Field: CustomerApproveLen6, Value: Customer{ApproveLen6: 128}})
	r := st.must(alice, network("acme", wide))
	if r.Outcomes[0].Pending != 1 || len(r.Changed) != 0 || st.isOut(wide) {
		t.Fatalf("it does not wait: %+v", r)
	}
	return st
}

const wide = "2001:db8:113:7::/64"

func TestASecondOperatorApproves(t *testing.T) {
	st := waitingStory(t)
	st.later(time.Hour)
	r := st.must(olga, Approve{ID: 1})
	b, out := st.s.Blackhole(pfx(wide), "acme", st.now)
	if !out || b.By != alice || b.ApprovedBy != "olga" || b.Since != st.now || b.Deadline != st.now+day || len(r.Changed) != 1 {
		t.Fatalf("%+v %v", b, r)
	}
	refusedAs(t, st.do(oscar, Approve{ID: 1}), RefusedAbsent)
}

func TestNobodyApprovesAlone(t *testing.T) {
	st := newStory()
	st.must(local, EditCustomer{Name: "acme", Field: CustomerMinLen6, Value: Customer{MinLen6: 64}},
		EditCustomer{Name: "acme", Field: CustomerApproveLen6, Value: Customer{ApproveLen6: 128}})
	st.must(olga, network("acme", wide))
	refusedAs(t, st.do(olga, Approve{ID: 1}), RefusedRole)
	refusedAs(t, st.do(alice, Approve{ID: 1}), RefusedRole)
	accepted(t, st.do(oscar, Approve{ID: 1}))
	st.must(local, network("acme", "2001:db8:113:8::/64"))
	refusedAs(t, st.do(local, Approve{ID: 2}), RefusedRole)
}

func TestWhatIsNotWantedAnyMoreIsNotApprovedLater(t *testing.T) {
	gone := map[string]func(*story){
		"rejected":  func(st *story) { st.must(olga, Approve{ID: 1, Reject: true}) },
		"withdrawn": func(st *story) { st.must(alice, noNetwork("acme", wide)) },
		"cleared":   func(st *story) { st.must(olga, Clear{}) },
		"too old":   func(st *story) { st.later(24 * time.Hour); st.tick() },
		"its customer is gone": func(st *story) {
			st.must(olga, EditCustomer{Name: "acme", Remove: true}, EditCustomer{Name: "acme"},
				EditCustomer{Name: "acme", Field: CustomerPrefixes, Value: Customer{Prefixes: []netip.Prefix{pfx("2001:db8:113::/48")}}},
				EditCustomer{Name: "acme", Field: CustomerMinLen6, Value: Customer{MinLen6: 64}})
		},
	}
	for what, end := range gone {
		st := waitingStory(t)
		end(st)
		if n := len(st.s.Pending()); n != 0 {
			t.Errorf("%s: %d still wait", what, n)
		}
		if refusedAs(t, st.do(oscar, Approve{ID: 1}), RefusedAbsent); st.isOut(wide) {
			t.Errorf("%s: and out it went", what)
		}
	}
}

func TestApprovalChecksTheRulesOfThatMoment(t *testing.T) {
	st := waitingStory(t)
	st.must(olga, EditSettings{Field: SettingsProtected, Value: Settings{Protected: []netip.Prefix{pfx("2001:db8:113:7::1/128")}}})
	refusedAs(t, st.do(olga, Approve{ID: 1}), RefusedProtected)
	if len(st.s.Pending()) != 1 {
		t.Error("a refused approval drops the request")
	}
}

// Nothing but an approval limits what waits, so the number itself is limited.
func TestRequestsCannotPileUp(t *testing.T) {
	st := waitingStory(t)
	for range 3 {
		if r := st.must(alice, network("acme", wide)); r.Outcomes[0].Pending != 1 {
			t.Fatalf("the same prefix waits twice: %+v", r)
		}
	}
	for i := 1; i < maxPendingOf; i++ {
		st.must(alice, network("acme", fmt.Sprintf("2001:db8:113:%x::/64", 0x100+i)))
	}
	refusedAs(t, st.do(alice, network("acme", "2001:db8:113:fff::/64")), RefusedLimit)
	if n := len(st.s.Pending()); n != maxPendingOf {
		t.Fatalf("%d wait", n)
	}
}

func TestTheAuditHoldsEverythingThatAnybodyDid(t *testing.T) {
	st := newStory()
	before, _ := st.s.Audit()
	st.must(alice, network("acme", victim))
	st.do(bob, network("acme", victim))
	st.tick()
	st.must(thenode, CountRefused{User: "alice", Count: 2, Why: "wrong key"})
	st.must(thenode, RecordLocal{Node: "trigger1", User: "local", Text: "suppress"})
	all, head := st.s.Audit()
	got := all[len(before):]
	if len(got) != 4 || got[0].Actor != alice || got[0].Refusal != nil || got[1].Refusal == nil || got[1].Refusal.Code != RefusedRole || got[2].Command.kind() != KindCountRefused || got[3].Command.kind() != KindRecordLocal {
		t.Fatalf("%+v", got)
	}
	if head != all[len(all)-1].Hash {
		t.Error("the head is not the last record's hash")
	}
	if tries := st.s.Refused(); len(tries) != 1 || tries[0].Count != 2 {
		t.Errorf("%+v", tries)
	}
	all[0].Actor.User = "somebody else"
	if again, _ := st.s.Audit(); again[0].Actor.User == "somebody else" {
		t.Error("the caller's copy is the state's own")
	}
}

func TestTheAuditHasNoPasswords(t *testing.T) {
	st := newStory()
	st.must(olga, EditUser{Name: "alice", Field: UserPassword, Value: User{Password: "$2b$12$thehash"}})
	st.do(alice, EditUser{Name: "olga", Field: UserKeys, Value: User{Password: "$2b$12$thehash"}}) // refused, and not even the named field
	e := st.entry(olga, EditUser{Name: "alice", Field: UserPassword, Value: User{Password: "$2b$12$thehash"}}, noNetwork("acme", victim))
	e.Atomic = true
	st.commit(e)
	all, _ := st.s.Audit()
	text, err := json.Marshal(all)
	if err != nil || bytes.Contains(text, []byte("thehash")) || bytes.Count(text, []byte("(changed)")) != 3 {
		t.Errorf("%v %s", err, text)
	}
	if e.Commands[0].(EditUser).Value.Password != "$2b$12$thehash" {
		t.Error("the entry itself was changed")
	}
}

func TestAChangedPastShows(t *testing.T) {
	st := newStory()
	for range 5 {
		st.must(alice, network("acme", victim))
		st.do(bob, network("acme", victim))
	}
	good, _ := st.s.Audit()
	if bad, ok := VerifyAudit(good); !ok {
		t.Fatalf("record %d of an honest audit", bad)
	}
	if back, _ := restored(t, st.s).Audit(); !sameChain(back, good) {
		t.Fatal("a restored audit differs")
	}
	at := len(good) - 3 // a refusal
	for what, tamper := range map[string]func([]AuditRecord) []AuditRecord{
		"another user":        func(a []AuditRecord) []AuditRecord { a[at].Actor.User = "oscar"; return a },
		"another address":     func(a []AuditRecord) []AuditRecord { a[at].Actor.From = "192.0.2.9:1"; return a },
		"another time":        func(a []AuditRecord) []AuditRecord { a[at].At++; return a },
		"another index":       func(a []AuditRecord) []AuditRecord { a[at].Index++; return a },
		"another command":     func(a []AuditRecord) []AuditRecord { a[at].Command = network("acme", "203.0.113.8/32"); return a },
		"another rule":        func(a []AuditRecord) []AuditRecord { a[at].Refusal = &Refusal{Code: RefusedGrant}; return a },
		"a refusal less":      func(a []AuditRecord) []AuditRecord { a[at].Refusal = nil; return a },
		"another request":     func(a []AuditRecord) []AuditRecord { a[at].Request[0]++; return a },
		"another hash":        func(a []AuditRecord) []AuditRecord { a[at].Hash[31]++; return a },
		"a record left out":   func(a []AuditRecord) []AuditRecord { return append(a[:at], a[at+1:]...) },
		"two changed places":  func(a []AuditRecord) []AuditRecord { a[at], a[at-1] = a[at-1], a[at]; return a },
		"renumbered and less": func(a []AuditRecord) []AuditRecord { a = append(a[:at], a[at+1:]...); a[at].Seq--; return a },
	} {
		all, _ := st.s.Audit()
		if bad, ok := VerifyAudit(tamper(all)); ok || bad == 0 {
			t.Errorf("%s is not noticed", what)
		}
	}
	// Only the words of a refusal may differ from one version to the next.
	reworded, _ := st.s.Audit()
	reworded[at].Refusal = &Refusal{reworded[at].Refusal.Code, "In other words."}
	if _, ok := VerifyAudit(reworded); !ok {
		t.Error("another wording breaks the chain")
	}
}

func sameChain(a, b []AuditRecord) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i].Hash != b[i].Hash || a[i].Seq != b[i].Seq {
			return false
		}
	}
	return true
}

func TestDigestsIgnoreTheWordsOfRefusals(t *testing.T) {
	a, b := newStory(), newStory()
	for _, st := range []*story{a, b} {
		refusedAs(t, st.do(alice, network("acme", "8.8.8.8/32")), RefusedGrant)
	}
	for _, r := range []*Refusal{b.s.audit.at(b.s.audit.len() - 1).Refusal, b.s.recent[len(b.s.recent)-1].result.Outcomes[0].Refusal} {
		r.Text = "The same rule in the words of another version."
	}
	if a.s.Digest() != b.s.Digest() {
		t.Error("an upgrade that rewords a refusal looks like a damaged state")
	}
	if restored(t, b.s).audit.at(b.s.audit.len()-1).Refusal.Text != b.s.audit.at(b.s.audit.len()-1).Refusal.Text {
		t.Error("a snapshot loses the words")
	}
}

func TestExpiredTokensGo(t *testing.T) {
	st := newStory()
	st.must(olga, PutToken{Token{Hash: [32]byte{1}, Expires: start + hour}}, PutToken{Token{Hash: [32]byte{2}}})
	st.later(time.Hour)
	st.tick()
	if got := st.s.Tokens(); len(got) != 1 || got[0].Hash != [32]byte{2} {
		t.Fatalf("%+v", got)
	}
	refusedAs(t, st.do(thenode, UseToken{[32]byte{1}}), RefusedUnknown)
}

// TestWhatIsNearAProtectedPrefixNeedsASecondOperator: the threshold says how near.
func TestWhatIsNearAProtectedPrefixNeedsASecondOperator(t *testing.T) {
	st := newStory()
	st.must(olga, EditSettings{Field: SettingsProtected, Value: Settings{Protected: []netip.Prefix{pfx("203.0.113.53/32"), pfx("2001:db8:113::53/128")}}})
	if r := st.must(alice, network("acme", "203.0.113.54/32")); r.Outcomes[0].Pending != 0 {
		t.Fatal("waits without a threshold")
	}
	st.must(alice, noNetwork("acme", "203.0.113.54/32"))
	st.must(olga, EditCustomer{Name: "acme", Field: CustomerApproveLen4, Value: Customer{ApproveLen4: 28}},
		EditCustomer{Name: "acme", Field: CustomerApproveLen6, Value: Customer{ApproveLen6: 64}})
	for p, waits := range map[string]bool{
		"203.0.113.48/32": true, "203.0.113.63/32": true, "203.0.113.47/32": false, "203.0.113.64/32": false,
		"2001:db8:113::1/128": true, "2001:db8:113:1::1/128": false,
	} {
		if r := st.must(alice, network("acme", p)); (r.Outcomes[0].Pending != 0) != waits {
			t.Errorf("%s waits: %v", p, !waits)
		}
	}
}

// TestTheAuditSaysWhatWasDecided: a number that nobody can look up later is no
// answer to who did this.
func TestTheAuditSaysWhatWasDecided(t *testing.T) {
	st := newStory()
	st.must(olga, EditCustomer{Name: "acme", Field: CustomerMinLen4, Value: Customer{MinLen4: 24}},
		EditCustomer{Name: "acme", Field: CustomerApproveLen4, Value: Customer{ApproveLen4: 32}})
	x := network("acme", "203.0.113.0/28")
	x.Reason = "flood"
	first := st.must(alice, x).Outcomes[0].Pending
	second := st.must(alice, network("acme", "203.0.113.16/28")).Outcomes[0].Pending
	st.must(olga, Approve{ID: first})
	st.must(oscar, Approve{ID: second, Reject: true})
	refusedAs(t, st.do(oscar, Approve{ID: second}), RefusedAbsent)
	records, head := st.s.Audit()
	last := records[len(records)-5:]
	if last[0].Command != Command(Approve{ID: first}) || last[1].Command != Command(x) || last[1].Actor != olga ||
		last[2].Command != Command(Approve{ID: second, Reject: true}) || last[3].Actor != oscar ||
		last[3].Command != Command(Withdraw{Customer: "acme", Prefix: pfx("203.0.113.16/28"), Reason: "request 2 rejected"}) ||
		last[4].Refusal == nil || last[4].Hash != head {
		t.Fatalf("%+v", last)
	}
	if bad, ok := VerifyAudit(records); !ok {
		t.Fatalf("the chain breaks at %d", bad)
	}
}
