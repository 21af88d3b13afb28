package cli

import (
	"fmt"

	"github.com/triggerd/triggerd/internal/rtbh"
)

// An edit of the rules ends nothing: what stops an attack stays until it ends, is
// withdrawn or cleared. But whoever edits has to hear at once what does not fit any
// more, and not find it out when somebody repeats a line and is refused.

// outlook is what does not fit the rules, before an edit.
type outlook struct {
	about string // the customer whose blackholes the edit can concern, "" = all
	looks bool   // it can concern some
	unfit map[holeKey]bool
}

// outlook looks at what an edit can make unfit.
func (c *call) outlook(cmd rtbh.Command) outlook {
	o := outlook{unfit: map[holeKey]bool{}}
	if o.about, o.looks = concerns(cmd); !o.looks {
		return o
	}
	c.view(func(s *rtbh.State, now rtbh.Instant) {
		for _, u := range s.Unfit(o.about, now) {
			o.unfit[keyOf(u.Blackhole)] = true
		}
	})
	return o
}

// concerns tells whether an edit can make a blackhole unfit, and whose.
func concerns(cmd rtbh.Command) (customer string, can bool) {
	switch x := cmd.(type) {
	case rtbh.EditCustomer:
		switch x.Field {
		case rtbh.CustomerPrefixes, rtbh.CustomerROAPrefixes, rtbh.CustomerOriginAS, rtbh.CustomerMinLen4, rtbh.CustomerMinLen6,
			rtbh.CustomerMaxLife, rtbh.CustomerRouteMaps:
			return x.Name, true
		}
	case rtbh.EditSettings:
		return "", x.Field == rtbh.SettingsProtected || x.Field == rtbh.SettingsMaxLife
	case rtbh.EditClause:
		switch x.Field {
		case rtbh.ClauseExists, rtbh.ClauseMatchCommunity, rtbh.ClauseMatchPrefix4, rtbh.ClauseMatchPrefix6,
			rtbh.ClauseNextHop4, rtbh.ClauseNextHop6:
			return "", true
		}
	case rtbh.EditPrefixList, rtbh.EditCommunityList:
		return "", true
	}
	return "", false
}

// maxNoted is how many blackholes a note lists.
const maxNoted = 5

// consequences prints what does not fit since the edit, and which limits are
// exceeded by it.
func (c *call) consequences(cmd rtbh.Command, was outlook) {
	var news []rtbh.Unfit
	var over []string
	var now rtbh.Instant
	c.view(func(s *rtbh.State, n rtbh.Instant) {
		now = n
		over = exceeded(s, cmd, n)
		if !was.looks {
			return
		}
		for _, u := range s.Unfit(was.about, n) {
			if !was.unfit[keyOf(u.Blackhole)] {
				news = append(news, u)
			}
		}
	})
	for _, o := range over {
		c.print("Note: %s\n", o)
	}
	if len(news) == 0 {
		return
	}
	verb := "do"
	if len(news) == 1 {
		verb = "does"
	}
	c.print("Note: %s %s not fit the rules any more; what is announced stays until it ends:\n", count(len(news), "blackhole"), verb)
	for i, u := range news {
		if i == maxNoted {
			c.print("  and %d more, which `show blackhole` flags\n", len(news)-i)
			break
		}
		c.print("  %s of %s, %s: rule %s\n", u.Prefix, clean(u.Customer), leftOf(u.Blackhole, now), ruleName(u.Refusal.Code))
	}
}

func leftOf(b rtbh.Blackhole, now rtbh.Instant) string {
	if b.Deadline == rtbh.Never {
		return "which never ends"
	}
	return shortDuration(b.Deadline.Sub(now)) + " left"
}

// exceeded names the limits that are lower than what is there already.
func exceeded(s *rtbh.State, cmd rtbh.Command, now rtbh.Instant) (all []string) {
	add := func(whose string, have int, limit uint32) {
		if limit > 0 && uint64(have) > uint64(limit) {
			all = append(all, fmt.Sprintf("%s has %s, and %d is the limit now; those stay until they end, and no other is taken until then.",
				whose, count(have, "blackhole"), limit))
		}
	}
	switch x := cmd.(type) {
	case rtbh.EditCustomer:
		if x.Field == rtbh.CustomerMaxBlackholes {
			cu, _ := s.Customer(x.Name)
			add(clean(x.Name), len(s.Blackholes(x.Name, now)), mostOf(s, cu))
		}
	case rtbh.EditSettings:
		switch x.Field {
		case rtbh.SettingsMaxBlackholes:
			add("The cluster", len(s.Blackholes("", now)), s.Settings().MaxBlackholes)
		case rtbh.SettingsPerCustomer:
			for _, cu := range s.Customers() {
				if cu.MaxBlackholes == 0 {
					add(clean(cu.Name), len(s.Blackholes(cu.Name, now)), mostOf(s, cu))
				}
			}
		}
	}
	return all
}

// mostOf is the most blackholes that a customer may have at once, 0 = no limit.
func mostOf(s *rtbh.State, cu rtbh.Customer) uint32 {
	if cu.MaxBlackholes != 0 {
		return cu.MaxBlackholes
	}
	return s.Settings().PerCustomer
}
