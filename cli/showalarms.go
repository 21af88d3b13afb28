package cli

import (
	"slices"

	"github.com/triggerd/triggerd/internal/alarm"
)

func alarmRows() []row {
	return []row{{Modes: execModes, Pattern: "show alarms [json]", Run: showAlarms}}
}

// customerAlarms are the kinds that a customer is told: they say how far its
// commands work, and their texts cannot name anybody else.
var customerAlarms = []alarm.Kind{alarm.NoMajority, alarm.Unconfirmed, alarm.MemberSilent, alarm.ClockJump}

// showAlarms prints what is wrong at this node now.
func showAlarms(c *call, m *match) error {
	var up []alarm.Alarm
	if c.ports.Alarms != nil {
		up = c.ports.Alarms.List()
	}
	if c.scope != "" {
		up = slices.DeleteFunc(slices.Clone(up), func(a alarm.Alarm) bool { return !slices.Contains(customerAlarms, a.Kind) })
	}
	if m.Has("json") {
		c.json(struct {
			Alarms []alarm.Alarm `json:"alarms"`
		}{orEmpty(up)})
		return nil
	}
	if len(up) == 0 {
		c.print("No alarms.\n")
		return nil
	}
	rows := [][]string{{"Since", "Alarm", "Subject", "Text"}}
	for _, a := range up {
		rows = append(rows, []string{
			a.Since.UTC().Format("2006-01-02 15:04:05"), clean(string(a.Kind)), clean(a.Subject), clean(a.Text),
		})
	}
	columns(c.out, rows)
	return nil
}
