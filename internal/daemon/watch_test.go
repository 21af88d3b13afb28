package daemon

import (
	"log/slog"
	"net/netip"
	"strings"
	"testing"

	"github.com/triggerd/triggerd/internal/alarm"
	"github.com/triggerd/triggerd/internal/config"
	"github.com/triggerd/triggerd/internal/rtbh"
)

// TestABudgetUnderWhatIsOutIsAnAlarm: one alarm for each neighbor with its own
// numbers, gone when there is room again.
func TestABudgetUnderWhatIsOutIsAnAlarm(t *testing.T) {
	alarms := alarm.New(slog.New(slog.DiscardHandler))
	edge1, edge2 := rtbh.Budget{Node: "trigger1", Neighbor: "192.0.2.20", Max: 5}, rtbh.Budget{Node: "trigger1", Neighbor: "192.0.2.21", Max: 6}
	alarms.Raise(alarm.NeighborDown, "192.0.2.20", "another kind")
	alarmBudgets(alarms, 7, []rtbh.Budget{edge1, edge2})
	alarmBudgets(alarms, 6, []rtbh.Budget{edge1})
	up := alarms.List()
	if len(up) != 2 || !strings.Contains(up[1].Text, "6 routes are announced, and neighbor 192.0.2.20 is said to take 5") {
		t.Errorf("up: %+v", up)
	}
	alarmBudgets(alarms, 5, nil)
	if up := alarms.List(); len(up) != 1 || up[0].Kind != alarm.NeighborDown {
		t.Errorf("up: %+v", up)
	}
}

func TestANeighborThatIsKeptDownIsAnAlarm(t *testing.T) {
	alarms := alarm.New(slog.New(slog.DiscardHandler))
	edge := config.Neighbor{Addr: netip.MustParseAddr("192.0.2.20"), RemoteAS: 64500, Shutdown: true}
	alarmShutdown(alarms, []config.Neighbor{edge, {Addr: netip.MustParseAddr("192.0.2.21")}})
	if up := alarms.List(); len(up) != 1 || up[0].Kind != alarm.Shutdown || up[0].Subject != "192.0.2.20" {
		t.Errorf("up: %+v", up)
	}
	edge.Shutdown = false
	alarmShutdown(alarms, []config.Neighbor{edge})
	if up := alarms.List(); len(up) != 0 {
		t.Errorf("up: %+v", up)
	}
}

// TestAClearingIsAnAlarmForAnHour, with the numbers of the last one.
func TestAClearingIsAnAlarmForAnHour(t *testing.T) {
	alarms := alarm.New(slog.New(slog.DiscardHandler))
	s, now, index := rtbh.NewState(), rtbh.Instant(1_800_000_000_000), uint64(0)
	do := func(cmds ...rtbh.Command) {
		index++
		for _, o := range s.Apply(index, rtbh.Entry{Stamp: now, Actor: rtbh.Actor{User: "local", Door: rtbh.DoorLocal}, Commands: cmds}).Outcomes {
			if o.Refusal != nil {
				t.Fatal(o.Refusal)
			}
		}
		alarmCleared(alarms, s, now)
	}
	hole := func(p string) rtbh.Announce { return rtbh.Announce{Customer: "acme", Prefix: netip.MustParsePrefix(p)} }
	do(rtbh.EditCustomer{Name: "acme"}, rtbh.EditCustomer{Name: "acme", Field: rtbh.CustomerPrefixes, Value: rtbh.Customer{Prefixes: []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24")}}},
		hole("203.0.113.1/32"), hole("203.0.113.2/32"), hole("203.0.113.3/32"))
	do(rtbh.Withdraw{Customer: "acme", Prefix: netip.MustParsePrefix("203.0.113.3/32")})
	if up := alarms.List(); len(up) != 0 {
		t.Errorf("before: %+v", up)
	}
	do(rtbh.Clear{Customer: "acme"})
	do(hole("203.0.113.1/32"))
	if up := alarms.List(); len(up) != 1 || !strings.Contains(up[0].Text, "local ended 2 blackholes") {
		t.Errorf("after: %+v", up)
	}
	now = now.Add(clearedRemains)
	do(rtbh.Clear{})
	if up := alarms.List(); len(up) != 1 || !strings.Contains(up[0].Text, "local ended 1 blackhole by") {
		t.Errorf("again: %+v", up)
	}
	now = now.Add(clearedRemains) + 1
	alarmCleared(alarms, s, now)
	if up := alarms.List(); len(up) != 0 {
		t.Errorf("an hour later: %+v", up)
	}
}
