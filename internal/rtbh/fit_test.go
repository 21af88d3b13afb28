package rtbh

import (
	"net/netip"
	"testing"

	"pgregory.net/rapid"
)

// TestUnfitIsWhatARepetitionWouldBeRefusedFor: whatever is done to the rules, a
// blackhole is unfit exactly when asking for it again, as it is, would be refused,
// and for the same rule.
func TestUnfitIsWhatARepetitionWouldBeRefusedFor(t *testing.T) {
	fit, unfit := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		st := newStory()
		for range rapid.IntRange(5, 60).Draw(t, "acts") {
			actor, cmd := drawAct(t)
			st.do(actor, cmd)
			if rapid.IntRange(0, 5).Draw(t, "protect") == 0 {
				st.do(olga, EditSettings{Field: SettingsProtected, Remove: rapid.Bool().Draw(t, "remove"),
					Value: Settings{Protected: []netip.Prefix{pfx(rapid.SampledFrom([]string{"203.0.113.2/32", "198.51.100.0/24"}).Draw(t, "protected"))}}})
			}
		}
		flagged := map[[2]string]*Refusal{}
		for _, u := range st.s.Unfit("", st.now) {
			flagged[[2]string{u.Prefix.String(), u.Customer}] = u.Refusal
		}
		for _, b := range st.s.Blackholes("", st.now) {
			x := Announce{Customer: b.Customer, Prefix: b.Prefix, RouteMap: b.RouteMap}
			if b.Deadline == Never {
				x.Life = Forever
			}
			want, got := st.s.Authorize(local, x, st.now), flagged[[2]string{b.Prefix.String(), b.Customer}]
			if want != nil && want.Code == RefusedLimit { // it waits for approval too
				want = nil
			}
			switch {
			case (got == nil) != (want == nil), got != nil && got.Code != want.Code:
				t.Fatalf("%s of %s: unfit for %v, a repetition is refused for %v", b.Prefix, b.Customer, got, want)
			case got == nil:
				fit++
			default:
				unfit++
			}
			if one := st.s.Fits(b); (one == nil) != (got == nil) {
				t.Fatalf("%s of %s alone: %v", b.Prefix, b.Customer, one)
			}
		}
	})
	if fit == 0 || unfit == 0 {
		t.Errorf("%d fit, %d do not: the test draws from too small a world", fit, unfit)
	}
}

func TestWhatEndedIsNotUnfit(t *testing.T) {
	st := newStory()
	x := network("acme", victim)
	x.Life = Lifetime(hour)
	st.must(alice, x)
	st.must(olga, EditSettings{Field: SettingsProtected, Value: Settings{Protected: []netip.Prefix{pfx(victim)}}})
	if u := st.s.Unfit("acme", st.now); len(u) != 1 || u[0].Refusal.Code != RefusedProtected {
		t.Fatalf("%+v", u)
	}
	if u := st.s.Unfit("bolt", st.now); len(u) != 0 {
		t.Fatalf("somebody else's: %+v", u)
	}
	if u := st.s.Unfit("", start+hour); len(u) != 0 {
		t.Fatalf("it is over: %+v", u)
	}
}

// TestTheNodesThemselvesAreProtected: whoever may blackhole a trigger's own address
// could cut off those who would end it.
func TestTheNodesThemselvesAreProtected(t *testing.T) {
	st := newStory()
	st.must(thenode, PutMember{Member{Name: "speaker3", Role: Speaker, Addr: "203.0.113.66:7600"}},
		PutMember{Member{Name: "speaker6", Role: Speaker, Addr: "[2001:db8:113::66]:7600"}},
		PutMember{Member{Name: "byname", Role: Speaker, Addr: "trigger7.example.net:7600"}})
	st.must(olga, EditCustomer{Name: "acme", Field: CustomerMinLen4, Value: Customer{MinLen4: 24}})
	refusedAs(t, st.do(alice, network("acme", "203.0.113.66/32")), RefusedProtected)
	refusedAs(t, st.do(alice, network("acme", "203.0.113.0/24")), RefusedProtected)
	refusedAs(t, st.do(alice, network("acme", "2001:db8:113::66/128")), RefusedProtected)
	accepted(t, st.do(alice, network("acme", "203.0.113.67/32")))
	st.must(thenode, DeleteMember{Name: "speaker3"})
	accepted(t, st.do(alice, network("acme", "203.0.113.66/32")))
}
