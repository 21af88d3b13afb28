package cli

import (
	"fmt"
	"slices"

	"github.com/triggerd/triggerd/cli/grammar"
	"github.com/triggerd/triggerd/internal/rtbh"
)

// routeMapRows are Quagga's route-map lines, as far as a blackhole needs them.
func routeMapRows() []row {
	config, in := []*grammar.Mode{configMode}, []*grammar.Mode{routeMapMode}
	rows := []row{
		{Modes: config, Pattern: "route-map NAME <permit|deny>$action (1-65535)", For: operators, Enters: routeMapMode, Run: enterClause},
		{Modes: config, Pattern: "no route-map NAME <permit|deny>$action (1-65535)", For: operators, Run: removeClause},
		{Modes: config, Pattern: "no route-map NAME", For: operators, Run: func(c *call, m *match) error {
			return c.change(rtbh.DeleteRouteMap{Name: m.Text("NAME")})
		}},
	}
	for _, f := range clauseFields {
		rows = append(rows,
			row{Modes: in, Pattern: f.keyword + " " + f.value, For: operators, Run: f.run(false)},
			row{Modes: in, Pattern: "no " + f.keyword + " [" + f.value + "]", For: operators, Run: f.run(true)})
	}
	return rows
}

// clauseField is one match or set line.
type clauseField struct {
	keyword, value string
	field          rtbh.ClauseField
	set            func(*rtbh.Clause, *match) error
}

var clauseFields = []clauseField{
	{"description", "LINE", rtbh.ClauseDescription, text(func(v *rtbh.Clause) *string { return &v.Description })},
	{"match community", "NAME", rtbh.ClauseMatchCommunity, name(func(v *rtbh.Clause) *string { return &v.MatchCommunity })},
	{"match ip address prefix-list", "NAME", rtbh.ClauseMatchPrefix4, name(func(v *rtbh.Clause) *string { return &v.MatchPrefix4 })},
	{"match ipv6 address prefix-list", "NAME", rtbh.ClauseMatchPrefix6, name(func(v *rtbh.Clause) *string { return &v.MatchPrefix6 })},
	{"set community", "AA:NN... [additive]", rtbh.ClauseCommunities, func(v *rtbh.Clause, m *match) (err error) {
		v.Communities, err = each(m.All("AA:NN"), parseCommunity)
		v.Additive = m.Has("additive")
		return err
	}},
	{"set large-community", "AA:BB:CC... [additive]", rtbh.ClauseLarge, func(v *rtbh.Clause, m *match) (err error) {
		v.Large, err = each(m.All("AA:BB:CC"), parseLarge)
		v.LargeAdditive = m.Has("additive")
		return err
	}},
	{"set extcommunity rt", "ASN:NN...", rtbh.ClauseExt, ext(extRouteTarget)},
	{"set extcommunity soo", "ASN:NN...", rtbh.ClauseExt, ext(extSiteOrigin)},
	{"set ip next-hop", "A.B.C.D", rtbh.ClauseNextHop4, func(v *rtbh.Clause, m *match) error {
		v.NextHop4 = m.Addr("A.B.C.D")
		return nil
	}},
	{"set ipv6 next-hop global", "X:X::X:X", rtbh.ClauseNextHop6, func(v *rtbh.Clause, m *match) error {
		v.NextHop6 = m.Addr("X:X::X:X")
		return nil
	}},
	{"set local-preference", "(0-4294967295)", rtbh.ClauseLocalPref, func(v *rtbh.Clause, m *match) error {
		v.LocalPref = rtbh.Some(uint32(m.Number("<0-4294967295>")))
		return nil
	}},
	{"set metric", "(0-4294967295)", rtbh.ClauseMED, func(v *rtbh.Clause, m *match) error {
		v.MED = rtbh.Some(uint32(m.Number("<0-4294967295>")))
		return nil
	}},
	{"set origin", "<igp|egp|incomplete>$origin", rtbh.ClauseOrigin, func(v *rtbh.Clause, m *match) error {
		v.Origin = rtbh.Some(map[string]uint32{"igp": 0, "egp": 1, "incomplete": 2}[m.Text("origin")])
		return nil
	}},
	{"set as-path prepend", "(1-4294967295)...", rtbh.ClausePrepend, func(v *rtbh.Clause, m *match) (err error) {
		v.Prepend, err = each(m.All("<1-4294967295>"), func(s string) (uint32, error) {
			n, err := parseNumber(s, 32)
			return uint32(n), err
		})
		return err
	}},
}

func name(where func(*rtbh.Clause) *string) func(*rtbh.Clause, *match) error {
	return func(v *rtbh.Clause, m *match) error {
		*where(v) = m.Text("NAME")
		return nil
	}
}

// ext sets the extended communities of one subtype.
func ext(subtype uint8) func(*rtbh.Clause, *match) error {
	return func(v *rtbh.Clause, m *match) (err error) {
		v.Ext, err = each(m.All("ASN:NN"), func(s string) (rtbh.ExtCommunity, error) { return parseExt(s, subtype) })
		return err
	}
}

// maxListed is the most values of one line; an UPDATE has to hold them.
const maxListed = 64

// each parses all words.
func each[T any](words []string, parse func(string) (T, error)) ([]T, error) {
	if len(words) > maxListed {
		return nil, fmt.Errorf("one line takes at most %d values", maxListed)
	}
	var out []T
	for _, w := range words {
		v, err := parse(w)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, nil
}

func (f clauseField) run(remove bool) func(*call, *match) error {
	return func(c *call, m *match) error {
		cmd := rtbh.EditClause{Map: c.at.routeMap, Field: f.field, Remove: remove, Value: rtbh.Clause{Seq: c.at.seq, Deny: c.at.deny}}
		if !remove || f.field == rtbh.ClauseExt {
			if err := f.set(&cmd.Value, m); err != nil {
				return err
			}
		}
		if f.field == rtbh.ClauseExt {
			c.mergeExt(&cmd, f.keyword)
		}
		return c.change(cmd)
	}
}

// mergeExt keeps the other subtype's values: both are one attribute of the
// clause, while their lines come one by one.
func (c *call) mergeExt(cmd *rtbh.EditClause, keyword string) {
	mine := uint8(extRouteTarget)
	if keyword == "set extcommunity soo" {
		mine = extSiteOrigin
	}
	var rest []rtbh.ExtCommunity
	c.view(func(s *rtbh.State, _ rtbh.Instant) {
		rm, _ := s.RouteMap(cmd.Map)
		for _, cl := range rm.Clauses {
			if cl.Seq == cmd.Value.Seq {
				rest = slices.Clone(cl.Ext)
			}
		}
	})
	rest = slices.DeleteFunc(rest, func(e rtbh.ExtCommunity) bool { sub, _ := extSubtype(e); return sub == mine })
	if cmd.Remove {
		cmd.Value.Ext = nil
		cmd.Remove = len(rest) == 0
	}
	cmd.Value.Ext = append(rest, cmd.Value.Ext...)
}

// enterClause makes the clause when it is new.
func enterClause(c *call, m *match) error {
	at := place{routeMap: m.Text("NAME"), seq: uint16(m.Number("<1-65535>")), deny: m.Text("action") == "deny"}
	known := false
	c.view(func(s *rtbh.State, _ rtbh.Instant) {
		rm, _ := s.RouteMap(at.routeMap)
		known = slices.ContainsFunc(rm.Clauses, func(cl rtbh.Clause) bool { return cl.Seq == at.seq && cl.Deny == at.deny })
	})
	if !known {
		cmd := rtbh.EditClause{Map: at.routeMap, Field: rtbh.ClauseExists, Value: rtbh.Clause{Seq: at.seq, Deny: at.deny}}
		if err := c.change(cmd); err != nil {
			return err
		}
	}
	c.at = at
	return nil
}

func removeClause(c *call, m *match) error {
	return c.change(rtbh.EditClause{
		Map: m.Text("NAME"), Field: rtbh.ClauseExists, Remove: true,
		Value: rtbh.Clause{Seq: uint16(m.Number("<1-65535>")), Deny: m.Text("action") == "deny"},
	})
}
