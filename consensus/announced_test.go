package consensus

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/triggerd/triggerd/internal/alarm"
	"github.com/triggerd/triggerd/internal/rtbh"
)

// routesAlarm is the text of the alarm about announcements, "" without one.
func (n *simNode) routesAlarm() string {
	for _, a := range n.alarms.List() {
		if a.Kind == alarm.DigestMismatch && a.Subject == routesSubject {
			return a.Text
		}
	}
	return ""
}

func TestSpeakerThatHasOtherRoutesIsAnAlarmEverywhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSim(t, tuning{}, append(twoTriggersAndWitness, rtbh.Speaker)...)
		defer s.closeAll()
		sick, others := s.nodes[3], s.nodes[:3]
		var wrong atomic.Bool
		for _, n := range s.nodes {
			n.OnCheckpoint(func(_ context.Context, wanted []rtbh.Route) []string {
				if n == sick && wrong.Load() {
					return []string{wanted[0].Prefix.String() + " is not announced"}
				}
				return nil
			})
		}
		mustAccept(t, s.leader().Node, announce("203.0.113.1/32"))
		time.Sleep(20 * time.Second)
		routes := map[string]bool{}
		for _, m := range s.leader().Status(context.Background()).Members {
			routes[m.Routes] = true
		}
		if len(routes) != 1 || routes[""] {
			t.Errorf("digests of what is announced, with nothing wrong: %v", routes)
		}
		for _, n := range s.nodes {
			if text := n.routesAlarm(); text != "" {
				t.Errorf("%s with nothing wrong: %s", n.name, text)
			}
		}
		wrong.Store(true)
		mustAccept(t, s.leader().Node, announce("203.0.113.2/32"))
		s.until("the node says what is wrong", func() bool {
			return strings.Contains(sick.routesAlarm(), "203.0.113.1/32 is not announced")
		})
		for _, n := range others {
			s.until(n.name+" sees it", func() bool { return strings.Contains(n.routesAlarm(), sick.name+" announces other routes") })
		}
		if sick.identity().Incarnation != 1 || sick.fsm.holding() {
			t.Error("its state is right, and it was fetched anew")
		}
		wrong.Store(false) // the speaker has healed itself; nothing is written meanwhile
		for _, n := range s.nodes {
			s.until("all is well at "+n.name, func() bool { return n.routesAlarm() == "" })
		}
	})
}
