package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/triggerd/triggerd/bgp"
	"github.com/triggerd/triggerd/cli"
	"github.com/triggerd/triggerd/consensus"
	"github.com/triggerd/triggerd/internal/alarm"
	"github.com/triggerd/triggerd/internal/config"
	"github.com/triggerd/triggerd/internal/journal"
	"github.com/triggerd/triggerd/internal/rtbh"
	"github.com/triggerd/triggerd/rpki"
)

// Options are what a node is started with.
type Options struct {
	Config  config.Node
	Path    string // of the file that Config came from
	Version string // of this binary
	Log     *slog.Logger
}

// Daemon is one running node.
type Daemon struct {
	log     *slog.Logger
	journal *journal.Journal
	door    atomic.Pointer[cli.Server]
	alarms  *alarm.Registry
	conf    *nodeConfig
	node    *consensus.Node
	router  *router
	acts    localActs
	refused *refusals
	rpki    *rpki.Service
	grants  *grantBook
	telling sync.Mutex    // holds grants
	version string        // of this binary
	changed chan struct{} // one slot: deadlines may have moved
	budgets chan struct{} // one slot: neighbors' budgets may have

	reloading sync.Mutex // no reload while the speaker opens
	failed    chan struct{}
	failure   error // set before failed is closed

	cancel  context.CancelFunc
	work    sync.WaitGroup
	closers []func(context.Context) error
	once    sync.Once
}

// Start builds the node's parts from the cluster upwards and returns when the
// operator's door and the SSH door are open. Announcing begins by itself, once
// the cluster has said where it stands or has not within boot-wait.
func Start(_ context.Context, o Options) (d *Daemon, err error) {
	if err := errors.Join(checkSocket(o.Config), checkName(o.Config)); err != nil {
		return nil, err
	}
	book := journal.New(o.Log.Handler())
	o.Log = slog.New(book)
	o.Log.Info("starting", "node", o.Config.Hostname, "version", o.Version, "file", o.Path)
	run, cancel := context.WithCancel(context.Background())
	d = &Daemon{
		log: o.Log, journal: book, alarms: alarm.New(o.Log), cancel: cancel, version: o.Version,
		conf:    &nodeConfig{path: o.Path, current: o.Config},
		changed: make(chan struct{}, 1), budgets: make(chan struct{}, 1), failed: make(chan struct{}),
	}
	d.router = &router{conf: d.conf.Current}
	defer func() {
		if err != nil {
			cancel()
			err = errors.Join(err, d.Close(context.Background()))
		}
	}()
	if d.node, err = d.openNode(o); err != nil {
		return d, err
	}
	d.onClose(func(context.Context) error { return d.node.Close() })
	if err := d.openLocalActs(run); err != nil {
		return d, err
	}
	d.router.view = d.node.View
	trace := &tracer{node: d.node, router: d.router, not: d.acts.suppression}
	d.node.Handle(queryTrace, trace.answer)
	d.node.OnApply(d.applied)
	d.node.OnCheckpoint(d.wrongRoutes)

	d.refused = newRefusals(d.node)
	d.openRPKI(run, o.Config)
	ssh := o.Config.SSH
	sessions := cli.NewSessionList(cli.SessionLimits{Total: ssh.Sessions, PerUser: ssh.PerUser, PerSource: ssh.PerSource})
	shells := cli.NewShells(d.ports(o, trace, sessions))
	if err := d.openLocalDoor(run, shells, sessions); err != nil {
		return d, err
	}
	if err := d.openSSH(run, shells, sessions); err != nil {
		return d, err
	}
	d.log.Info("the doors are open", "local", socketPath(o.Config), "ssh", o.Config.SSH.Listen)
	d.work.Go(func() { d.announce(run) })
	d.work.Go(func() { d.tellBudgets(run) })
	d.work.Go(func() { d.watch(run) })
	d.work.Go(func() { d.refused.run(run) })
	return d, nil
}

func (d *Daemon) onClose(f func(context.Context) error) { d.closers = append(d.closers, f) }

func (d *Daemon) openNode(o Options) (*consensus.Node, error) {
	node, err := consensus.Open(consensus.Options{
		Dir: o.Config.DataDir, Listen: o.Config.Cluster.Listen, Advertise: advertised(o.Config),
		BootWait: o.Config.Cluster.BootWait, Version: o.Version, Log: o.Log, Alarms: d.alarms,
	})
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", o.Config.DataDir, err)
	}
	return node, nil
}

// advertised is the address that the other members dial.
func advertised(c config.Node) string {
	if c.Cluster.Advertise != "" {
		return c.Cluster.Advertise
	}
	return c.Cluster.Listen
}

// ports is everything that a session may look at or change.
func (d *Daemon) ports(o Options, trace *tracer, sessions *cli.SessionList) cli.Ports {
	p := cli.Ports{
		Cluster: cluster{d.node}, Members: cluster{d.node}, Repair: repair{d.node}, Node: liveConfig{d.conf, d}, Version: o.Version,
		Alarms: d.alarms, Tracer: trace, Sessions: sessions, Local: d.acts,
		Refusals: d.refused, RPKI: validation{d.rpki}, Table: receivedTable{d.rpki},
		Journal: d.journal, Door: sshDoor{d},
	}
	if o.Config.BGP != nil {
		p.Speaker = d.router
	}
	return p
}

func (d *Daemon) openSSH(ctx context.Context, shells cli.Shells, sessions *cli.SessionList) error {
	c := d.conf.Current()
	if c.SSH.Disabled {
		return nil
	}
	server, err := cli.NewServer(cli.ServerOptions{
		Listen: c.SSH.Listen, HostKeyDir: filepath.Join(c.DataDir, "hostkeys"), Users: users{d.node},
		Shells: shells, Sessions: sessions, Refusals: d.refused, Log: d.log, Greeting: d.greeting, ExecTimeout: c.SSH.ExecTimeout,
		Limits: doorLimits(c.SSH),
	})
	if err != nil {
		return fmt.Errorf("opening the SSH door: %w", err)
	}
	if err := server.Start(ctx); err != nil {
		return fmt.Errorf("opening the SSH door: %w", err)
	}
	d.door.Store(server)
	d.onClose(server.Shutdown)
	return nil
}

// doorLimits are the file's bounds on strangers, and on those who are in. A connection
// without a session is soon closed: so twice as many of a user as it may have
// sessions never refuse one of these, as they do the rest.
func doorLimits(c config.SSH) cli.ServerLimits {
	return cli.ServerLimits{
		SessionTime: c.SessionTime, Handshake: c.LoginGrace, AuthTries: c.AuthTries, Keepalive: c.AliveEvery,
		HalfOpen: c.Startups, HalfOpenPerSource: c.StartupsPer, ConnsPerUser: 2 * c.PerUser,
	}
}

// sshDoor is the SSH server as operators look at it.
type sshDoor struct{ d *Daemon }

// Status is [cli.Door]'s.
func (s sshDoor) Status() (cli.DoorStatus, bool) {
	server := s.d.door.Load()
	if server == nil {
		return cli.DoorStatus{}, false
	}
	return server.Status(), true
}

// greeting is what a terminal is greeted with: the cluster's banner, then the
// node's own.
func (d *Daemon) greeting() string {
	var lines []string
	d.node.View(func(s *rtbh.State, _ rtbh.Instant) { lines = append(lines, s.Settings().Banner) })
	lines = append(lines, d.conf.Current().SSH.Banner)
	text := strings.Join(slices.DeleteFunc(lines, func(l string) bool { return l == "" }), "\n")
	if text == "" {
		return ""
	}
	return text + "\n"
}

// applied is called after each entry, in the order of the log, and must not
// wait.
func (d *Daemon) applied(changed []netip.Prefix, all bool) {
	if s := d.router.speaker.Load(); s != nil && (all || len(changed) > 0) {
		s.Wake(changed, all)
	}
	select {
	case d.changed <- struct{}{}:
	default:
	}
}

// announce waits for the cluster, then runs the speaker until ctx ends.
func (d *Daemon) announce(ctx context.Context) {
	confirmed := d.node.Ready(ctx)
	if ctx.Err() != nil || d.conf.Current().BGP == nil {
		return
	}
	if role := d.node.Role(); !role.Announces() {
		d.log.Warn("this node announces nothing; its router bgp block is not used", "role", role)
		return
	}
	speaker, err := d.openSpeaker(ctx)
	if err != nil {
		d.alarms.Raise(alarm.DaemonFault, "bgp", "the BGP speaker does not start: "+err.Error())
		d.failure = fmt.Errorf("the BGP speaker does not start: %w", err)
		close(d.failed)
		return
	}
	d.log.Info("announcing", "routes", len(speaker.Announced()), "confirmed", confirmed)
	end(ctx, d.node, d.changed, func(over []netip.Prefix) { speaker.Wake(over, false) })
}

// openSpeaker starts the speaker with the configuration of this moment.
func (d *Daemon) openSpeaker(ctx context.Context) (*bgp.Speaker, error) {
	d.reloading.Lock()
	defer d.reloading.Unlock()
	speaker := bgp.New(bgp.Options{
		Config: *d.conf.Current().BGP, Source: desired{d.node, d.acts.suppression}, Log: d.log, Alarms: d.alarms, Receiver: d.rpki,
		Name: d.conf.Current().Hostname, Version: d.version,
	})
	// From here on every change wakes the speaker, which reads the whole state
	// when it opens: nothing falls between the two.
	d.router.speaker.Store(speaker)
	if err := speaker.Open(ctx); err != nil {
		d.router.speaker.Store(nil)
		return nil, fmt.Errorf("opening the speaker: %w", err)
	}
	return speaker, nil
}

// Failed is closed when the node can't do its work and has to be restarted.
// [Daemon.Failure] says why then.
func (d *Daemon) Failed() <-chan struct{} { return d.failed }

// Failure is why the node can't do its work, once [Daemon.Failed] is closed.
func (d *Daemon) Failure() error { return d.failure }

// Close stops the node: first the doors, then BGP, so that neighbors with
// graceful restart keep the routes, then the cluster side.
func (d *Daemon) Close(ctx context.Context) (err error) {
	d.once.Do(func() {
		started, opened := time.Now(), len(d.closers) > 0
		for len(d.closers) > 1 { // the doors
			err = errors.Join(err, d.closeLast(ctx))
		}
		d.cancel()
		d.work.Wait()
		if s := d.router.speaker.Swap(nil); s != nil {
			err = errors.Join(err, s.Close(ctx, true))
		}
		if len(d.closers) > 0 {
			err = errors.Join(err, d.closeLast(ctx))
		}
		if opened {
			d.log.Info("stopped", "took", time.Since(started).Round(time.Millisecond))
		}
	})
	return err
}

func (d *Daemon) closeLast(ctx context.Context) error {
	last := d.closers[len(d.closers)-1]
	d.closers = d.closers[:len(d.closers)-1]
	return last(ctx)
}

// Do proposes commands as the node's own operator.
func (d *Daemon) Do(ctx context.Context, commands ...rtbh.Command) ([]rtbh.Outcome, error) {
	r, err := d.node.Propose(ctx, rtbh.Entry{
		Actor:    rtbh.Actor{User: "local", Door: rtbh.DoorLocal, Node: d.node.Name()},
		Commands: commands,
	})
	return r.Result.Outcomes, err
}

// Token invites a node.
func (d *Daemon) Token(ctx context.Context, role rtbh.MemberRole, name string) (string, error) {
	by := rtbh.Actor{User: "local", Door: rtbh.DoorLocal, Node: d.node.Name()}
	return d.node.Token(ctx, by, role, name, tokenLifetime)
}

// Complete waits until the cluster has n voters that all answer and this node
// has what they have.
func (d *Daemon) Complete(ctx context.Context, n int) error {
	for {
		s := d.node.Status(ctx)
		if _, fresh := d.node.Fresh(ctx); fresh && s.Leader != "" && s.Voters >= n && s.Reach >= n {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%d of %d voters, %d answer: %w", s.Voters, n, s.Reach, ctx.Err())
		case <-time.After(50 * time.Millisecond):
		}
	}
}
