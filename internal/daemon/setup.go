package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"

	"github.com/triggerd/triggerd/bgp"
	"github.com/triggerd/triggerd/consensus"
	"github.com/triggerd/triggerd/internal/config"
)

// Check finds what is wrong with a configuration beyond its syntax: what this
// platform's speaker can't do.
func Check(c config.Node) error {
	if host, _, err := net.SplitHostPort(advertised(c)); err == nil {
		if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
			return errors.New("the other members cannot dial " + advertised(c) + "; add a line `cluster advertise ADDRESS:PORT`")
		}
	}
	if c.BGP == nil {
		return nil
	}
	return errors.Join(bgp.Check(*c.BGP)...)
}

// Warnings names what the configuration asks for and this version does not do.
func Warnings(c config.Node) (all []string) {
	for _, n := range neighborsOf(c) {
		if n.RouteMapOut != "" {
			all = append(all, fmt.Sprintf("neighbor %s: `route-map %s out` is not applied; every neighbor is sent the attributes that the blackhole's own route-map sets", n.Addr, n.RouteMapOut))
		}
	}
	return all
}

// Initialised tells whether the node is a member of a cluster.
func Initialised(c config.Node) bool {
	_, err := os.Stat(filepath.Join(c.DataDir, "identity.json"))
	return err == nil
}

// Init makes a new cluster with this node as its first member.
func Init(c config.Node, version, operator string, keys []string, log *slog.Logger) error {
	err := consensus.Init(consensus.InitOptions{
		Dir: c.DataDir, Name: c.Hostname, Advertise: advertised(c),
		Operator: operator, OperatorKeys: keys, Version: version, Log: log,
	})
	if err != nil {
		return fmt.Errorf("making a cluster: %w", err)
	}
	return nil
}

// Join makes this node a member of the cluster that the token is from.
func Join(ctx context.Context, c config.Node, token, version string) error {
	_, err := consensus.Join(ctx, consensus.JoinOptions{
		Dir: c.DataDir, Name: c.Hostname, Advertise: advertised(c), Token: token, Version: version,
	})
	if err != nil {
		return fmt.Errorf("joining: %w", err)
	}
	return nil
}
