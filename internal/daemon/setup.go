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
	"github.com/triggerd/triggerd/consensus/peer"
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
	if err := errors.Join(checkSocket(c), checkCaches(c.RPKI)); err != nil || c.BGP == nil {
		return err
	}
	return errors.Join(bgp.Check(*c.BGP)...)
}

// Initialised tells whether the node is a member of a cluster.
func Initialised(c config.Node) bool {
	_, err := os.Stat(filepath.Join(c.DataDir, "identity.json"))
	return err == nil
}

// maxSocketPath is how long the path of a unix socket may be on every system
// that we compile for: sun_path has 104 bytes on macOS and FreeBSD, 108 on Linux,
// one of them the NUL at its end.
const maxSocketPath = 103

// checkSocket refuses a data directory in which no socket can be opened; the
// system itself would only say "invalid argument".
func checkSocket(c config.Node) error {
	path := socketPath(c)
	if len(path) <= maxSocketPath {
		return nil
	}
	return fmt.Errorf("data-directory %s is too long a path: its socket %s would have %d bytes, and a socket's path has at most %d; choose a shorter one",
		c.DataDir, filepath.Base(path), len(path), maxSocketPath)
}

// checkName refuses a data directory that is another node's: this one would take
// part under that name.
func checkName(c config.Node) error {
	id, err := peer.LoadIdentity(c.DataDir)
	if err != nil {
		return fmt.Errorf("opening %s: %w", c.DataDir, err)
	}
	if id.Name != c.Hostname {
		return fmt.Errorf("opening %s: it belongs to the node %s, and the file says `hostname %s`; a node keeps its name (to rename it, remove it from the cluster and join it anew)", c.DataDir, id.Name, c.Hostname)
	}
	return nil
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
