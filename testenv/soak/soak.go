package soak

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/triggerd/triggerd/testenv/soak/history"
	"github.com/triggerd/triggerd/testenv/soak/proxy"
)

// soak is everything that one run has.
type soak struct {
	opt  Options
	dir  string
	log  *timeline
	pace time.Duration // mean pause of a client between two writes

	nodes    []*node // both triggers, then the witness
	triggers []*node
	routers  []*router
	links    *proxy.Links
	keys     *hostKeys

	ground   *ground
	book     *history.Book
	wire     *history.Wire
	digests  *history.Digests
	verdicts *history.Verdicts
	figures  *figures

	gate        *gate
	gateAtStart func()
	supply      supply
	contest     *contest
	leader      atomic.Pointer[string]
	ending      atomic.Bool
	began       time.Time
	idle        string // what the idle cluster used

	killed   atomic.Int64
	faulted  atomic.Int64
	evidence sync.Once
	copying  sync.WaitGroup
	closers  []func()
}

// pace keeps two shared cores busy without being all that they do.
const pace = 40 * time.Millisecond

// calmAfter is how long nothing must have been done to the cluster for what is
// measured to be that of a healthy one.
const calmAfter = 3 * time.Second

// Run soaks a cluster. The error says why it could not go on, which is not the
// cluster's fault; whether the cluster kept its word is in the result.
func Run(ctx context.Context, opt Options) (r Result, err error) {
	s, err := newSoak(opt)
	if err != nil {
		return r, err
	}
	defer func() {
		s.close()
		r = s.result()
		if r.Good() && err == nil && !opt.Keep {
			err = os.RemoveAll(s.dir)
			return
		}
		r.Kept = s.dir
	}()
	if err := s.open(ctx); err != nil {
		return r, err
	}
	if err := s.measureIdle(ctx); err != nil {
		return r, err
	}
	err = s.work(ctx)
	s.report()
	return r, err
}

func newSoak(opt Options) (*soak, error) {
	for _, kind := range opt.Only {
		if !slices.Contains(faultKinds, kind) {
			return nil, fmt.Errorf("%q is no kind of fault; there are %q", kind, faultKinds)
		}
	}
	dir := opt.Dir
	if dir == "" {
		var err error
		if dir, err = os.MkdirTemp("", "soak-"); err != nil {
			return nil, fmt.Errorf("making a folder: %w", err)
		}
	} else if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("making a folder: %w", err)
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("finding the folder: %w", err)
	}
	if opt.Binary, err = filepath.Abs(opt.Binary); err != nil {
		return nil, fmt.Errorf("finding triggerd: %w", err)
	}
	log, err := newTimeline(dir, opt.Out)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	s := &soak{
		opt: opt, dir: dir, log: log, pace: pace, began: now,
		routers: newRouters(), links: proxy.NewLinks(), keys: &hostKeys{known: map[string][]byte{}},
		ground: newGround(now, nodeNames...), book: history.NewBook(), verdicts: &history.Verdicts{}, gate: newGate(),
	}
	s.verdicts.OnNew = s.violated
	s.digests = history.NewDigests(s.verdicts)
	var sessions []history.Session
	for _, r := range s.routers {
		for _, t := range nodeNames[:2] {
			sessions = append(sessions, history.Session{Router: r.name, Trigger: t})
		}
	}
	s.wire = history.NewWire(s.book, s.ground, s.verdicts, now, sessions...)
	s.figures = newFigures(len(s.routers), len(sessions))
	s.contest = newContest(s)
	return s, nil
}

func (s *soak) onClose(f func()) { s.closers = append(s.closers, f) }

// close ends everything that runs, the newest first.
func (s *soak) close() {
	s.ending.Store(true)
	s.wire.Finish()
	for _, r := range s.routers {
		r.close()
	}
	for _, n := range s.nodes {
		n.kill9()
	}
	for i := len(s.closers) - 1; i >= 0; i-- {
		s.closers[i]()
	}
	s.copying.Wait()
	s.log.close()
}

// open brings the cluster and the routers up.
func (s *soak) open(ctx context.Context) error {
	s.log.say("data and logs in %s", s.dir)
	if err := s.makeNodes(); err != nil {
		return err
	}
	operator, err := newPerson("noc")
	if err != nil {
		return err
	}
	if err := s.found(ctx, operator); err != nil {
		return fmt.Errorf("making the cluster: %w", err)
	}
	writer, err := newPerson("alice")
	if err != nil {
		return err
	}
	rival, err := newPerson("bob")
	if err != nil {
		return err
	}
	if err := s.define(ctx, writer, rival); err != nil {
		return fmt.Errorf("making the customers: %w", err)
	}
	for _, r := range s.routers {
		if err := r.open(s.triggers, s.wire, s.log, s.figures, s.deadline); err != nil {
			return err
		}
	}
	if why := s.awaitRouters(ctx, setupPatience); why != "" {
		return fmt.Errorf("the routers have not all their sessions: %s", why)
	}
	s.log.say("the cluster is up after %.1f s", time.Since(s.began).Seconds())
	s.startLoad(writer, rival)
	return nil
}

// work is the soak itself.
func (s *soak) work(ctx context.Context) error {
	watching, stop := context.WithCancel(ctx)
	var watch sync.WaitGroup
	watch.Go(func() { s.watch(watching) })
	watch.Go(func() { s.progress(watching) })
	defer watch.Wait()
	defer stop()

	s.gateAtStart()
	err := wait(ctx, s.opt.Calm)
	if err == nil {
		err = s.killLoop(ctx, s.rng(1))
	}
	if err == nil {
		err = s.faultLoop(ctx, s.rng(2))
	}
	if err == nil {
		err = s.settle(ctx, true)
	}
	return err
}

// rng is the source of one part's decisions.
func (s *soak) rng(part uint64) *rand.Rand { return rand.New(rand.NewPCG(s.opt.Seed, part)) }

// calm tells whether nothing was done to the cluster for a while.
func (s *soak) calm() bool { return s.ground.healthy(calmAfter) }

// deadline is when a blackhole has to end by itself at a trigger; false also when
// something was done to that shortly before.
func (s *soak) deadline(trigger string, p netip.Prefix) (end time.Time, ok bool) {
	end, ok = s.book.Deadline(p)
	if !ok {
		return end, false
	}
	since, settled := s.ground.Settled(trigger, time.Now())
	return end, settled && since.Before(end.Add(-calmAfter))
}

// died is told of a process that ended though nobody asked it to.
func (s *soak) died(n *node, err error) {
	if s.ending.Load() {
		return
	}
	done := s.ground.breaks(time.Second, n.name)
	defer done()
	s.verdicts.Add(history.Violation{
		Kind: history.Withdrawal, Where: n.name, At: time.Now(),
		What: fmt.Sprintf("start %d of the process ended by itself: %v; the end of %s says why", n.starts, err, n.logFile()),
	})
	<-time.After(diedPause)
	if s.ending.Load() {
		return
	}
	if err := n.start(); err != nil {
		s.log.say("%s is not started again: %v", n.name, err)
	}
}

// diedPause is what a supervisor waits before it starts a process that ended.
const diedPause = time.Second

// maxAccounts is how many violations are told in full; the rest is in the
// timeline.
const maxAccounts = 20

// violated tells a violation at once, and copies the nodes' files at the first:
// the soak goes on and would bury what there is to see.
func (s *soak) violated(v history.Violation) {
	n := len(s.verdicts.All())
	if n <= maxAccounts {
		s.log.say("VIOLATION %d: %s", n, v)
	} else {
		s.log.note("VIOLATION %d: %s", n, v)
	}
	s.evidence.Do(func() { s.copying.Go(s.copyEvidence) })
}

func (s *soak) copyEvidence() {
	s.log.flush()
	for _, n := range s.nodes {
		if err := os.CopyFS(filepath.Join(s.dir, "first-violation", n.name), os.DirFS(n.dir)); err != nil {
			s.log.note("copying the files of %s: %v", n.name, err)
		}
	}
}

// result counts.
func (s *soak) result() Result {
	n := s.verdicts.Count()
	acknowledged, _, _ := s.figures.counts()
	return Result{
		Kills: int(s.killed.Load()), Partitions: int(s.faulted.Load()), Acknowledged: acknowledged,
		Lost: n[history.Lost], Revived: n[history.Revived], Diverged: n[history.Diverged], Withdrawals: n[history.Withdrawal],
	}
}

func firstLine(text string) string {
	head, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	return strings.TrimSpace(head)
}
