package soak

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"github.com/triggerd/triggerd/internal/config"
	"github.com/triggerd/triggerd/testenv/soak/proxy"
)

// setupPatience bounds each step of making the cluster.
const setupPatience = 30 * time.Second

// nodeNames are the members; the first makes the cluster.
var nodeNames = []string{"trigger1", "trigger2", "witness"}

const witness = "witness"

// makeNodes writes the files of the nodes, each behind its proxy.
func (s *soak) makeNodes() error {
	for i, name := range nodeNames {
		ports, err := freePorts(3)
		if err != nil {
			return err
		}
		n := &node{name: name, role: "voter", dir: filepath.Join(s.dir, name), binary: s.opt.Binary, level: s.opt.Level, died: s.died}
		listen := loopback(ports[0])
		p, err := proxy.Listen(name, listen, s.links, proxy.ByProcess(s.pids))
		if err != nil {
			return err
		}
		s.onClose(p.Close)
		n.conf = config.Node{
			Hostname: name, DataDir: filepath.Join(n.dir, "data"),
			Cluster: config.Cluster{Listen: listen, Advertise: p.Addr(), BootWait: config.DefaultBootWait},
		}
		if name == witness {
			n.role, n.conf.SSH.Disabled = "witness", true
		} else {
			n.conf.SSH = config.SSH{Listen: []string{loopback(ports[1])}, ExecTimeout: config.DefaultExecTimeout}
			n.conf.BGP = s.bgpOf(byte(11+i), ports[2])
			s.triggers = append(s.triggers, n)
		}
		s.nodes = append(s.nodes, n)
		if err := n.write(); err != nil {
			return err
		}
	}
	return nil
}

func loopback(port uint16) string {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), port).String()
}

// bgpOf is a trigger's `router bgp` block: both routers dial it.
func (s *soak) bgpOf(id byte, port uint16) *config.BGP {
	b := &config.BGP{
		ASN: triggerAS, RouterID: netip.AddrFrom4([4]byte{192, 0, 2, id}),
		Listen: []netip.AddrPort{netip.MustParseAddrPort(loopback(port))},
	}
	for _, r := range s.routers {
		b.Neighbors = append(b.Neighbors, config.Neighbor{
			Addr: r.addr, RemoteAS: r.as, Passive: true, Multihop: 2, Keepalive: 3, Hold: 9,
			IPv4: true, IPv6: true, RestartTime: uint16(r.graceful.Seconds()),
		})
	}
	return b
}

// pids are the nodes' names by process id.
func (s *soak) pids() map[int]string {
	all := map[int]string{}
	for _, n := range s.nodes {
		if pid := n.pid(); pid != 0 {
			all[pid] = n.name
		}
	}
	return all
}

// found makes the cluster as an operator does: init, then token and join.
func (s *soak) found(ctx context.Context, operator person) error {
	keyFile := filepath.Join(s.dir, "operator.pub")
	if err := os.WriteFile(keyFile, []byte(operator.public+"\n"), 0o600); err != nil {
		return fmt.Errorf("writing the operator's key: %w", err)
	}
	first := s.nodes[0]
	if _, err := first.subcommand(ctx, "init", "-c", first.file(), "--operator", operator.user, "--key", keyFile); err != nil {
		return err
	}
	for i, n := range s.nodes {
		if i > 0 {
			token, err := first.subcommand(ctx, "token", "-c", first.file(), "--role", n.role, "--name", n.name)
			if err != nil {
				return err
			}
			if _, err := n.subcommand(ctx, "join", "-c", n.file(), firstLine(token)); err != nil {
				return err
			}
		}
		if err := n.start(); err != nil {
			return err
		}
		if err := n.answers(ctx, setupPatience); err != nil {
			return err
		}
	}
	return s.awaitComplete(ctx, setupPatience)
}

// define makes the customers known.
func (s *soak) define(ctx context.Context, writer, rival person) error {
	lines := []string{"configure terminal", "blackhole maximum-per-customer 1000000", "blackhole maximum 1000000", "blackhole minimum-lifetime 1s"}
	for who, prefixes := range map[person][]netip.Prefix{writer: customerPrefixes, rival: registerPrefixes} {
		lines = append(lines, "customer "+who.user, fmt.Sprintf("as-number %d", customerAS))
		for _, p := range prefixes {
			lines = append(lines, "prefix "+p.String())
		}
		lines = append(lines, "user "+who.user, "key "+who.public, "exit", "exit")
	}
	_, err := s.nodes[0].types(ctx, append(lines, "end")...)
	return err
}

// clusterJSON is what `show cluster json` prints, as far as needed.
type clusterJSON struct {
	Leader   string
	Majority bool
	Members  []struct {
		Name         string
		Voting       bool
		Reachable    bool
		AppliedIndex uint64
		Digest       string
		DigestIndex  uint64
		DigestAgrees bool
	}
}

// complete tells whether all members vote and answer.
func (c clusterJSON) complete() bool {
	for _, m := range c.Members {
		if !m.Voting || !m.Reachable {
			return false
		}
	}
	return c.Majority && len(c.Members) == len(nodeNames)
}

// awaitComplete waits until every node sees all members.
func (s *soak) awaitComplete(ctx context.Context, within time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	for _, n := range s.nodes {
		for {
			var c clusterJSON
			err := n.asks(ctx, "show cluster json", &c)
			if err == nil && c.complete() {
				break
			}
			select {
			case <-ctx.Done():
				return errors.Join(fmt.Errorf("%s does not see the whole cluster within %v: %+v", n.name, within, c), err)
			case <-time.After(50 * time.Millisecond):
			}
		}
	}
	return nil
}
