package daemon

import (
	"context"
	"maps"
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/triggerd/triggerd/internal/rtbh"
)

// told is a speaker that has out what it says.
type told map[netip.Prefix]rtbh.Route

func (t told) AnnouncedRoute(p netip.Prefix) (rtbh.Route, bool) { r, ok := t[p]; return r, ok }

func (t told) all() (all []rtbh.Route) {
	for _, r := range t {
		all = append(all, r)
	}
	slices.SortFunc(all, func(a, b rtbh.Route) int { return rtbh.ComparePrefixes(a.Prefix, b.Prefix) })
	return all
}

func (t told) Differing(wanted []rtbh.Route) (all []netip.Prefix) {
	left := maps.Clone(t)
	for _, w := range wanted {
		if r, ok := left[w.Prefix]; !ok || !r.Equal(w) {
			all = append(all, w.Prefix)
		}
		delete(left, w.Prefix)
	}
	all = slices.AppendSeq(all, maps.Keys(left))
	slices.SortFunc(all, rtbh.ComparePrefixes)
	return all
}

func TestSpeakerIsHeldAgainstTheState(t *testing.T) {
	one, two, three := netip.MustParsePrefix("192.0.2.1/32"), netip.MustParsePrefix("192.0.2.2/32"), netip.MustParsePrefix("192.0.2.3/32")
	route := func(p netip.Prefix, med uint32) rtbh.Route { return rtbh.Route{Prefix: p, MED: rtbh.Some(med)} }
	state := told{one: route(one, 1), two: route(two, 1)}
	for name, c := range map[string]struct {
		out  told
		want []string
	}{
		"the same":         {told{one: route(one, 1), two: route(two, 1)}, nil},
		"nothing at all":   {told{}, []string{"192.0.2.1/32 is not announced", "192.0.2.2/32 is not announced"}},
		"one too many":     {told{one: route(one, 1), two: route(two, 1), three: route(three, 1)}, []string{"192.0.2.3/32 is announced and should not be"}},
		"other attributes": {told{one: route(one, 2), two: route(two, 1)}, []string{"192.0.2.1/32 is announced with other attributes"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				if got := verifySpeaker(context.Background(), c.out, state.AnnouncedRoute, state.all()); !slices.Equal(got, c.want) {
					t.Errorf("got %q, want %q", got, c.want)
				}
			})
		})
	}
}

// What was wanted at the checkpoint is old news by now: what counts is that the
// speaker has what is wanted when it is looked at, within its time.
func TestSpeakerThatIsOnItsWayIsNotWrong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		one := netip.MustParsePrefix("192.0.2.1/32")
		began := time.Now()
		wanted := rtbh.Route{Prefix: one, MED: rtbh.Some(1)}
		want := func(netip.Prefix) (rtbh.Route, bool) { return wanted, time.Since(began) < 10*time.Second } // then it is withdrawn
		if got := verifySpeaker(context.Background(), told{}, want, []rtbh.Route{wanted}); got != nil {
			t.Errorf("got %q", got)
		}
		if took := time.Since(began); took < 10*time.Second || took > 11*time.Second {
			t.Errorf("it was seen to be right after %v", took)
		}
	})
}
