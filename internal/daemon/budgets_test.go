package daemon

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/triggerd/triggerd/internal/alarm"
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
