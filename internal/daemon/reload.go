package daemon

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/triggerd/triggerd/internal/config"
)

// Reload takes a new configuration. Only the speaker's neighbors and the
// RPKI caches change while the node runs; what needs a restart is said in the log.
func (d *Daemon) Reload(_ context.Context, c config.Node) error {
	d.reloading.Lock()
	defer d.reloading.Unlock()
	old := d.conf.Current()
	next, err := d.takeNeighbors(c)
	if err != nil {
		return fmt.Errorf("reading the file again: %w", err)
	}
	d.takeCaches(old.RPKI, c.RPKI)
	next.RPKI = c.RPKI
	d.conf.set(next, c)
	d.rpki.RolesChanged()
	if waits := needRestart(next, c); len(waits) > 0 {
		d.log.Warn("some changes of the file take effect with the next start", "file", d.conf.path, "lines", waits)
	}
	added, removed, changed := config.Diff(old.BGP, next.BGP)
	d.log.Info("the file was read again", "file", d.conf.path,
		"neighbors_added", len(added), "neighbors_removed", len(removed), "neighbors_changed", len(changed))
	return nil
}

// takeNeighbors gives the speaker the neighbors of c and returns what runs then.
// The lock of reloading is held.
func (d *Daemon) takeNeighbors(c config.Node) (config.Node, error) {
	next := d.conf.Current()
	if next.BGP == nil || c.BGP == nil {
		return next, nil
	}
	bgp := *next.BGP // the router itself stays: only a new speaker can take it
	bgp.Neighbors = c.BGP.Neighbors
	next.BGP = &bgp
	defer wake(d.budgets)
	if s := d.router.speaker.Load(); s != nil {
		if _, err := s.Reconfigure(bgp); err != nil {
			return next, fmt.Errorf("changing the neighbors: %w", err)
		}
	}
	return next, nil
}

// typed takes the neighbors of a configuration that was typed, not read: the
// file stays as it was read until it is saved.
func (d *Daemon) typed(c config.Node) error {
	d.reloading.Lock()
	defer d.reloading.Unlock()
	was, file := d.conf.Current(), d.conf.asRead()
	next, err := d.takeNeighbors(c)
	if err != nil {
		_, undone := d.takeNeighbors(was)
		return errors.Join(err, undone)
	}
	d.conf.set(next, file)
	d.rpki.RolesChanged()
	added, removed, changed := config.Diff(was.BGP, next.BGP)
	d.log.Info("neighbors were changed by an operator",
		"neighbors_added", len(added), "neighbors_removed", len(removed), "neighbors_changed", len(changed))
	return nil
}

// needRestart names the lines of the file that differ from what runs.
func needRestart(runs, file config.Node) (lines []string) {
	note := func(differs bool, line string) {
		if differs {
			lines = append(lines, line)
		}
	}
	note(runs.Hostname != file.Hostname, "hostname")
	note(runs.DataDir != file.DataDir, "data-directory")
	note(runs.Cluster != file.Cluster, "cluster")
	note(!runs.SSH.Equal(file.SSH), "ssh")
	switch {
	case runs.BGP == nil || file.BGP == nil:
		note(runs.BGP != file.BGP, "router bgp")
	default:
		note(runs.BGP.ASN != file.BGP.ASN, "router bgp")
		note(runs.BGP.RouterID != file.BGP.RouterID, "bgp router-id")
		note(runs.BGP.NoListen != file.BGP.NoListen || !slices.Equal(runs.BGP.Listen, file.BGP.Listen) ||
			!slices.Equal(runs.BGP.Ranges, file.BGP.Ranges), "bgp listen")
		note(!slices.Equal(runs.BGP.BMP, file.BGP.BMP), "bmp")
		note(!slices.Equal(runs.BGP.MonitorListen, file.BGP.MonitorListen), "bgp monitor listen")
	}
	return lines
}
