package dev

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/triggerd/triggerd/internal/daemon"
	"github.com/triggerd/triggerd/internal/rtbh"
)

// Options are what `triggerd dev` was told.
type Options struct {
	Data    string // keep everything there; "" = a temporary folder that is removed
	JSON    bool   // one line on Stdout once all is ready, people's text on Stderr
	Version string
	Stdout  io.Writer
	Stderr  io.Writer
	Log     *slog.Logger
}

// startWithin bounds the start; a cluster on one machine takes 2 to 3 seconds.
const startWithin = 30 * time.Second

// world is everything that runs.
type world struct {
	opt      Options
	dir      string
	triggers []*node
	witness  *node
	router   *router
	operator string // private key's path
	customer string
}

// Run starts the cluster, says how to use it, and runs until ctx ends.
func Run(ctx context.Context, opt Options) (err error) {
	w := &world{opt: opt, dir: opt.Data}
	if w.dir == "" {
		if w.dir, err = os.MkdirTemp("", "triggerd-dev-"); err != nil {
			return fmt.Errorf("making a folder: %w", err)
		}
		defer os.RemoveAll(w.dir)
	}
	if w.dir, err = filepath.Abs(w.dir); err != nil {
		return fmt.Errorf("finding the folder: %w", err)
	}
	defer w.stop()
	starting, cancel := context.WithTimeout(ctx, startWithin)
	defer cancel()
	if err := w.start(starting); err != nil {
		if ctx.Err() != nil {
			return nil // told to stop while starting
		}
		return err
	}
	if err := w.announceReady(); err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		return nil
	case err := <-w.failed(ctx):
		return err
	}
}

// start brings everything up, in the order in which an operator would.
func (w *world) start(ctx context.Context) error {
	operatorKey, err := w.keys()
	if err != nil {
		return err
	}
	if err := w.nodes(); err != nil {
		return err
	}
	show := w.opt.Stdout
	if w.opt.JSON {
		show = w.opt.Stderr
	}
	if w.router, err = newRouter(show); err != nil {
		return err
	}
	first := w.triggers[0]
	if !daemon.Initialised(first.conf) {
		if err := daemon.Init(first.conf, w.opt.Version, "operator", []string{operatorKey}, w.opt.Log); err != nil {
			return err
		}
	}
	if err := first.start(ctx, w.opt.Version, w.opt.Log); err != nil {
		return err
	}
	if err := w.members(ctx); err != nil {
		return err
	}
	if err := w.defineCustomer(ctx); err != nil {
		return err
	}
	for _, t := range w.triggers {
		if err := w.router.sink.Dial(t.name, t.bgpAddr(), localhost); err != nil {
			return err
		}
	}
	for _, n := range w.all() {
		if err := n.d.Complete(ctx, 3); err != nil {
			return fmt.Errorf("waiting for %s: %w", n.name, err)
		}
	}
	return w.router.established(ctx, len(w.triggers))
}

func (w *world) keys() (operator string, err error) {
	w.operator = filepath.Join(w.dir, "keys", "operator")
	w.customer = filepath.Join(w.dir, "keys", "customer")
	if _, err := sshKey(w.customer, "customer@triggerd-dev"); err != nil {
		return "", err
	}
	return sshKey(w.operator, "operator@triggerd-dev")
}

func (w *world) nodes() (err error) {
	for i, name := range []string{"trigger1", "trigger2"} {
		n, err := newNode(w.dir, name, rtbh.Voter, byte(11+i))
		if err != nil {
			return err
		}
		w.triggers = append(w.triggers, n)
	}
	w.witness, err = newNode(w.dir, "witness", rtbh.Witness, 13)
	return err
}

// all are the nodes in the order of their start.
func (w *world) all() []*node { return append(slices.Clone(w.triggers), w.witness) }

// members lets the other nodes join, unless they did so in an earlier run.
func (w *world) members(ctx context.Context) error {
	first := w.triggers[0]
	for _, n := range w.all()[1:] {
		if !daemon.Initialised(n.conf) {
			token, err := first.d.Token(ctx, n.role, n.name)
			if err != nil {
				return fmt.Errorf("inviting %s: %w", n.name, err)
			}
			if err := daemon.Join(ctx, n.conf, token, w.opt.Version); err != nil {
				return fmt.Errorf("joining %s: %w", n.name, err)
			}
		}
		if err := n.start(ctx, w.opt.Version, w.opt.Log); err != nil {
			return err
		}
	}
	return nil
}

// announceReady says how to log in.
func (w *world) announceReady() error {
	if w.opt.JSON {
		if err := json.NewEncoder(w.opt.Stdout).Encode(w.summary()); err != nil {
			return fmt.Errorf("writing the summary: %w", err)
		}
		return nil
	}
	_, err := io.WriteString(w.opt.Stdout, w.welcome())
	return err
}

// failed reports the first node that stops by itself.
func (w *world) failed(ctx context.Context) <-chan error {
	out := make(chan error, 3)
	for _, n := range w.all() {
		go func() {
			select {
			case <-n.d.Failed():
				out <- fmt.Errorf("%s stopped by itself: %w", n.name, n.d.Failure())
			case <-ctx.Done():
			}
		}()
	}
	return out
}

// stop ends everything; the router first, so that nobody reports lost sessions.
func (w *world) stop() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if w.router != nil {
		w.router.close()
	}
	var err error
	for _, n := range w.all() {
		if n != nil && n.d != nil {
			err = errors.Join(err, n.d.Close(ctx))
		}
	}
	if err != nil {
		w.opt.Log.Warn("stopping was not clean", "error", err)
	}
}
