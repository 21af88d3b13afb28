package daemon

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/triggerd/triggerd/internal/rtbh"
)

// A speaker that was just told has not announced yet, and in a flood it may take
// a while.
const (
	verifyEvery = 200 * time.Millisecond
	verifyTries = 150
)

// announcer is the speaker as it is verified.
type announcer interface {
	Announced() []rtbh.Route
	AnnouncedRoute(p netip.Prefix) (rtbh.Route, bool)
}

// wrongRoutes compares what the speaker has out with what was wanted at a
// checkpoint. What differs is looked at until it is as the state wants it by
// then; what never is, is said in words.
func (d *Daemon) wrongRoutes(ctx context.Context, wanted []rtbh.Route) []string {
	s := d.router.speaker.Load()
	if s == nil {
		return nil
	}
	return verifySpeaker(ctx, s, desired{d.node, d.acts.suppression}.Route, wanted)
}

func verifySpeaker(ctx context.Context, s announcer, want func(netip.Prefix) (rtbh.Route, bool), wanted []rtbh.Route) []string {
	suspects := differing(wanted, s.Announced())
	for tries := 0; ; tries++ {
		suspects = slices.DeleteFunc(suspects, func(p netip.Prefix) bool { return judge(s, want, p) == "" })
		if len(suspects) == 0 {
			return nil
		}
		if tries == verifyTries {
			break
		}
		select {
		case <-time.After(verifyEvery):
		case <-ctx.Done():
			return nil
		}
	}
	return inWords(s, want, suspects)
}

// differing returns the prefixes whose routes are not the same in both, in
// order.
func differing(a, b []rtbh.Route) (all []netip.Prefix) {
	left := make(map[netip.Prefix]rtbh.Route, len(a))
	for _, r := range a {
		left[r.Prefix] = r
	}
	for _, r := range b {
		if other, ok := left[r.Prefix]; !ok || !other.Equal(r) {
			all = append(all, r.Prefix)
		}
		delete(left, r.Prefix)
	}
	for p := range left {
		all = append(all, p)
	}
	slices.SortFunc(all, rtbh.ComparePrefixes)
	return all
}

// judge says what is wrong with one prefix; "" is nothing.
func judge(s announcer, want func(netip.Prefix) (rtbh.Route, bool), p netip.Prefix) string {
	wanted, is := want(p)
	have, out := s.AnnouncedRoute(p)
	switch {
	case is && !out:
		return "is not announced"
	case !is && out:
		return "is announced and should not be"
	case is && !wanted.Equal(have):
		return "is announced with other attributes"
	}
	return ""
}

// inWords names the first few.
func inWords(s announcer, want func(netip.Prefix) (rtbh.Route, bool), suspects []netip.Prefix) (all []string) {
	const most = 5
	for i, p := range suspects {
		if i == most {
			return append(all, fmt.Sprintf("and %d more", len(suspects)-most))
		}
		if what := judge(s, want, p); what != "" {
			all = append(all, p.String()+" "+what)
		}
	}
	return all
}
