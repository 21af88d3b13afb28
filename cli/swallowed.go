package cli

import (
	"fmt"
	"strings"

	"github.com/triggerd/triggerd/internal/rtbh"
)

// swallowed refuses a reason with a command of its own in it: where lines come
// as `ssh host "line; line"`, a reason takes the rest of its line, so whoever
// goes on behind it would be told that all is well while only the first half
// was done.
func (c *call) swallowed(reason string) error {
	if d := c.actor.Door; d != rtbh.DoorExec && d != rtbh.DoorLocal {
		return nil
	}
	for i, part := range strings.Split(reason, ";") {
		part = strings.TrimSpace(part)
		if i == 0 || part == "" {
			continue
		}
		if _, _, err := table().Parse(c.mode, part, c.role); err == nil {
			return saying(fmt.Sprintf("%% A reason takes the rest of its line, so `%s` would not be run; nothing was done. "+
				"Put the line with the reason last, or begin a new line behind it.", clean(part)))
		}
	}
	return nil
}
