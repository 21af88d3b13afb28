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
	Differing(wanted []rtbh.Route) []netip.Prefix
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
	suspects := s.Differing(wanted)
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
