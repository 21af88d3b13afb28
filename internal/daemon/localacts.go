package daemon

import (
	"context"
	"crypto/rand"
	"net/netip"

	"github.com/triggerd/triggerd/cli"
	"github.com/triggerd/triggerd/internal/config"
	"github.com/triggerd/triggerd/internal/rtbh"
)

func newRequest() (id rtbh.RequestID) {
	_, _ = rand.Read(id[:]) // never fails since Go 1.24
	return id
}

// localActs is what operators do at this node alone, as the command line sees
// it.
type localActs struct {
	*suppression
	*localAudit
}

// openLocalActs prepares the node's own acts; they are tended until ctx ends.
func (d *Daemon) openLocalActs(ctx context.Context) error {
	var err error
	d.acts.localAudit, err = openLocalAudit(d.conf.Current().DataDir, d.node.Name(), d.alarms, d.node.Now, func(ctx context.Context, e rtbh.Entry) error {
		_, err := d.node.Propose(ctx, e)
		return err
	})
	if err != nil {
		return err
	}
	majority := func() bool {
		s := d.node.Status(ctx)
		return s.Leader != "" && s.Majority()
	}
	d.acts.suppression = newSuppression(d.alarms, majority, func(changed []netip.Prefix) {
		if s := d.router.speaker.Load(); s != nil {
			s.Wake(changed, false)
		}
	})
	d.work.Go(func() { d.acts.localAudit.tend(ctx) })
	d.work.Go(func() {
		d.acts.suppression.tend(ctx, func(x cli.Suppressed) {
			text := "no suppress " + x.Prefix.String() + " (the majority is back)"
			if err := d.acts.Record(rtbh.Actor{Node: d.node.Name()}, text); err != nil {
				d.log.Error("could not record that a suppression ended", "prefix", x.Prefix, "error", err)
			}
		})
	})
	return nil
}

// liveConfig is the node's configuration with what changes it while it runs.
type liveConfig struct {
	*nodeConfig
	d *Daemon
}

// Apply makes c what runs. What this platform cannot do is refused before
// anything changes, and what fails later is undone.
func (l liveConfig) Apply(_ context.Context, c config.Node) error {
	if err := Check(c); err != nil {
		return err
	}
	return l.d.typed(c)
}
