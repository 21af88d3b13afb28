package consensus

import (
	"context"
	"fmt"

	"github.com/triggerd/triggerd/internal/rtbh"
)

// raiseVersion lets newer commands into the log as soon as every member, by its
// record and by its own word just now, runs a binary that reads them. It is the
// leader's duty; the leader itself may be the last that was upgraded.
func (n *Node) raiseVersion() {
	version, all := n.commonVersion()
	var now uint32
	n.fsm.view(func(s *rtbh.State) { now = s.Version() })
	if !all || version <= now {
		return
	}
	ctx, cancel := context.WithTimeout(n.life().ctx, answerWithin)
	defer cancel()
	a := n.applyHere(ctx, rtbh.Entry{Actor: n.asNode(), Commands: []rtbh.Command{rtbh.RaiseVersion{Version: version}}})
	switch {
	case a.verdict != done:
		n.log.Debug("version not raised", "version", version, "err", a.err)
	case a.result.Outcomes[0].Refusal != nil:
		n.log.Debug("version not raised", "version", version, "err", a.result.Outcomes[0].Refusal)
	default:
		n.log.Info("the cluster writes a newer version of its log", "version", version, "was", fmt.Sprint(now))
	}
}

// commonVersion returns what all members can read; all is false while one does
// not answer.
func (n *Node) commonVersion() (version uint32, all bool) {
	version = rtbh.Speaks
	for _, m := range n.members() {
		version = min(version, m.Speaks)
		if m.Name == n.Name() {
			continue
		}
		p, ok := n.peers.get(m.Name)
		if !ok || !p.reachable() || p.last.ServerID != m.ServerID() {
			return 0, false
		}
		version = min(version, p.last.Speaks)
	}
	return version, true
}
