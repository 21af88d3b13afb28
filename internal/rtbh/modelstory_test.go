package rtbh

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// modelPeople are who acts in the model's world, with their actors.
var modelPeople = map[modelUser]Actor{
	{"olga", "operator"}: olga, {"oscar", "operator"}: oscar, {"local", "operator"}: local, {"vera", "viewer"}: vera,
	{"ann", "one"}: {User: "ann", Door: DoorSSH}, {"bea", "two"}: {User: "bea", Door: DoorExec}, {"cat", "three"}: {User: "cat", Door: DoorStdin},
	{"dan", "gone"}: {User: "dan", Door: DoorSSH}, {"nobody", "gone"}: {User: "nobody", Door: DoorAPI},
}

func drawPerson(t *rapid.T, names ...string) (modelUser, Actor) {
	name := rapid.SampledFrom(names).Draw(t, "who")
	for u, a := range modelPeople {
		if u.name == name {
			return u, a
		}
	}
	panic(name)
}

// modelStory draws a world of three customers and puts it into both.
func modelStory(t *rapid.T) (*story, *model) {
	st, m := newStory(), &model{customers: map[string]*modelCustomer{}, each: 1000, neighbors: map[string]int{}}
	st.must(thenode, PutMember{Member{Name: "speaker9", Role: Speaker, Addr: "10.1.2.99:7600"}})
	st.must(local,
		EditPrefixList{Name: "IPV4", Rule: PrefixRule{Any: true}},
		EditClause{Map: "ONE", Field: ClauseMED, Value: Clause{Seq: 10, MED: Some(1)}},
		EditClause{Map: "FOUR", Field: ClauseMED, Value: Clause{Seq: 10, MED: Some(4)}},
		EditClause{Map: "FOUR", Field: ClauseMatchPrefix4, Value: Clause{Seq: 10, MatchPrefix4: "IPV4"}})
	if rapid.Bool().Draw(t, "next-hops left to the default") {
		for _, f := range []ClauseField{ClauseNextHop4, ClauseNextHop6} {
			st.must(local, EditClause{Map: DefaultRouteMap, Field: f, Remove: true, Value: Clause{Seq: 10}})
		}
	}
	for i, name := range []string{"one", "two", "three"} {
		m.customers[name] = &modelCustomer{minLen4: 32, minLen6: 128, life: Lifetime(day), minLife: Lifetime(minute), maxLife: Lifetime(30 * day)}
		st.must(local, EditCustomer{Name: name}, EditUser{Name: []string{"ann", "bea", "cat"}[i], Value: User{Role: RoleCustomer, Customer: name}})
		c := m.customers[name]
		c.grants, c.maps = []netip.Prefix{rapid.SampledFrom(universe[8:24]).Draw(t, name+" has")}, []string{"ONE"}
		st.must(local, EditCustomer{Name: name, Field: CustomerPrefixes, Value: Customer{Prefixes: c.grants}},
			EditCustomer{Name: name, Field: CustomerRouteMaps, Value: Customer{RouteMaps: c.maps}})
		for range rapid.IntRange(4, 12).Draw(t, name+" edits") {
			st.must(local, drawCustomerEdit(t, m, name))
		}
	}
	st.must(local, EditUser{Name: "dan", Value: User{Role: RoleCustomer, Customer: "one"}}, EditUser{Name: "dan", Field: UserDisabled, Value: User{Disabled: true}})
	for range rapid.IntRange(1, 3).Draw(t, "settings") {
		st.must(local, drawSettingsEdit(t, m))
	}
	return st, m
}

// drawCustomerEdit draws one edit of a customer that is accepted, and does it to
// the model.
func drawCustomerEdit(t *rapid.T, m *model, name string) EditCustomer {
	c := m.customers[name]
	pick := func(all ...int) uint8 { return uint8(rapid.SampledFrom(all).Draw(t, "length")) }
	x := EditCustomer{Name: name, Field: rapid.SampledFrom([]CustomerField{
		CustomerPrefixes, CustomerPrefixes, CustomerPrefixes, CustomerROAPrefixes, CustomerMinLen4, CustomerMinLen6, CustomerMinLen4, CustomerMaxBlackholes,
		CustomerMaxLife, CustomerMinLife, CustomerDefaultLife, CustomerRouteMaps, CustomerApproveLen4, CustomerApproveLen6, CustomerPrefixes, CustomerMinLen4,
	}).Draw(t, "field")}
	switch x.Field {
	case CustomerPrefixes:
		if x.Remove = len(c.grants) > 0 && rapid.IntRange(0, 3).Draw(t, "take") == 0; x.Remove {
			i := rapid.IntRange(0, len(c.grants)-1).Draw(t, "which")
			x.Value.Prefixes = []netip.Prefix{c.grants[i]}
			c.grants = slices.Delete(slices.Clone(c.grants), i, i+1)
			break
		}
		p := drawMet(t)
		x.Value.Prefixes = []netip.Prefix{p}
		if !slices.Contains(c.grants, p) {
			c.grants = append(slices.Clone(c.grants), p)
		}
	case CustomerROAPrefixes:
		c.roas = rapid.SliceOfNDistinct(rapid.SampledFrom(universe), 0, 2, rapid.ID).Draw(t, "roas")
		x.Value.ROAPrefixes = c.roas
	case CustomerMinLen4:
		x.Value.MinLen4 = pick(8, 8, 8, 15, 16, 24, 31)
		c.minLen4 = int(x.Value.MinLen4)
	case CustomerMinLen6:
		x.Value.MinLen6 = pick(19, 19, 31, 32, 48, 127)
		c.minLen6 = int(x.Value.MinLen6)
	case CustomerApproveLen4:
		x.Value.ApproveLen4 = pick(16, 24, 32)
		c.approve4 = int(x.Value.ApproveLen4)
	case CustomerApproveLen6:
		x.Value.ApproveLen6 = pick(32, 48, 128)
		c.approve6 = int(x.Value.ApproveLen6)
	case CustomerMaxBlackholes:
		c.most = rapid.IntRange(1, 3).Draw(t, "most")
		x.Value.MaxBlackholes = uint32(c.most)
	case CustomerMaxLife:
		c.maxLife = rapid.SampledFrom([]Lifetime{Forever, Lifetime(hour), Lifetime(7 * day)}).Draw(t, "longest")
		x.Value.MaxLife = c.maxLife
	case CustomerMinLife:
		c.minLife = rapid.SampledFrom([]Lifetime{1000, Lifetime(hour)}).Draw(t, "shortest")
		x.Value.MinLife = c.minLife
	case CustomerDefaultLife:
		c.life = rapid.SampledFrom([]Lifetime{Forever, Lifetime(hour), Lifetime(2 * day)}).Draw(t, "usual")
		x.Value.DefaultLife = c.life
	case CustomerRouteMaps:
		named := rapid.SampledFrom([]string{"ONE", "FOUR"}).Draw(t, "map")
		x.Remove = rapid.IntRange(0, 3).Draw(t, "take") == 0
		x.Value.RouteMaps = []string{named}
		c.maps = slices.DeleteFunc(slices.Clone(c.maps), func(s string) bool { return s == named })
		if !x.Remove {
			c.maps = append(c.maps, named)
		}
	}
	return x
}

func drawSettingsEdit(t *rapid.T, m *model) EditSettings {
	x := EditSettings{Field: rapid.SampledFrom([]SettingsField{SettingsProtected, SettingsProtected, SettingsMaxBlackholes, SettingsPerCustomer}).Draw(t, "field")}
	switch x.Field {
	case SettingsProtected:
		p := rapid.SampledFrom([]netip.Prefix{pfx("10.1.2.3/32"), pfx("10.1.2.0/31"), pfx("10.0.0.0/32"), pfx("2001:db8:1::/127"), pfx("10.1.0.0/16")}).Draw(t, "protected")
		x.Value.Protected = []netip.Prefix{p}
		x.Remove = slices.Contains(m.protected, p)
		m.protected = slices.DeleteFunc(slices.Clone(m.protected), func(q netip.Prefix) bool { return q == p })
		if !x.Remove {
			m.protected = append(m.protected, p)
		}
	case SettingsMaxBlackholes:
		m.most = rapid.IntRange(2, 6).Draw(t, "most")
		x.Value.MaxBlackholes = uint32(m.most)
	case SettingsPerCustomer:
		m.each = rapid.IntRange(1, 4).Draw(t, "each")
		x.Value.PerCustomer = uint32(m.each)
	}
	return x
}

func drawBudget(t *rapid.T, m *model) SetBudget {
	x := SetBudget{Node: rapid.SampledFrom([]string{"trigger1", "trigger2"}).Draw(t, "node"), Neighbor: "192.0.2.250", Max: uint32(rapid.IntRange(0, 4).Draw(t, "budget"))}
	delete(m.neighbors, x.Node)
	if x.Max > 0 {
		m.neighbors[x.Node] = int(x.Max)
	}
	return x
}

// drawRequest draws what somebody types, mostly near what its customer may.
func drawRequest(t *rapid.T, m *model, u modelUser, now Instant) Announce {
	name := u.role
	if m.customers[name] == nil || rapid.IntRange(0, 11).Draw(t, "another's") == 0 {
		name = drawName(t, "one two three nosuch")
	}
	x := Announce{Customer: name, Prefix: drawTyped(t),
		Life:     rapid.SampledFrom([]Lifetime{0, 0, 0, 0, 0, 0, 0, 1, 60_000, Lifetime(hour), Lifetime(hour), Lifetime(40 * day), maxLife + 1, Forever, -2}).Draw(t, "life"),
		RouteMap: rapid.SampledFrom([]string{"", "", "", "", "", "", "ONE", "ONE", "FOUR", "NOSUCH"}).Draw(t, "map"),
		Reason:   rapid.SampledFrom([]string{"", "", "", "", "", "NTP flood", "Zürich", "a\nb", strings.Repeat("x", 513)}).Draw(t, "reason")}
	if c := m.customers[name]; c != nil && rapid.IntRange(0, 7).Draw(t, "near") > 0 {
		if near := append(slices.Clone(c.grants), c.roas...); len(near) > 0 {
			g := rapid.SampledFrom(near).Draw(t, "grant")
			longest, least := g.Addr().BitLen(), of6(g, c.minLen4, c.minLen6)
			bits := rapid.SampledFrom([]int{g.Bits() - 1, g.Bits(), g.Bits() + 1, max(least, g.Bits()), max(least, g.Bits()), longest, longest}).Draw(t, "bits")
			x.Prefix = netip.PrefixFrom(g.Addr(), min(max(bits, 0), longest)).Masked()
		}
	}
	if len(m.holes) > 0 && rapid.IntRange(0, 2).Draw(t, "what is out") == 0 {
		x.Prefix = rapid.SampledFrom(m.holes).Draw(t, "hole").prefix
	}
	if rapid.IntRange(0, 2).Draw(t, "plain") > 0 {
		x.Life, x.Reason = 0, ""
		x.RouteMap = rapid.SampledFrom([]string{"", "", "ONE"}).Draw(t, "plain map")
	}
	if rapid.IntRange(0, 7).Draw(t, "until") == 0 {
		x.Life = 0
		x.Until = now + rapid.SampledFrom([]Instant{-1, 0, 1, hour, 31 * day, 1 << 62, 18446744073710}).Draw(t, "until")
	}
	return x
}

// TestTheRulesAreTheModels: customers, operators and others ask, withdraw, approve
// and edit in a random world. Nothing is accepted that the model refuses, nothing is
// refused that it allows, each refusal names the model's rule, and after each act
// both hold and announce the same.
func TestTheRulesAreTheModels(t *testing.T) {
	seen, out := map[RefusalCode]int{}, 0
	story := func(t *rapid.T) {
		st, m := modelStory(t)
		for range rapid.IntRange(30, 80).Draw(t, "steps") {
			st.now += rapid.SampledFrom([]Instant{0, 0, 0, 0, 0, 1, minute, hour, day}).Draw(t, "step")
			m.at(st.now)
			var got, want RefusalCode
			code := func(r Result) RefusalCode {
				if refusal := r.Outcomes[0].Refusal; refusal != nil {
					return refusal.Code
				}
				return 0
			}
			switch rapid.IntRange(0, 15).Draw(t, "act") {
			case 0:
				u, a := drawPerson(t, "olga", "olga", "ann", "bea", "cat", "vera", "dan")
				x := Withdraw{Customer: drawName(t, "one two three nosuch"), Prefix: drawTyped(t)}
				if len(m.holes) > 0 && rapid.Bool().Draw(t, "one that is") {
					h := rapid.SampledFrom(m.holes).Draw(t, "hole")
					x.Customer, x.Prefix = h.customer, h.prefix
				}
				if len(m.waits) > 0 && rapid.IntRange(0, 2).Draw(t, "one that waits") == 0 {
					w := rapid.SampledFrom(m.waits).Draw(t, "wait")
					x.Customer, x.Prefix = w.ask.Customer, w.ask.Prefix
				}
				want = m.withdraws(u, x)
				got = code(st.do(a, x))
			case 1, 2:
				u, a := drawPerson(t, "olga", "olga", "oscar", "oscar", "local", "ann", "vera")
				x := Approve{ID: uint64(rapid.IntRange(1, 9).Draw(t, "id")), Reject: rapid.IntRange(0, 3).Draw(t, "reject") == 0}
				if len(m.waits) > 0 {
					w := rapid.SampledFrom(m.waits).Draw(t, "wait")
					if x.ID = w.id; rapid.IntRange(0, 2).Draw(t, "by the same") == 0 {
						u, a = drawPerson(t, w.by)
					}
				}
				want = m.approves(u, x, st.now)
				got = code(st.do(a, x))
			case 3:
				accepted(t, st.do(olga, drawCustomerEdit(t, m, drawName(t, "one two three"))))
			case 4:
				accepted(t, st.do(oscar, drawSettingsEdit(t, m)))
			case 5:
				accepted(t, st.do(thenode, drawBudget(t, m)))
			default:
				u, a := drawPerson(t, "ann", "ann", "ann", "ann", "bea", "bea", "bea", "cat", "cat", "olga", "olga", "oscar", "local", "vera", "dan", "dan", "nobody")
				x := drawRequest(t, m, u, st.now)
				st.s.forgetPending() // as the next entry would
				friendly := st.s.Authorize(a, x, st.now)
				var wait uint64
				if want, wait = m.announces(u, x, st.now); x.Life < Forever && want == 0 {
					t.Fatalf("the model takes the lifetime %d", x.Life)
				}
				if (friendly == nil) != (want == 0) {
					t.Fatalf("%s: Authorize(%+v): %v, the model says rule %d", u.name, x, friendly, want)
				}
				r := st.do(a, x)
				if got = code(r); got == 0 && r.Outcomes[0].Pending != wait {
					t.Fatalf("%s: %+v waits under number %d, in the model %d", u.name, x, r.Outcomes[0].Pending, wait)
				}
				if got == 0 && wait == 0 {
					out++
					if ends := m.holes[m.find(x.Prefix, x.Customer)].deadline; r.Outcomes[0].Deadline != ends {
						t.Fatalf("%+v ends %d, the model says %d", x, r.Outcomes[0].Deadline, ends)
					}
				}
			}
			if seen[got]++; got != want {
				t.Fatalf("refused by rule %d, the model says %d; it holds %+v", got, want, m)
			}
			compareWithModel(t, st, m)
		}
	}
	for range 4 {
		rapid.Check(t, story)
	}
	for _, code := range []RefusalCode{0, RefusedSyntax, RefusedHostBits, RefusedFamily, RefusedGrant, RefusedLength, RefusedProtected,
		RefusedLimit, RefusedRouteMap, RefusedLifetime, RefusedAbsent, RefusedRole, RefusedUnknown} {
		if seen[code] == 0 {
			t.Errorf("rule %d was never met: the test draws from too small a world", code)
		}
	}
	t.Logf("met: %v, and %d requests were accepted", seen, out)
}

// compareWithModel looks at both now and at the moments around each deadline.
func compareWithModel(t *rapid.T, st *story, m *model) {
	moments := []Instant{st.now, st.now + hour, st.now + 100*day}
	for _, h := range m.holes {
		if h.deadline != Never {
			moments = append(moments, h.deadline-1, h.deadline)
		}
	}
	for _, now := range moments {
		if now < st.now {
			continue
		}
		then := *m
		then.holes, then.waits = slices.Clone(m.holes), slices.Clone(m.waits)
		then.at(now)
		compareRoutes(t, st.s, &then, now)
		compareUnfit(t, st.s, &then, now)
		if n := len(st.s.Blackholes("", now)); n != len(then.holes) {
			t.Fatalf("at %s there are %d blackholes, in the model %d", now, n, len(then.holes))
		}
		gotEnd, ok := st.s.NextEnd(now)
		if wantEnd, wantOK := then.nextEnd(now); gotEnd != wantEnd || ok != wantOK {
			t.Fatalf("at %s NextEnd says %s %v, the model %s %v", now, gotEnd, ok, wantEnd, wantOK)
		}
	}
	pending := st.s.Pending()
	if len(pending) != len(m.waits) {
		t.Fatalf("%+v wait, in the model %+v", pending, m.waits)
	}
	for _, p := range pending {
		i := m.waiting(p.Announce.Prefix, p.Announce.Customer)
		if i < 0 || m.waits[i].id != p.ID || m.waits[i].by != p.By.User || m.waits[i].ask != p.Announce {
			t.Fatalf("%+v waits, in the model %+v", p, m.waits)
		}
	}
}

// compareRoutes compares what is announced, with the attribute that tells whose
// route-map made it.
func compareRoutes(t *rapid.T, s *State, m *model, now Instant) {
	want := m.prefixes()
	slices.SortFunc(want, ComparePrefixes)
	got := s.Desired(now)
	if len(got) != len(want) {
		t.Fatalf("at %s Desired holds %v, the model %v", now, got, want)
	}
	for i, p := range want {
		first := m.deciding(p)
		if metric := modelMetric(first.routeMap, p); got[i].Prefix != p || int(got[i].MED.Value) != metric {
			t.Fatalf("at %s route %d is %+v, in the model %s with metric %d of %s", now, i, got[i], p, metric, first.customer)
		}
	}
}

// compareUnfit compares which blackholes would be refused today.
func compareUnfit(t *rapid.T, s *State, m *model, now Instant) {
	got := map[[2]string]RefusalCode{}
	for _, u := range s.Unfit("", now) {
		got[[2]string{u.Prefix.String(), u.Customer}] = u.Refusal.Code
	}
	for _, h := range m.holes {
		want := m.suits(h.customer, h.prefix, h.routeMap)
		if longest := m.customers[h.customer].maxLife; want == 0 && h.deadline == Never && longest != Forever {
			want = RefusedLifetime
		}
		if key := [2]string{h.prefix.String(), h.customer}; got[key] != want {
			t.Fatalf("%v is flagged by rule %d, in the model by %d", key, got[key], want)
		}
	}
}
