package cli

import (
	"errors"
	"strings"

	"github.com/triggerd/triggerd/cli/grammar"
	"github.com/triggerd/triggerd/cli/vty"
	"github.com/triggerd/triggerd/internal/rtbh"
)

// Automation that types at a terminal (Ansible's network_cli, Netmiko) takes a line
// for failed when it reads one of a few phrases of routers, not when it reads a `%`.
// Ansible's frr.frr collection knows "% Unknown command", "% Command incomplete",
// "% Can't find ...", "invalid input" and some more. A refusal that names the rule is
// none of these, and a playbook would go on as if the blackhole were there.
//
// So where a session's client is one of the libraries that such automation is built
// on, a failed line that has none of the phrases is followed by one that does. What
// people read stays as it is, and so does what scripts read that have an exit status.

// libraries are the beginnings of the software names of these clients.
var libraries = []string{"SSH-2.0-paramiko", "SSH-2.0-libssh"}

// automated tells whether a library types at this terminal.
func (sh *Shell) automated() bool {
	if sh.login.Door != rtbh.DoorSSH {
		return false
	}
	for _, l := range libraries {
		if strings.HasPrefix(sh.login.Client, l) {
			return true
		}
	}
	return false
}

// flag prints the phrase for automation behind a line that failed.
func (c *call) flag(err error) {
	if err == nil || !c.automated() || phrased(err) {
		return
	}
	var not *NotAccepted
	switch {
	case c.outcome.Status == vty.NotConfirmed:
		c.print("%% Can't find out yet whether the line takes effect; repeating it is safe.\n")
	case errors.As(err, &not):
		c.print("%% Can't find a majority that accepts the line; it changed nothing.\n")
	default:
		c.print("%% Invalid input: the line was refused and changed nothing.\n")
	}
}

// phrased tells whether the answer to err is one that automation knows as it is.
func phrased(err error) bool {
	var unread *grammar.Error
	if errors.As(err, &unread) {
		return unread.Kind != grammar.Ambiguous
	}
	var said saying
	return errors.As(err, &said) && (strings.HasPrefix(string(said), "% Can't find ") ||
		strings.HasPrefix(string(said), "% Unknown command") || strings.HasPrefix(string(said), "% Command incomplete"))
}

// fallback finds a line that is no command of a configuration mode at the enable
// mode, for automation: Ansible gives up at the line that is refused, stays where
// that was, and types `show` and `configure terminal` there in its next task.
func (c *call) fallback(line string) (*row, *match, bool) {
	if _, config := above[c.mode]; !config || c.mode == enableMode || c.batch != nil || !c.automated() {
		return nil, nil, false
	}
	r, m, err := table().Parse(enableMode, line, c.role)
	if err != nil {
		return nil, nil, false
	}
	for _, word := range []string{"show ", "terminal ", "configure "} {
		if strings.HasPrefix(r.Pattern, word) {
			return r, m, true
		}
	}
	return nil, nil, false
}
