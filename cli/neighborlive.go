package cli

import (
	"errors"
	"fmt"
	"strings"

	"github.com/triggerd/triggerd/cli/grammar"
	"github.com/triggerd/triggerd/internal/config"
	"github.com/triggerd/triggerd/internal/rtbh"
)

// liveRows are the `neighbor` lines of the node's own file, typed while it runs.
// They are made from the rows by which the file is read, so that the two cannot
// differ. They change this node only; `write memory` keeps them.
func liveRows() []row {
	modes := map[string][]*grammar.Mode{"": {routerMode}, "ipv4": {ipv4Mode}, "ipv6": {ipv6Mode}}
	var rows []row
	for _, l := range config.LiveLines() {
		rows = append(rows, row{Modes: modes[l.Family], Pattern: l.Pattern, Help: l.Help, For: operators, Run: func(c *call, m *match) error {
			return c.neighborLine(m, l)
		}})
	}
	return rows
}

func (c *call) neighborLine(m *match, l config.LiveLine) error {
	now := c.ports.Node.Current()
	peer := m.Addr("peer")
	next, warnings, err := now.With(l.Family, strings.TrimSpace(c.typed), peer)
	if l.Remove != "" {
		next, warnings, err = now.Without(peer, l.Remove)
	}
	if err != nil {
		return notTaken(err)
	}
	if next.String() == now.String() {
		return nil
	}
	if err := c.ports.Node.Apply(c.ctx, next); err != nil {
		return err
	}
	for _, w := range warnings {
		if !strings.HasPrefix(w.Text, "the other nodes are told to dial") {
			c.print("Note: %s.\n", clean(w.Text))
		}
	}
	if strings.Contains(l.Pattern, "peer password") && l.Remove == "" { // also when the word was shortened
		return c.record("neighbor " + peer.String() + " password (hidden)")
	}
	return c.record(c.typed)
}

// notTaken says what the reader of node files finds wrong, without the places in
// a file that does not exist.
func notTaken(err error) error {
	var wrong *config.Error
	if !errors.As(err, &wrong) {
		return err
	}
	return saying("% " + sentence(clean(wrong.Text)))
}

// record puts what was done at this node alone into the audit, without secrets.
func (c *call) record(line string) error {
	if c.ports.Local == nil {
		return nil
	}
	text := []string{" " + strings.Join(strings.Fields(line), " ")}
	hideSecrets(text)
	return c.recorded(c.ports.Local.Record(c.actor, strings.TrimSpace(text[0])))
}

func (c *call) recorded(err error) error {
	if err != nil {
		c.print("Note: it is done, but could not be written into the audit: %s\n", clean(sentence(err.Error())))
	}
	return nil
}

// localRows are what operators do at one node.
func localRows() []row {
	exec := []*grammar.Mode{enableMode}
	const net = "<A.B.C.D/M|X:X::X:X/M|A.B.C.D|X:X::X:X>$net"
	rows := []row{
		{Modes: exec, Pattern: "suppress " + net, For: operators, Run: suppress},
		{Modes: exec, Pattern: "no suppress " + net, For: operators, Run: unsuppress},
		{Modes: execModes, Pattern: "show suppressed [json]", For: operators | viewers, Run: showSuppressed},
		{Modes: exec, Pattern: "clear session (1-4294967295)", For: operators, Run: clearSession},
	}
	return rows
}

// suppress stops this node, and no other, from announcing a prefix: the way to
// end a blackhole while there is no majority.
func suppress(c *call, m *match) error {
	if c.ports.Local == nil || c.ports.Speaker == nil {
		return errNoSpeaker
	}
	p := netOf(m)
	there := false
	c.view(func(s *rtbh.State, now rtbh.Instant) { _, there = s.RouteFor(p, now) })
	if !there {
		return saying(fmt.Sprintf("%% %s is not blackholed.", p))
	}
	if !c.ports.Local.Suppress(p, c.actor) {
		return nil
	}
	return c.record("suppress " + p.String())
}

func unsuppress(c *call, m *match) error {
	if c.ports.Local == nil {
		return errNoSpeaker
	}
	p := netOf(m)
	if !c.ports.Local.Unsuppress(p, c.actor) {
		return saying(fmt.Sprintf("%% %s is not suppressed at this node.", p))
	}
	return c.record("no suppress " + p.String())
}

const errNoSpeaker = saying("% This node announces nothing.")

func showSuppressed(c *call, m *match) error {
	var all []Suppressed
	if c.ports.Local != nil {
		all = c.ports.Local.Suppressed()
	}
	if m.Has("json") {
		c.json(struct {
			Suppressed []Suppressed `json:"suppressed"`
		}{orEmpty(all)})
		return nil
	}
	if len(all) == 0 {
		c.print("Nothing is suppressed at this node.\n")
		return nil
	}
	rows := [][]string{{"Prefix", "Since", "By", "Until"}}
	for _, s := range all {
		until := "`no suppress`"
		if s.Lifts {
			until = "the majority is back"
		}
		rows = append(rows, []string{s.Prefix.String(), s.Since.UTC().Format("2006-01-02 15:04:05"), clean(s.By), until})
	}
	columns(c.out, rows)
	return nil
}

// clearSession ends somebody's login.
func clearSession(c *call, m *match) error {
	id := int(m.Number("<1-4294967295>"))
	if id == c.login.Session {
		return saying("% This is your own session; type `exit`.")
	}
	if c.ports.Sessions == nil || !c.ports.Sessions.End(id) {
		return saying(fmt.Sprintf("%% There is no session %d; type `who`.", id))
	}
	return c.record(fmt.Sprintf("clear session %d", id))
}
