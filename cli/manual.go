package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/triggerd/triggerd/cli/grammar"
)

// manualIntro stands before the commands in the manual.
const manualIntro = `# The command line

This page is made from the table of commands by which lines are parsed, completed and
helped; do not edit it. ` + "`go test ./cli -run Manual -update`" + ` writes it anew.

Words may be shortened as long as they stay unique; ` + "`?`" + ` shows what may follow and Tab completes.
A line that begins with ` + "`!` or `#`" + ` is a comment. In the patterns, ` + "`[x]`" + ` may be left out, ` + "`(x|y)`" + ` is one
of these, ` + "`{x|y}`" + ` any of these in any order, and capitals stand for what you type yourself.

- Every ` + "`show`" + ` takes ` + "`json`" + ` at its end, and then or without it a pipe: ` + "`| include REGEXP`, `| exclude REGEXP`,\n  `| begin REGEXP`, `| count [REGEXP]`" + `.
- What is accepted prints nothing. What is refused prints a line that begins with ` + "`%`" + ` and names the rule.
- A line takes effect when it is accepted: on a majority of the nodes, and at every trigger that can be
  reached. There is nothing to save; ` + "`write memory`" + ` waits until every node has it.
- Lines of several users at once are safe: there is no configuration lock, and every line is one change.
- ` + "`batch`" + ` in ` + "`router bgp`" + ` collects ` + "`network` and `no network`" + ` lines; ` + "`commit`" + ` lets all of them take effect or none.
- Lines that are pasted or piped go into the cluster's log together; their answers stand beside them as if
  each had been typed alone.
- Times are UTC on the cluster's clock.
- Where automation types at a terminal (Ansible's network_cli and Netmiko: SSH clients that call themselves paramiko or
  libssh), a refused line is followed by ` + "`% Invalid input: ...` or `% Can't find ...`" + `, the phrases by which these
  tools know a failure.
- ` + "`terminal monitor`" + ` prints blackholes that come and go, and to operators the node's log, at this terminal as they come.

`

// ManualPage is the generated manual, in Markdown.
func ManualPage() string {
	entries := Manual()
	modes := map[string][]*grammar.Mode{} // of a command for a role
	key := func(e grammar.Entry) string { return fmt.Sprint(e.Command, e.For) }
	var order []*grammar.Mode
	for _, e := range entries {
		if !slices.Contains(modes[key(e)], e.Mode) {
			modes[key(e)] = append(modes[key(e)], e.Mode)
		}
		if !slices.Contains(order, e.Mode) {
			order = append(order, e.Mode)
		}
	}
	var b strings.Builder
	b.WriteString(manualIntro)
	for _, m := range order {
		first := func(e grammar.Entry) bool { return e.Mode == m && modes[key(e)][0] == m }
		if !slices.ContainsFunc(entries, first) {
			continue
		}
		fmt.Fprintf(&b, "## Mode %s\n\nPrompt: `trigger1%s`\n\n", m.Name, strings.TrimRight(m.Prompt, " "))
		seen := map[string]bool{}
		for _, e := range entries {
			if first(e) && !seen[key(e)] {
				seen[key(e)] = true
				b.WriteString(manualEntry(e, modes[key(e)]))
			}
		}
	}
	return b.String()
}

func manualEntry(e grammar.Entry, modes []*grammar.Mode) string {
	var b strings.Builder
	fmt.Fprintf(&b, "### `%s`\n\n", e.Command)
	if text := rolesText(e.For); text != "" {
		fmt.Fprintf(&b, "For %s. ", text)
	}
	if e.Enters != nil {
		fmt.Fprintf(&b, "Enters %s. ", e.Enters.Name)
	}
	switch also := modes[1:]; {
	case len(also) == len(allModes)-1:
		b.WriteString("In every mode.")
	case len(also) > 0:
		names := make([]string, 0, len(also))
		for _, m := range also {
			names = append(names, m.Name)
		}
		fmt.Fprintf(&b, "Also in %s.", strings.Join(names, ", "))
	}
	var choices []grammar.Choice
	for _, t := range e.Tokens {
		if !slices.Contains(choices, t) {
			choices = append(choices, t)
		}
	}
	text := strings.TrimRight(b.String(), " \n")
	return text + "\n\n```\n" + grammar.Format(choices, 100) + "```\n\n"
}

// rolesText names who may run a command, "" for everybody.
func rolesText(who grammar.Role) string {
	if who == grammar.Everyone {
		return ""
	}
	var names []string
	for _, r := range []struct {
		bit  grammar.Role
		name string
	}{{customers, "customers"}, {onlookers, "viewers of a customer"}, {viewers, "viewers"}, {operators, "operators"}} {
		if who&r.bit != 0 {
			names = append(names, r.name)
		}
	}
	return strings.Join(names, ", ")
}
