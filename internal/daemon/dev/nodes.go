package dev

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"path/filepath"

	"github.com/triggerd/triggerd/internal/config"
	"github.com/triggerd/triggerd/internal/daemon"
	"github.com/triggerd/triggerd/internal/rtbh"
)

// The AS numbers and names of the made-up world.
const (
	triggerAS  = 64500
	routerAS   = 64501
	customerAS = 65534
)

// node is one member with its file.
type node struct {
	name string
	role rtbh.MemberRole
	path string // of its file
	conf config.Node
	d    *daemon.Daemon
}

func loopback(port uint16) string { return netip.AddrPortFrom(localhost, port).String() }

var localhost = netip.AddrFrom4([4]byte{127, 0, 0, 1})

// The ports to choose from lie below those that systems give to outgoing
// connections (32768 and up on Linux, 49152 on macOS), so that nobody's
// connection sits on one when the node starts, now or next time.
const firstPort, lastPort = 20000, 32767

// freePorts finds ports that nobody listens on now. They are held open together,
// so that they differ.
func freePorts(n int) ([]uint16, error) {
	var ports []uint16
	var err error
	for range 1000 {
		if len(ports) == n {
			return ports, nil
		}
		port := uint16(firstPort + rand.IntN(lastPort-firstPort+1))
		var l net.Listener
		if l, err = net.Listen("tcp4", loopback(port)); err != nil {
			continue // taken
		}
		defer l.Close()
		ports = append(ports, port)
	}
	return nil, fmt.Errorf("finding a free port from %d to %d: %w", firstPort, lastPort, err)
}

// newNode reads the node's file below dir, or makes it.
func newNode(dir, name string, role rtbh.MemberRole, id byte) (*node, error) {
	n := &node{name: name, role: role, path: filepath.Join(dir, name, "triggerd.conf")}
	f, err := os.Open(n.path)
	if errors.Is(err, fs.ErrNotExist) {
		return n, n.write(dir, id)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the file of %s: %w", name, err)
	}
	defer f.Close()
	n.conf, _, err = config.Parse(n.path, f)
	return n, err
}

// write chooses free ports and writes the node's file.
func (n *node) write(dir string, id byte) error {
	ports, err := freePorts(3)
	if err != nil {
		return err
	}
	n.conf = config.Node{
		Hostname: n.name,
		DataDir:  filepath.Join(dir, n.name, "data"),
		Cluster:  config.Cluster{Listen: loopback(ports[0]), Advertise: loopback(ports[0]), BootWait: config.DefaultBootWait},
	}
	if n.role == rtbh.Witness {
		n.conf.SSH.Disabled = true
	} else {
		n.conf.SSH = config.SSH{Listen: []string{loopback(ports[1])}, ExecTimeout: config.DefaultExecTimeout}
		n.conf.BGP = &config.BGP{
			ASN:      triggerAS,
			RouterID: netip.AddrFrom4([4]byte{192, 0, 2, id}),
			Listen:   []netip.AddrPort{netip.AddrPortFrom(localhost, ports[2])},
			Neighbors: []config.Neighbor{{
				Addr: localhost, RemoteAS: routerAS, Description: "the router of triggerd dev",
				Passive: true, Multihop: 2, IPv4: true, IPv6: true,
			}},
		}
	}
	if err := os.MkdirAll(filepath.Dir(n.path), 0o700); err != nil {
		return fmt.Errorf("making the folder of %s: %w", n.name, err)
	}
	if err := os.WriteFile(n.path, []byte(n.conf.String()), 0o600); err != nil {
		return fmt.Errorf("writing the file of %s: %w", n.name, err)
	}
	return nil
}

// start runs the node, which must be a member.
func (n *node) start(ctx context.Context, version string, log *slog.Logger) (err error) {
	n.d, err = daemon.Start(ctx, daemon.Options{
		Config: n.conf, Path: n.path, Version: version, Log: log.With("node", n.name),
	})
	if err != nil {
		return fmt.Errorf("starting %s: %w", n.name, err)
	}
	return nil
}

func (n *node) sshAddr() string { return n.conf.SSH.Listen[0] }

func (n *node) bgpAddr() netip.AddrPort { return n.conf.BGP.Listen[0] }
