package cli

import (
	"fmt"

	"github.com/triggerd/triggerd/internal/rtbh"
)

func clusterRows() []row {
	exec := execModes[1:]
	return []row{
		{Modes: execModes, Pattern: "show cluster [json]", Run: showCluster},
		{Modes: exec, Pattern: "cluster token <voter|witness|speaker>$role [NAME]", For: operators, Run: clusterToken},
		{Modes: exec, Pattern: "cluster remove NAME", For: operators, Run: clusterRemove},
		{Modes: exec, Pattern: "cluster transfer-leadership [NAME]", For: operators, Run: clusterTransfer},
	}
}

type clusterJSON struct {
	ID         string       `json:"id"`
	Generation uint64       `json:"generation"`
	Node       string       `json:"node"`
	Leader     string       `json:"leader"`
	Term       uint64       `json:"term"`
	Commit     uint64       `json:"commitIndex"`
	Applied    uint64       `json:"appliedIndex"`
	Majority   bool         `json:"majority"`
	Members    []memberJSON `json:"members"`
}

type memberJSON struct {
	Name      string `json:"name"`
	Role      string `json:"role"`
	Voting    bool   `json:"voting"`
	Leader    bool   `json:"leader"`
	Addr      string `json:"address,omitempty"`
	Binary    string `json:"version,omitempty"`
	Reachable bool   `json:"reachable"`
	SilentSec int64  `json:"silentSeconds,omitempty"`
	Stopped   bool   `json:"stopped,omitempty"`
	Applied   uint64 `json:"appliedIndex"`
	Digest    string `json:"digest,omitempty"`
	Routes    string `json:"routesDigest,omitempty"`
	DigestAt  uint64 `json:"digestIndex,omitempty"`
	Agrees    bool   `json:"digestAgrees"`
	Stoppable bool   `json:"stoppable"`
	Behind    uint64 `json:"behind"`
}

// showCluster prints the nodes. Customers see how they are, not where.
func showCluster(c *call, m *match) error {
	var here uint64
	c.view(func(st *rtbh.State, _ rtbh.Instant) { here = st.Index() })
	s := c.status(here)
	if m.Has("json") {
		c.json(c.clusterJSON(s))
		return nil
	}
	leader := s.Leader
	if leader == "" {
		leader = "none known"
	}
	reach, halted := 0, false
	for _, m := range s.Members {
		if m.Reachable && !m.Halted {
			reach++
		}
		halted = halted || m.Name == s.Node && m.Halted
	}
	if c.scope == "" {
		c.print("Cluster %s, generation %d, term %d\n", clean(s.ID), s.Generation, s.Term)
	}
	c.print("Leader %s, committed index %d, this node (%s) has applied %d\n", clean(leader), s.Commit, clean(s.Node), s.Applied)
	switch {
	case halted:
		c.print("Commands are NOT accepted here: this node takes nothing in until it is started again; what it announces stays announced\n\n")
	case s.Majority:
		c.print("Commands are accepted: this node reaches %d of %d members\n\n", reach, len(s.Members))
	default:
		c.print("Commands are NOT accepted: this node reaches %d of %d members; what is announced stays announced\n\n", reach, len(s.Members))
	}
	columns(c.out, c.memberRows(s))
	c.print("%s", quorumNote(s))
	return nil
}

func (c *call) memberRows(s ClusterStatus) [][]string {
	rows := [][]string{{"Name", "Role", "State", "Applied", "Behind", "May be stopped"}}
	if c.scope == "" {
		rows[0] = append(rows[0], "Address", "Version")
	}
	for _, m := range s.Members {
		cells := []string{
			clean(m.Name), roleText(m), stateText(s, m), fmt.Sprint(m.Applied), fmt.Sprint(behind(s, m)),
			map[bool]string{true: "yes", false: "no"}[m.Stoppable],
		}
		if c.scope == "" {
			cells = append(cells, clean(m.Addr), clean(m.Binary))
		}
		rows = append(rows, cells)
	}
	return rows
}

func roleText(m MemberStatus) string {
	if m.Role.Votes() && !m.Voting {
		return m.Role.String() + " (joining)"
	}
	return m.Role.String()
}

func stateText(s ClusterStatus, m MemberStatus) string {
	text := "up"
	switch {
	case !m.Reachable:
		text = "silent"
		if m.Silent > 0 {
			text += " " + shortDuration(m.Silent)
		}
	case m.Halted:
		text = "STOPPED"
	case m.Name == s.Leader:
		text = "leader"
	}
	if m.Name == s.Node {
		text += ", this node"
	}
	if m.Reachable && m.Digest != "" && !m.Agrees {
		text += ", STATE DIFFERS"
	}
	return text
}

func behind(s ClusterStatus, m MemberStatus) uint64 {
	if m.Applied >= s.Commit {
		return 0
	}
	return s.Commit - m.Applied
}

// quorumNote says what too few voters cost.
func quorumNote(s ClusterStatus) string {
	voters := 0
	for _, m := range s.Members {
		if m.Voting {
			voters++
		}
	}
	switch voters {
	case 1:
		return "\nNote: one voter only: while it is away no command is accepted; speakers go on announcing.\n"
	case 2:
		return "\nNote: two voters and no third: while either is away no command is accepted; routes stay. A witness in a third place ends that.\n"
	}
	return ""
}

func (c *call) clusterJSON(s ClusterStatus) clusterJSON {
	out := clusterJSON{
		ID: s.ID, Generation: s.Generation, Node: s.Node, Leader: s.Leader, Term: s.Term, Commit: s.Commit,
		Applied: s.Applied, Majority: s.Majority, Members: make([]memberJSON, 0, len(s.Members)),
	}
	for _, m := range s.Members {
		j := memberJSON{
			Name: m.Name, Role: m.Role.String(), Voting: m.Voting, Leader: m.Name == s.Leader, Reachable: m.Reachable,
			SilentSec: int64(m.Silent.Seconds()), Stopped: m.Halted, Applied: m.Applied, Digest: m.Digest, Routes: m.Routes, DigestAt: m.DigestAt, Agrees: m.Agrees,
			Stoppable: m.Stoppable, Behind: behind(s, m),
		}
		if c.scope == "" {
			j.Addr, j.Binary = m.Addr, m.Binary
		}
		out.Members = append(out.Members, j)
	}
	return out
}

const noMembers = saying("% This node cannot change the membership.")

func clusterToken(c *call, m *match) error {
	if c.ports.Members == nil {
		return noMembers
	}
	role := map[string]rtbh.MemberRole{"voter": rtbh.Voter, "witness": rtbh.Witness, "speaker": rtbh.Speaker}[m.Text("role")]
	token, expires, err := c.ports.Members.Token(c.ctx, c.actor, role, m.Text("NAME"))
	if err != nil {
		return err
	}
	c.print("%s\nGood for one node until %s: triggerd join %s\n", token, expires, token)
	c.outcome.Forget = true
	return nil
}

func clusterRemove(c *call, m *match) error {
	if c.ports.Members == nil {
		return noMembers
	}
	if m.Text("NAME") == c.actor.Node {
		return saying("% This is that node; type the command at another one, so that you see what becomes of it.")
	}
	if err := c.ports.Members.Remove(c.ctx, c.actor, m.Text("NAME")); err != nil {
		return err
	}
	c.print("Note: until triggerd is stopped there, %s goes on announcing what it had.\n", clean(m.Text("NAME")))
	return nil
}

func clusterTransfer(c *call, m *match) error {
	if c.ports.Members == nil {
		return noMembers
	}
	leader, err := c.ports.Members.Transfer(c.ctx, c.actor, m.Text("NAME"))
	if err != nil {
		return err
	}
	c.print("Leader is %s\n", clean(leader))
	return nil
}
