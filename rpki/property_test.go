package rpki

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/triggerd/triggerd/internal/route"
	"github.com/triggerd/triggerd/rpki/rtr"
	"github.com/triggerd/triggerd/rpki/vrp"
)

func somePrefix(longest int) *rapid.Generator[netip.Prefix] {
	return rapid.Custom(func(t *rapid.T) netip.Prefix {
		b := func(name string) byte { return byte(rapid.SampledFrom([]int{0, 1, 64, 128, 255}).Draw(t, name)) }
		addr := netip.AddrFrom4([4]byte{10, b("b"), b("c"), 0})
		if rapid.Bool().Draw(t, "v6") {
			addr = netip.AddrFrom16([16]byte{0x20, 1, b("b"), b("c")})
		}
		p, _ := addr.Prefix(rapid.IntRange(6, longest).Draw(t, "bits"))
		return p
	})
}

func someData() *rapid.Generator[*rtr.Data] {
	return rapid.Custom(func(t *rapid.T) *rtr.Data {
		var all []rtr.VRP
		for range rapid.IntRange(0, 25).Draw(t, "n") {
			p := somePrefix(24).Draw(t, "vrp")
			all = append(all, rtr.VRP{Prefix: p, MaxLen: uint8(rapid.IntRange(p.Bits(), 28).Draw(t, "max")), ASN: uint32(rapid.IntRange(0, 3).Draw(t, "as"))})
		}
		d := &rtr.Data{VRPs: rtr.NewSet(all)}
		for customer := uint32(1); customer <= 3; customer++ {
			if rapid.Bool().Draw(t, "attests") {
				d.ASPAs = append(d.ASPAs, rtr.ASPA{Customer: customer, Providers: []uint32{uint32(rapid.IntRange(4, 5).Draw(t, "provider"))}})
			}
		}
		return d
	})
}

func someUpdates() *rapid.Generator[[]route.Update] {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) route.Update {
		u := route.Update{Withdrawn: rapid.IntRange(0, 3).Draw(t, "withdrawn") == 0}
		u.Prefix = somePrefix(26).Draw(t, "route")
		u.Peer = rapid.SampledFrom([]netip.Addr{peerA, peerB}).Draw(t, "peer")
		u.PeerAS = 4
		u.PathID = uint32(rapid.IntRange(0, 1).Draw(t, "id"))
		if !u.Withdrawn {
			kind := rapid.SampledFrom([]route.SegmentType{route.Sequence, route.Sequence, route.Set, route.ConfedSet}).Draw(t, "segment")
			u.Path = route.PathOf([]route.Segment{{Type: route.Sequence, ASNs: []uint32{4}},
				{Type: kind, ASNs: []uint32{uint32(rapid.IntRange(0, 4).Draw(t, "origin"))}}})
		}
		return u
	}), 0, 30)
}

// naive judges every route by a walk over every VRP, as RFC 6811 reads.
func naive(d *rtr.Data, u route.Update, roleA route.Role) (vrp.State, vrp.PathState) {
	state := vrp.NotFound
	origin, single := u.Path.OriginFor(ourAS)
	for v := range d.Set().All() {
		if v.Prefix.Addr().Is4() != u.Prefix.Addr().Is4() || v.Prefix.Bits() > u.Prefix.Bits() || !v.Prefix.Contains(u.Prefix.Addr()) {
			continue
		}
		same := single && v.ASN != 0 && v.ASN == origin
		switch {
		case same && u.Prefix.Bits() <= int(v.MaxLen):
			state = vrp.Valid
		case state == vrp.Valid:
		case same:
			state = vrp.InvalidLength
		case state == vrp.NotFound:
			state = vrp.InvalidAS
		}
	}
	role := route.RoleNone
	if u.Peer == peerA {
		role = roleA
	}
	return state, vrp.NewASPAs(d.Attestations()).Verify(u.Path, route.Peer{Addr: peerA, AS: 4, Role: role})
}

// model is what the index must be.
type model map[route.Key]route.Update

func (m model) apply(all []route.Update) {
	for _, u := range all {
		if u.Withdrawn {
			delete(m, u.Key)
		} else {
			m[u.Key] = u
		}
	}
}

func (m model) print(d *rtr.Data, roleA route.Role) string {
	var lines []string
	for k, u := range m {
		s, p := naive(d, u, roleA)
		lines = append(lines, fmt.Sprintf("%v %s(%s) %s", k, s, s.Reason(), p))
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

func printed(s *Service) string {
	var lines []string
	for _, r := range s.Routes(Query{}).Routes {
		lines = append(lines, fmt.Sprintf("%v %s(%s) %s", r.Key, r.State, r.State.Reason(), r.Path))
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// Whatever neighbors and caches send in whatever order, every route has the state
// that a naive validator gives it, and whoever only listens knows it too.
func TestTheIndexIsAlwaysWhatTheNaiveValidatorSays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		known := map[route.Key]string{}
		s := New(Options{OwnAS: ourAS, OnChange: func(_ Cause, all []Change) {
			for _, c := range all {
				if was, there := known[c.Key]; there == c.Appeared || there && was != fmt.Sprint(c.Before, c.Before.Reason(), c.BeforePath) {
					t.Fatalf("%+v, known was %q %v", c, was, there)
				}
				known[c.Key] = fmt.Sprint(c.State, c.State.Reason(), c.Path)
				if c.Gone {
					delete(known, c.Key)
				}
			}
		}})
		m, d, role := model{}, (*rtr.Data)(nil), route.RoleCustomer
		s.SetPeer(route.Peer{Addr: peerA, AS: 4, Role: role})
		for range rapid.IntRange(1, 8).Draw(t, "events") {
			switch rapid.IntRange(0, 5).Draw(t, "event") {
			case 0:
				d = someData().Draw(t, "data")
				s.SetData(d, Cause{Cache: "c"})
			case 1:
				maps.DeleteFunc(m, func(k route.Key, _ route.Update) bool { return k.Peer == peerB })
				s.PeerDown(peerB)
			case 2:
				role = rapid.SampledFrom([]route.Role{route.RoleNone, route.RoleProvider, route.RoleCustomer, route.RolePeer, route.RoleRouteServer}).Draw(t, "role")
				s.SetPeer(route.Peer{Addr: peerA, AS: 4, Role: role})
			default:
				all := someUpdates().Draw(t, "updates")
				m.apply(all)
				s.Apply(all)
			}
			check(t, s, m, d, role, known)
		}
	})
}

func check(t *rapid.T, s *Service, m model, d *rtr.Data, role route.Role, known map[route.Key]string) {
	if got, want := printed(s), m.print(d, role); got != want {
		t.Fatalf("the index says\n%s\nthe naive validator\n%s", got, want)
	}
	var want Counts
	by := map[netip.Addr]Counts{}
	for _, u := range m {
		state, path := naive(d, u, role)
		want.add(verdictOf(state, path), 1)
		mine := by[u.Peer]
		mine.add(verdictOf(state, path), 1)
		by[u.Peer] = mine
		if known[u.Key] != fmt.Sprint(state, state.Reason(), path) {
			t.Fatalf("a listener takes %v for %s", u.Key, known[u.Key])
		}
	}
	if got := s.Counts(); got != want || len(known) != len(m) {
		t.Fatalf("counted %+v, want %+v", got, want)
	}
	got := s.Metrics()
	for _, n := range got.Neighbors {
		if n.Counts != by[n.Addr] {
			t.Fatalf("counted %+v at %s, want %+v", n.Counts, n.Addr, by[n.Addr])
		}
	}
	if four, six := d.Set().Lens(); got.Routes != want || four+six != d.Set().Len() {
		t.Fatalf("counted %+v, want %+v", got, want)
	}
	checkRest(t, s.index)
}

// checkRest holds what must be so when nothing is under way.
func checkRest(t *rapid.T, x *index) {
	for id := uint32(1); id <= x.records.used; id++ {
		if r := x.records.at(id); r.verdict[0] != r.verdict[1] {
			t.Fatalf("%s has two verdicts", r.prefix())
		}
	}
	if x.views[1-x.current] != nil {
		t.Fatal("two views are left")
	}
}

// While data are exchanged and neighbors talk, a reader never sees states of two
// epochs: in each of the two, all routes have one state.
func TestNoReaderSeesTwoEpochsAtOnce(t *testing.T) {
	s := New(Options{OwnAS: ourAS})
	var all []route.Update
	for i := range 3 * maxBatch {
		all = append(all, announced(peerA, fmt.Sprintf("10.%d.%d.0/24", i>>8&255, i&255), 64510, 1))
	}
	s.Apply(all)
	right, wrong := data("10.0.0.0/8-24 AS1"), data("10.0.0.0/8-24 AS2")
	s.SetData(right, Cause{})
	var work sync.WaitGroup
	stop := make(chan struct{})
	work.Go(func() { // a neighbor that repeats itself
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
				s.Apply(all[i%len(all) : i%len(all)+1])
			}
		}
	})
	work.Go(func() {
		for i := range 12 {
			if i%2 == 0 {
				s.SetData(wrong, Cause{})
			} else {
				s.SetData(right, Cause{})
			}
		}
		close(stop)
	})
	for done := false; !done; {
		select {
		case <-stop:
			done = true
		default:
		}
		a := s.Routes(Query{})
		first := a.Routes[0].State
		for _, r := range a.Routes {
			if r.State != first {
				t.Fatalf("%s is %s, %s is %s", a.Routes[0].Prefix, first, r.Prefix, r.State)
			}
		}
		if c := a.AsOf; c.Valid != len(all) && c.InvalidAS != len(all) || c.Routes != len(all) {
			t.Fatalf("%+v", c)
		}
	}
	work.Wait()
}
