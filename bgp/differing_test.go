package bgp

import (
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/triggerd/triggerd/internal/rtbh"
)

// What is announced is held against what is wanted prefix by prefix, whatever is
// missing, too many or otherwise.
func TestWhatDiffersIsNamedPrefixByPrefix(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := newReconciler(want(), newFakeTable(), slog.New(slog.DiscardHandler), nil)
		var wanted []rtbh.Route
		var differ []netip.Prefix
		for i := range 12 {
			route := hole(fmt.Sprintf("192.0.2.%d/32", i))
			other := route
			other.MED = rtbh.Some(1)
			switch rapid.SampledFrom([]string{"as wanted", "missing", "too many", "otherwise", "neither"}).Draw(t, "state") {
			case "as wanted":
				wanted = append(wanted, route)
				r.dialects[0].tell(route)
				continue
			case "missing":
				wanted = append(wanted, route)
			case "too many":
				r.dialects[0].tell(route)
			case "otherwise":
				wanted = append(wanted, route)
				r.dialects[0].tell(other)
			case "neither":
				continue
			}
			differ = append(differ, route.Prefix)
		}
		if got := r.differing(r.dialects[0], wanted); !slices.Equal(got, differ) {
			t.Errorf("got %v, want %v", got, differ)
		}
	})
}

// A hundred thousand blackholes of one route-map have one set of attributes, and
// another route does not get theirs.
func TestRoutesWithTheSameAttributesShareThem(t *testing.T) {
	m := &pathMaker{}
	plain, marked := hole("192.0.2.1/32"), hole("192.0.2.2/32")
	marked.MED = rtbh.Some(7)
	for i, r := range []rtbh.Route{plain, hole("192.0.2.3/32"), marked, hole("2001:db8::1/128"), plain} {
		p, err := m.path(r)
		if err != nil {
			t.Fatal(err)
		}
		if got := routeOf(p); !got.Equal(r) {
			t.Errorf("route %d comes back as %+v, want %+v", i, got, r)
		}
	}
	one, _ := m.path(plain)
	two, _ := m.path(hole("192.0.2.9/32"))
	if one.Attrs[0] != two.Attrs[0] || &one.Attrs[0] == &two.Attrs[0] {
		t.Error("attributes are not shared, or the list of them is")
	}
}
