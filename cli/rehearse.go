package cli

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"github.com/triggerd/triggerd/internal/config"
	"github.com/triggerd/triggerd/internal/rtbh"
)

// rehearseRows are the dry run of what operators type in the configuration modes:
// `test` before a line says whether it would be accepted, which blackholes would
// not fit any more, and what every neighbor would be told, and changes nothing.
func rehearseRows() []row {
	return []row{{Modes: configModes, Full: true, Pattern: "test LINE", For: operators, Run: rehearse,
		Help: []string{"", "The line to be tested, as it would be typed here"}}}
}

const notTestable = saying("% Only lines that change what the cluster has agreed on can be tested.")

// rehearse runs a line as it is, on a copy of the state.
func rehearse(c *call, m *match) error {
	line := m.Text("LINE")
	r, _, err := table().Parse(c.mode, line, c.role)
	if err != nil {
		return err
	}
	if word, _, _ := strings.Cut(r.Pattern, " "); word == "do" || word == "test" || r.Hidden && word == "hostname" {
		return notTestable
	}
	stage := &stage{Cluster: c.ports.Cluster}
	stage.st, stage.now = c.snapshot()
	before := stage.st.Desired(stage.now)

	actor := *c.Shell
	actor.ports = Ports{Cluster: stage, Node: stageNode{c.ports.Node}, Version: c.ports.Version, RPKI: c.ports.RPKI}
	actor.unconfirmed, actor.batch, actor.ahead, actor.told = map[[sha256.Size]byte]asked{}, nil, nil, nil
	actor.user.Receipt = false
	inner := &call{Shell: &actor, ctx: c.ctx, out: c.out, typed: line}
	err = inner.run(line)
	c.outcome.Forget = inner.outcome.Forget
	switch {
	case err != nil:
		return err
	case stage.proposed == 0:
		c.print("This line would change nothing.\n")
		return nil
	}
	c.print("Would be accepted; nothing was changed. %s\n", routesText(before, stage.st.Desired(stage.now)))
	return nil
}

// stage is a cluster of one state, which nobody sees.
type stage struct {
	Cluster
	st       *rtbh.State
	now      rtbh.Instant
	proposed int
}

// Propose is [Cluster]'s.
func (s *stage) Propose(_ context.Context, e rtbh.Entry) (Receipt, error) {
	s.proposed++
	e.Stamp = s.now
	return Receipt{Result: s.st.Apply(s.st.Index()+1, e)}, nil
}

// View is [Cluster]'s.
func (s *stage) View(f func(*rtbh.State, rtbh.Instant)) { f(s.st, s.now) }

// Sync is [Cluster]'s.
func (s *stage) Sync(context.Context) (Synced, error) { return Synced{}, errOnStage }

var errOnStage = errors.New("this is not done in a test")

// stageNode lets a line look at the node's own configuration and not change it.
type stageNode struct{ NodeConfig }

// Apply is [NodeConfig]'s.
func (stageNode) Apply(context.Context, config.Node) error { return notTestable }

// Save is [NodeConfig]'s.
func (stageNode) Save() (string, error) { return "", errOnStage }

// routesText says what the neighbors would be told.
func routesText(before, after []rtbh.Route) string {
	was := make(map[netip.Prefix]rtbh.Route, len(before))
	for _, r := range before {
		was[r.Prefix] = r
	}
	var up, other []netip.Prefix
	for _, r := range after {
		old, there := was[r.Prefix]
		delete(was, r.Prefix)
		switch {
		case !there:
			up = append(up, r.Prefix)
		case !old.Equal(r):
			other = append(other, r.Prefix)
		}
	}
	var down []netip.Prefix
	for _, r := range before {
		if _, gone := was[r.Prefix]; gone {
			down = append(down, r.Prefix)
		}
	}
	var parts []string
	for _, p := range []struct {
		what string
		all  []netip.Prefix
	}{{"announced", up}, {"withdrawn", down}, {"updated in place", other}} {
		if len(p.all) > 0 {
			parts = append(parts, fmt.Sprintf("%s would be %s (%s)", count(len(p.all), "route"), p.what, someOf(p.all)))
		}
	}
	if len(parts) == 0 {
		return "No route would change."
	}
	return strings.ToUpper(parts[0][:1]) + strings.Join(parts, "; ")[1:] + "."
}

// someOf prints the first few of many.
func someOf(all []netip.Prefix) string {
	if len(all) <= maxNoted {
		return prefixesText(all)
	}
	return fmt.Sprintf("%s and %d more", prefixesText(all[:maxNoted]), len(all)-maxNoted)
}
