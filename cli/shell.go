package cli

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/triggerd/triggerd/cli/grammar"
	"github.com/triggerd/triggerd/cli/vty"
	"github.com/triggerd/triggerd/internal/rtbh"
)

// Shell is one logged-in user's command line: it implements [vty.Interpreter].
// It is used by one goroutine at a time; what it shares with others is behind
// its ports.
type Shell struct {
	ports Ports
	login Login
	actor rtbh.Actor

	user  rtbh.User    // as the state has it at the line that runs
	role  grammar.Role // of user
	scope string       // the customer it sees and acts for; "" = all

	mode    *grammar.Mode
	at      place
	swallow bool // the next line may be an enable secret

	unconfirmed map[[sha256.Size]byte]asked // lines whose outcome is not known
	armed       string                      // what the next line may clear

	ahead    func() []string // the lines that wait behind the one that runs; nil = none are known
	told     []answer        // of lines that went into the log with an earlier one, in order
	patience int             // how often the receipts of these may look again for routers
	batch    *batch          // being collected; nil = lines take effect one by one
	monitor  func()          // ends `terminal monitor`; nil = it is off

	now   func() time.Time      // the wall clock, for what BGP counts in it
	newID func() rtbh.RequestID // draws a request id
}

// place is what the configuration modes are about.
type place struct {
	customer string
	user     string
	routeMap string
	seq      uint16
	deny     bool
}

var _ vty.Interpreter = (*Shell)(nil)

// NewShells returns the function that a door calls for each new session.
func NewShells(p Ports) Shells {
	return func(l Login) vty.Interpreter { return NewShell(p, l) }
}

// NewShell makes the interpreter of one session.
func NewShell(p Ports, l Login) *Shell {
	sh := &Shell{
		ports: p, login: l, mode: enableMode, unconfirmed: map[[sha256.Size]byte]asked{},
		now: time.Now, newID: randomID,
	}
	sh.actor = rtbh.Actor{User: l.User.Name, Door: l.Door, Node: p.Node.Current().Hostname}
	if l.Door == rtbh.DoorLocal && sh.actor.User == "" {
		sh.actor.User = "local"
	}
	if l.From.IsValid() {
		sh.actor.From = l.From.String()
	}
	sh.refresh()
	if sh.user.Landing == rtbh.LandView && !l.AtEnable {
		sh.mode = viewMode
	}
	return sh
}

func randomID() (id rtbh.RequestID) {
	_, _ = rand.Read(id[:]) // never fails since Go 1.24
	return id
}

var (
	commands     *grammar.Table[*call]
	commandsOnce sync.Once
)

// table is the command line, built once for all sessions.
func table() *grammar.Table[*call] {
	commandsOnce.Do(func() {
		var rows []row
		for _, noun := range []func() []row{
			modeRows, terminalRows, monitorRows, sshRows, memoryRows, networkRows, writeRows, runningRows, bgpRows, listFormRows, rpkiRows, neighborRows, clearBGPRows, blackholeRows, historyRows,
			clusterRows, recoverRows, alarmRows, versionRows, daemonRows, whoRows, showCustomerRows, showUserRows, showRouteMapRows,
			customerRows, userRows, settingsRows, routeMapRows, listRows, showListRows, approvalRows, clearRows, batchRows, auditRows, pastRows, testRows, rehearseRows, liveRows, localRows,
		} {
			rows = append(rows, noun()...)
		}
		commands = grammar.New(words, rows...)
	})
	return commands
}

// Manual returns every command of the command line, for the generated manual.
func Manual() []grammar.Entry { return table().Manual() }

// refresh looks up who the user is now: rights follow the state, not the login.
// It reports false when the user is gone or disabled.
func (sh *Shell) refresh() bool {
	if sh.login.Door == rtbh.DoorLocal {
		sh.user = rtbh.User{Name: sh.actor.User, Role: rtbh.RoleOperator}
		sh.role, sh.scope = operators, ""
		return true
	}
	there := false
	sh.ports.Cluster.View(func(s *rtbh.State, _ rtbh.Instant) {
		sh.user, there = s.User(sh.login.User.Name)
	})
	sh.role, sh.scope = roleBit(sh.user), sh.user.Customer
	if there && sh.user.Role == rtbh.RoleCustomer && sh.scope == "" {
		there = false // the state refuses such a record; never let it see everything
	}
	return there && !sh.user.Disabled
}

// Prompt is the name, then what the mode adds, and whether a batch is open.
func (sh *Shell) Prompt() string {
	mode := sh.mode.Prompt
	if sh.batch != nil {
		mode = strings.Replace(mode, ")", "-batch)", 1)
	}
	return sh.promptName() + mode
}

// promptName is the user's own prompt, else its customer's, else the node's name.
func (sh *Shell) promptName() string {
	name := sh.user.Prompt
	if name == "" && sh.scope != "" {
		sh.ports.Cluster.View(func(s *rtbh.State, _ rtbh.Instant) {
			cu, _ := s.Customer(sh.scope)
			name = cu.Prompt
		})
	}
	if name == "" {
		name = sh.ports.Node.Current().Hostname
	}
	return clean(name)
}

// Interrupt leaves the configuration modes, as Ctrl-C does in Quagga.
func (sh *Shell) Interrupt() { sh.End() }

// End is Ctrl-Z and the command `end`. A batch that was not committed is gone.
func (sh *Shell) End() {
	sh.batch = nil
	if sh.mode != viewMode {
		sh.mode = enableMode
	}
}

// call is one line that is being run.
type call struct {
	*Shell
	ctx     context.Context
	out     io.Writer
	typed   string // the whole line
	stale   uint64 // index that a show is as of, when it is not the newest
	behind  bool   // stale counts
	armed   string // what the line before asked to clear
	outcome vty.Outcome
	planned *[]rtbh.Command // not nil: the line is only planned, its command goes here
	decides bool            // the line is about the batch itself, not one of its lines
}

// Execute runs one line.
func (sh *Shell) Execute(ctx context.Context, line string, out io.Writer) vty.Outcome {
	swallow := sh.swallow
	c := &call{Shell: sh, ctx: ctx, out: out, typed: line, armed: sh.armed}
	sh.swallow, sh.armed = false, ""
	if !sh.refresh() {
		c.print("%% This user does not exist any more or is disabled.\n")
		return vty.Outcome{Status: vty.Refused, Close: true}
	}
	open := sh.batch
	err := c.run(line)
	var unread *grammar.Error
	if swallow && errors.As(err, &unread) {
		return vty.Outcome{Forget: true}
	}
	c.outcome.Status = c.explain(err)
	c.flag(err)
	c.afterBatchLine(open)
	return c.outcome
}

// run parses a line in the shell's mode and runs its command, through a pipe
// when it is a show command with one.
func (c *call) run(line string) error {
	if a, ok := c.foretold(); ok {
		return c.conclude(a)
	}
	if head, tail, ok := cutPipe(line); ok {
		if r, m, err := table().Parse(c.mode, head, c.role); err == nil && pipes(r) {
			return c.piped(r, m, tail)
		}
	}
	r, m, err := table().Parse(c.mode, line, c.role)
	if err != nil {
		if errors.Is(err, grammar.ErrBlank) {
			return nil
		}
		if r, m, ok := c.fallback(line); ok {
			return c.runRow(r, m)
		}
		return err
	}
	return c.runRow(r, m)
}

func (c *call) runRow(r *row, m *match) error {
	if err := r.Run(c, m); err != nil {
		return err
	}
	if r.Enters != nil {
		c.mode = r.Enters
	}
	return nil
}

// Describe is what `?` prints.
func (sh *Shell) Describe(line string) string {
	sh.refresh()
	mode, rest := sh.helpMode(line)
	if head, tail, ok := cutPipe(rest); ok {
		if r, _, err := table().Parse(mode, head, sh.role); err == nil && pipes(r) {
			return describePipe(tail)
		}
	}
	return table().Describe(mode, rest, sh.role)
}

// Complete is Tab.
func (sh *Shell) Complete(line string) (insert string, choices []string) {
	sh.refresh()
	mode, rest := sh.helpMode(line)
	if head, tail, ok := cutPipe(rest); ok {
		if r, _, err := table().Parse(mode, head, sh.role); err == nil && pipes(r) {
			return completePipe(tail)
		}
	}
	return table().Complete(mode, rest, sh.role)
}

// helpMode sees through `do`: what follows it is read at enable mode.
func (sh *Shell) helpMode(line string) (*grammar.Mode, string) {
	trimmed := strings.TrimLeft(line, " \t")
	if _, config := above[sh.mode]; config {
		if rest, ok := strings.CutPrefix(trimmed, "do "); ok {
			return enableMode, rest
		}
	}
	return sh.mode, line
}
