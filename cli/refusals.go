package cli

import "github.com/triggerd/triggerd/internal/rtbh"

// Refusals hears of what known users were refused before it reached the log:
// logins at a door, and lines that this node's own state refuses. It counts them
// for the whole cluster. It is called from many goroutines at once, some of which
// hold the state's read lock: it must neither wait nor look at the state.
type Refusals interface {
	// Refused counts one try of user, who exists. from is where the try came
	// from, why what was wrong with it, in a few words.
	Refused(user, from, why string)
}

// refusedEarly counts a line that does not go into the log. That something to be
// withdrawn is not there is no refusal of a right: it is what scripts run into
// who repeat themselves.
func (c *call) refusedEarly(cmd rtbh.Command, refusal *rtbh.Refusal) {
	if c.ports.Refusals != nil && c.actor.Door != rtbh.DoorLocal && refusal.Code != rtbh.RefusedAbsent {
		c.ports.Refusals.Refused(c.actor.User, c.actor.From, clean(commandText(cmd)+" % "+refusal.Text))
	}
}
