package cli

import (
	"net/netip"
	"slices"

	"github.com/triggerd/triggerd/internal/rtbh"
)

func whoRows() []row {
	return []row{{Modes: execModes, Pattern: "who [json]", Run: who}}
}

// who lists the sessions at this node; a customer's user sees its customer's.
func who(c *call, m *match) error {
	var all []SessionInfo
	if c.ports.Sessions != nil {
		all = c.ports.Sessions.List()
	}
	if c.scope != "" {
		c.view(func(s *rtbh.State, _ rtbh.Instant) {
			all = slices.DeleteFunc(slices.Clone(all), func(i SessionInfo) bool {
				u, ok := s.User(i.User)
				return !ok || u.Customer != c.scope || i.Door == rtbh.DoorLocal.String()
			})
		})
	}
	if m.Has("json") {
		c.json(struct {
			Sessions []SessionInfo `json:"sessions"`
		}{orEmpty(all)})
		return nil
	}
	for _, s := range all {
		from := s.From
		if a, err := netip.ParseAddrPort(from); err == nil {
			from = a.Addr().String()
		}
		if from == "" {
			from = s.Door
		}
		c.print(" vty[%d] %s connected from %s.\n", s.ID, clean(s.User), clean(from))
	}
	return nil
}
