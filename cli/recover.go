package cli

import (
	"context"
	"encoding/base64"
	"io"
	"strings"
	"time"

	"github.com/triggerd/triggerd/internal/rtbh"
)

// Repair is what an operator does to the cluster itself. Recovery and backup
// are only offered at the machine's own door.
type Repair interface {
	// Plan says what Recover would do now. The error says why it is refused.
	Plan(ctx context.Context) (RecoveryPlan, error)
	// Recover makes this node the only voter. names are those that the plan
	// excludes, typed by a person.
	Recover(ctx context.Context, who rtbh.Actor, names []string) error
	// Backup writes the replicated state.
	Backup(w io.Writer) error
	// SetRole promotes or demotes a member; SetAddress changes where it is dialed.
	SetRole(ctx context.Context, who rtbh.Actor, name string, role rtbh.MemberRole) error
	SetAddress(ctx context.Context, who rtbh.Actor, name, addr string) error
}

// RecoveryPlan is what a recovery would do.
type RecoveryPlan struct {
	Node       string
	Generation uint64   // that the cluster would have
	Answers    []string // other voters that answer
	Excluded   []Silent // all other voters; For is 0 for one that answers
	Joining    bool     // this node did not vote yet
	Newer      []string // voters that answer and have a longer log
	Applied    uint64
	Tail       []TailEntry
}

// TailEntry is an entry of which nobody here knows whether it was committed.
type TailEntry struct {
	Index uint64
	Entry rtbh.Entry
	Err   error // why it cannot be read
}

func recoverRows() []row {
	exec := execModes[1:]
	return []row{
		{Modes: exec, Pattern: "cluster recover [NAME...]", For: operators, Run: clusterRecover},
		{Modes: exec, Pattern: "cluster backup", For: operators, Run: clusterBackup},
		{Modes: exec, Pattern: "cluster role NAME <voter|witness|speaker>$role", For: operators, Run: clusterRole},
		{Modes: exec, Pattern: "cluster address NAME HOST:PORT", For: operators, Run: clusterAddress},
	}
}

const (
	onlyLocal = saying("% Only at the node itself: log in there as root and type `triggerd cli`.")
	noRepair  = saying("% This node cannot do that.")
)

// repair returns the port; local tells that the command is for the machine's own door.
func (c *call) repair(local bool) (Repair, error) {
	switch {
	case local && c.actor.Door != rtbh.DoorLocal:
		return nil, onlyLocal
	case c.ports.Repair == nil:
		return nil, noRepair
	}
	return c.ports.Repair, nil
}

// clusterRecover shows the plan, and with the names that the plan excludes does it.
func clusterRecover(c *call, m *match) error {
	r, err := c.repair(true)
	if err != nil {
		return err
	}
	names := m.All("NAME")
	if len(names) == 0 {
		p, err := r.Plan(c.ctx)
		if err != nil {
			return err
		}
		PrintRecoveryPlan(c.out, p, "cluster recover ")
		return nil
	}
	began := time.Now()
	if err := r.Recover(c.ctx, c.actor, names); err != nil {
		return err
	}
	c.print("Recovered: this node is the only voter and accepts commands (after %s).\n%s", time.Since(began).Round(time.Millisecond), stillAnnouncing)
	return nil
}

const stillAnnouncing = "A member that is cut off but runs goes on announcing what it had: shut its BGP sessions on the routers\n" +
	"until it is back. When it meets this node it comes in anew by itself; nothing is to be wiped.\n"

// inShell is how a recovery is typed outside of our own prompt.
const inShell = "triggerd recover "

// PrintRecoveryPlan writes a plan for people; again is what to type before the
// names.
func PrintRecoveryPlan(w io.Writer, p RecoveryPlan, again string) {
	c := &call{out: w}
	c.print("Recovery at %s would make it the only voter, in generation %d of the cluster.\n", clean(p.Node), p.Generation)
	var names, excluded []string
	for _, s := range p.Excluded {
		names = append(names, clean(s.Name))
		text := clean(s.Name) + " (answers)"
		if s.For > 0 {
			text = clean(s.Name) + " (silent " + shortDuration(s.For) + ")"
		} else if !has(p.Answers, s.Name) {
			text = clean(s.Name) + " (silent)"
		}
		excluded = append(excluded, text)
	}
	c.print("It excludes: %s. They vote again only after they have come in anew.\n", strings.Join(excluded, ", "))
	if p.Joining {
		c.print("Warning: this node did not vote yet, so commands may have been accepted that it does not know.\n")
	}
	if len(p.Newer) > 0 {
		c.print("Warning: %s answers and has a longer log than this node. It may know commands that were accepted\nand that this node does not: recover there instead.\n", clean(strings.Join(p.Newer, ", ")))
	}
	printTail(c, p.Tail)
	c.print("This node's BGP sessions and routes are not touched.\n%sTo do it, type: %s%s\n", stillAnnouncing, again, strings.Join(names, " "))
	if again != inShell {
		c.print("or, in a shell: %s%s\n", inShell, strings.Join(names, " "))
	}
}

func has(all []string, s string) bool {
	for _, a := range all {
		if a == s {
			return true
		}
	}
	return false
}

// maxTail is how many commands of the tail are printed.
const maxTail = 40

func printTail(c *call, tail []TailEntry) {
	if len(tail) == 0 {
		c.print("Nothing in this node's log is of unknown fate.\n")
		return
	}
	c.print("Of these commands it is not known whether they were accepted. The recovery makes them take effect:\n")
	printed, left := 0, 0
	for _, t := range tail {
		if t.Err != nil {
			c.print("  %d  cannot be read: %s\n", t.Index, clean(t.Err.Error()))
			continue
		}
		for _, cmd := range t.Entry.Commands {
			if printed++; printed > maxTail {
				left++
				continue
			}
			c.print("  %d  %s  %s\n", t.Index, clean(actorName(t.Entry.Actor)), clean(commandText(cmd)))
		}
	}
	if left > 0 {
		c.print("  and %d more\n", left)
	}
}

// actorName says who asked for something.
func actorName(a rtbh.Actor) string {
	if a.User == "" {
		return "the cluster"
	}
	return a.User
}

// clusterBackup prints a backup in base64, for `triggerd backup`, which checks
// it and writes the file.
func clusterBackup(c *call, _ *match) error {
	r, err := c.repair(true)
	if err != nil {
		return err
	}
	lines := &lineWriter{w: c.out}
	enc := base64.NewEncoder(base64.StdEncoding, lines)
	if err := r.Backup(enc); err != nil {
		return err
	}
	_ = enc.Close() // the session's errors are of no use here, see print
	lines.end()
	return nil
}

// lineWriter breaks text into lines that any terminal takes.
type lineWriter struct {
	w  io.Writer
	at int
}

const backupColumns = 76

func (l *lineWriter) Write(b []byte) (int, error) {
	for rest := b; len(rest) > 0; {
		n := min(len(rest), backupColumns-l.at)
		if _, err := l.w.Write(rest[:n]); err != nil {
			return 0, err
		}
		rest, l.at = rest[n:], l.at+n
		if l.at == backupColumns {
			l.end()
		}
	}
	return len(b), nil
}

func (l *lineWriter) end() {
	if l.at > 0 {
		_, _ = l.w.Write([]byte("\n"))
		l.at = 0
	}
}

func clusterRole(c *call, m *match) error {
	r, err := c.repair(false)
	if err != nil {
		return err
	}
	role := map[string]rtbh.MemberRole{"voter": rtbh.Voter, "witness": rtbh.Witness, "speaker": rtbh.Speaker}[m.Text("role")]
	return r.SetRole(c.ctx, c.actor, m.Text("NAME"), role)
}

func clusterAddress(c *call, m *match) error {
	r, err := c.repair(false)
	if err != nil {
		return err
	}
	return r.SetAddress(c.ctx, c.actor, m.Text("NAME"), m.Text("HOST:PORT"))
}
